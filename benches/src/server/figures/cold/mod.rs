//! A verdict that nobody knows yet: a fresh process for each, on a connection that is open already.

mod bare;

use std::time::Duration;

use anyhow::{Result, bail};

use crate::answer::Answer;
use crate::bench::{Bench, FIVE, ONE, UNSIGNED};
use crate::figures::{Figure, medians};
use crate::numbers::{megabytes, ms, number, size};
use crate::process::{Memory, cores};
use crate::registry::{Behaviour, Counts, Trouble};
use crate::rig::{Kind, Program, Start};
use crate::table::{Cell, Row, Unit};
use crate::wire::request;

/// What is asked, and of which registry.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scenario {
    pub(crate) repository: &'static str,
    pub(crate) images: usize,
    pub(crate) by_digest: bool,
    /// Another image of the repository was judged just before.
    pub(crate) known: bool,
    pub(crate) tls: bool,
    pub(crate) behaviour: Behaviour,
    /// `executor.verificationRequestTimeout`.
    pub(crate) timeout_ms: u64,
}

impl Scenario {
    /// One image by tag, a token, 20 ms.
    pub(crate) const fn of(repository: &'static str, images: usize) -> Self {
        Self {
            repository,
            images,
            by_digest: false,
            known: false,
            tls: false,
            behaviour: Behaviour {
                delay_ms: 20,
                connect_ms: 0,
                token: true,
                trouble: Trouble::None,
            },
            timeout_ms: 60_000,
        }
    }

    fn signatures(&self) -> usize {
        match self.repository {
            FIVE => self.images.saturating_mul(5),
            ONE => self.images,
            _ => 0,
        }
    }
}

/// One run.
#[derive(Debug, Clone)]
pub(crate) struct Sample {
    pub(crate) wall: Duration,
    pub(crate) cpu: Duration,
    pub(crate) counts: Counts,
    /// Before the request.
    pub(crate) idle: Memory,
    /// After it.
    pub(crate) after: Memory,
    pub(crate) answer: Answer,
}

/// Start, ask once, stop.
pub(crate) fn run(bench: &mut Bench, program: &Program, scenario: Scenario) -> Result<Sample> {
    bench.registry.behave(scenario.behaviour)?;
    let start = Start {
        timeout_ms: scenario.timeout_ms,
        tls: scenario.tls,
        ..Start::default()
    };
    let (server, mut connection) = bench.rig.start(program, start)?;
    let images = |from, count| {
        let Scenario {
            repository,
            by_digest,
            tls,
            ..
        } = scenario;
        bench.images(repository, from, count, by_digest, tls)
    };
    let first = request(&images(scenario.images, 1)?)?;
    let asked = request(&images(0, scenario.images)?)?;
    let mut before = Counts::default();
    if scenario.known {
        let reply = connection.post(&first)?;
        if !Answer::read(&reply.body).is_ok_and(|answer| answer.allows(1)) {
            bail!("the image before was not allowed");
        }
        before = bench.registry.counts()?;
    }
    let process = server.process();
    let idle = process.memory()?;
    let cpu = process.cpu()?;
    let reply = connection.post(&asked)?;
    let cpu = process.cpu()?.saturating_sub(cpu);
    let after = process.memory()?;
    let counts = bench.registry.counts()?;
    let Ok(answer) = Answer::read(&reply.body) else {
        let body = String::from_utf8_lossy(&reply.body).into_owned();
        bail!("not an answer: status {}, {body:.200}", reply.status);
    };
    Ok(Sample {
        wall: reply.wall,
        cpu,
        counts: Counts {
            requests: counts.requests.saturating_sub(before.requests),
            connections: counts.connections.saturating_sub(before.connections),
            ..counts
        },
        idle,
        after,
        answer,
    })
}

/// The same, with the verdict that such images must get.
fn judged(bench: &mut Bench, program: &Program, scenario: Scenario) -> Result<Sample> {
    let sample = run(bench, program, scenario)?;
    let right = if scenario.repository == UNSIGNED {
        sample.answer.denies(scenario.images)
    } else {
        sample.answer.allows(scenario.images)
    };
    if !right {
        bail!("wrong verdict: {:?}", sample.answer);
    }
    Ok(sample)
}

