//! From the making of the process to the first verdict, on a registry without delay.

use anyhow::{Result, bail};
use std::time::Duration;

use crate::answer::Answer;
use crate::bench::{Bench, ONE};
use crate::figures::medians;
use crate::numbers::ms;
use crate::registry::Behaviour;
use crate::rig::{Kind, Program, Start};
use crate::table::{Cell, Row, Unit};
use crate::wire::request;

pub(super) fn measure(bench: &mut Bench) -> Vec<Row> {
    let mut programs = bench.programs.clone();
    programs.push(bench.bare.clone());
    let runs = bench.options.runs(9);
    let gathered = bench.take_turns(runs, &programs, once);
    let mut row = Row::new("start to first verdict", Unit::Milliseconds).goal(10.0);
    row.cells = medians(&gathered, |time| ms(*time));
    if let Some(Cell::Is(bare)) = row.cells.get(&Kind::Bare) {
        row = row.clone().limit(*bare);
    }
    vec![row]
}

fn once(bench: &mut Bench, program: &Program) -> Result<Duration> {
    bench.registry.behave(Behaviour::default())?;
    let asked = request(&bench.images(ONE, 0, 1, true, false)?)?;
    let mut server = bench.rig.spawn(program, Start::default())?;
    let mut connection = server.connect(bench.rig.client())?;
    let reply = connection.post(&asked)?;
    let time = server.spawned.elapsed();
    let allowed = Answer::read(&reply.body).is_ok_and(|answer| answer.allows(1));
    if program.kind != Kind::Bare && !allowed {
        bail!("the first verdict was wrong");
    }
    Ok(time)
}
