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
    /// Milliseconds; if `None`, as fast as Ratify 1.4.4.
    goal: Option<f64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Expected {
    Allowed,
    Undecided,
}

pub(super) fn measure(bench: &mut Bench) -> Vec<Row> {
    plans().iter().map(|plan| row(bench, plan)).collect()
}

fn plans() -> [Plan; 4] {
    let every_third = |status| Trouble::Every { nth: 3, status };
    [
        Plan {
            figure: "429 to every 3rd request: 1 x 5",
            images: 1,
            trouble: every_third(429),
            runs: 5,
            expected: Expected::Allowed,
            goal: Some(3_100.0),
        },
        Plan {
            figure: "429 to every 3rd request: 10 x 5",
            images: 10,
            trouble: every_third(429),
            runs: 5,
            expected: Expected::Allowed,
            goal: Some(5_000.0),
        },
        Plan {
            figure: "always 429: 1 x 5 (undecided within the deadline of 2,900 ms)",
            images: 1,
            trouble: Trouble::Every {
                nth: 1,
                status: 429,
            },
            runs: 1,
            expected: Expected::Undecided,
            goal: Some(2_900.0),
        },
        Plan {
            figure: "503 to every 3rd request: 1 x 5",
            images: 1,
            trouble: every_third(503),
            runs: 5,
            expected: Expected::Allowed,
            goal: None,
        },
    ]
}

fn row(bench: &mut Bench, plan: &Plan) -> Row {
    let mut scenario = Scenario::of(FIVE, plan.images);
    scenario.behaviour.trouble = plan.trouble;
    scenario.behaviour.token = false;
    scenario.by_digest = true;
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
    row.goal = plan.goal.or(theirs);
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
