//! Who may shake hands, and with what.

use std::fs;
use std::sync::Arc;

use base64_free::{pem_of, sec1_of};
use jiff::{SignedDuration, Timestamp};
use ratify_server::{ConnectionLimits, Handshakes, Refusal, TlsFileError, TlsFiles, TlsState};
use ratify_testkit::certs::{Authority, Extension, KeyUsage, Name, Template, oids};
use ratify_testkit::keys::{KeyKind, SigningKey};
use rustls::version::{TLS12, TLS13};
use rustls::{HandshakeKind, ProtocolVersion};

use super::rig::{Client, Files, Rig, client_template, server_chain};

/// The other forms of a private key, cut out of PKCS#8.
mod base64_free {
    use ratify_testkit::keys::{SigningKey, pem};

    /// One DER element: its contents and what follows.
    fn split(der: &[u8]) -> (&[u8], &[u8]) {
        let (start, length) = match der[1] {
            length @ 0..=0x7f => (2, usize::from(length)),
            0x81 => (3, usize::from(der[2])),
            _ => (4, usize::from(der[2]) * 256 + usize::from(der[3])),
        };
        der[start..].split_at(length)
    }

    /// What the `OCTET STRING` of PKCS#8 holds: PKCS#1 or SEC1 (RFC 5208 section 5).
    pub(super) fn inner(key: &SigningKey) -> Vec<u8> {
        let pkcs8 = key.pkcs8_der();
        let (sequence, _) = split(&pkcs8);
        let (_, after_version) = split(sequence);
        let (_, after_algorithm) = split(after_version);
        split(after_algorithm).0.to_vec()
    }

    pub(super) fn pem_of(label: &str, key: &SigningKey) -> String {
        pem(label, &inner(key))
    }

    /// SEC1 as openssl writes it: after the parameters, and with the curve inside (RFC 5915 section 3).
    pub(super) fn sec1_of(key: &SigningKey, curve: &[u8]) -> String {
        let inner = inner(key);
        let (sequence, _) = split(&inner);
        // version and private key, then the curve, then the public key
        let (_, after_version) = split(sequence);
        let (_, public) = split(after_version);
        let head = &sequence[..sequence.len() - public.len()];
        let tagged = [&[0xa0, u8::try_from(curve.len()).unwrap()], curve].concat();
        let contents = [head, &tagged, public].concat();
        let length = u8::try_from(contents.len()).unwrap();
        let whole = if length < 0x80 {
            [&[0x30, length][..], &contents].concat()
        } else {
            [&[0x30, 0x81, length][..], &contents].concat()
        };
        format!(
            "{}{}",
            pem("EC PARAMETERS", curve),
            pem("EC PRIVATE KEY", &whole)
        )
    }
}

/// prime256v1, as an object identifier in DER.
const P256: [u8; 10] = [0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];

#[tokio::test]
async fn every_kind_of_key_serves_tls_1_2_and_1_3() {
    let files = Files::new();
    for kind in [KeyKind::P256, KeyKind::P384, KeyKind::Rsa2048] {
        files.write_pair(&server_chain(&files.server_authority, kind));
        let rig = Rig::tls(ConnectionLimits::default(), files.paths()).await;
        for (version, expected) in [
            (&TLS12, ProtocolVersion::TLSv1_2),
            (&TLS13, ProtocolVersion::TLSv1_3),
        ] {
            let client =
                Client::of_version(&[&files.server_authority], Some(&files.client), version);
            let mut wire = client.connect(rig.address).await.unwrap();
            assert_eq!(wire.post("/asked", b"").await.unwrap().status, 200);
            assert_eq!(wire.io.get_ref().1.protocol_version(), Some(expected));
            assert_eq!(wire.io.get_ref().1.alpn_protocol(), None);
        }
    }
}

