//! Answers letter by letter (V 14, items 1 and 2).

use http::{Method, Request, StatusCode};
use http_body_util::Full;
use ratify_oci::Digest;
use serde_json::json;

use super::rig::{Answered, MUTATE, REPOSITORY, Rig, Setting, Signed, VERIFY, request_of};

const HEAD: &str =
    r#"{"apiVersion":"externaldata.gatekeeper.sh/v1alpha1","kind":"ProviderResponse","response":"#;

/// The body with names in place of what differs from run to run.
fn masked(answered: &Answered, signed: &Signed, signature: Option<&Digest>) -> String {
    assert_eq!(
        answered.headers["content-type"],
        "text/plain; charset=utf-8"
    );
    let text = answered.text.replace(&signed.registry.host(), "HOST");
    let text = text.replace(signed.image.descriptor().digest.as_str(), "IMAGE");
    let text = match signature {
        Some(signature) => text.replace(signature.as_str(), "SIGNATURE"),
        None => text,
    };
    let mut masked = String::new();
    let mut rest = text.as_str();
    while let Some((before, after)) = rest.split_once("\"timestamp\":\"") {
        let (time, after) = after.split_once('"').unwrap();
        let time: jiff::Timestamp = time.parse().unwrap();
        let age = jiff::Timestamp::now().duration_since(time);
        assert!(age.as_secs() < 60, "{time}");
        masked.push_str(before);
        masked.push_str("\"timestamp\":\"TIME\"");
        rest = after;
    }
    masked.push_str(rest);
    masked
}

/// A value's members before ours.
fn value(success: bool) -> String {
    format!(
        r#""value":{{"version":"0.2.0","isSuccess":{success},"traceID":"trace-1","timestamp":"TIME","#
    )
}

#[tokio::test]
async fn v_14_1_a_signed_image() {
    let signed = Signed::new().await;
    let signature = signed.sign();
    let rig = signed.rig(Setting::default());
    let key = format!("[team]{}", signed.tagged());
    let answered = rig.verify(&[&key]).await;
    assert_eq!(answered.status, 200);
    let expected = format!(
        "{HEAD}{{\"items\":[{{\"key\":\"[team]HOST/team/app:v1\",{}\
         \"verifierReports\":[{{\"subject\":\"HOST/team/app:v1\",\"isSuccess\":true,\"name\":\"my-notation\",\
         \"verifierName\":\"my-notation\",\"type\":\"notation\",\"verifierType\":\"notation\",\
         \"referenceDigest\":\"SIGNATURE\",\"artifactType\":\"application/vnd.cncf.notary.signature\",\
         \"message\":\"Notation signature verification success\",\
         \"extensions\":{{\"Issuer\":\"CN=Acme Root,O=Acme,L=Seattle,ST=WA,C=US\",\"SN\":\"CN=acme signer,O=Acme,L=Seattle,ST=WA,C=US\"}},\
         \"code\":\"VERIFIED\"}}],\"digest\":\"IMAGE\",\"code\":\"VERIFIED\"}}}}]}}}}\n",
        value(true)
    );
    assert_eq!(masked(&answered, &signed, Some(&signature)), expected);
}

#[tokio::test]
async fn v_14_1_an_unsigned_image() {
    let signed = Signed::new().await;
    let rig = signed.rig(Setting::default());
    let answered = rig.verify(&[signed.pinned()]).await;
    assert_eq!(answered.status, 200);
    let expected = format!(
        "{HEAD}{{\"items\":[{{\"key\":\"HOST/team/app@IMAGE\",{}\
         \"verifierReports\":[{{\"subject\":\"HOST/team/app@IMAGE\",\"isSuccess\":false,\
         \"message\":\"failed to verify artifact: HOST/team/app@IMAGE\",\
         \"errorReason\":\"No verification results for the artifact HOST/team/app@IMAGE. Ensure verifiers are properly \
         configured and that artifact metadata is attached\",\
         \"remediation\":\"Sign the image, or configure a verifier for the artifact types it has.\",\
         \"code\":\"NO_SIGNATURE\"}}],\"digest\":\"IMAGE\",\"code\":\"NO_SIGNATURE\",\
         \"reason\":\"the image has no artifact that a configured verifier reads\"}}}}]}}}}\n",
        value(false)
    );
    assert_eq!(masked(&answered, &signed, None), expected);
}

