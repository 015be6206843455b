//! What somebody reads whose image our template denies.

use ratify_peers::{Judgement, Peer, ProviderAnswer};
use serde_json::json;

use super::{APP, SIDECAR, Template, body, creation, pod, recorded};

/// Gatekeeper keeps so many bytes of a message in the status of a constraint; so much has to be enough to act on.
const READ_FIRST: usize = 200;

fn denied(opa: &Peer, images: &[&str], answer: &ProviderAnswer) -> Vec<String> {
    let case = (creation(pod(images)), answer);
    let Judgement { violations, .. } = Template::ours().judge(opa, [case]).remove(0);
    violations
}

fn check(opa: &Peer, images: &[&str], answer: &ProviderAnswer, expected: &[&str]) {
    let expected: Vec<_> = expected
        .iter()
        .map(|rest| format!("Subject failed verification: {rest}"))
        .collect();
    assert_eq!(denied(opa, images, answer), expected);
}

#[test]
fn a_denial_says_image_code_and_reason_then_trace_then_time() {
    let Some(opa) = Peer::require("opa") else {
        return;
    };
    let expired = "SIGNATURE_EXPIRED: the signature expired at 2026-11-01T00:00:00Z, \
                   trace-id: 7c3e1f4a-52d0-4b36-9a0c-1d6f0f5b8e21, time: 2026-11-25T08:00:00.123456789Z";
    let answer = ProviderAnswer::ok(recorded("denied"));
    check(&opa, &[APP], &answer, &[&format!("{APP}: {expired}")]);
    let first = &denied(&opa, &[APP], &answer)[0][..READ_FIRST];
    assert!(
        first.contains("SIGNATURE_EXPIRED: the signature expired at 2026-11-01"),
        "{first}"
    );

    // the image as it is written in the object, also if it is asked for in a namespace
    let ours = Template::ours_namespaced();
    let judged = ours.judge(&opa, [(creation(pod(&[APP])), &answer)]);
    assert_eq!(
        judged[0].violations,
        [format!("Subject failed verification: {APP}: {expired}")]
    );

    // only who is to blame
    let answer = ProviderAnswer::ok(recorded("denied-beside-admitted"));
    check(
        &opa,
        &[APP, SIDECAR],
        &answer,
        &[&format!("{SIDECAR}: {expired}")],
    );
}

#[test]
fn an_image_that_could_not_be_decided_is_denied_with_its_own_code() {
    let Some(opa) = Peer::require("opa") else {
        return;
    };
    let late = "REGISTRY_TIMEOUT: registry.example did not answer within 2.9 s";
    let check = |images: &[&str], file, expected: &[&str]| {
        check(&opa, images, &ProviderAnswer::ok(recorded(file)), expected);
    };
    check(&[APP], "undecided", &[&format!("{APP}: {late}")]);
    check(
        &[APP, SIDECAR],
        "undecided-beside-admitted",
        &[&format!("{SIDECAR}: {late}")],
    );
    let login = "REGISTRY_UNAUTHORIZED: registry.example asks for a login (401)";
    check(
        &[APP, SIDECAR],
        "undecided-both",
        &[&format!("{APP}: {late}"), &format!("{SIDECAR}: {login}")],
    );
    // one of those for whose names there was no room
    let another = format!("no verdict: registry.example/team/another:3.0: {late}; and 2 more");
    check(&[APP], "undecided-unnamed", &[&format!("{APP}: {another}")]);
}

#[test]
fn a_name_within_another_is_not_confused_with_it() {
    let Some(opa) = Peer::require("opa") else {
        return;
    };
    let (short, long) = ("example/app:1", "registry.example/app:1");
    let text = format!("{long}: REGISTRY_TLS: a; {short}: REGISTRY_ERROR: b: c");
    check(
        &opa,
        &[short, long],
        &ProviderAnswer::ok(body(&[], Some(&text))),
        &[
            &format!("{short}: REGISTRY_ERROR: b: c"),
            &format!("{long}: REGISTRY_TLS: a"),
        ],
    );
}

#[test]
fn a_denial_without_any_verdict_says_what_happened() {
    let Some(opa) = Peer::require("opa") else {
        return;
    };
    let check = |answer: &ProviderAnswer, expected: &str| {
        check(&opa, &[APP], answer, &[&format!("{APP}: {expected}")]);
    };
    let http = |status, body: String| ProviderAnswer::Http { status, body };
    check(
        &http(400, recorded("malformed")),
        "no verdict: operation failed with error unable to unmarshal request body: \
         expected value at line 1 column 1",
    );
    check(
        &http(500, recorded("admitted")),
        "no verdict: the provider answers with HTTP status 500",
    );
    check(
        &ProviderAnswer::ok("{}"),
        "no verdict: the provider's answer holds none for this image",
    );
    check(
        &ProviderAnswer::NoProvider,
        "no verdict: key is not found in provider cache",
    );
    check(
        &ProviderAnswer::Undefined,
        "no verdict: external data gives no answer",
    );
    check(
        &ProviderAnswer::ok(body(
            &[json!({ "key": APP, "error": "REFERENCE_INVALID: no" })],
            None,
        )),
        "REFERENCE_INVALID: no",
    );
    // what Ratify 1.4 answers has neither code nor reason
    let value = json!({ "isSuccess": false, "traceID": "t", "timestamp": "now" });
    check(
        &ProviderAnswer::ok(body(&[json!({ "key": APP, "value": value })], None)),
        "rejected: the provider gives no reason, trace-id: t, time: now",
    );
    // however much a system error says, a thousand images do not repeat all of it
    check(
        &ProviderAnswer::ok(body(&[], Some(&"x".repeat(9000)))),
        &format!("no verdict: {}", "x".repeat(300)),
    );
}

#[test]
fn a_provider_that_hangs_up_is_named() {
    let Some(opa) = Peer::require("opa") else {
        return;
    };
    let violations = denied(&opa, &[APP], &ProviderAnswer::Closed);
    let start = format!(
        "Subject failed verification: {APP}: no verdict: failed to send external data request: Post "
    );
    assert!(violations[0].starts_with(&start), "{violations:?}");
}
