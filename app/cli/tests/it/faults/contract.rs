//! What every answer must be, whatever went wrong (decision 3, attack catalogue T-51).
//!
//! One JSON document and nothing else; for each key that was asked for one item, in order, or none and its name in
//! `systemError`; never an item that nobody asked for; never late.

use std::fmt;
use std::iter::Peekable;
use std::slice::Iter;
use std::time::Duration;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value, json};

/// How much later than in time an answer may be read by a test that has to share the machine. Exact times are tested where
/// time can be turned by hand; what never comes, or comes when it is done, is far later.
const SHARED_MACHINE: Duration = Duration::from_secs(3);

/// What was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Endpoint {
    Verify,
    Mutate,
}

impl Endpoint {
    pub(crate) fn path(self) -> &'static str {
        match self {
            Self::Verify => "/ratify/gatekeeper/v1/verify",
            Self::Mutate => "/ratify/gatekeeper/v1/mutate",
        }
    }

    /// Gatekeeper's request for `keys`.
    pub(crate) fn body(keys: &[impl AsRef<str>]) -> Vec<u8> {
        let keys: Vec<_> = keys.iter().map(AsRef::as_ref).collect();
        let body = json!({
            "apiVersion": "externaldata.gatekeeper.sh/v1beta1",
            "kind": "ProviderRequest",
            "request": { "keys": keys },
        });
        body.to_string().into_bytes()
    }
}

/// Bytes as they came.
#[derive(Debug)]
pub(crate) struct Raw {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
    pub(crate) took: Duration,
}

impl Raw {
    /// Whether the server says that this was the last answer on the connection.
    pub(crate) fn is_last(&self) -> bool {
        self.head.contains("connection: close")
    }
}

/// An answer that keeps the contract.
#[derive(Debug, Clone)]
pub(crate) struct Answered {
    pub(crate) items: Vec<Value>,
    pub(crate) system_error: String,
    pub(crate) took: Duration,
}

impl Answered {
    /// What `raw` says about `keys`, for which the caller waited at most `patience`. Panics if it breaks the contract.
    #[track_caller]
    pub(crate) fn of(
        endpoint: Endpoint,
        keys: &[impl AsRef<str>],
        raw: &Raw,
        patience: Duration,
    ) -> Self {
        let keys: Vec<_> = keys.iter().map(AsRef::as_ref).collect();
        let answered = check(endpoint, &keys, raw, patience);
        answered.unwrap_or_else(|broken| {
            let body = String::from_utf8_lossy(&raw.body);
            panic!(
                "{broken}\nasked: {keys:?}\nafter {:?}\n{}{body}",
                raw.took, raw.head
            )
        })
    }

    /// `admit CODE`, `deny CODE` or `undecided CODE`.
    #[track_caller]
    pub(crate) fn of_key(&self, key: &str) -> String {
        if let Some(item) = self.items.iter().find(|item| item["key"] == key) {
            let value = &item["value"];
            let verdict = if value["isSuccess"] == true {
                "admit"
            } else {
                "deny"
            };
            return format!("{verdict} {}", value["code"].as_str().unwrap());
        }
        let mut parts = self.system_error.split("; ");
        let reason = parts.find_map(|part| part.strip_prefix(key)?.strip_prefix(": "));
        let reason = reason.unwrap_or_else(|| panic!("`{key}` is not named in {self:?}"));
        let code = reason.split(": ").next().unwrap();
        format!("undecided {code}")
    }

    /// The digest that was judged.
    pub(crate) fn digest_of(&self, key: &str) -> Option<&str> {
        let item = self.items.iter().find(|item| item["key"] == key)?;
        item["value"]["digest"].as_str()
    }

    /// What `mutate` made of a key.
    pub(crate) fn mutated(&self, key: &str) -> Result<&str, &str> {
        let item = self.items.iter().find(|item| item["key"] == key).unwrap();
        match item["value"].as_str() {
            Some(value) => Ok(value),
            None => Err(item["error"].as_str().unwrap()),
        }
    }
}

