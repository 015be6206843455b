//! Counts tests from the lines that cargo's test binaries print.

use std::collections::BTreeSet;
use std::fmt;

/// What the tests of a run came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    /// As the binaries count: a test that skipped itself is among them.
    passed: usize,
    failed: usize,
    ignored: usize,
    /// Tests that said that they skip themselves, by name.
    skipped: BTreeSet<String>,
}

impl Tally {
    /// Count one line, if it is one that counts.
    pub(crate) fn read(&mut self, line: &str) {
        let line = line.trim();
        if let Some(result) = line.strip_prefix("test result: ") {
            self.passed += number_before(result, "passed");
            self.failed += number_before(result, "failed");
            self.ignored += number_before(result, "ignored");
        } else if let Some((test, _reason)) = line
            .strip_prefix("SKIPPED ")
            .and_then(|rest| rest.split_once(": "))
        {
            self.skipped.insert(test.to_owned());
        }
    }

    /// Add what another stream reported.
    pub(crate) fn add(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.ignored += other.ignored;
        self.skipped.extend(other.skipped);
    }

    /// Hold the counts against cargo's exit status. Where cargo failed and no test did, or no test
    /// ran at all, that is counted as one failure, and the reason returned.
    pub(crate) fn settle(&mut self, cargo_passed: bool) -> Option<&'static str> {
        let reason = if self.failed > 0 {
            return None;
        } else if !cargo_passed {
            "cargo failed although no test did: a build failed, or a test binary died"
        } else if self.passed == 0 {
            "no test ran"
        } else {
            return None;
        };
        self.failed += 1;
        Some(reason)
    }

    /// Did nothing fail?
    pub(crate) fn passed(&self) -> bool {
        self.failed == 0
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let passed = self.passed.saturating_sub(self.skipped.len());
        write!(f, "{passed} passed, {} failed", self.failed)?;
        match self.ignored + self.skipped.len() {
            0 => Ok(()),
            skipped => write!(f, ", {skipped} skipped"),
        }
    }
}

/// The number in front of `word` in `ok. 3 passed; 1 failed; ...`, or 0.
fn number_before(result: &str, word: &str) -> usize {
    result
        .split([';', '.'])
        .find_map(|part| part.trim().strip_suffix(word)?.trim().parse().ok())
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(lines: &[&str]) -> Tally {
        let mut tally = Tally::default();
        for line in lines {
            tally.read(line);
        }
        tally
    }

    #[test]
    fn results_are_summed() {
        let tally = tally(&[
            "test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.01s",
            "test result: FAILED. 3 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 1.00s",
            "test x::says_test_result ... ok",
        ]);
        assert_eq!(tally.to_string(), "15 passed, 2 failed, 1 skipped");
        assert!(!tally.passed());
    }

    #[test]
    fn a_test_that_skips_itself_has_not_passed() {
        let tally = tally(&[
            "SKIPPED matrix::rsa: peer `notation` is not built",
            "SKIPPED matrix::rsa: peer `oras` is not built",
            "test result: ok. 3 passed; 0 failed; 0 ignored",
        ]);
        assert_eq!(tally.to_string(), "2 passed, 0 failed, 1 skipped");
    }

    #[test]
    fn a_failed_build_is_a_failure_without_a_failed_test() {
        let mut built = tally(&["test result: ok. 3 passed; 0 failed; 0 ignored"]);
        assert_eq!(built.clone().settle(true), None);
        assert!(built.settle(false).unwrap().starts_with("cargo failed"));
        assert_eq!(built.to_string(), "3 passed, 1 failed");
    }

    #[test]
    fn a_run_without_tests_is_a_failure() {
        let mut nothing = tally(&[]);
        assert_eq!(nothing.settle(true), Some("no test ran"));
        assert!(!nothing.passed());
    }

    #[test]
    fn a_failed_test_needs_no_further_reason() {
        let mut failed = tally(&["test result: FAILED. 0 passed; 1 failed; 0 ignored"]);
        assert_eq!(failed.settle(false), None);
        assert_eq!(failed.to_string(), "0 passed, 1 failed");
    }
}
