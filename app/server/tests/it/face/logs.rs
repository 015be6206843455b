//! The lines that tools look for (V 2.6, V 2.7, V appendix A), with their fields.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::DefaultGuard;
use tracing::{Event, Level, Metadata, Subscriber};

use super::rig::{Rig, Setting, Signed, Told};

/// Keeps the lines of this thread.
#[derive(Debug, Clone)]
struct Kept {
    level: Level,
    lines: Arc<Mutex<Vec<Line>>>,
}

#[derive(Debug, Clone, Default)]
struct Line {
    level: String,
    message: String,
    fields: BTreeMap<String, String>,
}

impl Kept {
    fn from(level: Level) -> (Self, DefaultGuard) {
        let kept = Self {
            level,
            lines: Arc::default(),
        };
        let guard = tracing::subscriber::set_default(kept.clone());
        (kept, guard)
    }

    /// Level and message of the lines of the server.
    fn lines(&self) -> Vec<(String, String)> {
        let lines = self.lines.lock().unwrap();
        let ours = lines
            .iter()
            .filter(|line| line.fields.contains_key("component-type"));
        ours.map(|line| (line.level.clone(), line.message.clone()))
            .collect()
    }

    fn fields_of(&self, message: &str) -> BTreeMap<String, String> {
        let lines = self.lines.lock().unwrap();
        let line = lines.iter().find(|line| line.message.starts_with(message));
        line.unwrap().fields.clone()
    }
}

impl Subscriber for Kept {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= &self.level
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut line = Line {
            level: event.metadata().level().to_string(),
            ..Line::default()
        };
        event.record(&mut line);
        self.lines.lock().unwrap().push(line);
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let text = format!("{value:?}");
        if field.name() == "message" {
            self.message = text;
        } else {
            self.fields.insert(field.name().to_owned(), text);
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.fields
            .insert(field.name().to_owned(), value.to_owned());
    }
}

#[tokio::test]
async fn v_2_6_a_verification_leaves_the_lines_of_v1_4() {
    let (kept, _guard) = Kept::from(Level::INFO);
    let signed = Signed::new().await;
    signed.sign();
    let rig = signed.rig(Setting::default());
    let image = signed.tagged();
    rig.verify(&[format!("[team]{image}")]).await;
    let lines = kept.lines();
    let texts: Vec<_> = lines
        .iter()
        .map(|(level, text)| format!("{level} {text}"))
        .collect();
    let warning = format!(
        "WARN a digest should be used instead of a tag: the tag of `{image}` can be moved to another image at any time"
    );
    assert_eq!(texts[0], warning);
    assert_eq!(texts[1], format!("INFO verifying subject {image}"));
    let digest = &signed.image.descriptor().digest;
    let resolved =
        format!("INFO Resolve of the image completed successfully the digest is {digest}");
    assert_eq!(texts[2], resolved);
    let response = format!("INFO verification response for subject {image}: ");
    assert_eq!(texts[3], response);
    assert_eq!(texts.len(), 4, "{texts:?}");
    let mut fields = kept.fields_of("verification response for subject");
    // the log puts it behind the text, as v1.4 does
    let json = &fields.remove("document").unwrap();
    let opening = "{\n  \"version\": \"0.2.0\",\n  \"isSuccess\": true,\n  \"traceID\": \"trace-1\",\n  \"timestamp\": \"";
    assert!(json.starts_with(opening), "{json}");
    let value: serde_json::Value = serde_json::from_str(json).unwrap();
    assert_eq!(value["code"], "VERIFIED");
    let expected = [
        ("component-type", "server"),
        ("namespace", "team"),
        ("trace-id", "trace-1"),
    ];
    let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(fields, expected.into());
}

