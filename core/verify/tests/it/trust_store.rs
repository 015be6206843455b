//! Trust stores: what may be in one, and which certificates are anchors (N S-06 to S-10, A-01 to A-05, T-02).

use ratify_testkit::certs::{Authority, CertificateSignature, Chain, Extension, Name, Template};
use ratify_testkit::keys::{KeyKind, SigningKey};
use ratify_verify::trust::{
    Certificate, StoreType, TrustStoreError as Error, TrustStores, TrustStoresBuilder,
};

fn certificate(der: &[u8]) -> Certificate {
    Certificate::from_der(der).unwrap()
}

fn insert(kind: StoreType, ders: &[&[u8]]) -> Result<(), Error> {
    let certificates = ders.iter().map(|der| certificate(der)).collect();
    TrustStores::builder().insert(kind, "acme", certificates)
}

const SIGNERS: [StoreType; 2] = [StoreType::Ca, StoreType::SigningAuthority];

#[test]
fn n_s_06_authorities_and_self_signed_certificates_only() {
    let root = Authority::new("root");
    let intermediate = root.intermediate("a");
    let leaf = root.leaf("signer");
    let self_signed = Chain::self_signed(&Template::leaf("signer"));
    for kind in SIGNERS {
        assert_eq!(insert(kind, &[root.certificate()]), Ok(()));
        assert_eq!(insert(kind, &[intermediate.certificate()]), Ok(()));
        assert_eq!(insert(kind, &[self_signed.leaf()]), Ok(()));
        match insert(kind, &[root.certificate(), leaf.leaf()]) {
            Err(Error::NotAnAuthority { subject, .. }) => assert!(subject.contains("CN=signer")),
            other => panic!("{other:?}"),
        }
    }
    // names alone do not make it self-signed
    let template = Template::leaf("signer");
    let forged = template.sign(&template.subject, &SigningKey::fresh(KeyKind::P256));
    assert!(insert(StoreType::Ca, &[&forged]).is_err());
    let not_ca = Template::authority("x").with(Extension::basic_constraints(false, None));
    let not_ca = root.issue(&not_ca);
    assert!(insert(StoreType::Ca, &[not_ca.leaf()]).is_err());
}

#[test]
fn n_s_07_time_stamping_stores_hold_roots_only() {
    let root = Authority::new("root");
    assert_eq!(insert(StoreType::Tsa, &[root.certificate()]), Ok(()));
    let self_signed = Chain::self_signed(&Template::leaf("signer"));
    let tampered = Authority::root(&Template::authority("root").tampered());
    let renamed = Template::authority("root").issuer(Name::new("Acme", "other"));
    let renamed = Authority::root(&renamed);
    let sha1 = Template::authority("root").signature(CertificateSignature::Sha1);
    let sha1 = Authority::root(&sha1);
    for der in [
        root.intermediate("a").certificate(),
        self_signed.leaf(),
        tampered.certificate(),
        renamed.certificate(),
        sha1.certificate(),
    ] {
        let found = insert(StoreType::Tsa, &[root.certificate(), der]);
        assert!(matches!(found, Err(Error::NotARoot { .. })), "{found:?}");
    }
}

#[test]
fn n_s_08_att_45_a_store_is_not_empty() {
    for kind in StoreType::ALL {
        assert!(matches!(insert(kind, &[]), Err(Error::Empty { .. })));
    }
}

#[test]
fn n_s_10_neither_validity_nor_hash_of_an_authority_is_looked_at() {
    let start = "1999-01-01T00:00:00Z".parse().unwrap();
    let end = "1999-01-02T00:00:00Z".parse().unwrap();
    let expired = Authority::root(&Template::authority("root").valid(start, end));
    assert_eq!(insert(StoreType::Ca, &[expired.certificate()]), Ok(()));
    let sha1 = Template::authority("root").signature(CertificateSignature::Sha1);
    let sha1 = Authority::root(&sha1);
    assert_eq!(insert(StoreType::Ca, &[sha1.certificate()]), Ok(()));
}

