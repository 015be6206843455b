//! A verdict for people: the verdict first, then why, then what was looked at.
//!
//! Every mark has a word beside it, so that nothing is lost without colour.

use owo_colors::{OwoColorize, Style};
use ratify_engine::Report;
use ratify_policy::{Admission, Decision};
use ratify_verify::{Basis, Finding, Outcome, Validation, ValidationResult, Verdict};

use super::text::{printable, wrap};

/// More findings than this are counted, not shown: the verdict should stay on the screen. JSON has them all.
const SHOWN_FINDINGS: usize = 20;

/// How something went, as a mark and a colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mark {
    /// Good.
    Passed,
    /// Bad, and it counts.
    Failed,
    /// Bad or not known, and it does not count against the image, or is worth asking again.
    Doubtful,
    /// Not looked at.
    Skipped,
}

impl Mark {
    /// The mark of a decision and the words for it.
    pub(crate) fn of(decision: &Decision) -> (Self, &'static str) {
        match decision {
            Decision::Admit(admission) if admission.not_enforced().is_empty() => {
                (Self::Passed, "admitted")
            }
            Decision::Admit(_) => (Self::Doubtful, "admitted"),
            Decision::Deny(_) => (Self::Failed, "denied"),
            Decision::Undecided(_) => (Self::Doubtful, "could not tell"),
        }
    }

    fn sign(self) -> char {
        match self {
            Self::Passed => '✓',
            Self::Failed => '✗',
            Self::Doubtful => '!',
            Self::Skipped => '-',
        }
    }

    fn style(self) -> Style {
        match self {
            Self::Passed => Style::new().green(),
            Self::Failed => Style::new().red(),
            Self::Doubtful => Style::new().yellow(),
            Self::Skipped => Style::new().dimmed(),
        }
    }

    /// The mark and `words` in its colour.
    pub(crate) fn paint(self, words: &str) -> String {
        format!("{} {}", self.sign(), printable(words))
            .style(self.style())
            .to_string()
    }
}

/// The whole verdict, in lines of at most `width` columns, with colours (whoever prints it takes them out where they do
/// not belong).
pub(crate) fn verdict(report: &Report, width: usize) -> String {
    let (mark, words) = Mark::of(&report.decision);
    let mut page = Page {
        text: String::new(),
        width,
    };
    let headline = mark.paint(words).bold().to_string();
    page.line("", &format!("{headline}  {}", report.code()));
    page.line("", "");
    match &report.decision {
        Decision::Admit(admission) => page.admission(report, admission),
        Decision::Deny(reason) | Decision::Undecided(reason) => {
            // these words begin every denial, wherever it is read
            let sentence = format!(
                "Subject failed verification: {}: {reason}",
                report.reference
            );
            page.paragraph("", &sentence);
        }
    }
    page.line("", "");
    page.tree(report);
    if let Some(reason) = report.reason() {
        page.line("", "");
        page.hanging(
            &format!("{} ", "hint:".cyan().bold()),
            "hint: ".len(),
            reason.code().remedy(),
        );
    }
    page.text
}

/// Text that grows line by line.
struct Page {
    text: String,
    width: usize,
}

impl Page {
    fn line(&mut self, prefix: &str, line: &str) {
        self.text.push_str(prefix);
        self.text.push_str(line);
        self.text.push('\n');
    }

    /// `text`, wrapped, every line after `prefix`.
    fn paragraph(&mut self, prefix: &str, text: &str) {
        let width = self.width.saturating_sub(prefix.chars().count());
        for line in wrap(text, width) {
            self.line(prefix, &line);
        }
    }

    /// `text` after `label`, further lines indented by `columns`, which is how wide the label looks.
    fn hanging(&mut self, label: &str, columns: usize, text: &str) {
        let indent = " ".repeat(columns);
        let lines = wrap(text, self.width.saturating_sub(columns));
        for (place, line) in lines.iter().enumerate() {
            self.line(if place == 0 { label } else { &indent }, line);
        }
    }

    fn admission(&mut self, report: &Report, admission: &Admission) {
        let meaning = admission.code().meaning();
        self.paragraph("", &format!("{}: {meaning}", report.reference));
        for reason in admission.not_enforced() {
            self.hanging(
                &format!("{} ", Mark::Doubtful.paint("not enforced:")),
                "! not enforced: ".len(),
                &reason.to_string(),
            );
        }
    }