#[tokio::test]
async fn v_14_1_an_image_signed_by_a_stranger() {
    let signed = Signed::new().await;
    let signature = signed.sign_as_stranger();
    let rig = signed.rig(Setting::default());
    let answered = rig.verify(&[signed.pinned()]).await;
    assert_eq!(answered.status, 200);
    let masked = masked(&answered, &signed, Some(&signature));
    let expected = format!(
        "{HEAD}{{\"items\":[{{\"key\":\"HOST/team/app@IMAGE\",{}\
         \"verifierReports\":[{{\"subject\":\"HOST/team/app@IMAGE\",\"isSuccess\":false,\"name\":\"my-notation\",\
         \"verifierName\":\"my-notation\",\"type\":\"notation\",\"verifierType\":\"notation\",\
         \"referenceDigest\":\"SIGNATURE\",\"artifactType\":\"application/vnd.cncf.notary.signature\",\
         \"message\":\"Failed to validate the Notation signature: SIGNATURE\",\"errorReason\":\"",
        value(false)
    );
    assert!(masked.starts_with(&expected), "{masked}");
    assert!(
        masked.contains("\"digest\":\"IMAGE\",\"code\":\"SIGNER_UNTRUSTED\",\"reason\":\""),
        "{masked}"
    );
    assert!(
        !masked.contains("extensions"),
        "a stranger is not reported like a signer"
    );
}

#[tokio::test]
async fn v_14_1_a_bad_reference_is_an_item_with_a_value() {
    let signed = Signed::new().await;
    let rig = signed.rig(Setting::default());
    let answered = rig.verify(&["[team]reg.io/<App>:v1"]).await;
    assert_eq!(answered.status, 200);
    let why = "failed to parse subject reference: repository `\\u003cApp\\u003e` is not lower-case letters, digits and \
               single separators (`.`, `_`, `__`, `-`) between slashes";
    let expected = format!(
        "{HEAD}{{\"items\":[{{\"key\":\"[team]reg.io/\\u003cApp\\u003e:v1\",{}\
         \"verifierReports\":[{{\"subject\":\"reg.io/\\u003cApp\\u003e:v1\",\"isSuccess\":false,\
         \"message\":\"failed to verify artifact: reg.io/\\u003cApp\\u003e:v1\",\"errorReason\":\"{why}\",\
         \"remediation\":\"Write `registry/repository@sha256:...` or `registry/repository:tag`.\",\
         \"code\":\"REFERENCE_INVALID\"}}],\"code\":\"REFERENCE_INVALID\",\"reason\":\"{why}\"}}}}]}}}}\n",
        value(false)
    );
    assert_eq!(masked(&answered, &signed, None), expected);
    assert!(signed.registry.requests().is_empty());
}

#[tokio::test]
async fn v_14_1_levels_that_do_not_enforce_say_so() {
    let signed = Signed::new().await;
    let setting = Setting::default();
    let skip = signed.configuration(&json!({ "level": "skip" }), setting.timeouts);
    let answered = Rig::new(skip, setting).verify(&[signed.pinned()]).await;
    let expected = format!(
        "{HEAD}{{\"items\":[{{\"key\":\"HOST/team/app@IMAGE\",{}\
         \"verifierReports\":[{{\"subject\":\"HOST/team/app@IMAGE\",\"isSuccess\":true,\"name\":\"my-notation\",\
         \"verifierName\":\"my-notation\",\"type\":\"notation\",\"verifierType\":\"notation\",\
         \"artifactType\":\"application/vnd.cncf.notary.signature\",\
         \"message\":\"accepted without looking for a signature, because the trust policy says `skip`\",\
         \"code\":\"SKIPPED_BY_POLICY\"}}],\"code\":\"SKIPPED_BY_POLICY\"}}}}]}}}}\n",
        value(true)
    );
    assert_eq!(masked(&answered, &signed, None), expected);

    signed.sign_as_stranger();
    let audit = signed.configuration(&json!({ "level": "audit" }), setting.timeouts);
    let answered = Rig::new(audit, setting).verify(&[signed.pinned()]).await;
    let value = &answered.items()[0]["value"];
    assert_eq!(value["isSuccess"], true);
    assert_eq!(value["code"], "LOGGED_FAILURES");
    assert_eq!(value["notEnforced"][0]["code"], "SIGNER_UNTRUSTED");
    let message = value["verifierReports"][0]["message"].as_str().unwrap();
    assert!(
        message.contains("; not enforced: SIGNER_UNTRUSTED: "),
        "{message}"
    );
}