#[test]
fn n_v_13_names_of_stores() {
    let root = certificate(Authority::new("root").certificate());
    let mut builder = TrustStores::builder();
    for bad in ["", ".", "..", "a/b", "a b", "a:b", "ä"] {
        let found = builder.insert(StoreType::Ca, bad, vec![root.clone()]);
        assert_eq!(found, Err(Error::Name(bad.into())));
    }
    let mut add = |kind, name| builder.insert(kind, name, vec![root.clone()]);
    assert_eq!(add(StoreType::Ca, "a"), Ok(()));
    assert_eq!(add(StoreType::Ca, "A"), Ok(()));
    assert_eq!(add(StoreType::Tsa, "a"), Ok(()));
    assert!(matches!(add(StoreType::Ca, "a"), Err(Error::Twice { .. })));
    let stores = builder.build();
    assert_eq!(
        stores.names().collect::<Vec<_>>(),
        [
            (StoreType::Ca, "A"),
            (StoreType::Ca, "a"),
            (StoreType::Tsa, "a")
        ]
    );
}

struct Stores {
    chain: Chain,
    other: Authority,
    builder: TrustStoresBuilder,
}

fn stores() -> Stores {
    let root = Authority::new("root");
    Stores {
        chain: root.intermediate("a").leaf("signer"),
        other: Authority::new("other"),
        builder: TrustStores::builder(),
    }
}

impl Stores {
    fn with(mut self, kind: StoreType, name: &str, der: &[u8]) -> Self {
        let certificates = vec![certificate(der)];
        self.builder.insert(kind, name, certificates).unwrap();
        self
    }
}

#[test]
fn n_a_01_no_store_of_the_type_is_no_anchor() {
    let all = TrustStores::default();
    let none = all.anchors(StoreType::Ca, []);
    assert_eq!(none.unwrap_err(), Error::NoneNamed(StoreType::Ca));
}

#[test]
fn n_a_02_an_anchor_is_the_same_bytes() {
    let mut base = stores();
    let root = base.chain.root().to_vec();
    let other = base.other.certificate().to_vec();
    base = base
        .with(StoreType::Ca, "a", &other)
        .with(StoreType::Ca, "b", &root);
    let chain = base.chain.clone();
    let stores = base.builder.build();
    let both = stores.anchors(StoreType::Ca, ["a", "b"]).unwrap();
    assert!(both.contains(&certificate(chain.root())));
    assert!(!both.contains(&certificate(chain.leaf())));
    assert_eq!(both.certificates().count(), 2);
    let only_other = stores.anchors(StoreType::Ca, ["a"]).unwrap();
    assert!(!only_other.contains(&certificate(chain.root())));
    // the same name and even the same key make no anchor
    let template = Template::authority("root");
    let (first, second) = (
        template.sign(&template.subject, &template.key),
        template.sign(&template.subject, &template.key),
    );
    assert_ne!(first, second);
    let mut builder = TrustStores::builder();
    builder
        .insert(StoreType::Ca, "a", vec![certificate(&first)])
        .unwrap();
    let stores = builder.build();
    let anchors = stores.anchors(StoreType::Ca, ["a"]).unwrap();
    assert!(anchors.contains(&certificate(&first)));
    assert!(!anchors.contains(&certificate(&second)));
}

#[test]
fn n_a_04_an_intermediate_or_a_self_signed_leaf_can_be_the_anchor() {
    let mut base = stores();
    let intermediate = base.chain.certificates[1].clone();
    let alone = Chain::self_signed(&Template::leaf("alone"));
    base = base
        .with(StoreType::Ca, "a", &intermediate)
        .with(StoreType::Ca, "b", alone.leaf());
    let stores = base.builder.build();
    let anchors = stores.anchors(StoreType::Ca, ["a", "b"]).unwrap();
    assert!(anchors.contains(&certificate(&intermediate)));
    assert!(anchors.contains(&certificate(alone.leaf())));
}

#[test]
fn n_t_02_stores_of_another_type_are_other_stores() {
    let mut base = stores();
    let root = base.chain.root().to_vec();
    base = base.with(StoreType::Ca, "acme", &root);
    let stores = base.builder.build();
    assert!(stores.anchors(StoreType::Ca, ["acme"]).is_ok());
    for kind in [StoreType::SigningAuthority, StoreType::Tsa] {
        let found = stores.anchors(kind, ["acme"]);
        assert!(matches!(found, Err(Error::Missing { .. })), "{kind}");
    }
}

#[test]
fn n_s_09_one_store_that_is_not_there_fails_them_all() {
    let mut base = stores();
    let root = base.chain.root().to_vec();
    base = base.with(StoreType::Ca, "acme", &root);
    let stores = base.builder.build();
    let missing = Error::Missing {
        kind: StoreType::Ca,
        name: "gone".into(),
    };
    for names in [["acme", "gone"], ["gone", "acme"]] {
        assert_eq!(stores.anchors(StoreType::Ca, names).unwrap_err(), missing);
    }
}
