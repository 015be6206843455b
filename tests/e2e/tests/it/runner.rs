//! Runs the cases of each round one by one, shows their evidence and sums up.

use std::io::{self, Write as _};
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context as _, Result};
use ratify_e2e::{Cluster, OUR_TEMPLATE, Programs, Scene, Server, Template};

use crate::cases::{CASES, Case, With};

/// One pair of server and template, and the cases shown with it.
struct Round {
    name: &'static str,
    server: Server,
    template: Template,
    cases: Vec<Case>,
}

/// The results so far.
#[derive(Default)]
struct Tally {
    passed: usize,
    failed: Vec<String>,
    filtered: usize,
}

impl Tally {
    /// The last line, in libtest's form, which `cargo xtask` counts.
    fn print(&self) -> ExitCode {
        if !self.failed.is_empty() {
            println!("\nfailures:\n    {}", self.failed.join("\n    "));
        }
        let (passed, failed, filtered) = (self.passed, self.failed.len(), self.filtered);
        let word = if failed == 0 { "ok" } else { "FAILED" };
        println!(
            "\ntest result: {word}. {passed} passed; {failed} failed; 0 ignored; 0 measured; \
             {filtered} filtered out"
        );
        ExitCode::from(u8::from(failed > 0))
    }
}

/// Run the cases whose name contains one of `filters`, or all.
pub(crate) fn run(filters: &[String]) -> ExitCode {
    let mut tally = Tally::default();
    let Some(programs) = Programs::require() else {
        // it said so; as everywhere, who counts takes what is skipped from what passed
        tally.passed += 1;
        return tally.print();
    };
    let rounds = rounds(&programs, filters, &mut tally);
    if let Err(error) = run_rounds(&programs, rounds, &mut tally) {
        println!("error: {error:#}");
        tally.failed.push("the cluster".to_owned());
    }
    tally.print()
}

/// The rounds in which something is left to show.
fn rounds(programs: &Programs, filters: &[String], tally: &mut Tally) -> Vec<Round> {
    let ours = Programs::ours();
    let round = |name, server: &Server, template, shown: &[With]| Round {
        name,
        server: server.clone(),
        template,
        cases: CASES
            .into_iter()
            .filter(|case| shown.contains(&case.with))
            .collect(),
    };
    let original = Server::Original(programs.original.clone());
    let mut rounds = vec![
        // the rig holds for the original, so a failure of ours is a failure of ours
        round(
            "original",
            &original,
            Template::Stock,
            &[With::Any, With::Original],
        ),
        round(
            "stock-template",
            &ours,
            Template::Stock,
            &[With::Any, With::OurServer],
        ),
        round(
            "our-template",
            &ours,
            Template::Ours,
            &[With::Any, With::OurServer, With::OurTemplate],
        ),
    ];
    rounds.retain_mut(|round| {
        let name = round.name;
        round.cases.retain(|case| {
            let name = full_name(name, case);
            let chosen = filters.is_empty() || filters.iter().any(|part| name.contains(part));
            tally.filtered += usize::from(!chosen);
            chosen
        });
        !round.cases.is_empty() && exists(round, tally)
    });
    rounds
}

/// Whether the round's template is there. Under CI it has to be.
fn exists(round: &Round, tally: &mut Tally) -> bool {
    if round.template.exists() {
        return true;
    }
    let reason = format!("there is no `{OUR_TEMPLATE}`");
    for case in &round.cases {
        let name = full_name(round.name, case);
        if std::env::var_os("CI").is_some() {
            tally.failed.push(format!("{name}: {reason}"));
        } else {
            // counted by `cargo xtask e2e`, as passed and as skipped
            let _ = writeln!(io::stderr(), "SKIPPED {name}: {reason}");
            tally.passed += 1;
        }
    }
    false
}

fn full_name(round: &str, case: &Case) -> String {
    format!("{round}::{}", case.name)
}

fn run_rounds(programs: &Programs, rounds: Vec<Round>, tally: &mut Tally) -> Result<()> {
    let mut cluster: Option<Cluster> = None;
    for round in rounds {
        println!("\n== {}: {}", round.name, round.server.name());
        let ready = match cluster.take() {
            None => Cluster::start(programs, round.server, round.template, |what, after| {
                println!("{:5.1} s  {what}", after.as_secs_f64());
            })
            .context("cannot bring up the cluster")?,
            Some(mut cluster) => {
                cluster
                    .change(round.server, round.template)
                    .with_context(|| format!("cannot set up `{}`", round.name))?;
                cluster
            }
        };
        let cluster = cluster.insert(ready);
        for case in round.cases {
            run_case(cluster, round.name, &case, tally)?;
        }
    }
    Ok(())
}

/// Show one case, its evidence first, then clean up.
fn run_case(cluster: &mut Cluster, round: &str, case: &Case, tally: &mut Tally) -> Result<()> {
    let name = full_name(round, case);
    let start = Instant::now();
    let mut scene = Scene::open(cluster, &format!("{round}-{}", case.name).replace('_', "-"))
        .with_context(|| format!("no namespace for `{name}`"))?;
    let result = (case.show)(&mut scene).and_then(|()| scene.expect_nothing_failed_open());
    let took = start.elapsed().as_secs_f64();
    println!("\n-- {name}\n{}", scene.evidence());
    match result {
        Ok(()) => {
            println!("test {name} ... ok ({took:.1} s)");
            tally.passed += 1;
        }
        Err(error) => {
            println!("Gatekeeper, at the end:\n{}", scene.gatekeepers_words());
            println!("test {name} ... FAILED ({took:.1} s)\n{error:#}");
            tally.failed.push(name);
        }
    }
    scene.close()
}
