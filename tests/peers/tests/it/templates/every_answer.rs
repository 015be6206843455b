//! Every combination of what an answer can say of one image: ours admits on exactly the full successes.

use ratify_peers::{Peer, ProviderAnswer};
use serde_json::{Value, json};

use super::{APP, SIDECAR, Template, body, creation, pod};

/// An answer, and whether it is a full success for [`APP`].
struct Case {
    answer: ProviderAnswer,
    success: bool,
}

/// Everything that can stand for a value, the only good one first; `None` is no member.
fn values() -> Vec<Option<Value>> {
    let verdicts = [
        json!(true),
        json!(false),
        Value::Null,
        json!("true"),
        json!("false"),
        json!(0),
        json!(1),
        json!([]),
        json!([true]),
        json!({}),
        json!({ "isSuccess": true }),
    ];
    let others = [
        Value::Null,
        json!(true),
        json!("isSuccess"),
        json!(1),
        json!([true]),
        json!({}),
    ];
    let values = verdicts.map(|verdict| json!({ "isSuccess": verdict }));
    values
        .into_iter()
        .chain(others)
        .map(Some)
        .chain([None])
        .collect()
}

fn cases() -> Vec<Case> {
    let good = || json!({ "key": APP, "value": { "isSuccess": true } });
    let bad = || json!({ "key": APP, "value": { "isSuccess": false } });
    let mut cases = Vec::new();
    for (index, value) in values().into_iter().enumerate() {
        for key in [Some(APP), Some(SIDECAR), None] {
            for error in [None, Some(""), Some("no")] {
                for besides in [None, Some((good(), true)), Some((bad(), false))] {
                    let mut item = json!({});
                    for (name, member) in [
                        ("value", value.clone()),
                        ("key", key.map(Value::from)),
                        ("error", error.map(Value::from)),
                    ] {
                        if let Some(member) = member {
                            item[name] = member;
                        }
                    }
                    let ours = key == Some(APP);
                    let is_good = index == 0 && error.is_none_or(str::is_empty);
                    // every word on the image is good, and there is one
                    let said = [
                        ours.then_some(is_good),
                        besides.as_ref().map(|(_, good)| *good),
                    ];
                    let said: Vec<_> = said.into_iter().flatten().collect();
                    let success = !said.is_empty() && said.iter().all(|good| *good);
                    let mut items = vec![item];
                    items.extend(besides.map(|(item, _)| item));
                    for (status, system_error) in
                        [(200, None), (200, Some("no")), (201, None), (500, None)]
                    {
                        let body = body(&items, system_error);
                        let success =
                            success && status == 200 && system_error.is_none_or(str::is_empty);
                        let answer = ProviderAnswer::Http { status, body };
                        cases.push(Case { answer, success });
                    }
                }
            }
        }
    }
    cases
}

#[test]
fn ours_admits_on_full_successes_alone() {
    let Some(opa) = Peer::require("opa") else {
        return;
    };
    let cases = cases();
    let successes = cases.iter().filter(|case| case.success).count();
    assert!(
        successes > 20 && successes * 10 < cases.len(),
        "{successes} of {}",
        cases.len()
    );
    let review = creation(pod(&[APP]));
    let reviews = cases.iter().map(|case| (review.clone(), &case.answer));
    let judged = Template::ours().judge(&opa, reviews);
    for (case, judgement) in cases.iter().zip(judged) {
        let answer = &case.answer;
        assert_eq!(judgement.error, "", "{answer:?}");
        assert_eq!(
            judgement.admits(),
            case.success,
            "{answer:?}: {judgement:?}"
        );
    }
}