#[tokio::test]
async fn every_form_of_key_file_is_read() {
    let files = Files::new();
    let elliptic = server_chain(&files.server_authority, KeyKind::P256);
    let rsa = server_chain(&files.server_authority, KeyKind::Rsa2048);
    for (chain, key) in [
        (&elliptic, elliptic.key_pem()),
        (&elliptic, pem_of("EC PRIVATE KEY", &elliptic.key)),
        (&elliptic, sec1_of(&elliptic.key, &P256)),
        (&rsa, rsa.key_pem()),
        (&rsa, pem_of("RSA PRIVATE KEY", &rsa.key)),
        (&rsa, format!("{}{}", rsa.pem(), rsa.key_pem())),
        (&rsa, rsa.key_pem().replace('\n', "\r\n")),
    ] {
        files.write("tls.crt", chain.pem());
        files.write("tls.key", &key);
        let rig = Rig::tls(ConnectionLimits::default(), files.paths()).await;
        let asked = files.trusted_client().ask(rig.address).await;
        assert_eq!(asked.unwrap().status, 200);
    }
}

#[tokio::test]
async fn v_d_15_with_a_client_ca_nobody_is_served_without_a_good_certificate() {
    let files = Files::new();
    let ours = &files.client_authority;
    let rig = Rig::tls(ConnectionLimits::default(), files.paths()).await;
    let stranger = Authority::new("Gatekeeper CA").issue(&client_template());
    let only_server = ours.issue(
        &client_template()
            .without(oids::EXTENDED_KEY_USAGE)
            .with(Extension::extended_key_usage(&[oids::SERVER_AUTH])),
    );
    let now = Timestamp::now();
    let hour = SignedDuration::from_hours(1);
    let expired = ours.issue(&client_template().valid(now - hour * 2, now - hour));
    let early = ours.issue(&client_template().valid(now + hour, now + hour * 2));
    // not a CA, though ours issued it
    let leaf = ours.issue(&client_template());
    let mut below_leaf = client_template().issuer(client_template().subject);
    below_leaf.key = SigningKey::new(KeyKind::P256);
    let mut forged = ours.issue(&client_template());
    forged.certificates = vec![below_leaf.sign(&client_template().subject, &leaf.key)];
    forged.certificates.extend(leaf.certificates);
    forged.key = below_leaf.key;
    for version in [&TLS12, &TLS13] {
        let trusted = [&files.server_authority];
        for bad in [&stranger, &only_server, &expired, &early, &forged] {
            let client = Client::of_version(&trusted, Some(bad), version);
            client.ask(rig.address).await.unwrap_err();
        }
        let none = Client::of_version(&trusted, None, version);
        none.ask(rig.address).await.unwrap_err();
    }
    rig.until_open(0).await;
    assert_eq!(rig.paths.asked(), 0);
    let failures = rig.counters.counts().handshake_failures;
    assert_eq!((failures.no_certificate, failures.bad_certificate), (2, 10));
    // plain HTTP is no way in either
    let mut plain = rig.connect().await;
    let _ = plain.post("/asked", b"").await.unwrap_err();
    assert_eq!(rig.paths.asked(), 0);
    assert_eq!(
        files
            .trusted_client()
            .ask(rig.address)
            .await
            .unwrap()
            .status,
        200
    );
    assert_eq!(rig.paths.asked(), 1);
}

#[tokio::test]
async fn without_a_client_ca_nobody_needs_a_certificate() {
    let files = Files::new();
    let rig = Rig::tls(ConnectionLimits::default(), files.paths_without_client_ca()).await;
    let client = Client::new(&[&files.server_authority], None);
    assert_eq!(client.ask(rig.address).await.unwrap().status, 200);
}

#[tokio::test]
async fn several_client_cas_are_accepted_and_one_below_another() {
    let files = Files::new();
    let second = Authority::of_kind("Second CA", KeyKind::Rsa2048);
    let intermediate = second.intermediate("Below");
    files.write(
        "ca.crt",
        format!("# two\n{}\n{}", files.client_authority.pem(), second.pem()),
    );
    let rig = Rig::tls(ConnectionLimits::default(), files.paths()).await;
    for authority in [&files.client_authority, &second, &intermediate] {
        let chain = authority.issue(&client_template());
        let client = Client::new(&[&files.server_authority], Some(&chain));
        assert_eq!(client.ask(rig.address).await.unwrap().status, 200);
    }
}

