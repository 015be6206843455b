//! Registries that have had enough: 429 (with `Retry-After: 1`) and 503. Images by digest, no token, 20 ms.

use std::collections::BTreeMap;

use super::cold::{Sample, Scenario, run};
use crate::bench::{Bench, FIVE};
use crate::numbers::{median, ms};
use crate::registry::Trouble;
use crate::rig::Kind;
use crate::table::{Cell, Row, Unit};

/// One figure.
struct Plan {
    figure: &'static str,
    images: usize,
    trouble: Trouble,
    runs: usize,
    expected: Expected,
    /// `executor.verificationRequestTimeout`.
    timeout_ms: u64,
    goal: Goal,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Goal {
    AtMost(f64),
    /// As fast as Ratify 1.4.4.
    AsTheirs,
    /// Only the verdict counts.
    None,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Expected {
    Allowed,
    Undecided,
}

pub(super) fn measure(bench: &mut Bench) -> Vec<Row> {
    plans().iter().map(|plan| row(bench, plan)).collect()
}

fn plans() -> [Plan; 5] {
    let every_third = |status| Trouble::Every { nth: 3, status };
    let allowed = |figure, images, status, runs, goal| Plan {
        figure,
        images,
        trouble: every_third(status),
        runs,
        expected: Expected::Allowed,
        timeout_ms: 60_000,
        goal,
    };
    let never = |figure, timeout_ms, goal| Plan {
        figure,
        images: 1,
        trouble: Trouble::Every {
            nth: 1,
            status: 429,
        },
        runs: 1,
        expected: Expected::Undecided,
        timeout_ms,
        goal,
    };
    let (one, ten) = (
        "429 to every 3rd request: 1 x 5",
        "429 to every 3rd request: 10 x 5",
    );
    let in_time = "always 429: 1 x 5, time-out of 2,900 ms";
    let patient = "always 429: 1 x 5, time-out of 60 s";
    let failing = "503 to every 3rd request: 1 x 5";
    [
        allowed(one, 1, 429, 5, Goal::AtMost(3_100.0)),
        allowed(ten, 10, 429, 3, Goal::AtMost(5_000.0)),
        never(in_time, 2_900, Goal::AtMost(2_900.0)),
        never(patient, 60_000, Goal::None),
        allowed(failing, 1, 503, 5, Goal::AsTheirs),
    ]
}

fn row(bench: &mut Bench, plan: &Plan) -> Row {
    let mut scenario = Scenario::of(FIVE, plan.images);
    scenario.behaviour.trouble = plan.trouble;
    scenario.behaviour.token = false;
    scenario.by_digest = true;
    scenario.timeout_ms = plan.timeout_ms;
    let runs = bench.options.runs(plan.runs);
    let programs = bench.programs.clone();
    let gathered = bench.take_turns(runs, &programs, |bench, program| {
        run(bench, program, scenario)
    });
    let cells: BTreeMap<Kind, Cell> = gathered
        .iter()
        .map(|(kind, samples)| {
            let cell = match samples {
                Ok(samples) => cell(plan, samples),
                Err(error) => Cell::Failed(format!("{error:#}")),
            };
            (*kind, cell)
        })
        .collect();
    let mut row = Row::new(plan.figure, Unit::Milliseconds);
    let theirs = match cells.get(&Kind::Original) {
        Some(Cell::Said(value, ..)) => Some(*value),
        _ => None,
    };
    row.goal = match plan.goal {
        Goal::AtMost(most) => Some(most),
        Goal::AsTheirs => theirs,
        Goal::None => None,
    };
    row.cells = cells;
    row
}

/// The median time and the verdicts.
fn cell(plan: &Plan, samples: &[Sample]) -> Cell {
    let mut verdicts: Vec<&str> = samples
        .iter()
        .map(|sample| {
            if sample.answer.allows(plan.images) {
                "allowed"
            } else if sample.answer.denies(plan.images) {
                "denied"
            } else if sample.answer.is_undecided() {
                "undecided"
            } else {
                "mixed"
            }
        })
        .collect();
    verdicts.sort_unstable();
    verdicts.dedup();
    let expected = match plan.expected {
        Expected::Allowed => "allowed",
        Expected::Undecided => "undecided",
    };
    let wall = median(samples.iter().map(|sample| ms(sample.wall)).collect());
    Cell::Said(wall, verdicts.join(" or "), verdicts == [expected])
}
