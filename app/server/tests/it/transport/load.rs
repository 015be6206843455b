//! Many clients at once, while things change under them.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use ratify_testkit::certs::Authority;
use ratify_testkit::keys::KeyKind;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{interval, sleep};

use super::reload::{Volume, generation, pair};
use super::rig::{Client, Files, Rig, patient, rename_over, server_chain};

/// Ask again and again until told to stop: how many answers came. The first failure ends it.
async fn hammer(
    client: Client,
    address: SocketAddr,
    keep: bool,
    stop: Arc<AtomicBool>,
    answers: Arc<AtomicU64>,
) -> io::Result<()> {
    let mut kept = None;
    while !stop.load(Ordering::Relaxed) {
        let mut wire = match kept.take() {
            Some(wire) => wire,
            None => client.connect(address).await?,
        };
        let answer = wire.post("/asked", b"body").await?;
        assert_eq!((answer.status, answer.text()), (200, "/asked 4"));
        answers.fetch_add(1, Ordering::Relaxed);
        if keep && !answer.is_last() {
            kept = Some(wire);
        }
        tokio::task::yield_now().await;
    }
    Ok(())
}

async fn swaps_under_load(mut swap: impl FnMut(&Files, usize), files: &Files, client: &Client) {
    let rig = Rig::tls(patient(), files.paths()).await;
    let (stop, answers) = (
        Arc::new(AtomicBool::new(false)),
        Arc::<AtomicU64>::default(),
    );
    let mut clients = JoinSet::new();
    for number in 0..6 {
        clients.spawn(hammer(
            client.clone(),
            rig.address,
            number % 2 == 0,
            Arc::clone(&stop),
            Arc::clone(&answers),
        ));
    }
    for round in 1..=20 {
        let (before, in_use) = (
            answers.load(Ordering::Relaxed),
            generation(&rig.tls.clone().unwrap().borrow()),
        );
        swap(files, round);
        rig.until_tls(|state| generation(state) > in_use && state.problems.is_empty())
            .await;
        // each configuration is used for a while
        while answers.load(Ordering::Relaxed) < before + 20 {
            sleep(Duration::from_millis(1)).await;
            assert_eq!(clients.len(), 6);
            if let Some(ended) = clients.try_join_next() {
                panic!("a request failed in round {round}: {ended:?}");
            }
        }
    }
    stop.store(true, Ordering::Relaxed);
    while let Some(ended) = clients.join_next().await {
        ended.unwrap().unwrap();
    }
    let counts = rig.counters.counts();
    assert_eq!(
        counts.handshake_failures,
        ratify_server::HandshakeFailures::default()
    );
    assert_eq!((counts.refused_full, counts.refused_not_ready), (0, 0));
    assert_eq!(counts.requests, answers.load(Ordering::Relaxed));
}

/// Two server CAs, which the client both trusts, and two client CAs, of which one is the client's.
struct Rotation {
    servers: [Authority; 2],
    other: Authority,
}

impl Rotation {
    fn new() -> Self {
        Self {
            servers: [Authority::new("Ratify CA 1"), Authority::new("Ratify CA 2")],
            other: Authority::new("Gatekeeper CA 2"),
        }
    }

    fn client(&self, files: &Files) -> Client {
        let [first, second] = &self.servers;
        Client::new(
            &[&files.server_authority, first, second],
            Some(&files.client),
        )
    }

    /// The contents of all three files in a round.
    fn contents(&self, files: &Files, round: usize) -> Vec<(&'static str, String)> {
        let kind = if round.is_multiple_of(3) {
            KeyKind::Rsa2048
        } else {
            KeyKind::P256
        };
        let mut contents = pair(&server_chain(&self.servers[round % 2], kind));
        let mut authorities = files.client_authority.pem();
        if round.is_multiple_of(2) {
            authorities.push_str(&self.other.pem());
        }
        contents.push(("ca.crt", authorities));
        contents
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn v_2_3_twenty_swaps_of_links_lose_no_request() {
    let (files, rotation) = (Files::new(), Rotation::new());
    let client = rotation.client(&files);
    let root = files.directory.path().to_owned();
    let mut volume = Volume::new(&root, &rotation.contents(&files, 0));
    let swap = |files: &Files, round| volume.swap(&rotation.contents(files, round));
    swaps_under_load(swap, &files, &client).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn v_2_3_twenty_renames_lose_no_request() {
    let (files, rotation) = (Files::new(), Rotation::new());
    let client = rotation.client(&files);
    let swap = |files: &Files, round| {
        for (name, text) in rotation.contents(files, round) {
            rename_over(&files.at(name), &text);
        }
    };
    swaps_under_load(swap, &files, &client).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_new_connections_a_second_are_served_and_forgotten() {
    let files = Files::new();
    let rig = Rig::tls(patient(), files.paths()).await;
    let client = files.trusted_client();
    let mut asked = JoinSet::new();
    let mut ticks = interval(Duration::from_millis(5));
    // on a machine that cannot do so many they come as fast as it can
    let under_way = Arc::new(Semaphore::new(50));
    for _ in 0..600 {
        ticks.tick().await;
        let seat = Arc::clone(&under_way).acquire_owned().await.unwrap();
        let (client, address) = (client.clone(), rig.address);
        asked.spawn(async move {
            let _seat = seat;
            client.ask(address).await
        });
    }
    while let Some(answer) = asked.join_next().await {
        let answer = answer.unwrap();
        let counts = rig.counters.counts();
        assert!(
            answer.as_ref().is_ok_and(|answer| answer.status == 200),
            "{answer:?} {counts:?}"
        );
    }
    rig.until_open(0).await;
    let counts = rig.counters.counts();
    assert_eq!(
        (counts.opened, counts.handshakes, counts.requests),
        (600, 600, 600)
    );
    assert_eq!((counts.evicted, counts.refused_full), (0, 0));
}
