//! Deadlines that are missed: whether every answer is one well-formed document, and what stays behind.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

use crate::answer::Answer;
use crate::bench::{Bench, MANY, ONE};
use crate::numbers::{megabytes, number, size};
use crate::registry::{Behaviour, Trouble};
use crate::rig::{Kind, Program, Server, Start};
use crate::table::{Cell, Row, Unit};
use crate::wire::{Connection, request};

/// Requests to a registry that never answers.
const STALLED: usize = 2_000;

/// Requests to it before anything is measured.
const WARM_UP: usize = 200;

/// Requests for each delay of a registry that answers just before or just after the deadline.
const CLOSE_EACH: usize = 100;

/// Those delays, in milliseconds: with three to five round trips, around the deadlines of 85 and 100 ms.
const CLOSE: [u64; 10] = [16, 17, 18, 19, 20, 22, 24, 26, 28, 30];

/// `executor.verificationRequestTimeout`, in milliseconds.
const TIMEOUT_MS: u64 = 100;

/// Connections that ask at the same time.
const CLIENTS: usize = 50;

/// Work may outlive its request by ten seconds.
const SETTLE: Duration = Duration::from_secs(12);

/// What came back.
#[derive(Debug, Clone, Copy, Default)]
struct Tally {
    answers: usize,
    /// Not one whole document, or not within its HTTP answer.
    malformed: usize,
    /// Allowed in spite of it all.
    decided: usize,
}

struct Seen {
    stalled: Tally,
    close: Tally,
    /// Bytes.
    grown: f64,
    /// Tasks before and after, where the program tells.
    tasks: Option<(f64, f64)>,
    threads: (u64, u64),
}

pub(super) fn measure(bench: &mut Bench) -> Vec<Row> {
    let programs = bench.programs.clone();
    let gathered = bench.take_turns(1, &programs, run);
    let cells = |number: &dyn Fn(&Seen) -> Option<Cell>| -> BTreeMap<Kind, Cell> {
        let cells = gathered.iter().filter_map(|(kind, seen)| {
            let cell = match seen {
                Ok(seen) => number(seen.first()?)?,
                Err(error) => Cell::Failed(format!("{error:#}")),
            };
            Some((*kind, cell))
        });
        cells.collect()
    };
    let tally = |tally: Tally, forced: bool| {
        let said = format!("of {}, {} decided", tally.answers, tally.decided);
        // a registry that never answers decides nothing
        let right = !forced || tally.decided == 0;
        Some(Cell::Said(size(tally.malformed), said, right))
    };
    let stalled = format!("{STALLED} forced deadline misses");
    let mut forced = Row::new(format!("{stalled}: malformed answers"), Unit::Count).goal(0.0);
    forced.cells = cells(&|seen| tally(seen.stalled, true));
    let answers = CLOSE.len().saturating_mul(CLOSE_EACH);
    let figure = format!("{answers} answers close to the deadline: malformed");
    let mut close = Row::new(figure, Unit::Count).goal(0.0);
    close.cells = cells(&|seen| tally(seen.close, false));
    let mut memory = Row::new(format!("{stalled}: memory grown"), Unit::Megabytes).goal(3.0);
    memory.cells = cells(&|seen| Some(Cell::Is(seen.grown)));
    let mut tasks = Row::new(format!("{stalled}: tasks left behind"), Unit::Count).goal(0.0);
    tasks.cells = cells(&|seen| {
        let (before, after) = seen.tasks?;
        Some(Cell::Is((after - before).max(0.0)))
    });
    let mut threads = Row::new(format!("{stalled}: threads more"), Unit::Count);
    threads.cells = cells(&|seen| {
        let (before, after) = seen.threads;
        Some(Cell::Is(number(after.saturating_sub(before))))
    });
    vec![
        forced.limit(0.0),
        close.limit(0.0),
        memory.limit(0.0),
        tasks.limit(0.0),
        threads,
    ]
}

fn run(bench: &mut Bench, program: &Program) -> Result<Seen> {
    bench.registry.behave(Behaviour::default())?;
    let start = Start {
        timeout_ms: TIMEOUT_MS,
        metrics: true,
        ..Start::default()
    };
    let (server, mut connection) = bench.rig.start(program, start)?;
    // the first verification may be slow; it only has to show that verdicts are given
    for image in bench.images(ONE, 0, 20, true, false)? {
        connection.post(&request(&[image])?)?;
    }
    drop(connection);
    bench.registry.behave(Behaviour {
        trouble: Trouble::Stall,
        ..Behaviour::default()
    })?;
    // buffers and threads that the first misses need are no leak
    ask(
        bench,
        &server,
        &bench.images(MANY, 0, WARM_UP, true, false)?,
    )?;
    thread::sleep(SETTLE);
    let threads = server.process().threads()?;
    let before = megabytes(server.process().memory()?.now);
    let tasks = tasks(&server)?;
    let many = bench.many();
    let images = bench.images(MANY, 0, STALLED.min(many), true, false)?;
    let stalled = ask(bench, &server, &images)?;
    thread::sleep(SETTLE);
    // read before anything is decided, because verdicts are kept and are no leak
    let grown = megabytes(server.process().memory()?.now) - before;
    let threads = (threads, server.process().threads()?);
    let tasks = tasks_after(&server, tasks)?;
    Ok(Seen {
        stalled,
        close: ask_close(bench, &server)?,
        grown,
        tasks,
        threads,
    })
}