/// The names of so many do not fit into a handshake.
#[tokio::test]
async fn a_bundle_of_many_client_cas_is_accepted() {
    let files = Files::new();
    let key = SigningKey::new(KeyKind::P256);
    let organisation = "x".repeat(200);
    let many: String = (0..400)
        .map(|number| {
            let name = Name::empty()
                .with("O", &organisation)
                .with("CN", &number.to_string());
            let template = Template::authority("one of many").subject(name);
            Authority::root(&template.key(key.clone())).pem()
        })
        .collect();
    files.write("ca.crt", format!("{many}{}", files.client_authority.pem()));
    let rig = Rig::tls(ConnectionLimits::default(), files.paths()).await;
    let state = rig.until_tls(|state| state.problems.is_empty()).await;
    assert_eq!(state.client_authorities, Some(401));
    let asked = files.trusted_client().ask(rig.address).await;
    assert_eq!(asked.unwrap().status, 200);
}

/// As Gatekeeper's certificate rotator makes them: RSA, serial numbers 0 and 1 (V 2.4).
#[tokio::test]
async fn the_certificates_that_gatekeeper_makes_are_good() {
    let files = Files::new();
    let name = Name::empty()
        .with("O", "gatekeeper")
        .with("CN", "gatekeeper-ca");
    let mut template = Template::blank(name, SigningKey::in_slot(KeyKind::Rsa2048, 1))
        .with(Extension::basic_constraints(true, None))
        .with(Extension::key_usage(&[
            KeyUsage::DigitalSignature,
            KeyUsage::KeyEncipherment,
            KeyUsage::KeyCertSign,
        ]))
        .with(Extension::subject_alt_name(&["gatekeeper-ca"]));
    template.serial = vec![0x02, 0x01, 0x00];
    let authority = Authority::root(&template);
    let mut leaf = client_template().key_kind(KeyKind::Rsa2048);
    leaf.serial = vec![0x02, 0x01, 0x01];
    files.write("ca.crt", authority.pem());
    let rig = Rig::tls(ConnectionLimits::default(), files.paths()).await;
    let client = Client::new(&[&files.server_authority], Some(&authority.issue(&leaf)));
    assert_eq!(client.ask(rig.address).await.unwrap().status, 200);
}

#[tokio::test]
async fn no_session_is_resumed_so_that_every_connection_shows_its_certificate() {
    let files = Files::new();
    let rig = Rig::tls(ConnectionLimits::default(), files.paths()).await;
    for version in [&TLS12, &TLS13] {
        let client = Client::of_version(&[&files.server_authority], Some(&files.client), version);
        for _ in 0..3 {
            let mut wire = client.connect(rig.address).await.unwrap();
            wire.post("/asked", b"").await.unwrap();
            let kind = wire.io.get_ref().1.handshake_kind();
            assert!(matches!(
                kind,
                Some(HandshakeKind::Full | HandshakeKind::FullWithHelloRetryRequest)
            ));
            assert_eq!(wire.io.get_ref().1.tls13_tickets_received(), 0);
        }
    }
}

