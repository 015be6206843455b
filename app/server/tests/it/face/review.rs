//! A log that is slow, or long, makes no answer late.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use ratify_server::Timeouts;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

use super::rig::{Rig, Setting, Told};

/// A log that takes its time over each verdict.
#[derive(Clone, Default)]
struct Slow {
    verdicts: Arc<AtomicU64>,
    left_out: Arc<Mutex<Vec<u64>>>,
}

impl Visit for Slow {
    fn record_u64(&mut self, field: &Field, value: u64) {
        if field.name() == "images" {
            self.left_out.lock().unwrap().push(value);
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        if field.name() == "message"
            && format!("{value:?}").starts_with("verification response for ")
        {
            self.verdicts.fetch_add(1, Ordering::Relaxed);
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Subscriber for Slow {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= &tracing::Level::INFO
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        event.record(&mut self.clone());
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

/// A webhook that has no answer in time may admit (A 4.5), so a pod of many images must not buy time with log lines.
#[tokio::test]
async fn att_49_the_answer_does_not_wait_for_the_log() {
    const TIMEOUT: Duration = Duration::from_millis(600);
    const KEYS: usize = 400;
    let log = Slow::default();
    let _guard = tracing::subscriber::set_default(log.clone());
    let timeouts = Timeouts {
        verification: TIMEOUT,
        mutation: TIMEOUT,
    };
    let rig = Rig::told(
        Told,
        Setting {
            timeouts,
            ..Setting::default()
        },
    );
    let mut keys: Vec<_> = (0..KEYS - 1).map(|n| format!("reg.io/BAD{n}")).collect();
    keys.push("down1".to_owned());
    let begin = Instant::now();
    let answered = rig.verify(&keys).await;
    let took = begin.elapsed();
    assert!(
        took < TIMEOUT * 2,
        "{took:?}, all lines take {:?}",
        Duration::from_millis(10) * 400
    );
    assert_eq!(answered.items().len(), KEYS - 1);
    assert!(
        answered
            .system_error()
            .starts_with("down1: REGISTRY_UNREACHABLE")
    );
    let verdicts = log.verdicts.load(Ordering::Relaxed);
    assert!(
        verdicts > 0,
        "as long as there is time, verdicts are logged"
    );
    let left_out = log.left_out.lock().unwrap().clone();
    assert_eq!(
        left_out,
        [u64::try_from(KEYS).unwrap() - verdicts],
        "and what is left out is told"
    );
}