/// Ask a registry whose answers make verdicts just before or just after the deadline.
fn ask_close(bench: &mut Bench, server: &Server) -> Result<Tally> {
    let mut close = Tally::default();
    for (number, delay_ms) in CLOSE.into_iter().enumerate() {
        bench.registry.behave(Behaviour {
            delay_ms,
            ..Behaviour::default()
        })?;
        let from = number.saturating_mul(CLOSE_EACH);
        let images = bench.images(MANY, from, CLOSE_EACH, true, false)?;
        close = close.and(ask(bench, server, &images)?);
    }
    bench.registry.behave(Behaviour::default())?;
    Ok(close)
}

impl Tally {
    fn and(self, other: Self) -> Self {
        Self {
            answers: self.answers.saturating_add(other.answers),
            malformed: self.malformed.saturating_add(other.malformed),
            decided: self.decided.saturating_add(other.decided),
        }
    }
}

/// Ask for each image once, from many connections.
fn ask(bench: &Bench, server: &Server, images: &[String]) -> Result<Tally> {
    let share = images.len().div_ceil(CLIENTS).max(1);
    thread::scope(|scope| {
        let clients: Vec<_> = images
            .chunks(share)
            .map(|images| scope.spawn(move || client(bench, server, images)))
            .collect();
        let mut sum = Tally::default();
        for client in clients {
            let tally = client.join();
            sum = sum.and(tally.map_err(|_| anyhow::anyhow!("a client panicked"))??);
        }
        Ok(sum)
    })
}

fn client(bench: &Bench, server: &Server, images: &[String]) -> Result<Tally> {
    let mut tally = Tally::default();
    let mut kept: Option<Connection> = None;
    for image in images {
        let mut connection = match kept.take() {
            Some(connection) => connection,
            None => Connection::open(server.address, bench.rig.client())?,
        };
        tally.answers = tally.answers.saturating_add(1);
        let reply = connection.post(&request(std::slice::from_ref(image))?);
        let well_formed = match reply {
            // after an answer that is none, the connection is good for nothing
            Err(_) => false,
            Ok(reply) => {
                let answer = Answer::read(&reply.body);
                let decided = answer.as_ref().is_ok_and(|answer| answer.allowed > 0);
                tally.decided = tally.decided.saturating_add(usize::from(decided));
                let alone = !connection.has_more();
                if alone {
                    kept = Some(connection);
                }
                alone && answer.is_ok()
            }
        };
        tally.malformed = tally.malformed.saturating_add(usize::from(!well_formed));
    }
    Ok(tally)
}

fn tasks_after(server: &Server, before: Option<f64>) -> Result<Option<(f64, f64)>> {
    let Some(before) = before else {
        return Ok(None);
    };
    Ok(tasks(server)?.map(|after| (before, after)))
}

/// How many tasks the program says it has: goroutines of Ratify 1.4.4, whose metrics port tells them; of ours, requests that
/// are not answered and images in work.
fn tasks(server: &Server) -> Result<Option<f64>> {
    let counted: &[&str] = match server.kind {
        Kind::Original => &["goroutine profile: total "],
        Kind::Ours => &["ratify_requests_in_flight{", "ratify_images_in_work{"],
        Kind::Bare => return Ok(None),
    };
    let path = match server.kind {
        Kind::Original => "/debug/pprof/goroutine?debug=1",
        _ => "/metrics",
    };
    let text = read(server.metrics, path)?;
    let is_counted = |line: &&str| counted.iter().any(|name| line.starts_with(name));
    let numbers = text.lines().filter(is_counted).map(|line| {
        let number = line.rsplit(' ').next().unwrap_or_default();
        number.parse::<f64>()
    });
    let numbers = numbers.collect::<Result<Vec<_>, _>>()?;
    if numbers.is_empty() {
        bail!("`{path}` tells no tasks");
    }
    Ok(Some(numbers.iter().sum()))
}

fn read(address: SocketAddr, path: &str) -> Result<String> {
    let mut stream = TcpStream::connect(address).context("no metrics port")?;
    let request = format!("GET {path} HTTP/1.0\r\nHost: {address}\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    let mut text = String::new();
    stream.read_to_string(&mut text)?;
    if text.is_empty() {
        bail!("nothing at `{path}`");
    }
    Ok(text)
}
