use std::collections::HashMap;
use std::pin::Pin;
use std::time::Duration;

use ratify_oci::{Reference, media};
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
        _: Deadline,
    ) -> BoxFuture<'a, Result<Descriptor, StoreError>> {
        Box::pin(async { Err(late()) })
    }

    fn referrers<'a>(
        &'a self,
        _: &'a Repository,
        subject: &'a Digest,
        _: Option<&'a str>,
        _: Deadline,
    ) -> BoxFuture<'a, Result<Listing, StoreError>> {
        let referrers = self.0.get(subject).cloned().unwrap_or_default();
        Box::pin(async {
            Ok(Listing {
                referrers,
                over_budget: None,
            })
        })
    }

    fn fetch<'a>(&'a self, _: &'a Repository, _: &'a Need, _: Deadline) -> BoxFuture<'a, Answer> {
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
    let walk = Walk {
        store: Arc::new(table),
        repository: reference.repository().clone(),
        deadline: Instant::now() + Duration::from_secs(5),
    };
    let counted = AtomicUsize::new(0);
    let found = walk.below(&digest(0), &counted).await.unwrap();
    assert_eq!(counted.into_inner(), count(&found.branches));
    (found.branches, found.cut)
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
    assert_eq!((depth(&branches), cut), (MAX_DEPTH, true));
}

#[tokio::test]
async fn many_artifacts_are_cut() {
    let wide = [(digest(0), (1..5_000).map(descriptor).collect())];
    let (branches, cut) = walk(Table(wide.into())).await;
    assert_eq!((count(&branches), cut), (MAX_ARTIFACTS, true));
}

#[tokio::test]
async fn the_order_is_that_of_the_store() {
    let many = 40;
    let mut table: HashMap<_, _> = [(digest(0), (1..many).map(descriptor).collect())].into();
    for number in 1..many {
        table.insert(
            digest(number),
            vec![descriptor(100 + number), descriptor(200 + number)],
        );
    }
    let (branches, _) = walk(Table(table)).await;
    for (number, branch) in (1..many).zip(&branches) {
        assert_eq!(branch.descriptor.digest, digest(number));
        let below: Vec<_> = branch
            .children
            .iter()
            .map(|child| child.descriptor.digest.clone())
            .collect();
        assert_eq!(below, [digest(100 + number), digest(200 + number)]);
    }
}
