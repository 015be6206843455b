//! The size of each program on disk, without symbols.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::bench::Bench;
use crate::numbers::megabytes;
use crate::rig::Kind;
use crate::table::{Cell, Row, Unit};

pub(super) fn measure(bench: &mut Bench) -> Result<Vec<Row>> {
    let mut cells = BTreeMap::new();
    let mut bare = 0.0;
    let programs = bench.programs.iter().chain([&bench.bare]);
    for program in programs {
        let copy = bench.rig.folder().join("stripped");
        let size = megabytes(stripped(&program.binary, &copy)?);
        if program.kind == Kind::Bare {
            bare = size;
        }
        cells.insert(program.kind, Cell::Is(size));
    }
    let mut row = Row::new("release binary, stripped (file mode)", Unit::Megabytes);
    row.cells = cells;
    Ok(vec![row.limit(bare).goal(15.0)])
}

fn stripped(binary: &Path, copy: &Path) -> Result<u64> {
    let status = Command::new("strip")
        .arg("-o")
        .arg(copy)
        .arg(binary)
        .status();
    if !status.context("cannot start `strip`")?.success() {
        bail!("`strip` failed for `{}`", binary.display());
    }
    Ok(fs::metadata(copy)?.len())
}
