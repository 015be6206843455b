//! The figures, one file for each kind.

mod binary;
mod cached;
mod cold;
mod digests;
mod misses;
mod start;
mod throttled;

use std::collections::BTreeMap;

use anyhow::Result;

use crate::bench::{Bench, Gathered};
use crate::numbers::median;
use crate::rig::Kind;
use crate::table::{Cell, Row};

/// A figure or a family of them.
pub(crate) struct Figure {
    /// What `--only` calls it.
    pub(crate) name: &'static str,
    pub(crate) measure: Measure,
}

/// How a figure is measured.
type Measure = Box<dyn Fn(&mut Bench) -> Result<Vec<Row>>>;

/// All, in the order of the table.
pub(crate) fn all() -> Vec<Figure> {
    let mut figures = cold::figures();
    figures.extend([
        Figure {
            name: "cached",
            measure: Box::new(cached::measure),
        },
        Figure {
            name: "digests",
            measure: Box::new(digests::measure),
        },
        Figure {
            name: "start",
            measure: Box::new(|bench| Ok(start::measure(bench))),
        },
        Figure {
            name: "binary",
            measure: Box::new(binary::measure),
        },
        Figure {
            name: "misses",
            measure: Box::new(|bench| Ok(misses::measure(bench))),
        },
        Figure {
            name: "throttled",
            measure: Box::new(|bench| Ok(throttled::measure(bench))),
        },
    ]);
    figures
}

/// The median of one number of each program.
fn medians<T>(gathered: &Gathered<T>, number: impl Fn(&T) -> f64) -> BTreeMap<Kind, Cell> {
    gathered
        .iter()
        .map(|(kind, samples)| {
            let cell = match samples {
                Ok(samples) => Cell::Is(median(samples.iter().map(&number).collect())),
                Err(error) => Cell::Failed(format!("{error:#}")),
            };
            (*kind, cell)
        })
        .collect()
}
