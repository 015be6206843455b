//! What the demo's server is asked, whether the answer is right, and how both are printed.

use std::net::SocketAddr;
use std::path::Path;

use ratify_policy::Decision;
use serde_json::{Value, json};

use super::Row;
use super::folder::{CLIENT, SERVER_CA};
use super::images::Case;
use super::server::{Answered, PATH};
use super::table::hanging;
use crate::render::wrap;

/// A request for these images, as Gatekeeper writes it.
pub(crate) fn question(cases: &[Case]) -> String {
    let keys: Vec<String> = cases
        .iter()
        .map(|case| case.reference.to_string())
        .collect();
    json!({
        "apiVersion": "externaldata.gatekeeper.sh/v1beta1",
        "kind": "ProviderRequest",
        "request": { "keys": keys },
    })
    .to_string()
}

/// The images that the answer says something else of than the engine did: an image that was decided has an item, and
/// one that was not is named in `systemError` alone.
pub(crate) fn differing(answered: &Answered, rows: &[Row]) -> Vec<String> {
    let differs = |row: &&Row| {
        let key = row.case.reference.to_string();
        let item = item(answered, &key);
        let told = (
            item.and_then(|item| item.pointer("/value/isSuccess")?.as_bool()),
            item.and_then(|item| item.pointer("/value/code")?.as_str()),
        );
        let named = system_error(answered).is_some_and(|error| error.contains(&key));
        let code = row.report.code().as_str();
        match &row.report.decision {
            Decision::Admit(_) => told != (Some(true), Some(code)) || named,
            Decision::Deny(_) => told != (Some(false), Some(code)) || named,
            Decision::Undecided(_) => item.is_some() || !named,
        }
    };
    let wrong = rows.iter().filter(differs);
    wrong.map(|row| row.case.name.to_owned()).collect()
}

fn items(answered: &Answered) -> &[Value] {
    let items = answered.body.pointer("/response/items");
    items.and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn item<'a>(answered: &'a Answered, key: &str) -> Option<&'a Value> {
    let is_asked = |item: &&Value| item.get("key").and_then(Value::as_str) == Some(key);
    items(answered).iter().find(is_asked)
}

fn system_error(answered: &Answered) -> Option<&str> {
    answered.body.pointer("/response/systemError")?.as_str()
}

/// The question as a command, and the answer, shortened. `folder`: where the files of the command are, if they stay.
pub(crate) fn page(
    address: SocketAddr,
    folder: Option<&Path>,
    answered: &Answered,
    rows: &[Row],
    width: usize,
) -> String {
    let mut lines = vec![String::new()];
    lines.extend(wrap(
        "Gatekeeper asks a server, for all images of an object at once, over TLS with a client certificate. \
         One runs here, too; this command would ask it:",
        width,
    ));
    lines.push(String::new());
    lines.extend(command(address, folder, rows));
    let millis = answered.time.as_secs_f64() * 1_000.0;
    lines.push(String::new());
    lines.push(format!(
        "Asked for all {} images, it answered in {millis:.1} ms with status {}, here shortened:",
        rows.len(),
        answered.status.as_u16()
    ));
    lines.push(String::new());
    lines.extend(shortened(answered, rows, width));
    lines.push(String::new());
    lines.join("\n")
}

/// The command, with the first admitted image and the first denied one.
fn command(address: SocketAddr, folder: Option<&Path>, rows: &[Row]) -> Vec<String> {
    let file = |name: &str| match folder {
        Some(folder) => folder.join(name).display().to_string(),
        None => name.to_owned(),
    };
    let keys: Vec<String> = samples(rows)
        .map(|row| row.case.reference.to_string())
        .collect();
    let question = json!({ "request": { "keys": keys } });
    vec![
        format!("  curl --cacert {} \\", file(SERVER_CA)),
        format!("    --cert {} \\", file(CLIENT.0)),
        format!("    --key {} \\", file(CLIENT.1)),
        format!("    https://{address}{PATH} \\"),
        format!("    -d '{question}'"),
    ]
}

/// The first admitted image and the first denied one.
fn samples(rows: &[Row]) -> impl Iterator<Item = &Row> {
    let admitted = rows.iter().find(|row| row.report.is_admitted());
    let denied = rows
        .iter()
        .find(|row| matches!(row.report.decision, Decision::Deny(_)));
    admitted.into_iter().chain(denied)
}

