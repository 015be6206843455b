//! Rows of the table, and the table in Markdown.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::rig::Kind;

/// What a number counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unit {
    Milliseconds,
    Microseconds,
    Megabytes,
    Count,
}

/// What one program achieved in one figure.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Cell {
    /// A number.
    Is(f64),
    /// A number, what else there is to say, and whether that is as it must be.
    Said(f64, String, bool),
    /// It could not be measured, and why.
    Failed(String),
}

/// One row.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub(crate) figure: String,
    pub(crate) unit: Unit,
    pub(crate) cells: BTreeMap<Kind, Cell>,
    /// What nothing can beat: computed.
    pub(crate) limit: Option<f64>,
    pub(crate) goal: Option<f64>,
}

impl Row {
    pub(crate) fn new(figure: impl Into<String>, unit: Unit) -> Self {
        Self {
            figure: figure.into(),
            unit,
            cells: BTreeMap::new(),
            limit: None,
            goal: None,
        }
    }

    #[must_use]
    pub(crate) fn limit(mut self, limit: f64) -> Self {
        self.limit = Some(limit);
        self
    }

    #[must_use]
    pub(crate) fn goal(mut self, goal: f64) -> Self {
        self.goal = Some(goal);
        self
    }

    #[must_use]
    pub(crate) fn cell(mut self, kind: Kind, cell: Cell) -> Self {
        self.cells.insert(kind, cell);
        self
    }

    /// Whether ours meets the goal; `None` if there is no goal or nothing was measured.
    pub(crate) fn met(&self) -> Option<bool> {
        let ours = self.cells.get(&Kind::Ours)?;
        match (ours, self.goal) {
            (Cell::Failed(_) | Cell::Said(_, _, false), _) => Some(false),
            (Cell::Is(value) | Cell::Said(value, _, true), Some(goal)) => Some(*value <= goal),
            (Cell::Said(_, _, true), None) => Some(true),
            (Cell::Is(_), None) => None,
        }
    }

    fn to_markdown(&self) -> String {
        let cell = |kind| {
            let cell = self.cells.get(&kind);
            cell.map_or_else(|| "-".to_owned(), |cell| self.shown(cell))
        };
        let number = |value: Option<f64>, before: &str| {
            value.map_or_else(
                || "-".to_owned(),
                |value| format!("{before}{}", written(value, self.unit)),
            )
        };
        let met = match self.met() {
            None => "-",
            Some(true) => "yes",
            Some(false) => "**no**",
        };
        format!(
            "| {} | {} | {} | {} | {} | {} | {met} |",
            self.figure,
            cell(Kind::Original),
            cell(Kind::Ours),
            cell(Kind::Bare),
            number(self.limit, ""),
            number(self.goal, "≤ "),
        )
    }

    fn shown(&self, cell: &Cell) -> String {
        match cell {
            Cell::Is(value) => written(*value, self.unit),
            Cell::Said(value, said, _) => format!("{}, {said}", written(*value, self.unit)),
            Cell::Failed(why) => format!("failed: {}", why.replace('|', "/").replace('\n', " ")),
        }
    }
}

/// A number with its unit, with as many digits as mean something.
fn written(value: f64, unit: Unit) -> String {
    let (digits, name) = match unit {
        Unit::Count => (0, ""),
        Unit::Milliseconds if value >= 100.0 => (0, " ms"),
        Unit::Milliseconds if value >= 10.0 => (1, " ms"),
        Unit::Milliseconds => (2, " ms"),
        Unit::Microseconds if value >= 100.0 => (0, " us"),
        Unit::Microseconds => (1, " us"),
        Unit::Megabytes => (1, " MB"),
    };
    format!("{}{name}", grouped(&format!("{value:.digits$}")))
}

/// With a comma before each third digit.
fn grouped(number: &str) -> String {
    let (whole, fraction) = match number.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (number, None),
    };
    let mut out = String::new();
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && whole.len().saturating_sub(index).is_multiple_of(3) && !out.ends_with('-') {
            out.push(',');
        }
        out.push(digit);
    }
    if let Some(fraction) = fraction {
        out.push('.');
        out.push_str(fraction);
    }
    out
}

/// All rows as one Markdown table.
pub(crate) fn to_markdown(rows: &[Row]) -> String {
    let mut out = String::from(
        "| figure | Ratify 1.4.4 | ours | bare | limit | goal | met |\n|---|---|---|---|---|---|---|\n",
    );
    out.push_str(&lines(rows));
    out
}

/// The rows alone.
pub(crate) fn lines(rows: &[Row]) -> String {
    let mut out = String::new();
    for row in rows {
        // writing to a string cannot fail
        let _ = writeln!(out, "{}", row.to_markdown());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_with_the_digits_that_mean_something() {
        assert_eq!(written(2_723.4, Unit::Milliseconds), "2,723 ms");
        assert_eq!(written(16.84, Unit::Milliseconds), "16.8 ms");
        assert_eq!(written(0.482, Unit::Milliseconds), "0.48 ms");
        assert_eq!(written(1_132.0, Unit::Count), "1,132");
        assert_eq!(written(-3.5, Unit::Megabytes), "-3.5 MB");
        assert_eq!(written(100.0, Unit::Count), "100");
    }

    #[test]
    fn a_goal_is_met_by_ours_alone() {
        let row = Row::new("cold", Unit::Milliseconds).goal(10.0);
        let theirs = row.clone().cell(Kind::Original, Cell::Is(5.0));
        assert_eq!(theirs.met(), None);
        assert_eq!(
            row.clone().cell(Kind::Ours, Cell::Is(10.0)).met(),
            Some(true)
        );
        assert_eq!(
            row.clone().cell(Kind::Ours, Cell::Is(10.1)).met(),
            Some(false)
        );
        let wrong = Cell::Said(5.0, "denied".to_owned(), false);
        assert_eq!(row.clone().cell(Kind::Ours, wrong).met(), Some(false));
        let failed = Cell::Failed("no".to_owned());
        assert_eq!(row.cell(Kind::Ours, failed).met(), Some(false));
    }
}
