//! Answers that our server must never give. Ours denies on every one; the table says which of Ratify's templates would
//! admit, which is why.

use std::collections::BTreeSet;

use ratify_peers::{Peer, ProviderAnswer};
use serde_json::{Value, json};

use super::{APP, SIDECAR, Template, body, creation, pod, recorded, recorded_items, stock};

/// The default template in its three forms, and the one that differs in the keys alone.
const DEFAULTS: [&str; 4] = [
    "1.0 default",
    "1.4 default",
    "1.4 multi-tenancy",
    "2022 default",
];
/// Those that need a trace id and a time to say why they deny.
const STAMPED: [&str; 2] = ["1.4 default", "1.4 multi-tenancy"];
const NESTED: [&str; 1] = ["1.4 notation-nested"];
const NOTATION: [&str; 1] = ["1.4 notation"];
const ISSUER: [&str; 1] = ["1.4 notation-issuer"];
const CONTENTS: [&str; 2] = ["1.4 sbom", "1.4 vulnerability-report"];

/// Whoever looks at nothing but what is there admits what is not there.
const ALL: [&[&str]; 5] = [&DEFAULTS, &NESTED, &NOTATION, &ISSUER, &CONTENTS];
/// One good value is enough, for whatever image and with whatever status.
const WHO_SEES_A_GOOD_ONE: [&[&str]; 4] = [&DEFAULTS, &NESTED, &NOTATION, &ISSUER];
const NOBODY: [&[&str]; 0] = [];