#[tokio::test]
async fn one_bad_client_ca_does_not_stand_in_the_way_of_the_others() {
    let files = Files::new();
    let bad = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    files.write("ca.crt", format!("{bad}{}", files.client_authority.pem()));
    let rig = Rig::tls(ConnectionLimits::default(), files.paths()).await;
    assert_eq!(
        files
            .trusted_client()
            .ask(rig.address)
            .await
            .unwrap()
            .status,
        200
    );
    let told = |state: &TlsState| {
        state
            .problems
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
    };
    let state = rig.tls.clone().unwrap().borrow().clone();
    let path = files.paths().client_ca.unwrap();
    let expected = format!(
        "1 of the certificates of `{}` cannot be used as client CAs, and their clients are refused; the first is certificate 1: ",
        path.display()
    );
    let problems = told(&state);
    assert!(
        problems.len() == 1 && problems[0].starts_with(&expected),
        "{problems:?}"
    );
    files.write("ca.crt", bad);
    let state = rig
        .until_tls(|state| told(state)[0].starts_with("none of the certificates of "))
        .await;
    assert_eq!(state.client_authorities, Some(1), "the last good ones stay");
    files.write("ca.crt", files.client_authority.pem());
    rig.until_tls(|state| state.problems.is_empty()).await;
}

/// v1.4's check looks at the dates of a CA too.
#[tokio::test]
async fn an_expired_client_ca_vouches_for_nobody() {
    let files = Files::new();
    let now = Timestamp::now();
    let hour = SignedDuration::from_hours(1);
    let old = Authority::root(&Template::authority("Old CA").valid(now - hour * 2, now - hour));
    let client = Client::new(
        &[&files.server_authority],
        Some(&old.issue(&client_template())),
    );
    files.write("ca.crt", old.pem());
    let rig = Rig::tls(ConnectionLimits::default(), files.paths()).await;
    let state = rig.tls.clone().unwrap().borrow().clone();
    assert!(matches!(
        state.handshakes,
        Handshakes::Refusing(Refusal::NoValidClientAuthority)
    ));
    assert!(
        state.problems[0].to_string().contains("no client CA"),
        "{:?}",
        state.problems
    );
    client.ask(rig.address).await.unwrap_err();
    drop(rig);
    files.write(
        "ca.crt",
        format!("{}{}", old.pem(), files.client_authority.pem()),
    );
    let rig = Rig::tls(ConnectionLimits::default(), files.paths()).await;
    client.ask(rig.address).await.unwrap_err();
    assert_eq!(
        files
            .trusted_client()
            .ask(rig.address)
            .await
            .unwrap()
            .status,
        200
    );
    assert_eq!(rig.paths.asked(), 1);
}

#[test]
fn a_start_without_both_files_says_which_is_missing() {
    let files = Files::new();
    for name in ["tls.crt", "tls.key"] {
        let whole = fs::read(files.at(name)).unwrap();
        fs::remove_file(files.at(name)).unwrap();
        let refused = refusal(&files);
        let expected = format!("{name}`; it must exist and be readable");
        assert!(refused.contains(&expected), "{refused}");
        fs::create_dir(files.at(name)).unwrap();
        let refused = refusal(&files);
        assert!(refused.contains("is not a regular file"), "{refused}");
        fs::remove_dir(files.at(name)).unwrap();
        files.write(name, whole);
    }
}

#[test]
fn a_start_without_a_usable_pair_says_what_to_do() {
    let files = Files::new();
    let good = server_chain(&files.server_authority, KeyKind::P256);
    let other = server_chain(&files.server_authority, KeyKind::P256).key_pem();
    let (certificate, key) = (good.pem(), good.key_pem());
    let encrypted = key.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY");
    let quoted = key.replace("MI", "!!");
    let (half, junk) = (
        &key[..60],
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    );
    let long = certificate.repeat(11);
    for (certificate, key, expected) in [
        ("", &*key, "contains no certificate"),
        (&key, &key, "contains no certificate"),
        (&certificate, "", "contains no private key"),
        (&certificate, &encrypted, "without a passphrase"),
        (&certificate, half, "breaks off before an `END` line"),
        (&certificate, &quoted, "not base64"),
        (junk, &key, "certificate 1 of"),
        (&certificate, &other, "does not go with the certificate"),
        (&long, &key, "22 certificates, expected at most 20"),
    ] {
        files.write("tls.crt", certificate);
        files.write("tls.key", key);
        let refused = refusal(&files);
        assert!(refused.contains(expected), "{refused}");
        let secret = key.lines().nth(1).unwrap_or("none");
        assert!(!refused.contains(secret), "{refused}");
    }
}