fn shortened(answered: &Answered, rows: &[Row], width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    for row in samples(rows) {
        let key = row.case.reference.to_string();
        let member = |name| item(answered, &key)?.pointer(name);
        if let (Some(success), Some(code)) = (member("/value/isSuccess"), member("/value/code")) {
            lines.push(format!(
                "  {{\"key\":\"{key}\",\"value\":{{\"isSuccess\":{success},\"code\":{code}, ...}}}}"
            ));
        }
    }
    let more = items(answered).len().saturating_sub(lines.len());
    lines.push(format!("  ... and {more} items more"));
    if let Some(error) = system_error(answered) {
        lines.push(
            "  What could not be told is no item, so that nobody takes it for a verdict:"
                .to_owned(),
        );
        lines.extend(hanging("\"systemError\": ", error, width));
    }
    lines
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use http::StatusCode;
    use ratify_engine::Report;
    use ratify_verify::{Reason, ReasonCode};

    use super::*;

    fn row(name: &'static str, expected: ReasonCode, decision: Decision) -> Row {
        let reference: ratify_oci::Reference = format!("reg.io/{name}:v1").parse().unwrap();
        Row {
            case: Case {
                name,
                about: "",
                expected,
                reference: reference.clone(),
            },
            report: Report {
                reference,
                subject: None,
                decision,
                findings: Vec::new().into(),
                remembered: false,
            },
            time: Duration::ZERO,
            requests: 0,
        }
    }

    fn rows() -> [Row; 2] {
        let unsigned = ReasonCode::NoSignature;
        let forbidden = ReasonCode::RegistryForbidden;
        [
            row("bad", unsigned, Decision::Deny(Reason::new(unsigned, "x"))),
            row(
                "far",
                forbidden,
                Decision::Undecided(Reason::new(forbidden, "x")),
            ),
        ]
    }

    fn differing(response: &Value) -> Vec<String> {
        let answered = Answered {
            status: StatusCode::OK,
            body: json!({ "response": response }),
            time: Duration::ZERO,
        };
        super::differing(&answered, &rows())
    }

    #[test]
    fn an_answer_that_says_something_else_is_noticed() {
        let bad = |success: bool, code: &str| json!({ "key": "reg.io/bad:v1", "value": { "isSuccess": success, "code": code } });
        let far = "reg.io/far:v1: REGISTRY_FORBIDDEN: x";
        let good = bad(false, "NO_SIGNATURE");
        assert_eq!(
            differing(&json!({ "items": [good], "systemError": far })),
            [""; 0]
        );
        for wrong in [bad(true, "NO_SIGNATURE"), bad(false, "VERIFIED")] {
            assert_eq!(
                differing(&json!({ "items": [wrong], "systemError": far })),
                ["bad"]
            );
        }
        assert_eq!(differing(&json!({ "items": [good] })), ["far"]);
        let item = json!({ "key": "reg.io/far:v1", "value": { "isSuccess": false } });
        assert_eq!(
            differing(&json!({ "items": [good, item], "systemError": far })),
            ["far"]
        );
        assert_eq!(differing(&json!({ "systemError": far })), ["bad"]);
        assert_eq!(differing(&json!({})), ["bad", "far"]);
    }

    #[test]
    fn the_page_shows_a_command_and_what_was_answered() {
        let answered = Answered {
            status: StatusCode::OK,
            body: json!({ "response": {
                "items": [{ "key": "reg.io/bad:v1", "value": { "isSuccess": false, "code": "NO_SIGNATURE" } }],
                "systemError": "reg.io/far:v1: REGISTRY_FORBIDDEN: x",
            }}),
            time: Duration::from_micros(1_500),
        };
        let address = "127.0.0.1:6001".parse().unwrap();
        let text = page(address, Some(Path::new("/demo")), &answered, &rows(), 100);
        for words in [
            "  curl --cacert /demo/server-ca.crt \\\n    --cert /demo/client.crt \\\n    --key /demo/client.key \\\n    \
             https://127.0.0.1:6001/ratify/gatekeeper/v1/verify \\\n    -d '{\"request\":{\"keys\":[\"reg.io/bad:v1\"]}}'\n",
            "Asked for all 2 images, it answered in 1.5 ms with status 200",
            "  {\"key\":\"reg.io/bad:v1\",\"value\":{\"isSuccess\":false,\"code\":\"NO_SIGNATURE\", ...}}\n",
            "  \"systemError\": reg.io/far:v1: REGISTRY_FORBIDDEN: x\n",
        ] {
            assert!(text.contains(words), "no {words} in {text}");
        }
    }
}