#[tokio::test]
async fn v_14_1_an_answer_out_of_memory_is_the_same_but_for_its_stamp() {
    let signed = Signed::new().await;
    let signature = signed.sign();
    let rig = signed.rig(Setting::default().remembering());
    let first = rig.verify(&[signed.pinned()]).await;
    signed.registry.clear_requests();
    let second = rig.verify(&[signed.pinned()]).await;
    assert!(signed.registry.requests().is_empty());
    assert_ne!(first.text, second.text, "fresh timestamp");
    let masked = |answered| masked(answered, &signed, Some(&signature));
    assert_eq!(masked(&first), masked(&second));
    assert_eq!(rig.metric("ratify_verdict_cache_hits_total"), 1);
}

#[tokio::test]
async fn v_14_1_malformed_requests() {
    let signed = Signed::new().await;
    let rig = signed.rig(Setting::default());
    let why = "expected value at line 1 column 1";
    let answered = rig.send(VERIFY, "<").await;
    assert_eq!(answered.status, 400);
    assert_eq!(
        masked(&answered, &signed, None),
        format!(
            "{HEAD}{{\"systemError\":\"operation failed with error unable to unmarshal request body: {why}\"}}}}\n"
        ),
    );
    let answered = rig.send(MUTATE, "<").await;
    assert_eq!(answered.status, 400);
    assert_eq!(
        masked(&answered, &signed, None),
        format!(
            "{HEAD}{{\"idempotent\":true,\"systemError\":\"operation failed with error BAD_REQUEST: unable to unmarshal \
             request body: {why}\"}}}}\n"
        ),
    );
    for path in [VERIFY, MUTATE] {
        for body in [
            "",
            "[]",
            "{\"request\":{\"keys\":[1]}}",
            "{\"request\":{\"keys\":[\"a\"]}} x",
        ] {
            let answered = rig.send(path, body).await;
            assert_eq!(answered.status, 400, "{body}");
            assert!(
                answered.items().is_empty() && !answered.system_error().is_empty(),
                "{body}"
            );
        }
    }
    assert_eq!(
        rig.metric(
            "ratify_system_error_count_total{error=\"BAD_REQUEST\",workload_namespace=\"\"}"
        ),
        10
    );
}

#[tokio::test]
async fn v_14_1_no_keys() {
    let signed = Signed::new().await;
    let rig = signed.rig(Setting::default());
    for body in [
        "null",
        "{}",
        "{\"request\":{\"keys\":[]}}",
        "{\"request\":null}",
    ] {
        let answered = rig.send(VERIFY, body).await;
        assert_eq!(
            (answered.status, answered.text),
            (200, format!("{HEAD}{{}}}}\n")),
            "{body}"
        );
        let answered = rig.send(MUTATE, body).await;
        let expected = format!("{HEAD}{{\"idempotent\":true}}}}\n");
        assert_eq!((answered.status, answered.text), (200, expected), "{body}");
    }
}

#[tokio::test]
async fn v_14_1_limits_are_named() {
    let signed = Signed::new().await;
    let rig = signed.rig(Setting::default());
    let keys = vec!["reg.io/a"; 1_001];
    let answered = rig.verify(&keys).await;
    assert_eq!(answered.status, 400);
    let error = answered.system_error();
    assert!(error.contains("more than 1000 keys, the limit"), "{error}");
    let answered = rig.send(VERIFY, vec![b' '; 1024 * 1024 + 1]).await;
    assert_eq!(answered.status, 400);
    assert_eq!(
        answered.system_error(),
        "operation failed with error unable to read request body: it has more than 1048576 bytes, the limit"
    );
    let answered = rig.send(VERIFY, vec![b' '; 1024 * 1024]).await;
    assert!(
        answered.system_error().contains("unmarshal"),
        "{}",
        answered.text
    );
}

#[tokio::test]
async fn v_14_1_mutate_a_tag_a_digest_and_what_is_neither() {
    let signed = Signed::new().await;
    let rig = signed.rig(Setting::default());
    let (tag, pinned) = (signed.tagged(), signed.pinned());
    let both = format!("{tag}@{}", signed.image.descriptor().digest);
    let missing = signed.registry.tagged(REPOSITORY, "v2");
    let bracketed = format!("[team]{tag}");
    let answered = rig
        .mutate(&[&tag, &pinned, &both, &missing, "reg.io/App", &bracketed])
        .await;
    assert_eq!(answered.status, 200);
    let text = masked(&answered, &signed, None);
    let expected = format!(
        "{HEAD}{{\"idempotent\":true,\"items\":[\
         {{\"key\":\"HOST/team/app:v1\",\"value\":\"HOST/team/app@IMAGE\"}},\
         {{\"key\":\"HOST/team/app@IMAGE\",\"value\":\"HOST/team/app@IMAGE\"}},\
         {{\"key\":\"HOST/team/app:v1@IMAGE\",\"value\":\"HOST/team/app:v1@IMAGE\"}},\
         {{\"key\":\"HOST/team/app:v2\",\"error\":\"SUBJECT_NOT_FOUND: failed to get subject descriptor for image \
         HOST/team/app:v2: Unable to resolve the reference: HOST/team/app:v2: "
    );
    assert!(text.starts_with(&expected), "{text}");
    let rest = "{\"key\":\"reg.io/App\",\"error\":\"REFERENCE_INVALID: failed to parse image reference reg.io/App: \
                failed to parse subject reference: repository `App` is not lower-case letters, digits and single \
                separators (`.`, `_`, `__`, `-`) between slashes\"},\
                {\"key\":\"[team]HOST/team/app:v1\",\"error\":\"REFERENCE_INVALID: failed to parse image reference \
                [team]HOST/team/app:v1: expected an image reference, without a namespace in brackets\"}]}}\n";
    assert!(text.ends_with(rest), "{text}");
}

