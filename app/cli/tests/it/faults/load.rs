//! More than usual at once: a large request beside a small one, more requests than places, certificates swapped meanwhile.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use futures::future::join_all;
use ratify_testkit::certs::{Authority, Template};
use ratify_testkit::registry::Registry;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::Client;
use super::client::Lost;
use super::contract::Endpoint;
use super::scene::{Scene, Serving};
use super::{figure, median};
use crate::serve::process::{replace, wait_until};

/// Somebody who asks the same without a pause: on one connection, or on a new one each time.
#[derive(Clone)]
pub(super) struct Hammer {
    pub(super) client: Client,
    pub(super) key: String,
    pub(super) expected: &'static str,
    pub(super) keep: bool,
    pub(super) stop: Arc<AtomicBool>,
    pub(super) answers: Arc<AtomicU64>,
}

impl Hammer {
    pub(super) fn new(client: &Client, key: &str, expected: &'static str) -> Self {
        Self {
            client: client.clone(),
            key: key.to_owned(),
            expected,
            keep: false,
            stop: Arc::default(),
            answers: Arc::default(),
        }
    }

    /// Begin, on every second connection with keeping it.
    pub(super) fn swing(&self, callers: usize) -> JoinSet<Result<(), Lost>> {
        let mut swinging = JoinSet::new();
        for number in 0..callers {
            let mut one = self.clone();
            one.keep = number % 2 == 0;
            swinging.spawn(async move { one.run().await });
        }
        swinging
    }

    async fn run(&self) -> Result<(), Lost> {
        let mut kept = None;
        while !self.stop.load(Ordering::Relaxed) {
            let mut wire = match kept.take() {
                Some(wire) => wire,
                None => self.client.connect().await?,
            };
            let (answered, last) = wire.ask(Endpoint::Verify, &[&self.key]).await?;
            assert_eq!(answered.of_key(&self.key), self.expected);
            self.answers.fetch_add(1, Ordering::Relaxed);
            if self.keep && !last {
                kept = Some(wire);
            } else {
                assert_eq!(wire.rest().await, [0; 0]);
            }
        }
        Ok(())
    }

    pub(super) fn count(&self) -> u64 {
        self.answers.load(Ordering::Relaxed)
    }

    /// Wait until so many more were answered.
    pub(super) async fn more(&self, answers: u64) {
        let (begin, enough) = (Instant::now(), self.count() + answers);
        while self.count() < enough {
            assert!(
                begin.elapsed() < Duration::from_secs(30),
                "nobody is answered any more"
            );
            sleep(Duration::from_millis(2)).await;
        }
    }