/// What is wanted of the wall time.
enum Wall {
    /// At most 1.05 times the limit and 2 ms.
    Limit,
    /// At most so many milliseconds.
    AtMost(f64),
}

/// A scenario, how many round trips must follow each other, and the goals.
struct Plan {
    figure: &'static str,
    runs: usize,
    scenario: Scenario,
    round_trips: u64,
    requests: f64,
    connections: bool,
    wall: Wall,
}

fn measure(bench: &mut Bench, plan: &Plan) -> Vec<Row> {
    let Plan { scenario, .. } = *plan;
    let runs = bench.options.runs(plan.runs);
    let programs = bench.programs.clone();
    let mut gathered = bench.take_turns(runs, &programs, |bench, program| {
        judged(bench, program, scenario)
    });
    let bare = bare::gather(bench, runs, scenario);
    gathered.insert(Kind::Bare, bare);
    let behaviour = scenario.behaviour;
    let waits =
        number(behaviour.delay_ms) * number(plan.round_trips) + number(behaviour.connect_ms);
    let arithmetic = bench.arithmetic_ms * size(scenario.signatures());
    let shared = size(cores().min(scenario.signatures().max(1)));
    let limit = waits + arithmetic / shared;
    let goal = match plan.wall {
        Wall::Limit => limit * 1.05 + 2.0,
        Wall::AtMost(most) => most,
    };
    let figure = plan.figure;
    let mut rows = Vec::new();
    let mut row = Row::new(format!("{figure}: wall"), Unit::Milliseconds);
    row.cells = medians(&gathered, |sample| ms(sample.wall));
    rows.push(row.limit(limit).goal(goal));
    let mut row = Row::new(format!("{figure}: requests"), Unit::Count);
    row.cells = medians(&gathered, |sample| number(sample.counts.requests));
    rows.push(row.limit(plan.requests).goal(plan.requests));
    if plan.connections {
        let mut row = Row::new(format!("{figure}: connections"), Unit::Count);
        row.cells = medians(&gathered, |sample| number(sample.counts.connections));
        rows.push(row);
    }
    rows
}

/// CPU at no delay at all, where waiting cannot hide work.
fn processor(bench: &mut Bench) -> Vec<Row> {
    let mut rows = Vec::new();
    for (figure, images, goal) in [
        ("CPU, cold 1 x 5, 0 ms, token", 1, 1.0),
        ("CPU, cold 100 x 5, 0 ms, token", 100, 90.0),
    ] {
        let mut scenario = Scenario::of(FIVE, images);
        scenario.behaviour.delay_ms = 0;
        let runs = bench.options.runs(if images == 1 { 9 } else { 5 });
        let programs = bench.programs.clone();
        let mut gathered = bench.take_turns(runs, &programs, |bench, program| {
            judged(bench, program, scenario)
        });
        gathered.insert(Kind::Bare, bare::gather(bench, runs, scenario));
        let mut row = Row::new(figure, Unit::Milliseconds);
        row.cells = medians(&gathered, |sample| ms(sample.cpu));
        let limit = bench.arithmetic_ms * size(scenario.signatures());
        rows.push(row.limit(limit).goal(goal));
    }
    rows
}

/// Memory of a fresh process, and the most that a large request takes.
fn resident(bench: &mut Bench) -> Result<Vec<Row>> {
    let scenario = Scenario::of(FIVE, 100);
    let runs = bench.options.runs(3);
    let programs = bench.programs.clone();
    let gathered = bench.take_turns(runs, &programs, |bench, program| {
        judged(bench, program, scenario)
    });
    let mut idle = Row::new("resident: idle", Unit::Megabytes).goal(12.0);
    idle.cells = medians(&gathered, |sample| megabytes(sample.idle.now));
    let (bare, _connection) = bench.rig.start(&bench.bare, Start::default())?;
    let bare = megabytes(bare.process().memory()?.now);
    let idle = idle.cell(Kind::Bare, Cell::Is(bare)).limit(bare);
    let mut peak = Row::new("resident: peak in cold 100 x 5", Unit::Megabytes).goal(25.0);
    peak.cells = medians(&gathered, |sample| megabytes(sample.after.peak));
    Ok(vec![idle, peak])
}

