//! `verify`: may these images run? (V 2.6, decisions 3 and 4)

use std::borrow::Cow;

use futures::future::BoxFuture;
use jiff::Timestamp;
use ratify_engine::{Call, Report};
use ratify_oci::Reference;
use ratify_policy::Decision;
use ratify_verify::{Reason, ReasonCode};
use tokio::time::Instant;
use tracing::{Level, debug, enabled, info, warn};

use super::go_json::{self, Unsupported};
use super::images::{Distinct, Ended, Stopped};
use super::key::{Key, shown};
use super::report_v1::Reports;
use super::response::{Answer, Stamp, Value};
use super::{Asked, work};
use crate::metrics::Endpoint;

/// How many bytes of reports one request may log; further lines have none. A thousand images with a hundred signatures
/// each would make a hundred megabytes.
const MAX_LOGGED: usize = 1024 * 1024;

/// One key and the image it names.
struct Image<'a> {
    key: Key<'a>,
    reference: Result<Reference, Reason>,
}

/// What the answer says of an image.
enum Verdict<'a> {
    /// An item with this report.
    Judged(&'a Report),
    /// An item that denies.
    Denied(Cow<'a, Reason>),
    /// No item: its reason goes into `systemError`. With what was found out, for the log.
    Undecided(Cow<'a, Reason>, Option<&'a Report>),
}

impl<'a> Verdict<'a> {
    fn of(image: &'a Image<'_>, ended: &'a Ended<Report>) -> Self {
        match (&image.reference, ended) {
            (Err(reason), _) => Self::Denied(Cow::Borrowed(reason)),
            (Ok(_), Ok(report)) => match &report.decision {
                Decision::Admit(_) | Decision::Deny(_) => Self::Judged(report),
                Decision::Undecided(reason) => Self::Undecided(Cow::Borrowed(reason), Some(report)),
            },
            (Ok(_), Err(stopped @ Stopped::Panicked)) => Self::Denied(Cow::Owned(stopped.reason())),
            (Ok(_), Err(stopped)) => Self::Undecided(Cow::Owned(stopped.reason()), None),
        }
    }

    fn words(&self) -> (&'static str, ReasonCode) {
        match self {
            Self::Judged(report) if report.is_admitted() => ("admit", report.code()),
            Self::Judged(report) => ("deny", report.code()),
            Self::Denied(reason) => ("deny", reason.code()),
            Self::Undecided(reason, _) => ("undecided", reason.code()),
        }
    }
}

impl Asked<'_> {
    /// The answer about `keys`, in their order.
    pub(super) async fn verify(&self, keys: &[Cow<'_, str>]) -> Result<Answer, Unsupported> {
        let now = Timestamp::now();
        let distinct = Distinct::of(keys);
        let images: Vec<_> = distinct.texts.iter().map(|text| self.image(text)).collect();
        let mut ended: Vec<_> = images.iter().map(|one| self.remembered(one, now)).collect();
        let call = self.face.dispatcher.call(now, self.times.work);
        let open = images.iter().zip(&ended).enumerate();
        let work = open.filter_map(|(place, (image, ended))| match (&image.reference, ended) {
            (Ok(reference), Err(Stopped::Late)) => Some((place, self.judge(reference, &call))),
            _ => None,
        });
        let work = work.collect();
        self.work_on(work, &mut ended).await;
        self.write(&distinct, &images, &ended)
    }

    fn judge<'a>(&'a self, reference: &'a Reference, call: &'a Call) -> BoxFuture<'a, Report> {
        let dispatcher = &self.face.dispatcher;
        Box::pin(dispatcher.verify(&self.configuration.snapshot, reference, call))
    }

    fn image<'a>(&self, asked: &'a str) -> Image<'a> {
        let key = Key::of(asked);
        let reference = key.reference();
        if let Ok(reference) = &reference {
            let (trace_id, namespace) = (self.trace_id.as_str(), key.namespace);
            if reference.digest().is_none() {
                warn!(
                    "component-type" = "server",
                    "trace-id" = trace_id,
                    namespace,
                    "a digest should be used instead of a tag: the tag of `{reference}` can be moved to another image at any time"
                );
            }
            info!(
                "component-type" = "server",
                "trace-id" = trace_id,
                namespace,
                "verifying subject {reference}"
            );
        }
        Image { key, reference }
    }

    /// What memory says of an image; `Late` stands for all that it does not.
    fn remembered(&self, image: &Image<'_>, now: Timestamp) -> Ended<Report> {
        let Ok(reference) = &image.reference else {
            return Err(Stopped::Late);
        };
        let dispatcher = &self.face.dispatcher;
        let snapshot = &self.configuration.snapshot;
        let known = work::guarded(|| dispatcher.remembered(snapshot, reference, now));
        let known = known.map_err(|work::Panicked| {
            self.face.metrics.panicked();
            Stopped::Panicked
        })?;
        let word = if known.is_some() { "hit" } else { "miss" };
        let (trace_id, namespace) = (self.trace_id.as_str(), image.key.namespace);
        debug!(
            "component-type" = "server",
            "trace-id" = trace_id,
            namespace,
            "cache {word} for subject {reference}"
        );
        known.ok_or(Stopped::Late)
    }

    fn write(
        &self,
        distinct: &Distinct<'_>,
        images: &[Image<'_>],
        ended: &[Ended<Report>],
    ) -> Result<Answer, Unsupported> {
        let timestamp = Timestamp::now().to_string();
        let stamp = Stamp {
            trace_id: &self.trace_id,
            timestamp: &timestamp,
        };
        let mut answer = Answer::new(false, distinct.places.len());
        let verdicts: Vec<_> = images
            .iter()
            .zip(ended)
            .map(|(image, ended)| (image, Verdict::of(image, ended)))
            .collect();
        let words = verdicts.iter().map(|(_, verdict)| verdict.words());
        self.face.metrics.verdicts(Endpoint::Verify, words);
        for (image, verdict) in &verdicts {
            if let Verdict::Undecided(reason, _) = verdict {
                answer.undecided(image.key.asked, reason);
            }
        }
        for place in &distinct.places {
            let Some((image, verdict)) = verdicts.get(*place) else {
                continue;
            };
            if let Some(value) = self.value(image, verdict, stamp) {
                answer.image(image.key.asked, value)?;
            }
        }
        self.log_all(&verdicts, stamp);
        Ok(answer)
    }

    /// Log the verdicts, after the answer is written and as long as that does not make it late: a late answer may be none at
    /// all to whoever asked for an admission, and an image that is denied too late may run.
    fn log_all(&self, verdicts: &[(&Image<'_>, Verdict<'_>)], stamp: Stamp<'_>) {
        let mut logged = 0;
        let mut left_out: usize = 0;
        for (image, verdict) in verdicts {
            if Instant::now() < self.times.logged {
                self.log(image, verdict, stamp, &mut logged);
            } else {
                left_out = left_out.saturating_add(1);
            }
        }
        if left_out > 0 {
            let trace_id = self.trace_id.as_str();
            warn!(
                "component-type" = "server",
                "trace-id" = trace_id,
                images = left_out,
                "verification responses are not logged, because the answer would have been late"
            );
        }
    }

    /// What the item of an image says; `None` if it has none.
    fn value<'v>(
        &'v self,
        image: &'v Image<'_>,
        verdict: &'v Verdict<'_>,
        stamp: Stamp<'v>,
    ) -> Option<Value<'v>> {
        match verdict {
            Verdict::Judged(report) => Some(self.of_report(report, stamp)),
            Verdict::Denied(reason) => {
                Some(Value::of_failure(shown(image.key.subject), reason, stamp))
            }
            Verdict::Undecided(..) => None,
        }
    }

    fn of_report<'v>(&'v self, report: &'v Report, stamp: Stamp<'v>) -> Value<'v> {
        let reports = Reports::of(report, &self.configuration.typed_verifiers);
        Value::of_report(report, reports, stamp)
    }

    /// v1.4's line that tools look for (decision 13), also for an image that gets no item.
    /// `logged` counts the bytes of these lines of one request.
    fn log(&self, image: &Image<'_>, verdict: &Verdict<'_>, stamp: Stamp<'_>, logged: &mut usize) {
        if !enabled!(Level::INFO) {
            return;
        }
        let subject = match &image.reference {
            Ok(reference) => reference.to_string(),
            Err(_) => shown(image.key.subject).to_owned(),
        };
        let value = match verdict {
            Verdict::Judged(report) | Verdict::Undecided(_, Some(report)) => {
                self.log_digest(image, report);
                self.of_report(report, stamp)
            }
            Verdict::Denied(reason) | Verdict::Undecided(reason, None) => {
                Value::of_failure(&subject, reason, stamp)
            }
        };
        let value = if *logged > MAX_LOGGED {
            value.without_reports()
        } else {
            value
        };
        let Ok(json) = go_json::indented(&value) else {
            return;
        };
        *logged += json.len();
        let (trace_id, namespace) = (self.trace_id.as_str(), image.key.namespace);
        info!(
            "component-type" = "server",
            "trace-id" = trace_id,
            namespace,
            // a field of its own: the subject may be anything, and only these line ends are ours
            document = json.as_str(),
            "verification response for subject {subject}: "
        );
    }

    fn log_digest(&self, image: &Image<'_>, report: &Report) {
        if let (Some(digest), false) = (&report.subject, report.remembered) {
            let (trace_id, namespace) = (self.trace_id.as_str(), image.key.namespace);
            info!(
                "component-type" = "executor",
                "trace-id" = trace_id,
                namespace,
                "Resolve of the image completed successfully the digest is {digest}"
            );
        }
    }
}