    /// Stop, and see that everybody was answered.
    pub(super) async fn end(&self, mut swinging: JoinSet<Result<(), Lost>>) {
        self.stop.store(true, Ordering::Relaxed);
        while let Some(ended) = swinging.join_next().await {
            ended.unwrap().unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_of_a_thousand_keys_does_not_starve_one_of_one_key() {
    let far = Registry::builder().delay(Duration::from_millis(150));
    let scene = Scene::of(far).await;
    let many: Vec<_> = (0..1_000)
        .map(|number| {
            let name = format!("team/app-{number}");
            let image = scene.unsigned(&name);
            scene.rig.registry.pinned(&name, &image)
        })
        .collect();
    let one = scene.signed("app");
    let serving = scene.start_remembering();
    let large = async {
        let answered = serving.client.verify(&many).await;
        for key in &many {
            assert_eq!(answered.of_key(key), "deny NO_SIGNATURE");
        }
        answered.took
    };
    let small = async {
        // the large one has taken all the places it gets by now
        while scene.rig.registry.requests().len() < 200 {
            sleep(Duration::from_millis(1)).await;
        }
        let answered = serving.client.verify(&[&one]).await;
        assert_eq!(answered.of_key(&one), "admit VERIFIED");
        answered.took
    };
    let (large, small) = tokio::join!(large, small);
    figure(format_args!(
        "1,000 keys in {large:?}, meanwhile one key in {small:?}"
    ));
    assert!(
        small < large,
        "{small:?}, while the large one took {large:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn more_requests_than_places_are_turned_away_early_and_memory_still_answers() {
    let mut scene = Scene::new().await;
    // the kernel accepts for it, and nobody ever reads
    let stalled = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let host = stalled.local_addr().unwrap().to_string();
    scene.name_registries(std::slice::from_ref(&host));
    scene.patience(Duration::from_secs(16));
    let known = scene.signed("app");
    let serving = scene.start_remembering();
    assert_eq!(serving.client.verdict(&known).await, "admit VERIFIED");
    // 512 are worked on at once
    let callers = 700;
    let ask = |number: usize| {
        let (client, host) = (serving.client.clone(), host.clone());
        async move {
            let key = format!("{host}/team/app-{number}:v1");
            let answered = client.verify(&[&key]).await;
            (answered.of_key(&key), answered.took)
        }
    };
    let flood = join_all((0..callers).map(ask));
    let remembered = async {
        let begin = Instant::now();
        while serving.metric("ratify_requests_in_flight").await < 690 {
            let waited = begin.elapsed();
            assert!(waited < Duration::from_secs(6), "it is not crowded");
            sleep(Duration::from_millis(5)).await;
        }
        let mut times = Vec::new();
        for _ in 0..20 {
            let answered = serving.client.verify(&[&known]).await;
            assert_eq!(answered.of_key(&known), "admit VERIFIED");
            times.push(answered.took);
        }
        let middle = median(times);
        assert!(middle < Duration::from_millis(500), "{middle:?}");
        serving.metric("ratify_requests_in_flight").await
    };
    let (answers, busy) = tokio::join!(flood, remembered);
    assert!(busy > 512, "it was not crowded any more: {busy}");
    let shed: Vec<_> = answers
        .iter()
        .filter(|(said, _)| said == "undecided OVERLOADED")
        .map(|(_, took)| *took)
        .collect();
    let late = answers
        .iter()
        .filter(|(said, _)| said == "undecided DEADLINE_EXCEEDED");
    assert_eq!((shed.len(), late.count()), (callers - 512, 512));
    let longest = shed.iter().max().unwrap();
    assert!(
        *longest < Duration::from_secs(11),
        "{longest:?}: turned away early"
    );
    assert_eq!(serving.metric("ratify_requests_shed_total").await, 188);
    serving.until_idle().await;
    assert_eq!(serving.client.verdict(&known).await, "admit VERIFIED");
}

/// The files as a Secret volume has them: links through `..data` to a folder that is swapped as a whole.
fn swap_volume(directory: &Path, round: usize, files: &[(&str, String)]) {
    let folder = format!("..{round}");
    fs::create_dir(directory.join(&folder)).unwrap();
    for (name, text) in files {
        fs::write(directory.join(&folder).join(name), text).unwrap();
    }
    symlink(&folder, directory.join("..data_tmp")).unwrap();
    fs::rename(directory.join("..data_tmp"), directory.join("..data")).unwrap();
    for (name, _) in files {
        if directory.join(name).is_symlink() {
            continue;
        }
        let link = directory.join(format!("{name}.link"));
        symlink(Path::new("..data").join(name), &link).unwrap();
        fs::rename(link, directory.join(name)).unwrap();
    }
}

/// Wait until the files are in use that came after those of generation `before`.
async fn until_in_use(serving: &Serving, before: u64) {
    let begin = Instant::now();
    while serving.metric("ratify_tls_generation").await <= before
        || serving.metric("ratify_tls_file_problems").await > 0
    {
        let waited = begin.elapsed();
        assert!(waited < Duration::from_secs(20), "not in use");
        sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn v_2_3_certificates_and_client_authorities_swapped_under_load_fail_no_request() {
    let scene = Scene::new().await;
    let key = scene.signed("app");
    let serving = scene.start_remembering();
    let both = [&scene.servers, &Authority::new("Ratify CA 2")];
    let other = Authority::new("Gatekeeper CA 2");
    let client = scene.client(serving.process.address(), &both);
    assert_eq!(client.verdict(&key).await, "admit VERIFIED");
    let hammer = Hammer::new(&client, &key, "admit VERIFIED");
    let mut swinging = hammer.swing(6);
    let directory = scene.at("tls");
    for round in 1..=8 {
        let server = both[round % 2].issue(&Template::tls_server(&["localhost", "127.0.0.1"]));
        let authorities = match round % 4 {
            0 | 1 => scene.clients.pem() + &other.pem(),
            _ => scene.clients.pem(),
        };
        let files = [
            ("tls.crt", server.pem()),
            ("tls.key", server.key_pem()),
            ("ca.crt", authorities),
        ];
        let before = serving.metric("ratify_tls_generation").await;
        if round <= 4 {
            for (name, text) in &files {
                replace(&directory.join(name), text);
            }
        } else {
            swap_volume(&directory, round, &files);
        }
        until_in_use(&serving, before).await;
        hammer.more(20).await;
        if let Some(ended) = swinging.try_join_next() {
            panic!("a request failed in round {round}: {ended:?}");
        }
    }
    hammer.end(swinging).await;
    figure(format_args!("{} answers over 8 swaps", hammer.count()));
    serving.until_idle().await;
    for reason in ["timeout", "protocol", "no_certificate", "bad_certificate"] {
        let series = format!("ratify_tls_handshakes_total{{result=\"{reason}\"}}");
        assert_eq!(serving.metric(&series).await, 0, "{reason}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_under_load_loses_no_request_and_ends_with_status_0() {
    let mut scene = Scene::new().await;
    let far = Registry::builder().delay(Duration::from_millis(150));
    let far = far.start().await.unwrap();
    scene.name_registries(&[far.host()]);
    let image = scene.unsigned("slow");
    far.push(
        "slow",
        Some("v1"),
        ratify_testkit::image::Image::new("slow").packed(),
    );
    let slow = far.pinned("slow", &image);
    let key = scene.signed("app");
    let mut serving = scene.start(&[]);
    assert_eq!(serving.client.verdict(&key).await, "admit VERIFIED");
    let hammer = Hammer::new(&serving.client, &key, "admit VERIFIED");
    let patient = Hammer::new(&serving.client, &slow, "deny NO_SIGNATURE");
    let (mut swinging, mut waiting) = (hammer.swing(8), patient.swing(8));
    hammer.more(100).await;
    patient.more(4).await;
    let answered = hammer.count();
    let begin = Instant::now();
    serving.process.signal("-TERM");
    let mut ends = Vec::new();
    while let Some(ended) = swinging.join_next().await {
        ends.push(ended.unwrap());
    }
    while let Some(ended) = waiting.join_next().await {
        ends.push(ended.unwrap());
    }
    for ended in ends {
        // nobody listens any more, which Gatekeeper's Service notices; nothing else
        assert!(matches!(ended, Err(Lost::Refused)), "{ended:?}");
    }
    assert!(
        hammer.count() > answered,
        "there was load when it was stopped"
    );
    assert_eq!(serving.process.ended().code(), Some(0));
    let took = begin.elapsed();
    assert!(took < Duration::from_secs(6), "{took:?}");
    let log = serving.process.log();
    assert!(log.iter().any(|line| line.contains("cut=0")), "{log:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_server_is_back_within_a_second_and_needs_nothing_from_before() {
    let scene = Scene::new().await;
    let key = scene.signed("app");
    let mut serving = scene.start_remembering();
    let hammer = Hammer::new(&serving.client, &key, "admit VERIFIED");
    let mut swinging = hammer.swing(4);
    hammer.more(20).await;
    serving.process.signal("-KILL");
    wait_until("everybody has noticed", || {
        swinging.try_join_next().map(drop)
    });
    swinging.shutdown().await;
    serving.process.ended();
    // what it left behind is its configuration and nothing else
    let left: Vec<_> = fs::read_dir(scene.rig.path()).unwrap().collect();
    assert_eq!(left.len(), 3, "{left:?}");
    let address = serving.process.address().to_string();
    let mut times = Vec::new();
    for _ in 0..3 {
        let begin = Instant::now();
        let mut again = scene.start(&["--cache-enabled", "--http", &address]);
        assert_eq!(again.client.verdict(&key).await, "admit VERIFIED");
        times.push(begin.elapsed());
        again.process.signal("-KILL");
        again.process.ended();
    }
    figure(format_args!(
        "killed, started, first verdict after {times:?}"
    ));
    let middle = median(times);
    assert!(middle < Duration::from_secs(1), "{middle:?}");
}
