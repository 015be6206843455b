//! `ratify verify`: judge one image.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use ratify_engine::{Progress, Report};
use ratify_oci::Digest;
use ratify_policy::Decision;
use ratify_server::code_of;
use ratify_verify::Reason;

use super::Running;
use crate::args::{Output, Verify};
use crate::console::Console;
use crate::error::{Error, Status};
use crate::render::{Mark, VerifyResponse, json, verdict};
use crate::wait::wait;

/// Verify, print, and say how to end.
pub(crate) async fn verify(console: &Console, args: &Verify, debug: bool) -> Result<Status, Error> {
    let running = Running::start(console, &args.target, &args.types.artifact_types, debug)?;
    running.warn_of_tag();
    let seen = Arc::new(Seen::default());
    let noted = Arc::clone(&seen);
    let sink = move |step| noted.note(&step);
    let work = running.engine.verify(
        &running.reference,
        Timestamp::now(),
        running.deadline,
        &sink,
    );
    let begin = Instant::now();
    let report = wait(
        console,
        || seen.message(&running.reference.to_string()),
        work,
    )
    .await?;
    log(&report, begin.elapsed());
    if !args.silent {
        print(console, args.output, &report, &running.typed_verifiers)?;
    }
    Ok(if args.exit_code {
        status(&report.decision)
    } else {
        Status::Done
    })
}

fn print(
    console: &Console,
    output: Output,
    report: &Report,
    typed: &BTreeSet<String>,
) -> Result<(), Error> {
    let tree = match output {
        Output::Auto => console.is_interactive(),
        Output::Json => false,
        Output::Tree => true,
    };
    if tree {
        console.print(&verdict(report, console.width()))
    } else {
        console.write(json(&VerifyResponse::new(report, typed)).as_bytes())
    }
}

/// One line for the decision, and one for each finding where somebody looks closely.
fn log(report: &Report, time: Duration) {
    for finding in report.findings.iter() {
        let artifact = finding.artifact.as_ref().map_or("none", Digest::as_str);
        let code = code_of(&finding.verdict).as_str();
        let why = finding
            .verdict
            .reason()
            .map(Reason::detail)
            .unwrap_or_default();
        tracing::debug!(verifier = &*finding.verifier, artifact, code, why, "judged");
    }
    let digest = report.subject.as_ref().map_or("none", Digest::as_str);
    let (decision, code) = (Mark::of(&report.decision).1, report.code().as_str());
    let duration_ms = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    let subject = report.reference.to_string();
    tracing::info!(subject, digest, decision, code, duration_ms, "verified");
}

/// The exit status that tells the verdict.
fn status(decision: &Decision) -> Status {
    match decision {
        Decision::Admit(_) => Status::Done,
        Decision::Deny(_) => Status::Denied,
        Decision::Undecided(_) => Status::Undecided,
    }
}

/// How far the engine is.
#[derive(Debug, Default)]
struct Seen {
    resolved: AtomicUsize,
    listed: AtomicUsize,
    judged: AtomicUsize,
}

impl Seen {
    fn note(&self, step: &Progress) {
        match step {
            Progress::Resolved(_) => self.resolved.store(1, Ordering::Relaxed),
            Progress::Listed(count) => self.listed.store(*count, Ordering::Relaxed),
            Progress::Judged => {
                self.judged.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    fn message(&self, reference: &str) -> String {
        let listed = self.listed.load(Ordering::Relaxed);
        if self.resolved.load(Ordering::Relaxed) == 0 {
            format!("asking the registry for {reference}")
        } else if listed == 0 {
            format!("looking for signatures of {reference}")
        } else {
            let judged = self.judged.load(Ordering::Relaxed);
            let noun = if listed == 1 {
                "signature"
            } else {
                "signatures"
            };
            format!("judged {judged} of {listed} {noun} of {reference}")
        }
    }
}

#[cfg(test)]
mod tests {
    use ratify_oci::Digest;
    use ratify_verify::{Reason, ReasonCode};

    use super::*;

    #[test]
    fn progress_counts_signatures() {
        let seen = Seen::default();
        assert_eq!(seen.message("a"), "asking the registry for a");
        seen.note(&Progress::Resolved(Digest::sha256(b"")));
        assert_eq!(seen.message("a"), "looking for signatures of a");
        seen.note(&Progress::Listed(40));
        (0..12).for_each(|_| seen.note(&Progress::Judged));
        assert_eq!(seen.message("a"), "judged 12 of 40 signatures of a");
    }

    #[test]
    fn with_exit_code_a_denial_and_a_doubt_differ() {
        let reason = || Reason::new(ReasonCode::Internal, "x");
        assert_eq!(status(&Decision::Deny(reason())), Status::Denied);
        assert_eq!(status(&Decision::Undecided(reason())), Status::Undecided);
    }
}
