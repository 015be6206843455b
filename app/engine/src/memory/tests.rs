use ratify_verify::Reason;

use super::*;

fn signed_by(subject: String) -> Finding {
    let reason = Reason::new(ReasonCode::SignerUntrusted, "made for a test");
    let issuer = "CN=issuer".to_owned();
    Finding {
        verifier: "notation".into(),
        verifier_type: "notation".into(),
        artifact: None,
        artifact_type: "application/x".into(),
        verdict: Verdict::Rejected(reason),
        signer: Some(Arc::new(Signer { subject, issuer })),
        validations: Vec::new(),
    }
}

#[test]
fn signers_are_kept_once_and_never_too_many_or_too_long() {
    let memo = SignatureMemo::new(1 << 20);
    let [one, other] = ["CN=a", "CN=a"].map(|name| memo.slim(signed_by(name.to_owned())));
    assert!(Arc::ptr_eq(
        one.signer.as_ref().unwrap(),
        other.signer.as_ref().unwrap()
    ));
    // anybody can sign an image, and write names into a certificate of his own
    for number in 0..2 * MOST_SIGNERS {
        let long = format!("CN={number}{}", "x".repeat(60_000));
        let finding = memo.slim(signed_by(long.clone()));
        assert_eq!(finding.signer.as_ref().unwrap().subject, long);
        memo.slim(signed_by(format!("CN={number}")));
    }
    let signers = memo.signers.lock().unwrap();
    let bytes = signers
        .iter()
        .map(|one| one.subject.len() + one.issuer.len());
    assert!(signers.len() <= MOST_SIGNERS);
    assert!(bytes.sum::<usize>() <= MOST_SIGNERS * LONGEST_SIGNER);
}

#[tokio::test(start_paused = true)]
async fn a_life_without_end_is_one() {
    let memory = Memory::new(1 << 20);
    let key = KeyWriter::new(b"test", ScopeId::unique()).finish();
    let life = Life {
        longest: Duration::MAX,
        valid_until: None,
    };
    memory.keep(key, 1, life, Timestamp::UNIX_EPOCH, 1);
    assert_eq!(memory.find(&key, Timestamp::UNIX_EPOCH), Some(1));
}

#[tokio::test(start_paused = true)]
async fn a_value_lives_by_both_clocks() {
    let memory = Memory::new(1 << 20);
    let key = KeyWriter::new(b"test", ScopeId::unique()).finish();
    let at = |seconds: i64| Timestamp::constant(1_000 + seconds, 0);
    let life = |longest, end: Option<i64>| Life {
        longest: Duration::from_secs(longest),
        valid_until: end.map(at),
    };
    memory.keep(key, 1, life(10, Some(5)), at(0), 1);
    let found = [-1, 0, 4, 5, 70].map(|second| memory.find(&key, at(second)).is_some());
    assert_eq!(found, [false, true, true, false, false]);
    // without an end of its own: as long as it lives, and as work may be late
    memory.keep(key, 1, life(10, None), at(0), 1);
    let found = [0, 10, 69, 70].map(|second| memory.find(&key, at(second)).is_some());
    assert_eq!(found, [true, true, true, false]);
    tokio::time::advance(Duration::from_secs(10)).await;
    assert_eq!(memory.find(&key, at(0)), None);
    // what lives for no time is not even kept
    let other = KeyWriter::new(b"other", ScopeId::unique()).finish();
    memory.keep(other, 1, life(0, None), at(0), 1);
    assert_eq!(memory.cache.len(), 1);
}

#[test]
fn rejections_that_time_or_we_may_mend_and_what_is_unknown_are_not_remembered() {
    let life = |verdict: fn(Reason) -> Verdict, code| {
        signature_life(&verdict(Reason::new(code, ""))).map(|life| life.longest)
    };
    for code in ReasonCode::ALL {
        let expected = match code {
            ReasonCode::CertificateNotYetValid
            | ReasonCode::Internal
            | ReasonCode::VerifierUnavailable => None,
            _ => Some(LONGEST_REJECTION),
        };
        assert_eq!(life(Verdict::Rejected, *code), expected, "{code}");
        assert_eq!(life(Verdict::Unknown, *code), None, "{code}");
    }
}

#[test]
fn every_text_that_others_wrote_has_weight() {
    let mut finding = signed_by("x".repeat(1_000));
    finding.artifact_type = "x".repeat(1_000).into();
    finding.verdict = Verdict::Rejected(Reason::new(ReasonCode::Internal, "x".repeat(1_000)));
    let heavy = finding_bytes(&finding);
    assert!((3_000..4_000).contains(&heavy), "{heavy}");
}

#[test]
fn no_two_lists_of_parts_make_the_same_key() {
    let scope = ScopeId::unique();
    let key = |kind: &[u8], texts: &[&str]| {
        let mut writer = KeyWriter::new(kind, scope);
        for text in texts {
            writer.text(text);
        }
        writer.finish()
    };
    let mut keys = vec![
        key(b"a", &["b", "c"]),
        key(b"a", &["bc"]),
        key(b"a", &["", "bc"]),
        key(b"a", &["bc", ""]),
        key(b"ab", &["c"]),
        key(b"", &["a", "b", "c"]),
        KeyWriter::new(b"a", ScopeId::unique()).finish(),
    ];
    let count = keys.len();
    keys.sort_by_key(|key| key.0);
    keys.dedup();
    assert_eq!(keys.len(), count);
    assert_eq!(key(b"a", &["b", "c"]), key(b"a", &["b", "c"]));
}