struct Form {
    what: &'static str,
    answer: ProviderAnswer,
    admitted_by: &'static [&'static [&'static str]],
}

fn form(
    what: &'static str,
    answer: impl Into<String>,
    admitted_by: &'static [&'static [&'static str]],
) -> Form {
    Form {
        what,
        answer: ProviderAnswer::ok(answer),
        admitted_by,
    }
}

fn status(status: u16, form: Form) -> Form {
    let ProviderAnswer::Http { body, .. } = form.answer else {
        panic!("{} has no status", form.what);
    };
    Form {
        answer: ProviderAnswer::Http { status, body },
        ..form
    }
}

fn failure(
    what: &'static str,
    answer: ProviderAnswer,
    admitted_by: &'static [&'static [&'static str]],
) -> Form {
    Form {
        what,
        answer,
        admitted_by,
    }
}

/// The item of a recorded answer about one image, changed.
fn item(name: &str, change: impl FnOnce(&mut Value)) -> Value {
    let mut item = recorded_items(name).remove(0);
    change(&mut item);
    item
}

/// An answer with that one item and no system error.
fn one(name: &str, change: impl FnOnce(&mut Value)) -> String {
    body(&[item(name, change)], None)
}

fn without<'a>(members: &'a [&'a str]) -> impl FnOnce(&mut Value) + 'a {
    move |item| {
        for member in members {
            item["value"]
                .as_object_mut()
                .unwrap()
                .remove(*member)
                .unwrap();
        }
    }
}

fn with(member: &str, value: Value) -> impl FnOnce(&mut Value) {
    move |item| item["value"][member] = value
}

/// Something else in place of a value.
fn values_that_are_none() -> Vec<Form> {
    let admitted_by: &[&[&str]] = &[&DEFAULTS, &NESTED];
    let values = [
        ("`value` null", Value::Null),
        ("`value` a string", "isSuccess".into()),
        ("`value` true", true.into()),
        ("`value` an array", json!([{ "isSuccess": true }])),
        ("`value` empty", json!({})),
    ];
    let none = one("denied", |item| {
        item.as_object_mut().unwrap().remove("value").unwrap();
    });
    values
        .into_iter()
        .map(|(what, value)| (what, one("denied", |item| item["value"] = value)))
        .chain([("no `value`", none)])
        .map(|(what, body)| form(what, body, admitted_by))
        .collect()
}

/// Something else in place of a verdict.
fn verdicts_that_are_none() -> Vec<Form> {
    let verdicts = [
        ("`isSuccess` null", Value::Null),
        ("`isSuccess` \"false\"", "false".into()),
        ("`isSuccess` \"true\"", "true".into()),
        ("`isSuccess` 0", 0.into()),
        ("`isSuccess` 1", 1.into()),
        ("`isSuccess` an array", json!([])),
    ];
    let none = one("denied", without(&["isSuccess"]));
    let misspelt = one("denied", |item| {
        without(&["isSuccess"])(item);
        item["value"]["issuccess"] = false.into();
    });
    verdicts
        .into_iter()
        .map(|(what, verdict)| (what, one("denied", with("isSuccess", verdict))))
        .chain([("no `isSuccess`", none), ("`issuccess`", misspelt)])
        .map(|(what, body)| form(what, body, &[&DEFAULTS]))
        .collect()
}

/// A denial that lacks what a template needs to deny.
fn denials_without() -> Vec<Form> {
    vec![
        form(
            "denied, no `traceID`",
            one("denied", without(&["traceID"])),
            &[&STAMPED],
        ),
        form(
            "denied, no `timestamp`",
            one("denied", without(&["timestamp"])),
            &[&STAMPED],
        ),
        form(
            "denied, neither",
            one("denied", without(&["traceID", "timestamp"])),
            &[&STAMPED],
        ),
        form(
            "denied, `traceID` empty",
            one("denied", with("traceID", "".into())),
            &NOBODY,
        ),
        form(
            "denied, no `verifierReports`",
            one("denied", without(&["verifierReports"])),
            &[&NESTED],
        ),
        form(
            "denied, `verifierReports` null",
            one("denied", with("verifierReports", Value::Null)),
            &NOBODY,
        ),
        form(
            "denied, `verifierReports` empty",
            one("denied", with("verifierReports", json!([]))),
            &NOBODY,
        ),
        form(
            "denied, no `code`",
            one("denied", without(&["code"])),
            &NOBODY,
        ),
        form(
            "denied, no `reason`",
            one("denied", without(&["reason"])),
            &NOBODY,
        ),
    ]
}

/// Answers without any item.
fn answers_about_nothing() -> Vec<Form> {
    let beside = json!({ "items": recorded_items("denied") }).to_string();
    let elsewhere = json!({ "errors": ["too bad"] }).to_string();
    let items = |items: Value| json!({ "response": { "items": items } }).to_string();
    vec![
        form("no items", body(&[], None), &ALL),
        form("an empty list of items", items(json!([])), &ALL),
        form("`items` null", items(Value::Null), &ALL),
        form("`response` null", r#"{"response":null}"#, &ALL),
        form("no `response`", "{}", &ALL),
        form("null", "null", &ALL),
        form("items beside `response`", beside, &ALL),
        form("an empty system error", body(&[], Some("")), &ALL),
        status(500, form("no items, status 500", body(&[], None), &ALL)),
        status(400, form("an error elsewhere", elsewhere, &ALL)),
    ]
}

/// A good verdict on something else.
fn answers_under_another_key() -> Vec<Form> {
    let keys = [
        ("another image", SIDECAR.to_owned()),
        ("the image and a blank", format!("{APP} ")),
        ("the image in another namespace", format!("[other]{APP}")),
        (
            "the image by digest",
            "registry.example/team/app@sha256:a1".to_owned(),
        ),
    ];
    let none = one("admitted", |item| {
        item.as_object_mut().unwrap().remove("key").unwrap();
    });
    keys.into_iter()
        .map(|(what, key)| (what, one("admitted", |item| item["key"] = key.into())))
        .chain([("no key", none)])
        .map(|(what, body)| form(what, body, &WHO_SEES_A_GOOD_ONE))
        .collect()
}

/// Errors of single items, of the whole, and answers that say two things.
fn errors_and_contradictions() -> Vec<Form> {
    let admitted = || item("admitted", |_| ());
    let denied = || item("denied", |_| ());
    let refused = || json!({ "key": APP, "error": "REFERENCE_INVALID: no" });
    vec![
        form(
            "an item with an error",
            body(&[refused()], None),
            &[&NOTATION],
        ),
        form(
            "a good value and an error",
            one("admitted", |item| {
                item["error"] = "but".into();
            }),
            &[&NOTATION],
        ),
        form(
            "a good item and one with an error",
            body(&[admitted(), refused()], None),
            &[&NOTATION],
        ),
        form(
            "good, then bad",
            body(&[admitted(), denied()], None),
            &NOBODY,
        ),
        form(
            "bad, then good",
            body(&[denied(), admitted()], None),
            &NOBODY,
        ),
        form(
            "a good item and a system error",
            body(&[admitted()], Some("but")),
            &NOBODY,
        ),
        status(
            500,
            form(
                "a good item, status 500",
                body(&[admitted()], None),
                &WHO_SEES_A_GOOD_ONE,
            ),
        ),
        status(
            201,
            form(
                "a good item, status 201",
                body(&[admitted()], None),
                &WHO_SEES_A_GOOD_ONE,
            ),
        ),
        status(
            400,
            form("a bad item, status 400", body(&[denied()], None), &NOBODY),
        ),
    ]
}

/// What is no answer at all.
fn failures() -> Vec<Form> {
    let admitted = recorded("admitted");
    vec![
        form("no body", "", &NOBODY),
        form("a body that is text", "unavailable", &NOBODY),
        form("a body that is an array", "[]", &NOBODY),
        form("a body that is a string", "\"ok\"", &NOBODY),
        form("two documents", format!("{admitted}{admitted}"), &NOBODY),
        form("half a document", &admitted[..admitted.len() / 2], &NOBODY),
        form(
            "`items` an object",
            json!({ "response": { "items": {} } }).to_string(),
            &NOBODY,
        ),
        form(
            "`systemError` an object",
            json!({ "response": { "systemError": {} } }).to_string(),
            &NOBODY,
        ),
        status(
            503,
            form("a page of a proxy", "<html>unavailable</html>", &NOBODY),
        ),
        failure(
            "a connection that breaks",
            ProviderAnswer::Truncated(admitted),
            &NOBODY,
        ),
        failure(
            "a connection that is closed",
            ProviderAnswer::Closed,
            &NOBODY,
        ),
        failure("no Provider object", ProviderAnswer::NoProvider, &NOBODY),
        failure("`external_data` undefined", ProviderAnswer::Undefined, &ALL),
    ]
}

fn check(opa: &Peer, images: &[&str], forms: &[Form]) {
    let templates = stock::templates();
    let review = creation(pod(images));
    let mut admitted_by = vec![BTreeSet::new(); forms.len()];
    for template in &templates {
        let cases = forms.iter().map(|form| (review.clone(), &form.answer));
        for (index, judgement) in template.judge(opa, cases).iter().enumerate() {
            assert_eq!(
                judgement.error, "",
                "{} on {}",
                template.name, forms[index].what
            );
            if judgement.admits() {
                admitted_by[index].insert(template.name);
            }
        }
    }
    let different: Vec<_> = forms
        .iter()
        .zip(admitted_by)
        .map(|(form, admitted_by)| (form.what, admitted_by, form.admitted_by.concat()))
        .filter(|(_, found, expected)| *found != expected.iter().copied().collect())
        .collect();
    assert!(
        different.is_empty(),
        "what, found, expected: {different:#?}"
    );
    for ours in [Template::ours(), Template::ours_namespaced()] {
        let cases = forms.iter().map(|form| (review.clone(), &form.answer));
        for (form, judgement) in forms.iter().zip(ours.judge(opa, cases)) {
            let (name, what) = (ours.name, form.what);
            assert_eq!(judgement.error, "", "{name} on {what}");
            let all: Vec<_> = judgement.violations.iter().map(String::as_str).collect();
            assert_ne!(all, [""; 0], "{name} admits on {what}");
            for violation in all {
                let start = "Subject failed verification: registry.example/team/";
                assert!(
                    violation.starts_with(start),
                    "{name} on {what}: {violation}"
                );
            }
        }
    }
}

#[test]
fn what_is_no_full_success_denies() {
    let Some([opa, _ratify]) = Peer::require_all(["opa", "ratify"]) else {
        return;
    };
    for forms in [
        values_that_are_none(),
        verdicts_that_are_none(),
        denials_without(),
        answers_about_nothing(),
        answers_under_another_key(),
        errors_and_contradictions(),
        failures(),
    ] {
        check(&opa, &[APP], &forms);
    }
}

#[test]
fn an_image_that_the_answer_leaves_out_denies() {
    let Some([opa, _ratify]) = Peer::require_all(["opa", "ratify"]) else {
        return;
    };
    let twice = [recorded_items("admitted"), recorded_items("admitted")].concat();
    let forms = [
        form("one of two", recorded("admitted"), &WHO_SEES_A_GOOD_ONE),
        form(
            "one of two, twice",
            body(&twice, None),
            &WHO_SEES_A_GOOD_ONE,
        ),
    ];
    check(&opa, &[APP, SIDECAR], &forms);
}
