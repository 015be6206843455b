//! A verdict that is known: the processor time that an answer takes, beside a bare server that does nothing but TLS and HTTP.
//!
//! Server and load share one core: between cores, each request would wake a sleeping one, which costs several times what the
//! answer does and is counted as the server's. All servers run side by side, and take turns within each round.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result};

use crate::bench::{Bench, FIVE, ONE};
use crate::load::Load;
use crate::numbers::{median, size, us};
use crate::process::cores;
use crate::registry::Behaviour;
use crate::rig::{Kind, Program, Server, Start};
use crate::table::{Cell, Row, Unit};
use crate::wire::request;

/// Rounds in which all take turns.
const ROUNDS: usize = 7;

/// One figure.
struct Plan {
    figure: &'static str,
    repository: &'static str,
    images: usize,
    connect_each: bool,
    /// Requests of one turn.
    requests: usize,
    /// The goal as a multiple of the bare server's time, or in microseconds.
    goal: Goal,
}

enum Goal {
    TimesBare(f64),
    AtMost(f64),
}

const PLANS: [Plan; 4] = [
    Plan {
        figure: "cached answer, kept-alive: CPU per request",
        repository: ONE,
        images: 1,
        connect_each: false,
        requests: 3_000,
        goal: Goal::TimesBare(1.35),
    },
    Plan {
        figure: "the same, 5 signatures",
        repository: FIVE,
        images: 1,
        connect_each: false,
        requests: 3_000,
        goal: Goal::TimesBare(1.35),
    },
    Plan {
        figure: "cached answer, new TLS 1.3 mTLS connection each: CPU per request",
        repository: ONE,
        images: 1,
        connect_each: true,
        requests: 400,
        goal: Goal::TimesBare(1.1),
    },
    Plan {
        figure: "100 cached keys in one request: CPU",
        repository: ONE,
        images: 100,
        connect_each: false,
        requests: 60,
        goal: Goal::AtMost(300.0),
    },
];

pub(super) fn measure(bench: &mut Bench) -> Result<Vec<Row>> {
    bench.registry.behave(Behaviour::default())?;
    PLANS.iter().map(|plan| row(bench, plan)).collect()
}

fn row(bench: &mut Bench, plan: &Plan) -> Result<Row> {
    let body = bench.rig.folder().join("request.json");
    let asked = bench.images(plan.repository, 0, plan.images, true, false)?;
    fs::write(&body, request(&asked)?)?;
    let mut running = Vec::new();
    let mut cells = BTreeMap::new();
    // the bare server's answer is as long as ours, or as theirs if ours is not measured
    let mut answer = 0;
    for program in bench.programs.clone() {
        match warm(bench, plan, &program, &body, 0) {
            Ok((server, length)) => {
                answer = length;
                running.push(server);
            }
            Err(error) => {
                cells.insert(program.kind, Cell::Failed(format!("{error:#}")));
            }
        }
    }
    let bare = bench.bare.clone();
    running.push(warm(bench, plan, &bare, &body, answer)?.0);
    let mut times: BTreeMap<Kind, Vec<f64>> = BTreeMap::new();
    for _ in 0..bench.options.runs(ROUNDS) {
        for server in &running {
            let time = turn(bench, plan, server, &body)?;
            times.entry(server.kind).or_default().push(time);
        }
    }
    for (kind, times) in times {
        cells.insert(kind, Cell::Is(median(times)));
    }
    let mut row = Row::new(plan.figure, Unit::Microseconds);
    row.cells = cells;
    let Some(Cell::Is(bare)) = row.cells.get(&Kind::Bare) else {
        return Ok(row);
    };
    let bare = *bare;
    let goal = match plan.goal {
        Goal::TimesBare(times) => bare * times,
        Goal::AtMost(most) => most,
    };
    Ok(row.limit(bare).goal(goal))
}

/// The core that server and load share: not the first one, which has interrupts to see to.
fn core() -> usize {
    cores().saturating_sub(1).min(1)
}

fn warm(
    bench: &mut Bench,
    plan: &Plan,
    program: &Program,
    body: &PathBuf,
    answer: usize,
) -> Result<(Server, usize)> {
    let start = Start {
        core: Some(core()),
        answer,
        ..Start::default()
    };
    let (server, _connection) = bench.rig.start(program, start)?;
    let outcome = load(bench, plan, &server, body, plan.requests / 4).send()?;
    Ok((server, outcome.answer))
}

fn load<'a>(
    bench: &'a Bench,
    plan: &Plan,
    server: &Server,
    body: &'a PathBuf,
    requests: usize,
) -> Load<'a> {
    Load {
        address: server.address,
        folder: bench.rig.folder(),
        connect_each: plan.connect_each,
        requests,
        images: if server.kind == Kind::Bare {
            0
        } else {
            plan.images
        },
        body,
        core: core(),
    }
}

/// Microseconds of the server's processor time for each request.
fn turn(bench: &Bench, plan: &Plan, server: &Server, body: &PathBuf) -> Result<f64> {
    let process = server.process();
    let before = process.cpu()?;
    load(bench, plan, server, body, plan.requests)
        .send()
        .with_context(|| format!("{:?}", server.kind))?;
    let used = process.cpu()?.saturating_sub(before);
    Ok(us(used) / size(plan.requests))
}
