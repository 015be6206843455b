//! Measure what is wanted, show the table, and write it into the page.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::time::Instant;

use anyhow::{Context as _, Result, bail};

use crate::bench::Bench;
use crate::figures;
use crate::options::Options;
use crate::process::{Machine, cores};
use crate::rig::Kind;
use crate::table::{Cell, Row, Unit, lines, to_markdown};

/// The generated part of the page lies between these.
const BEGIN: &str = "<!-- written by `cargo xtask bench server`: begin -->";
const END: &str = "<!-- written by `cargo xtask bench server`: end -->";

/// Measure and report.
pub(crate) fn run(options: &Options) -> Result<()> {
    let start = Instant::now();
    let machine = Machine::read()?;
    let figures = figures::all();
    let unknown = options
        .only
        .iter()
        .find(|name| figures.iter().all(|figure| figure.name != *name));
    if let Some(unknown) = unknown {
        let known: Vec<_> = figures.iter().map(|figure| figure.name).collect();
        bail!(
            "no figure is called `{unknown}`; there are {}",
            known.join(", ")
        );
    }
    let mut bench = Bench::new(options)?;
    let mut rows = Vec::new();
    for figure in figures.iter().filter(|figure| options.wants(figure.name)) {
        let began = Instant::now();
        eprint!("{} ... ", figure.name);
        let measured = match (figure.measure)(&mut bench) {
            Ok(measured) => measured,
            Err(error) => {
                let failed = Cell::Failed(format!("{error:#}"));
                vec![Row::new(figure.name, Unit::Count).cell(Kind::Ours, failed)]
            }
        };
        eprintln!("{} s", began.elapsed().as_secs());
        // at once, so that a run that is stopped has said something
        eprint!("{}", lines(&measured));
        rows.extend(measured);
    }
    let arithmetic_ms = bench.arithmetic_ms;
    // the registry has to end before its work is known to be ours
    drop(bench);
    let elapsed = start.elapsed();
    let run = Run {
        quick: options.quick,
        seconds: elapsed.as_secs(),
        others: Machine::read()?.others_since(machine, elapsed.as_secs_f64()),
        arithmetic_ms,
    };
    let text = page(&run, &rows)?;
    println!("{text}");
    if let Some(path) = &options.write {
        write(path, &text)?;
    }
    Ok(())
}

/// What is said of the run as a whole.
struct Run {
    quick: bool,
    seconds: u64,
    /// Cores that other processes had meanwhile.
    others: f64,
    /// Of one signature.
    arithmetic_ms: f64,
}

/// The generated part of the page.
fn page(run: &Run, rows: &[Row]) -> Result<String> {
    let mut out = String::new();
    writeln!(
        out,
        "Measured on {} with `cargo xtask bench server{}` in {} min {} s, on {} of {}, {}.\n\
         Meanwhile other processes had {:.2} cores. The two checks of one signature take {:.0} us here.\n",
        jiff::Timestamp::now().strftime("%Y-%m-%d"),
        if run.quick { " --quick" } else { "" },
        run.seconds / 60,
        run.seconds % 60,
        cores(),
        processor()?,
        kernel()?,
        run.others,
        run.arithmetic_ms * 1e3,
    )?;
    out.push_str(&to_markdown(rows));
    let missed: Vec<_> = rows.iter().filter(|row| row.met() == Some(false)).collect();
    let judged = rows.iter().filter(|row| row.met().is_some()).count();
    if judged > 0 {
        let met = judged.saturating_sub(missed.len());
        write!(out, "\n{met} of {judged} goals met.")?;
    }
    if !missed.is_empty() {
        out.push_str(" Missed:\n\n");
        for row in missed {
            writeln!(out, "* {}", row.figure)?;
        }
    }
    Ok(out)
}

fn processor() -> Result<String> {
    let text = fs::read_to_string("/proc/cpuinfo").context("no /proc/cpuinfo")?;
    let model = text
        .lines()
        .find_map(|line| line.strip_prefix("model name"));
    let model = model
        .unwrap_or_default()
        .trim_start_matches(['\t', ' ', ':']);
    let all = text.lines().filter(|line| line.starts_with("processor"));
    Ok(format!("{} cores ({model})", all.count()))
}

fn kernel() -> Result<String> {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").context("no release")?;
    // what follows the version is the name of a build
    let version = release.split(['-', '+', '\n']).next().unwrap_or_default();
    Ok(format!("Linux {version}"))
}

/// Put the text between the markers, which must be there.
fn write(path: &Path, text: &str) -> Result<()> {
    let page =
        fs::read_to_string(path).with_context(|| format!("cannot read `{}`", path.display()))?;
    let page =
        replaced(&page, text).with_context(|| format!("`{}` has no markers", path.display()))?;
    fs::write(path, page).with_context(|| format!("cannot write `{}`", path.display()))
}

fn replaced(page: &str, text: &str) -> Option<String> {
    let (before, rest) = page.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{BEGIN}\n\n{text}\n{END}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_wrote_stays() {
        let page = format!("above\n{BEGIN}\nold\n{END}\nbelow\n");
        let page = replaced(&page, "new").unwrap();
        assert!(page.starts_with("above\n"), "{page}");
        assert!(page.ends_with("below\n"), "{page}");
        assert!(page.contains("new"), "{page}");
        assert!(!page.contains("old"), "{page}");
        assert_eq!(replaced(&page, "new").unwrap(), page);
        assert!(replaced("no markers", "new").is_none());
    }
}