impl Plan {
    /// A plan whose wall time is held against its limit.
    const fn new(
        figure: &'static str,
        runs: usize,
        scenario: Scenario,
        round_trips: u64,
        requests: f64,
    ) -> Self {
        Self {
            figure,
            runs,
            scenario,
            round_trips,
            requests,
            connections: false,
            wall: Wall::Limit,
        }
    }

    /// The same, with another goal in milliseconds.
    const fn at_most(mut self, wall: f64) -> Self {
        self.wall = Wall::AtMost(wall);
        self
    }

    /// The same, with a row for connections.
    const fn with_connections(mut self) -> Self {
        self.connections = true;
        self
    }
}

/// One image, or an image at a time. Challenge, token, resolve, list, manifests, blobs: six round trips.
fn single() -> [(&'static str, Plan); 4] {
    let one = Scenario::of(ONE, 1);
    let five = Scenario::of(FIVE, 1);
    let known = Scenario {
        known: true,
        ..five
    };
    let mut pinned = Scenario {
        by_digest: true,
        ..five
    };
    pinned.behaviour.token = false;
    let second = "cold 1 x 5, second image (token known)";
    let by_digest = "cold 1 x 5 by digest, no token";
    [
        ("cold-1x1", Plan::new("cold 1 x 1, token", 7, one, 6, 6.0)),
        (
            "cold-1x5",
            Plan::new("cold 1 x 5, token", 7, five, 6, 14.0).with_connections(),
        ),
        ("cold-known", Plan::new(second, 7, known, 4, 12.0)),
        ("cold-digest", Plan::new(by_digest, 7, pinned, 3, 12.0)),
    ]
}

/// Many images of one repository in one request.
fn many() -> [(&'static str, Plan); 4] {
    let hundred = Scenario::of(FIVE, 100);
    let mut slow = hundred;
    slow.behaviour.delay_ms = 80;
    let mut secure = Scenario {
        tls: true,
        ..hundred
    };
    secure.behaviour.connect_ms = 40;
    let ten = Plan::new("cold 10 x 5, token", 5, Scenario::of(FIVE, 10), 6, 131.0);
    let plain = Plan::new("cold 100 x 5, token", 5, hundred, 6, 1_301.0);
    let slow = Plan::new("cold 100 x 5, token, 80 ms", 3, slow, 6, 1_301.0);
    let figure = "cold 100 x 5, token, TLS with HTTP/2, 40 ms connect";
    let secure = Plan::new(figure, 5, secure, 6, 1_301.0);
    [
        ("cold-10x5", ten.at_most(135.0)),
        ("cold-100x5", plain.at_most(250.0).with_connections()),
        ("cold-80ms", slow.at_most(2_900.0)),
        ("cold-h2", secure.at_most(230.0).with_connections()),
    ]
}

/// All figures of this kind.
pub(crate) fn figures() -> Vec<Figure> {
    let planned = |(name, plan): (&'static str, Plan)| Figure {
        name,
        measure: Box::new(move |bench| Ok(measure(bench, &plan))),
    };
    let mut figures: Vec<Figure> = single().into_iter().chain(many()).map(planned).collect();
    figures.push(Figure {
        name: "cpu",
        measure: Box::new(|bench| Ok(processor(bench))),
    });
    let unsigned = Scenario::of(UNSIGNED, 1);
    let unsigned = Plan::new("unsigned image, cold, token", 7, unsigned, 4, 4.0);
    figures.push(planned(("unsigned", unsigned)));
    figures.push(Figure {
        name: "resident",
        measure: Box::new(resident),
    });
    figures
}
