use std::collections::HashMap;
use std::time::Duration;

use ratify_engine::Listing;
use ratify_oci::{Descriptor, Reference, media};
use ratify_verify::{Answer, Need};

use super::*;

type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A store that is a table from digest to what refers to it.
#[derive(Default)]
struct Table(HashMap<Digest, Vec<Descriptor>>);

impl Store for Table {
    fn name(&self) -> &'static str {
        "table"
    }

    fn resolve<'a>(
        &'a self,
        _: &'a Reference,
        _: Instant,
    ) -> BoxFuture<'a, Result<Descriptor, StoreError>> {
        Box::pin(async { Err(late()) })
    }

    fn referrers<'a>(
        &'a self,
        _: &'a Repository,
        subject: &'a Digest,
        _: Option<&'a str>,
        _: Instant,
    ) -> BoxFuture<'a, Result<Listing, StoreError>> {
        let referrers = self.0.get(subject).cloned().unwrap_or_default();
        Box::pin(async {
            Ok(Listing {
                referrers,
                over_budget: None,
            })
        })
    }

    fn fetch<'a>(&'a self, _: &'a Repository, _: &'a Need, _: Instant) -> BoxFuture<'a, Answer> {
        Box::pin(async { Answer::Absent })
    }
}

fn digest(number: usize) -> Digest {
    Digest::sha256(number.to_string().as_bytes())
}

fn descriptor(number: usize) -> Descriptor {
    Descriptor::new(media::OCI_MANIFEST, digest(number), 2)
}

async fn walk(table: Table) -> (Vec<Branch>, bool) {
    let reference: Reference = "reg.io/app:v1".parse().unwrap();
    let found = AtomicUsize::new(0);
    let mut walk = Walk {
        store: Arc::new(table),
        repository: reference.repository(),
        deadline: Instant::now() + Duration::from_secs(5),
        seen: HashSet::from([digest(0)]),
        left: MAX_ARTIFACTS,
        cut: false,
        found: &found,
    };
    let branches = walk.below(&digest(0), MAX_DEPTH).await.unwrap();
    (branches, walk.cut)
}

fn depth(branches: &[Branch]) -> usize {
    branches
        .iter()
        .map(|branch| 1 + depth(&branch.children))
        .max()
        .unwrap_or(0)
}

fn count(branches: &[Branch]) -> usize {
    branches
        .iter()
        .map(|branch| 1 + count(&branch.children))
        .sum()
}

#[tokio::test]
async fn a_circle_ends() {
    let circle = [
        (digest(0), vec![descriptor(1)]),
        (digest(1), vec![descriptor(0), descriptor(1)]),
    ];
    let (branches, cut) = walk(Table(circle.into())).await;
    assert_eq!((count(&branches), depth(&branches), cut), (3, 2, false));
}

#[tokio::test]
async fn a_long_chain_is_cut() {
    let chain = (0..50)
        .map(|number| (digest(number), vec![descriptor(number + 1)]))
        .collect();
    let (branches, cut) = walk(Table(chain)).await;
    assert_eq!((depth(&branches), cut), (MAX_DEPTH + 1, true));
}

#[tokio::test]
async fn many_artifacts_are_cut() {
    let wide = [(digest(0), (1..5_000).map(descriptor).collect())];
    let (branches, cut) = walk(Table(wide.into())).await;
    assert_eq!((count(&branches), cut), (MAX_ARTIFACTS, true));
}
