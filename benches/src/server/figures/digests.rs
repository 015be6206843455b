//! Very many images, one after the other, in one process: what a verdict costs at first and at last, and what stays.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use crate::answer::Answer;
use crate::bench::{Bench, MANY};
use crate::numbers::{megabytes, ms, number, size};
use crate::process::{Memory, files};
use crate::registry::Behaviour;
use crate::rig::{Kind, Program, Start};
use crate::table::{Cell, Row, Unit};
use crate::wire::{Connection, request};

/// Verifications over which the processor time is taken.
const SPAN: usize = 500;

/// A program that takes longer than this for all of them is stopped where it is.
const PATIENCE: Duration = Duration::from_mins(4);

/// What was seen of one program.
struct Seen {
    /// Images judged.
    count: usize,
    first: Duration,
    last: Duration,
    memory: Memory,
    files: (u64, u64),
}

pub(super) fn measure(bench: &mut Bench) -> Result<Vec<Row>> {
    let count = bench.many();
    let programs = bench.programs.clone();
    let gathered = bench.take_turns(1, &programs, run);
    let each = |seen: &Seen, time: fn(&Seen) -> Duration| ms(time(seen)) / size(SPAN);
    let cells = |number: &dyn Fn(&Seen) -> Cell| -> BTreeMap<Kind, Cell> {
        let cells = gathered.iter().map(|(kind, seen)| {
            let cell = match seen {
                Ok(seen) => seen
                    .first()
                    .map_or_else(|| Cell::Failed("not run".to_owned()), number),
                Err(error) => Cell::Failed(format!("{error:#}")),
            };
            (*kind, cell)
        });
        cells.collect()
    };
    let row = |name: &str, unit| Row::new(format!("{count} distinct digests: {name}"), unit);
    let mut first = row("CPU per verification, first 500", Unit::Milliseconds);
    first.cells = cells(&|seen| Cell::Is(each(seen, |seen| seen.first)));
    let mut last = row("CPU per verification, last 500", Unit::Milliseconds);
    last.cells = cells(&|seen| shown(each(seen, |seen| seen.last), seen, count));
    let mut resident = Row::new(format!("resident: after {count} digests"), Unit::Megabytes);
    resident.cells = cells(&|seen| shown(megabytes(seen.memory.now), seen, count));
    let bare = bare(bench, count)?;
    resident = resident.cell(Kind::Bare, Cell::Is(bare)).limit(bare);
    let mut disk = Row::new(format!("on disk after {count} digests"), Unit::Megabytes);
    disk.cells = cells(&|seen| {
        let (files, bytes) = seen.files;
        Cell::Said(megabytes(bytes), format!("{} files", number(files)), true)
    });
    let arithmetic = bench.arithmetic_ms;
    Ok(vec![
        first.limit(arithmetic).goal(0.22),
        last.limit(arithmetic).goal(0.22),
        resident.goal(20.0),
        disk.goal(1.0),
    ])
}

/// A number, and how many images it is about if those are not all.
fn shown(value: f64, seen: &Seen, wanted: usize) -> Cell {
    if seen.count == wanted {
        Cell::Is(value)
    } else {
        Cell::Said(value, format!("stopped after {}", seen.count), false)
    }
}

fn run(bench: &mut Bench, program: &Program) -> Result<Seen> {
    bench.registry.behave(Behaviour::default())?;
    let count = bench.many();
    let images = bench.images(MANY, 0, count, true, false)?;
    let (server, mut connection) = bench.rig.start(program, Start::default())?;
    let process = server.process();
    let begun = Instant::now();
    let mut after = vec![process.cpu()?];
    for (index, image) in images.iter().enumerate() {
        ask(&mut connection, image)?;
        if index.saturating_add(1).is_multiple_of(SPAN) {
            after.push(process.cpu()?);
            if begun.elapsed() > PATIENCE {
                break;
            }
        }
    }
    let ([start, first, ..], [.., before_last, end]) = (after.as_slice(), after.as_slice()) else {
        bail!("expected two readings, found {}", after.len());
    };
    Ok(Seen {
        count: after.len().saturating_sub(1).saturating_mul(SPAN),
        first: first.saturating_sub(*start),
        last: end.saturating_sub(*before_last),
        memory: process.memory()?,
        files: files(server.home())?,
    })
}

fn ask(connection: &mut Connection, image: &str) -> Result<()> {
    let reply = connection.post(&request(&[image.to_owned()])?)?;
    let answer = Answer::read(&reply.body);
    if !answer.as_ref().is_ok_and(|answer| answer.allows(1)) {
        bail!("`{image}` was not allowed: {answer:?}");
    }
    Ok(())
}

/// Memory of the bare server after as many requests.
fn bare(bench: &Bench, count: usize) -> Result<f64> {
    let start = Start {
        answer: 700,
        ..Start::default()
    };
    let (server, mut connection) = bench.rig.start(&bench.bare, start)?;
    let body = request(&bench.images(MANY, 0, 1, true, false)?)?;
    for _ in 0..count {
        connection.post(&body)?;
    }
    Ok(megabytes(server.process().memory()?.now))
}
