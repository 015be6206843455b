//! Certificates and client CAs that change while the server runs.

use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::Path;

use ratify_server::{ConnectionLimits, Handshakes, TlsState};
use ratify_testkit::certs::Chain;
use ratify_testkit::keys::KeyKind;
use ratify_verify::trust::Certificate;
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use super::rig::{Client, Files, Rig, Wire, client_template, rename_over, request, server_chain};

/// Files as a Secret volume has them: links through `..data` to a folder that is swapped as a whole.
pub(super) struct Volume<'a> {
    pub(super) root: &'a Path,
    round: u32,
}

impl<'a> Volume<'a> {
    pub(super) fn new(root: &'a Path, contents: &[(&str, String)]) -> Self {
        let mut volume = Self { root, round: 0 };
        for (name, _) in contents {
            let _ = fs::remove_file(root.join(name));
            symlink(Path::new("..data").join(name), root.join(name)).unwrap();
        }
        volume.swap(contents);
        volume
    }

    pub(super) fn swap(&mut self, contents: &[(&str, String)]) {
        let before = self.root.join(format!("..{}", self.round));
        self.round += 1;
        let folder = format!("..{}", self.round);
        fs::create_dir(self.root.join(&folder)).unwrap();
        for (name, text) in contents {
            fs::write(self.root.join(&folder).join(name), text).unwrap();
        }
        symlink(&folder, self.root.join("..data_tmp")).unwrap();
        fs::rename(self.root.join("..data_tmp"), self.root.join("..data")).unwrap();
        let _ = fs::remove_dir_all(before);
    }
}

pub(super) fn pair(chain: &Chain) -> Vec<(&'static str, String)> {
    vec![("tls.crt", chain.pem()), ("tls.key", chain.key_pem())]
}

pub(super) fn generation(state: &TlsState) -> u64 {
    match state.handshakes {
        Handshakes::Ready { generation, .. } => generation,
        Handshakes::Refusing(_) => 0,
    }
}

/// The leaf that the server showed.
fn shown(wire: &Wire<TlsStream<TcpStream>>) -> Vec<u8> {
    let certificates = wire.io.get_ref().1.peer_certificates().unwrap();
    certificates[0].to_vec()
}

async fn shows(client: &Client, rig: &Rig) -> io::Result<Vec<u8>> {
    let mut wire = client.connect(rig.address).await?;
    wire.post("/asked", b"").await?;
    Ok(shown(&wire))
}

/// v1.4 misses renames (V D-52).
#[tokio::test]
async fn v_d_52_a_certificate_swapped_in_any_way_is_used_by_the_next_handshake() {
    let files = Files::new();
    let root = files.directory.path();
    let fresh = || server_chain(&files.server_authority, KeyKind::P256);
    let mut chain = fresh();
    let mut volume = Volume::new(root, &pair(&chain));
    let rig = Rig::tls(ConnectionLimits::default(), files.paths()).await;
    let client = files.trusted_client();
    let ways: [&mut dyn FnMut(&Chain); 5] = [
        &mut |chain| volume.swap(&pair(chain)),
        &mut |chain| {
            for (name, text) in pair(chain) {
                rename_over(&root.join(name), &text);
            }
        },
        &mut |chain| {
            for (name, text) in pair(chain) {
                fs::write(root.join(name), text).unwrap();
            }
        },
        &mut |chain| {
            for (name, text) in pair(chain) {
                fs::remove_file(root.join(name)).unwrap();
                fs::write(root.join(name), text).unwrap();
            }
        },
        &mut |chain| {
            Volume::new(root, &pair(chain));
        },
    ];
    assert_eq!(shows(&client, &rig).await.unwrap(), chain.leaf());
    for (number, way) in ways.into_iter().enumerate() {
        // twice: a watch on the file would be lost after the first
        for _ in 0..if number < 4 { 2 } else { 1 } {
            chain = fresh();
            way(&chain);
            let written = Certificate::from_der(chain.leaf()).unwrap().sha256();
            let state = rig
                .until_tls(|state| state.certificate.sha256 == written)
                .await;
            assert!(state.problems.is_empty(), "{:?}", state.problems);
            let shown = shows(&client, &rig).await.unwrap();
            assert!(shown == chain.leaf(), "way {number}");
        }
    }
}

