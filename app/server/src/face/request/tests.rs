use proptest::prelude::*;

use super::*;

fn read(body: &str) -> Result<Vec<String>, String> {
    let keys = keys(body.as_bytes(), 1_000);
    let keys = keys.map_err(|error| error.to_string())?;
    Ok(keys.into_iter().map(Cow::into_owned).collect())
}

#[test]
fn v_2_5_gatekeepers_request_is_read() {
    let body = r#"{"apiVersion":"externaldata.gatekeeper.sh/v1beta1","kind":"ProviderRequest","request":{"keys":["[team]reg.io/a:v1","reg.io/b@sha256:x","ä\n\u0041"]}}"#;
    let expected = ["[team]reg.io/a:v1", "reg.io/b@sha256:x", "ä\nA"];
    assert_eq!(read(body).unwrap(), expected);
}

#[test]
fn v_2_5_names_are_matched_as_by_go() {
    for body in [
        r#"{"Request":{"KEYS":["a"]}}"#,
        r#"{"REQUEST":{"kEyS":["a"]}}"#,
        "{\"reque\u{17f}t\":{\"\u{212a}ey\u{17f}\":[\"a\"]}}",
        r#"{"\u0072equest":{"keys":["a"]}}"#,
        r#"{"other":[{"request":1}],"request":{"x":{"keys":["b"]},"keys":["a"]},"keys":["c"]}"#,
        r#"{"apiVersion":7,"kind":null,"request":{"keys":["a"]}}"#,
        " \r\n\t{ \"request\" : { \"keys\" : [ \"a\" ] } } \n",
    ] {
        assert_eq!(read(body).unwrap(), ["a"], "{body}");
    }
    for body in [
        r#"{"requests":{"keys":["a"]}}"#,
        r#"{"request":{"key":["a"]}}"#,
        r#"{"request":{"keys ":["a"]}}"#,
    ] {
        assert!(read(body).unwrap().is_empty(), "{body}");
    }
}

#[test]
fn v_2_5_no_keys_is_no_mistake() {
    for body in [
        "null",
        "{}",
        r#"{"request":null}"#,
        r#"{"request":{}}"#,
        r#"{"request":{"keys":null}}"#,
        r#"{"request":{"keys":[]}}"#,
    ] {
        assert!(read(body).unwrap().is_empty(), "{body}");
    }
}

#[test]
fn att_51_what_is_not_a_request_is_refused() {
    for (body, why) in [
        ("", "EOF while parsing"),
        ("{", "EOF while parsing"),
        ("[]", "invalid type: sequence"),
        ("\"x\"", "invalid type: string"),
        ("7", "invalid type: integer"),
        ("\u{feff}{}", "expected value"),
        ("{}{}", "trailing characters"),
        ("null x", "trailing characters"),
        (r#"{"request":[]}"#, "invalid type: sequence"),
        (r#"{"request":{"keys":{}}}"#, "expected an array of keys"),
        (r#"{"request":{"keys":"a"}}"#, "expected an array of keys"),
        (
            r#"{"request":{"keys":[1]}}"#,
            "expected a key, which is a string",
        ),
        (
            r#"{"request":{"keys":["a",null]}}"#,
            "expected a key, which is a string",
        ),
        (
            r#"{"request":{"keys":[["a"]]}}"#,
            "expected a key, which is a string",
        ),
        (r#"{"request":{"keys":["\ud800x"]}}"#, "hex escape"),
        (r#"{"request":{"keys":["a"],}}"#, "trailing comma"),
        ("{\"request\":{\"keys\":[\"a\nb\"]}}", "control character"),
    ] {
        let text = read(body).unwrap_err();
        let words = "unable to unmarshal request body: ";
        assert!(
            text.starts_with(words) && text.contains(why),
            "{body}: {text}"
        );
    }
    let invalid = keys(b"{\"request\":{\"keys\":[\"\xff\"]}}", 1_000);
    assert!(
        invalid.is_err(),
        "Go would ask for another key than was sent"
    );
}

#[test]
fn att_51_a_member_that_occurs_twice_is_refused() {
    for (body, member) in [
        (r#"{"request":{"keys":["a"],"keys":["b"]}}"#, "keys"),
        (r#"{"request":{"keys":["a"],"Keys":["b"]}}"#, "keys"),
        (r#"{"request":{"keys":null,"keys":["b"]}}"#, "keys"),
        (r#"{"request":{"keys":["a"]},"request":{}}"#, "request"),
        (r#"{"request":{"keys":["a"]},"REQUEST":null}"#, "request"),
    ] {
        let text = read(body).unwrap_err();
        assert!(
            text.contains(&format!("`{member}` occurs twice")),
            "{body}: {text}"
        );
    }
    assert_eq!(
        read(r#"{"x":1,"x":2,"request":{"keys":["a"]}}"#).unwrap(),
        ["a"]
    );
}

#[test]
fn the_number_of_keys_is_limited() {
    let body = |count| {
        let keys = vec!["\"a\""; count].join(",");
        format!("{{\"request\":{{\"keys\":[{keys}]}}}}")
    };
    assert_eq!(read(&body(1_000)).unwrap().len(), 1_000);
    let text = read(&body(1_001)).unwrap_err();
    assert!(text.contains("more than 1000 keys, the limit"), "{text}");
}

#[test]
fn att_03_nesting_costs_no_stack() {
    let deep = "[".repeat(500_000);
    for body in [
        deep.clone(),
        format!("{{\"x\":{deep}"),
        format!("{{\"x\":{deep}{}}}", "]".repeat(500_000)),
        format!("{{\"request\":{{\"keys\":{deep}"),
        "{\"request\":".repeat(90_000),
        "{\"x\":".repeat(200_000),
    ] {
        // read or refused, but never the end of the process
        let _ = read(&body);
    }
}

fn arbitrary_json() -> impl Strategy<Value = serde_json::Value> {
    use serde_json::Value;
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 6, |inner| {
        let name = prop_oneof!["request", "keys", "Keys", "x", any::<String>()];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::hash_map(name, inner, 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn random_bytes_are_read_or_refused(body in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = keys(&body, 1_000);
    }

    #[test]
    fn any_json_gives_no_key_that_is_not_in_it(value in arbitrary_json()) {
        let body = value.to_string();
        if let Ok(keys) = keys(body.as_bytes(), 1_000) {
            for key in keys {
                let quoted = serde_json::to_string(&key).unwrap();
                prop_assert!(body.contains(&quoted), "{quoted} out of {body}");
            }
        }
    }

    #[test]
    fn all_keys_come_through_in_order(wanted in prop::collection::vec(any::<String>(), 0..20)) {
        let body = serde_json::json!({ "request": { "keys": &wanted } }).to_string();
        prop_assert_eq!(read(&body).unwrap(), wanted);
    }
}
