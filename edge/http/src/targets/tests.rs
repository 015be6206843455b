use url::Url;

use super::*;

fn guarded(allowed: &[&str]) -> Targets {
    Targets::Guarded {
        allowed: allowed.iter().map(|&host| host.to_owned()).collect(),
    }
}

fn refusal(targets: &Targets, host: &str) -> Option<&'static str> {
    let origin = Origin::of(&Url::parse(&format!("https://{host}/")).unwrap()).unwrap();
    match targets.check(&origin) {
        Ok(()) => None,
        Err(Error::TargetRefused { host, reason }) => {
            assert_eq!(host, origin.authority());
            Some(reason)
        }
        Err(other) => panic!("{other:?}"),
    }
}

#[test]
fn each_class_of_address_is_refused_in_every_spelling() {
    let (loopback, unspecified) = ("a loopback address", "an unspecified address");
    let (link_local, metadata) = ("a link-local address", "the metadata service of a cloud");
    for (host, reason) in [
        ("127.0.0.1", loopback),
        ("127.255.255.254:5000", loopback),
        ("127.1", loopback),
        ("0x7f.1", loopback),
        ("0177.0.0.1", loopback),
        ("2130706433", loopback),
        ("127.0.0.1.", loopback),
        ("%31%32%37.0.0.1", loopback),
        ("１２７.0.0.1", loopback),
        ("[::1]", loopback),
        ("[0:0:0:0:0:0:0:1]:5000", loopback),
        ("[::ffff:127.0.0.1]", loopback),
        ("[::ffff:7f00:1]", loopback),
        ("[::127.0.0.1]", loopback),
        ("[::ffff:0:127.0.0.1]", loopback),
        ("[64:ff9b::127.0.0.1]", loopback),
        ("[64:ff9b:1::127.0.0.1]", loopback),
        ("[64:ff9b:1:2:3:4:127.0.0.1]", loopback),
        ("[2002:7f00:1::]", loopback),
        ("localhost", loopback),
        ("LocalHost:5000", loopback),
        ("localhost.", loopback),
        ("reg.localhost", loopback),
        ("localhost.localdomain", loopback),
        ("0.0.0.0", unspecified),
        ("0", unspecified),
        ("0.1.2.3", unspecified),
        ("[::]", unspecified),
        ("[::ffff:0.0.0.0]", unspecified),
        ("169.254.0.1", link_local),
        ("169.254.169.254", link_local),
        ("0xa9fea9fe", link_local),
        ("169.254.170.2", link_local),
        ("[fe80::1]", link_local),
        ("[febf::1]", link_local),
        ("[::ffff:169.254.169.254]", link_local),
        ("[64:ff9b::a9fe:a9fe]", link_local),
        ("[2002:a9fe:a9fe:1::1]", link_local),
        ("100.100.100.200", metadata),
        ("168.63.129.16", metadata),
        ("192.0.0.192", metadata),
        ("[::ffff:168.63.129.16]", metadata),
        ("[fd00:ec2::254]", metadata),
        ("[fd00:ec2::23]", metadata),
        ("[fd20:ce::254]", metadata),
        ("metadata.google.internal", metadata),
        ("METADATA.google.internal.", metadata),
        ("instance-data", metadata),
        ("224.0.0.1", "a multicast address"),
        ("239.255.255.250", "a multicast address"),
        ("[ff02::1]", "a multicast address"),
        ("255.255.255.255", "a broadcast address"),
    ] {
        assert_eq!(refusal(&guarded(&[]), host), Some(reason), "{host}");
        assert_eq!(refusal(&Targets::Any, host), None, "{host}");
    }
}

#[test]
fn public_and_private_addresses_stay_open() {
    for host in [
        "reg.example",
        "localhost.example",
        "notlocalhost",
        "metadata.example",
        "8.8.8.8",
        "10.0.0.1:5000",
        "172.16.0.1",
        "192.168.1.1",
        "100.64.0.1",
        "128.0.0.1",
        "169.253.0.1",
        "126.255.255.255",
        "[fd00::1]",
        "[fd00:ec3::254]",
        "[fec0::1]",
        "[2001:db8::1]",
        "[64:ff9b::10.0.0.1]",
        "[2002:a00:1::1]",
        "[::ffff:10.0.0.1]",
    ] {
        assert_eq!(refusal(&guarded(&[]), host), None, "{host}");
    }
}

#[test]
fn only_the_configured_port_of_a_host_is_free() {
    let targets = guarded(&["127.0.0.1:5000", "localhost:443", "[::1]:5000"]);
    for free in ["127.0.0.1:5000", "127.1:5000", "localhost", "[0::1]:5000"] {
        assert_eq!(refusal(&targets, free), None, "{free}");
    }
    for other in [
        "127.0.0.1",
        "127.0.0.1:5001",
        "127.0.0.2:5000",
        "localhost:5000",
    ] {
        assert!(refusal(&targets, other).is_some(), "{other}");
    }
}