#[tokio::test]
async fn a_pair_half_written_keeps_the_last_good_one_and_is_tried_again() {
    let files = Files::new();
    let rig = Rig::tls(ConnectionLimits::default(), files.paths()).await;
    let client = files.trusted_client();
    let before = shows(&client, &rig).await.unwrap();
    let next = server_chain(&files.server_authority, KeyKind::P256);
    let whole = next.pem();
    for half in ["", &whole[..whole.len() / 2], &whole] {
        files.write("tls.crt", half);
        let state = rig.until_tls(|state| !state.problems.is_empty()).await;
        assert_eq!(generation(&state), 1);
        assert_eq!(shows(&client, &rig).await.unwrap(), before);
    }
    rig.until_tls(|state| {
        let first = state.problems.first().map(ToString::to_string);
        first.is_some_and(|text| text.contains("does not go with"))
    })
    .await;
    files.write("tls.key", next.key_pem());
    let state = rig.until_tls(|state| state.problems.is_empty()).await;
    assert_eq!(generation(&state), 2);
    assert_eq!(shows(&client, &rig).await.unwrap(), next.leaf());
    // gone altogether: still the last good one
    fs::remove_file(files.at("tls.crt")).unwrap();
    fs::remove_file(files.at("tls.key")).unwrap();
    rig.until_tls(|state| !state.problems.is_empty()).await;
    assert_eq!(shows(&client, &rig).await.unwrap(), next.leaf());
}

#[tokio::test]
async fn after_a_change_of_the_client_ca_nobody_stays_in_by_keeping_a_connection() {
    let files = Files::new();
    let rig = Rig::tls(ConnectionLimits::default(), files.paths()).await;
    let client = files.trusted_client();
    let mut idle = client.connect(rig.address).await.unwrap();
    assert!(!idle.post("/", b"").await.unwrap().is_last());
    let mut busy = client.connect(rig.address).await.unwrap();
    busy.write(request("/wait", b"")).await.unwrap();
    rig.paths.until_asked(2).await;
    let next = ratify_testkit::certs::Authority::new("Next CA");
    files.write("ca.crt", next.pem());
    rig.until_tls(|state| generation(state) == 2).await;
    // what is under way is finished, and is the last
    rig.paths.let_go(1);
    assert!(busy.answer().await.unwrap().is_last());
    busy.end().await.unwrap();
    assert!(idle.post("/", b"").await.unwrap().is_last());
    idle.end().await.unwrap();
    client.ask(rig.address).await.unwrap_err();
    let chain = next.issue(&client_template());
    let of_next = Client::new(&[&files.server_authority], Some(&chain));
    assert_eq!(of_next.ask(rig.address).await.unwrap().status, 200);
}

#[tokio::test]
async fn a_new_server_certificate_ends_no_connection() {
    let files = Files::new();
    let rig = Rig::tls(ConnectionLimits::default(), files.paths()).await;
    let mut wire = files.trusted_client().connect(rig.address).await.unwrap();
    wire.post("/", b"").await.unwrap();
    files.write_pair(&server_chain(&files.server_authority, KeyKind::P256));
    // the same CAs in another order and twice are no change either
    let twice = format!("{0}{0}", files.client_authority.pem());
    rename_over(&files.at("ca.crt"), &twice);
    rig.until_tls(|state| generation(state) == 2).await;
    for _ in 0..3 {
        assert!(!wire.post("/", b"").await.unwrap().is_last());
    }
    assert_eq!(rig.counters.counts().opened, 1);
}