#[tokio::test]
async fn v_2_7_a_pinned_image_costs_no_request() {
    let signed = Signed::new().await;
    let rig = signed.rig(Setting::default());
    let nobody = format!("nobody.invalid/a@{}", signed.image.descriptor().digest);
    let answered = rig.mutate(&[signed.pinned(), nobody.clone()]).await;
    assert_eq!(answered.items()[1]["value"], nobody);
    assert!(signed.registry.requests().is_empty());
}

#[tokio::test]
async fn v_2_7_a_short_name_becomes_explicit() {
    let rig = Rig::told(super::rig::Told, Setting::default());
    let answered = rig.mutate(&["nginx"]).await;
    let value = answered.items()[0]["value"].as_str().unwrap().to_owned();
    assert!(
        value.starts_with("docker.io/library/nginx@sha256:"),
        "{value}"
    );
    let again = rig.mutate(&[&value]).await;
    assert_eq!(
        again.items()[0]["value"],
        value,
        "a mutator goes on until nothing changes"
    );
}

#[tokio::test]
async fn v_2_1_paths_and_methods() {
    let signed = Signed::new().await;
    let rig = signed.rig(Setting::default());
    let request = |method: Method, path: &str| {
        let request = Request::builder().method(method).uri(path);
        request.body(Full::from(request_of(&["reg.io/a"]))).unwrap()
    };
    for path in [
        "/",
        "/ratify/gatekeeper/v2/verify",
        "/ratify/gatekeeper/v1/verify/",
        "//ratify/gatekeeper/v1/verify",
    ] {
        let answered = rig.request(request(Method::POST, path)).await;
        assert_eq!(
            (answered.status, answered.text.as_str()),
            (404, "404 page not found\n"),
            "{path}"
        );
        assert_eq!(
            answered.headers["content-type"],
            "text/plain; charset=utf-8"
        );
    }
    for method in [Method::GET, Method::HEAD, Method::PUT, Method::OPTIONS] {
        let answered = rig.request(request(method, VERIFY)).await;
        assert_eq!((answered.status, answered.text.as_str()), (405, ""));
        assert_eq!(answered.headers["allow"], "POST");
    }
    let answered = rig
        .request(request(Method::POST, "/ratify/gatekeeper/v1/mutate?x=1"))
        .await;
    assert_eq!(
        answered.status,
        StatusCode::OK.as_u16(),
        "a query is ignored"
    );
}

#[tokio::test]
async fn v_2_5_keys_come_back_byte_for_byte_in_order_once_per_occurrence() {
    let signed = Signed::new().await;
    signed.sign();
    let rig = signed.rig(Setting::default());
    let good = signed.pinned();
    let spaced = format!("[a b]{good}");
    let odd = ["", "[]", "a\r\nb", "\u{2028}<&>\"\\", "[ns", "é"];
    let keys: Vec<&str> = [good.as_str(), spaced.as_str(), good.as_str()]
        .into_iter()
        .chain(odd)
        .chain([good.as_str()])
        .collect();
    let answered = rig.verify(&keys).await;
    let items = answered.items();
    let came: Vec<_> = items
        .iter()
        .map(|item| item["key"].as_str().unwrap())
        .collect();
    assert_eq!(came, keys);
    let good = |place: usize| items[place]["value"]["isSuccess"] == true;
    let admitted: Vec<_> = (0..keys.len()).filter(|place| good(*place)).collect();
    assert_eq!(admitted, [0, 1, 2, 9]);
    let manifests = signed
        .registry
        .count(ratify_testkit::registry::Kind::Referrers);
    assert!(
        manifests <= 2,
        "equal keys are judged once: {manifests} listings"
    );
}