fn check(
    endpoint: Endpoint,
    keys: &[&str],
    raw: &Raw,
    patience: Duration,
) -> Result<Answered, String> {
    demand(raw.status == 200, "the status is not 200")?;
    demand(raw.took < patience + SHARED_MACHINE, "it came too late")?;
    let document: Strict =
        serde_json::from_slice(&raw.body).map_err(|error| format!("not one document: {error}"))?;
    let document = document.0;
    demand(
        document["apiVersion"] == "externaldata.gatekeeper.sh/v1alpha1"
            && document["kind"] == "ProviderResponse",
        "not a ProviderResponse",
    )?;
    let response = &document["response"];
    let items = match response.get("items") {
        None => Vec::new(),
        Some(Value::Array(items)) => items.clone(),
        Some(_) => return Err("`items` is not an array".to_owned()),
    };
    let system_error = match response.get("systemError") {
        None => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(_) => return Err("`systemError` is not text".to_owned()),
    };
    let mut rest = items.iter().peekable();
    for key in keys {
        one(endpoint, key, &mut rest, &system_error)?;
    }
    demand(
        rest.next().is_none(),
        "an item that was not asked for, or out of order",
    )?;
    let idempotent = response["idempotent"] == true;
    demand(
        idempotent == (endpoint == Endpoint::Mutate),
        "`idempotent` is not as it should be",
    )?;
    Ok(Answered {
        items,
        system_error,
        took: raw.took,
    })
}

fn one(
    endpoint: Endpoint,
    key: &str,
    rest: &mut Peekable<Iter<'_, Value>>,
    system_error: &str,
) -> Result<(), String> {
    let Some(item) = rest.next_if(|item| item["key"] == key) else {
        let all = system_error.starts_with("operation failed with error ");
        let named = system_error.contains(&format!("{key}: ")) || system_error.ends_with(" more");
        return demand(
            all || named,
            &format!("`{key}` has no item and no `systemError`"),
        );
    };
    match endpoint {
        Endpoint::Mutate => {
            let (value, error) = (item.get("value"), item.get("error"));
            demand(
                value.is_some() != error.is_some(),
                "neither value nor error, or both",
            )?;
            let pinned =
                value.is_none_or(|value| value.as_str().is_some_and(|v| v.contains("@sha256:")));
            demand(pinned, "what came of a reference has no digest")
        }
        Endpoint::Verify => {
            demand(item.get("error").is_none(), "an item with an error")?;
            let value = &item["value"];
            demand(
                value["isSuccess"].is_boolean(),
                "`isSuccess` is not a boolean",
            )?;
            demand(value["verifierReports"].is_array(), "no `verifierReports`")?;
            for member in ["code", "timestamp", "traceID", "version"] {
                let text = value[member].as_str().unwrap_or_default();
                demand(!text.is_empty(), &format!("`{member}` is empty"))?;
            }
            let judged = value["digest"]
                .as_str()
                .is_some_and(|text| text.starts_with("sha256:"));
            let admits = value["isSuccess"] == true;
            demand(!admits || judged, "an admission that names no digest")?;
            let pin = key.rsplit_once('@').map(|(_, digest)| digest);
            let same = !judged || pin.is_none_or(|pin| value["digest"] == pin);
            demand(
                same,
                "the digest that was judged is not the one that was asked for",
            )
        }
    }
}

fn demand(so: bool, otherwise: &str) -> Result<(), String> {
    so.then_some(()).ok_or_else(|| otherwise.to_owned())
}

/// A document in which no member occurs twice: of two, one reader takes the first and another the last.
struct Strict(Value);

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(reader: D) -> Result<Self, D::Error> {
        reader.deserialize_any(StrictVisitor).map(Self)
    }
}

struct StrictVisitor;

impl<'de> Visitor<'de> for StrictVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value in which no member occurs twice")
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(Strict(value)) = elements.next_element()? {
            values.push(value);
        }
        Ok(Value::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some((name, Strict(value))) = members.next_entry::<String, Strict>()? {
            if object.insert(name.clone(), value).is_some() {
                return Err(A::Error::custom(format_args!("`{name}` occurs twice")));
            }
        }
        Ok(Value::Object(object))
    }
}

