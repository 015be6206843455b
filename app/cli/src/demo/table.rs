//! What the demo prints.

use std::time::Duration;

use owo_colors::OwoColorize;
use ratify_verify::Reason;
use serde::Serialize;

use super::Row;
use super::images::TRUSTED_IDENTITY;
use crate::render::{Mark, wrap};

/// What to do after the demo.
pub(crate) fn next() -> String {
    let ratify = super::program();
    format!(
        "
Next:
  {ratify} demo --keep      leave registry and server running and try commands on them
  {ratify} verify --help    judge your own images
"
    )
}

/// One row as JSON.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct JsonRow<'a> {
    image: String,
    about: &'a str,
    verdict: &'a str,
    code: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    as_expected: bool,
    microseconds: u128,
    registry_requests: usize,
}

impl<'a> From<&'a Row> for JsonRow<'a> {
    fn from(row: &'a Row) -> Self {
        Self {
            image: row.case.reference.to_string(),
            about: row.case.about,
            verdict: Mark::of(&row.report.decision).1,
            code: row.report.code().as_str(),
            reason: row.report.reason().map(Reason::detail),
            as_expected: row.is_as_expected(),
            microseconds: row.time.as_micros(),
            registry_requests: row.requests,
        }
    }
}

/// All rows as JSON.
pub(crate) fn rows(rows: &[Row]) -> Vec<JsonRow<'_>> {
    rows.iter().map(JsonRow::from).collect()
}

/// The table with a few words before and after it, in lines of at most `width` columns.
pub(crate) fn page(host: &str, rows: &[Row], total: Duration, width: usize) -> String {
    let intro = format!(
        "{} images lie in a registry inside this process, at {host}. The configuration trusts one signer, \
         {TRUSTED_IDENTITY}, under the Acme root certificate. Each image is judged as `ratify verify` does it.",
        rows.len()
    );
    let mut lines = wrap(&intro, width);
    lines.extend([String::new(), heading()]);
    for row in rows {
        lines.push(line(row));
        let about = hanging("", row.case.about, width);
        lines.extend(about.iter().map(|line| line.dimmed().to_string()));
        if let Some(reason) = row.report.reason() {
            lines.extend(hanging("→ ", reason.detail(), width));
        }
    }
    let good = rows.iter().filter(|row| row.is_as_expected()).count();
    let (all, millis) = (rows.len(), total.as_millis());
    let end = format!("{good} of {all} verdicts are as they should be, in {millis} ms.\n");
    lines.extend([String::new(), end]);
    lines.join("\n")
}

fn heading() -> String {
    let heading = columns(
        "image",
        &format!("{:<17}", "verdict"),
        "code",
        "time",
        "requests",
    );
    heading.bold().to_string()
}

fn line(row: &Row) -> String {
    let (mark, words) = Mark::of(&row.report.decision);
    // padded before it is coloured: colour codes have no width
    let verdict = mark.paint(&format!("{words:<15}"));
    let millis = format!("{:.1} ms", row.time.as_secs_f64() * 1_000.0);
    let code = row.report.code().as_str();
    let mut line = columns(
        row.case.name,
        &verdict,
        code,
        &millis,
        &row.requests.to_string(),
    );
    if !row.is_as_expected() {
        line = format!("{line}  expected {}", row.case.expected);
    }
    line
}

/// One line of the table; `verdict` is 17 columns wide already.
fn columns(image: &str, verdict: &str, code: &str, time: &str, requests: &str) -> String {
    format!("{image:<14}{verdict}{code:<20}{time:>9}{requests:>10}")
}

/// `text` after `label`, all of it indented by two columns more than the table.
pub(crate) fn hanging(label: &str, text: &str, width: usize) -> Vec<String> {
    let columns = label.chars().count();
    let rest = " ".repeat(columns);
    let lines = wrap(text, width.saturating_sub(columns + 2));
    let line = |(place, line)| format!("  {}{line}", if place == 0 { label } else { &rest });
    lines.into_iter().enumerate().map(line).collect()
}