/// What is said when the server cannot start with these files. It names the folder.
fn refusal(files: &Files) -> String {
    let error: TlsFileError = TlsFiles::load(files.paths()).unwrap_err();
    let printed = error.to_string();
    assert!(printed.contains(&*files.directory.path().to_string_lossy()));
    printed
}

#[tokio::test]
async fn a_client_ca_that_was_never_there_keeps_everybody_out_until_it_comes() {
    let files = Files::new();
    fs::remove_file(files.at("ca.crt")).unwrap();
    let rig = Rig::tls(ConnectionLimits::default(), files.paths()).await;
    let state = rig.tls.clone().unwrap().borrow().clone();
    assert!(matches!(
        state.handshakes,
        Handshakes::Refusing(Refusal::NoClientAuthority)
    ));
    let problem = state.problems[0].to_string();
    assert!(problem.contains("ca.crt`; it must exist"), "{problem}");
    let client = files.trusted_client();
    client.ask(rig.address).await.unwrap_err();
    // empty is as good as missing, and so is a file that holds no certificate, which v1.4 takes silently (V 2.2)
    for useless in ["", "# to come\n", "-----BEGIN CERTIFICATE-----\n"] {
        files.write("ca.crt", useless);
        rig.until_tls(|state| !state.problems[0].to_string().contains("it must exist"))
            .await;
        client.ask(rig.address).await.unwrap_err();
    }
    assert_eq!(rig.paths.asked(), 0);
    assert_eq!(rig.counters.counts().refused_not_ready, 4);
    files.write("ca.crt", files.client_authority.pem());
    let state = rig.until_tls(|state| state.problems.is_empty()).await;
    assert_eq!(state.client_authorities, Some(1));
    assert_eq!(client.ask(rig.address).await.unwrap().status, 200);
    // from then on the last good one stays
    for useless in ["", "-----BEGIN CERTIFICATE-----\n"] {
        files.write("ca.crt", useless);
        rig.until_tls(|state| !state.problems.is_empty()).await;
        assert_eq!(client.ask(rig.address).await.unwrap().status, 200);
        let nobody = Client::new(&[&files.server_authority], None);
        nobody.ask(rig.address).await.unwrap_err();
    }
    fs::remove_file(files.at("ca.crt")).unwrap();
    rig.until_tls(|state| {
        let first = state.problems.first().map(ToString::to_string);
        first.is_some_and(|text| text.contains("it must exist"))
    })
    .await;
    assert_eq!(client.ask(rig.address).await.unwrap().status, 200);
    let stranger = Authority::new("Gatekeeper CA").issue(&client_template());
    let stranger = Client::new(&[&files.server_authority], Some(&stranger));
    stranger.ask(rig.address).await.unwrap_err();
}

#[tokio::test]
async fn what_the_state_says_of_the_certificate_is_so() {
    let files = Files::new();
    let now = Timestamp::now();
    let day = SignedDuration::from_hours(24);
    let template = Template::tls_server(&["localhost"]).valid(now - day * 2, now - day);
    let chain = files.server_authority.issue(&template);
    files.write_pair(&chain);
    // expired: clients will say so themselves, as with v1.4
    let rig = Rig::tls(ConnectionLimits::default(), files.paths()).await;
    let state = Arc::new(rig.tls.clone().unwrap().borrow().clone());
    let seconds = |time: Timestamp| time.as_second();
    assert_eq!(
        seconds(state.certificate.not_before),
        seconds(now - day * 2)
    );
    assert_eq!(seconds(state.certificate.not_after), seconds(now - day));
    assert!(state.certificate.loaded >= now);
    assert!(matches!(state.handshakes, Handshakes::Ready { .. }));
    assert!(
        state.problems[0].to_string().contains("expired at"),
        "{:?}",
        state.problems
    );
}