#[tokio::test(start_paused = true)]
async fn decision_13_an_undecided_image_is_logged_with_its_reason_too() {
    let (kept, _guard) = Kept::from(Level::INFO);
    let rig = Rig::told(Told, Setting::default());
    rig.verify(&["down1", "reg.io/BAD", "stall1"]).await;
    let of = |image: &str| {
        let head = format!("verification response for subject {image}: ");
        let json = &kept.fields_of(&head)["document"];
        serde_json::from_str::<serde_json::Value>(json).unwrap()
    };
    for (image, code, why) in [
        (
            "docker.io/library/down1:latest",
            "REGISTRY_UNREACHABLE",
            "connection refused",
        ),
        (
            "reg.io/BAD",
            "REFERENCE_INVALID",
            "failed to parse subject reference",
        ),
        (
            "docker.io/library/stall1:latest",
            "DEADLINE_EXCEEDED",
            "time ran out",
        ),
    ] {
        let value = of(image);
        assert_eq!(
            (&value["isSuccess"], &value["code"]),
            (&false.into(), &code.into())
        );
        let reason = value["verifierReports"][0]["errorReason"].as_str().unwrap();
        assert!(reason.contains(why), "{reason}");
    }
}

#[tokio::test]
async fn v_2_6_debug_lines_say_what_memory_knew() {
    let (kept, _guard) = Kept::from(Level::DEBUG);
    let signed = Signed::new().await;
    signed.sign();
    let rig = signed.rig(Setting::default().remembering());
    for _ in 0..2 {
        rig.verify(&[signed.pinned()]).await;
    }
    rig.mutate(&[signed.pinned()]).await;
    let lines = kept.lines();
    let count = |text: &str| {
        let wanted = |(_, line): &&(String, String)| line.starts_with(text);
        lines.iter().filter(wanted).count()
    };
    let image = signed.pinned();
    assert_eq!(count("start request POST /ratify/gatekeeper/v1/verify"), 2);
    assert_eq!(count(&format!("cache miss for subject {image}")), 1);
    assert_eq!(count(&format!("cache hit for subject {image}")), 1);
    assert_eq!(count("verification: execution time for request: "), 2);
    assert_eq!(count(&format!("mutating image {image}")), 1);
    assert_eq!(count("mutation: execution time for request: "), 1);
}

#[tokio::test]
async fn what_is_no_request_is_a_warning() {
    let (kept, _guard) = Kept::from(Level::WARN);
    let rig = Rig::told(Told, Setting::default());
    rig.send(super::rig::VERIFY, "{").await;
    let lines = kept.lines();
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert_eq!(lines[0].0, "WARN");
    assert!(
        lines[0]
            .1
            .starts_with("operation failed with error unable to unmarshal request body: ")
    );
}

/// Bytes of all lines of a request.
async fn logged(rig: &Rig, keys: &[String]) -> (usize, usize) {
    let (kept, _guard) = Kept::from(Level::INFO);
    let answered = rig.verify(keys).await;
    assert_eq!(answered.items().len(), keys.len());
    let lines = kept.lines.lock().unwrap();
    let of = |line: &Line| {
        let fields = line.fields.values().map(String::len);
        line.message.len() + fields.sum::<usize>()
    };
    (lines.iter().map(of).sum(), answered.text.len())
}

#[tokio::test]
async fn att_18_a_long_key_makes_no_long_log() {
    let rig = Rig::told(Told, Setting::default());
    for key in [
        "x".repeat(500_000),
        "<".repeat(500_000),
        format!("[{}]reg.io/BAD", "\n".repeat(500_000)),
    ] {
        let answer = 6 * key.len() + 64 * 1024;
        let (logged, answered) = logged(&rig, &[key]).await;
        assert!(logged < 64 * 1024, "{logged} bytes");
        assert!(
            answered < answer,
            "{answered} bytes: the key once, and little else"
        );
    }
}

#[tokio::test]
async fn att_18_many_signatures_of_many_images_make_no_long_log() {
    let signed = Signed::new().await;
    for _ in 0..100 {
        signed.sign_as_stranger();
    }
    let rig = signed.rig(Setting::default().remembering());
    let keys: Vec<_> = (0..100)
        .map(|n| format!("[ns{n}]{}", signed.pinned()))
        .collect();
    let (logged, answered) = logged(&rig, &keys).await;
    assert!(answered > 4 * 1024 * 1024, "{answered} bytes");
    assert!(logged < 2 * 1024 * 1024, "{logged} bytes");
}
