//! What every figure needs: the registry with its images, the programs, and the way they take turns.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};

use crate::options::Options;
use crate::registry::{Handle, Made};
use crate::rig::{Kind, Program, Rig};

/// Images with one signature.
pub(crate) const ONE: &str = "bench/one";
/// Images with five signatures.
pub(crate) const FIVE: &str = "bench/five";
/// Images with no signature.
pub(crate) const UNSIGNED: &str = "bench/unsigned";
/// Very many images with one signature.
pub(crate) const MANY: &str = "bench/many";

/// Everything that is measured with.
#[derive(Debug)]
pub(crate) struct Bench {
    pub(crate) options: Options,
    pub(crate) registry: Handle,
    pub(crate) rig: Rig,
    /// Ratify 1.4.4 and ours, as far as they are given.
    pub(crate) programs: Vec<Program>,
    pub(crate) bare: Program,
    /// Milliseconds of one signature's arithmetic, on one core.
    pub(crate) arithmetic_ms: f64,
    images: BTreeMap<&'static str, Vec<Made>>,
}

/// What each program gave, or why it gave nothing.
pub(crate) type Gathered<T> = BTreeMap<Kind, Result<Vec<T>>>;

impl Bench {
    /// Start the registry and make the images.
    pub(crate) fn new(options: &Options) -> Result<Self> {
        let mut registry = Handle::start()?;
        let rig = Rig::new(&registry, options.logs.clone())?;
        let given = [
            (Kind::Original, &options.original),
            (Kind::Ours, &options.ours),
        ];
        let given = given.into_iter().filter_map(|(kind, binary)| {
            let binary = binary.clone()?;
            Some(Program { kind, binary })
        });
        let many = many(options);
        let mut images = BTreeMap::new();
        for (repository, count, signatures) in [
            (ONE, 200, 1),
            (FIVE, 120, 5),
            (UNSIGNED, 4, 0),
            (MANY, many, 1),
        ] {
            images.insert(repository, registry.make(repository, count, signatures)?);
        }
        Ok(Self {
            programs: given.collect(),
            bare: Program {
                kind: Kind::Bare,
                binary: options.bare.clone(),
            },
            arithmetic_ms: crate::numbers::ms(crate::arithmetic::measure()?),
            options: options.clone(),
            registry,
            rig,
            images,
        })
    }

    /// References of images of a repository, beginning with the one of that number.
    pub(crate) fn images(
        &self,
        repository: &str,
        from: usize,
        count: usize,
        by_digest: bool,
        tls: bool,
    ) -> Result<Vec<String>> {
        let made = self.images.get(repository).context("no such repository")?;
        let end = from.saturating_add(count);
        let made = made.get(from..end).context("too few images")?;
        let host = self.rig.registry(tls);
        Ok(made
            .iter()
            .map(|made| {
                if by_digest {
                    format!("{host}/{repository}@{}", made.digest)
                } else {
                    format!("{host}/{repository}:{}", made.tag)
                }
            })
            .collect())
    }

    /// How many images there are in [`MANY`].
    pub(crate) fn many(&self) -> usize {
        many(&self.options)
    }

    /// Let each program take its turn, so many times. A program that fails once gets no more turns.
    pub(crate) fn take_turns<T>(
        &mut self,
        runs: usize,
        programs: &[Program],
        mut turn: impl FnMut(&mut Self, &Program) -> Result<T>,
    ) -> Gathered<T> {
        let mut gathered: Gathered<T> = BTreeMap::new();
        for _ in 0..runs {
            for program in programs {
                let so_far = gathered
                    .entry(program.kind)
                    .or_insert_with(|| Ok(Vec::new()));
                if let Ok(values) = so_far {
                    match turn(self, program) {
                        Ok(value) => values.push(value),
                        Err(error) => *so_far = Err(error),
                    }
                }
            }
        }
        gathered
    }
}

fn many(options: &Options) -> usize {
    if options.quick { 2_000 } else { 10_000 }
}
