//! A server that runs out of file descriptors.

use std::io::Read;
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use ratify_server::ConnectionLimits;
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use super::rig::{LONG, Rig, Wire, request};

/// The test below, run in a process of its own, is the server.
const SERVER: &str = "transport::descriptors::a_server_with_few_descriptors";
/// Descriptors it may have; a few are the runtime's.
const DESCRIPTORS: u32 = 40;

/// Not a test: serves until its input ends, after writing its address.
#[ignore = "is run by another test"]
#[tokio::test]
async fn a_server_with_few_descriptors() {
    let Ok(path) = std::env::var("ADDRESS_FILE") else {
        return;
    };
    let rig = Rig::plain(ConnectionLimits::default()).await;
    std::fs::write(path, rig.address.to_string()).unwrap();
    let ended = tokio::task::spawn_blocking(|| std::io::stdin().read(&mut [0]));
    ended.await.unwrap().unwrap();
    assert!(rig.counters.counts().accept_errors > 0);
    assert!(rig.counters.counts().evicted > 0);
}

struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
    }
}

/// The processor time that a process has used, in ticks of 10 ms.
fn processor_time(child: &Child) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", child.id())).unwrap();
    let after_name = stat.rsplit_once(')').unwrap().1;
    let fields: Vec<&str> = after_name.split_whitespace().collect();
    let ticks = |index: usize| fields[index].parse::<u64>().unwrap();
    ticks(11) + ticks(12)
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn without_descriptors_the_server_goes_on_and_does_not_spin() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("address");
    let script =
        format!("ulimit -n {DESCRIPTORS}; exec \"$0\" --exact {SERVER} --ignored --nocapture");
    let child = Command::new("sh")
        .args(["-c", &script])
        .arg(std::env::current_exe().unwrap())
        .env("ADDRESS_FILE", &file)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    let mut process = Process(child.unwrap());
    let address: SocketAddr = timeout(LONG, async {
        loop {
            if let Ok(Ok(address)) = std::fs::read_to_string(&file).map(|text| text.parse()) {
                return address;
            }
            sleep(Duration::from_millis(10)).await;
        }
    })
    .await
    .expect("the server should start");
    // more than it has descriptors, all idle
    let mut idle = Vec::new();
    for _ in 0..2 * DESCRIPTORS {
        idle.push(TcpStream::connect(address).await.unwrap());
    }
    // each new client is served, in the place of an idle one
    for _ in 0..5 {
        let mut wire = Wire::new(TcpStream::connect(address).await.unwrap());
        assert_eq!(wire.post("/", b"").await.unwrap().status, 200);
    }
    drop(idle);
    // now every place has a request under way, so that none can be freed
    let mut busy = Vec::new();
    for _ in 0..2 * DESCRIPTORS {
        let mut wire = Wire::new(TcpStream::connect(address).await.unwrap());
        wire.write(request("/wait", b"")).await.unwrap();
        busy.push(wire);
        // so that the request is under way before the next one comes
        sleep(Duration::from_millis(5)).await;
    }
    for _ in 0..10 {
        busy.push(Wire::new(TcpStream::connect(address).await.unwrap()));
    }
    let before = processor_time(&process.0);
    sleep(Duration::from_secs(1)).await;
    let used = processor_time(&process.0) - before;
    assert!(
        used < 30,
        "used {used} ticks of 10 ms in a second of nothing"
    );
    drop(process.0.stdin.take());
    let ended = timeout(LONG, tokio::task::spawn_blocking(move || process.0.wait()));
    assert!(ended.await.unwrap().unwrap().unwrap().success());
}