/// The checker itself: an answer that breaks one rule is refused, so that the tests that use it mean something.
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn raw(endpoint: Endpoint, response: &str) -> Raw {
        let idempotent = match endpoint {
            Endpoint::Verify => "",
            Endpoint::Mutate => r#""idempotent":true,"#,
        };
        let body = format!(
            r#"{{"apiVersion":"externaldata.gatekeeper.sh/v1alpha1","kind":"ProviderResponse","response":{{{idempotent}{response}}}}}"#
        );
        Raw {
            status: 200,
            head: String::new(),
            body: body.into_bytes(),
            took: SECOND / 2,
        }
    }

    fn item(key: &str, success: &str) -> String {
        format!(
            r#"{{"key":"{key}","value":{{"isSuccess":{success},"code":"C","digest":"sha256:aa","reason":"r","timestamp":"t","traceID":"i","verifierReports":[],"version":"0.2.0"}}}}"#
        )
    }

    fn of(keys: &[&str], response: &str) -> Result<Answered, String> {
        check(
            Endpoint::Verify,
            keys,
            &raw(Endpoint::Verify, response),
            SECOND,
        )
    }

    #[test]
    fn att_51_what_keeps_the_contract_passes() {
        let (a, b) = (item("a", "true"), item("b", "false"));
        let answered = of(
            &["a", "c", "b", "a"],
            &format!(r#""items":[{a},{b},{a}],"systemError":"c: REGISTRY_TIMEOUT: slow""#),
        )
        .unwrap();
        assert_eq!(answered.of_key("a"), "admit C");
        assert_eq!(answered.of_key("b"), "deny C");
        assert_eq!(answered.of_key("c"), "undecided REGISTRY_TIMEOUT");
        assert!(
            of(
                &["a"],
                r#""systemError":"operation failed with error X: y""#
            )
            .is_ok()
        );
        let mutated = r#""items":[{"key":"a","value":"a@sha256:00"},{"key":"b","error":"no"}]"#;
        let raw = raw(Endpoint::Mutate, mutated);
        assert!(check(Endpoint::Mutate, &["a", "b"], &raw, SECOND).is_ok());
    }

    #[test]
    fn att_51_what_breaks_the_contract_does_not() {
        let (a, b) = (item("a", "true"), item("b", "false"));
        for (keys, response, why) in [
            (&["a"][..], "\"x\":1".to_owned(), "has no item"),
            (&["a"], r#""systemError":"""#.to_owned(), "has no item"),
            (
                &["a"],
                format!(r#""items":[{a}],"items":[{a}]"#),
                "occurs twice",
            ),
            (&["a"], format!(r#""items":[{a},{b}]"#), "was not asked for"),
            (&["a"], format!(r#""items":[{a},{a}]"#), "was not asked for"),
            (&["b", "a"], format!(r#""items":[{a},{b}]"#), "has no item"),
            (
                &["a"],
                format!(r#""items":[{}]"#, item("a", "\"true\"")),
                "not a boolean",
            ),
            (
                &["a"],
                format!(
                    r#""items":[{}]"#,
                    a.replace("\"code\":\"C\"", "\"code\":\"\"")
                ),
                "`code` is empty",
            ),
            (
                &["a"],
                format!(r#""items":[{}]"#, a.replace("sha256:aa", "")),
                "names no digest",
            ),
            (
                &["a"],
                r#""items":[{"key":"a","error":"no"}]"#.to_owned(),
                "with an error",
            ),
            (
                &["a"],
                format!(r#""idempotent":true,"items":[{a}]"#),
                "`idempotent`",
            ),
            (
                &["x@sha256:bb"],
                format!(r#""items":[{}]"#, item("x@sha256:bb", "true")),
                "not the one",
            ),
        ] {
            let error = of(keys, &response).unwrap_err();
            assert!(error.contains(why), "{error}, expected {why}");
        }
        let good = format!(r#""items":[{a}]"#);
        let mut twice = raw(Endpoint::Verify, &good);
        twice.body.extend_from_within(..);
        let error = check(Endpoint::Verify, &["a"], &twice, SECOND).unwrap_err();
        assert!(error.contains("not one document"), "{error}");
        let mut late = raw(Endpoint::Verify, &good);
        late.took = SECOND + SHARED_MACHINE;
        assert!(check(Endpoint::Verify, &["a"], &late, SECOND).is_err());
    }
}