    /// What was looked at.
    fn tree(&mut self, report: &Report) {
        let root = match &report.subject {
            Some(subject) => format!("digest {subject}"),
            None if matches!(report.decision, Decision::Undecided(_)) => {
                "the image could not be looked at".to_owned()
            }
            None => "the image was not looked at".to_owned(),
        };
        self.line("", &root);
        let hidden = report.findings.len().saturating_sub(SHOWN_FINDINGS);
        let shown = report.findings.len().saturating_sub(hidden);
        for (place, finding) in report.findings.iter().take(shown).enumerate() {
            self.finding(finding, place + 1 == shown && hidden == 0);
        }
        if hidden > 0 {
            self.line(
                "└── ",
                &format!("and {hidden} more, which `--output json` shows"),
            );
        }
    }

    fn finding(&mut self, finding: &Finding, last: bool) {
        let (corner, prefix) = if last {
            ("└── ", "    ")
        } else {
            ("├── ", "│   ")
        };
        let (mark, words) = verdict_mark(&finding.verdict);
        let verifier = printable(&finding.verifier);
        self.line(
            corner,
            &format!("{} by verifier `{verifier}`", mark.paint(words)),
        );
        if let Some(artifact) = &finding.artifact {
            self.line(prefix, artifact.as_str());
        }
        if !finding.artifact_type.is_empty() {
            self.labelled(prefix, "type   ", &finding.artifact_type);
        }
        if let Some(signer) = &finding.signer {
            self.labelled(prefix, "signer ", &signer.subject);
        }
        for validation in &finding.validations {
            self.validation(prefix, validation);
        }
        // a validation that failed has said it already
        let said = finding
            .validations
            .iter()
            .any(|one| matches!(one.outcome, Outcome::Failed { enforced: true, .. }));
        if let (Some(reason), false) = (finding.verdict.reason(), said) {
            self.labelled(prefix, "reason ", &reason.to_string());
        }
    }

    fn labelled(&mut self, prefix: &str, label: &str, text: &str) {
        self.hanging_below(prefix, label, label.chars().count(), text);
    }

    fn hanging_below(&mut self, prefix: &str, label: &str, columns: usize, text: &str) {
        let width = self.width.saturating_sub(prefix.chars().count() + columns);
        for (place, line) in wrap(text, width).iter().enumerate() {
            let label = if place == 0 {
                label.to_owned()
            } else {
                " ".repeat(columns)
            };
            self.line(&format!("{prefix}{label}"), line);
        }
    }

    fn validation(&mut self, prefix: &str, result: &ValidationResult) {
        let name = name_of(result.validation);
        let (mark, words) = match &result.outcome {
            Outcome::Passed => (Mark::Passed, String::new()),
            Outcome::Failed {
                reason,
                enforced: true,
            } => (Mark::Failed, format!("failed: {reason}")),
            Outcome::Failed {
                reason,
                enforced: false,
            } => (Mark::Doubtful, format!("failed, only logged: {reason}")),
            Outcome::NotChecked(reason) => (Mark::Doubtful, format!("not checked: {reason}")),
            Outcome::Skipped => (Mark::Skipped, "skipped by the trust policy".to_owned()),
        };
        if words.is_empty() {
            self.line(prefix, &mark.paint(name));
        } else {
            let label = format!("{} ", mark.paint(name));
            self.hanging_below(prefix, &label, name.len() + "✓  ".chars().count(), &words);
        }
    }
}

fn verdict_mark(verdict: &Verdict) -> (Mark, &'static str) {
    match verdict {
        Verdict::Accepted(accepted) => match accepted.basis() {
            Basis::Verified => (Mark::Passed, "accepted"),
            Basis::LoggedFailures(_) => (Mark::Doubtful, "accepted with logged failures"),
            Basis::Skipped => (Mark::Skipped, "accepted without looking"),
        },
        Verdict::Rejected(_) => (Mark::Failed, "rejected"),
        Verdict::Unknown(_) => (Mark::Doubtful, "could not tell"),
    }
}

fn name_of(validation: Validation) -> &'static str {
    match validation {
        Validation::Integrity => "integrity",
        Validation::Authenticity => "authenticity",
        Validation::AuthenticTimestamp => "authentic timestamp",
        Validation::Expiry => "expiry",
        Validation::Revocation => "revocation",
    }
}

#[cfg(test)]
mod tests;
