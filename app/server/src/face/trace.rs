//! The name of one request in answers and logs (V 2.9).

use http::{HeaderMap, HeaderName};
use uuid::Uuid;

/// The longest id that is taken from a caller: a W3C `traceparent` has 55 characters, an Azure correlation id 36.
const LONGEST: usize = 128;

/// The caller's id out of the first of these headers that carries a usable one, else a new UUID of version 4.
///
/// Usable is 1 to 128 visible ASCII characters: the id stands in logs and answers, and whoever calls chooses it.
pub(super) fn id(headers: &HeaderMap, names: &[HeaderName]) -> String {
    names
        .iter()
        .filter_map(|name| headers.get(name)?.to_str().ok())
        .find(|id| {
            (1..=LONGEST).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic())
        })
        .map_or_else(|| Uuid::new_v4().to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn v_2_9_the_first_usable_header_names_the_request() {
        let names = ["x-first", "x-second"].map(HeaderName::from_static);
        let of = |first: &[u8], second: &[u8]| {
            let mut headers = HeaderMap::new();
            for (name, value) in names.iter().zip([first, second]) {
                headers.insert(name, HeaderValue::from_bytes(value).unwrap());
            }
            id(&headers, &names)
        };
        assert_eq!(of(b"a", b"b"), "a");
        for bad in ["", "a b", "a\tb", "\u{e4}", &"x".repeat(129)] {
            assert_eq!(of(bad.as_bytes(), b"b"), "b", "`{bad}`");
        }
        assert_eq!(of("x".repeat(128).as_bytes(), b"").len(), 128);
    }

    #[test]
    fn v_2_9_without_one_it_is_a_new_uuid() {
        let names = [HeaderName::from_static("x-first")];
        let (one, other) = (id(&HeaderMap::new(), &names), id(&HeaderMap::new(), &names));
        assert_ne!(one, other);
        assert_eq!(Uuid::parse_str(&one).unwrap().get_version_num(), 4);
    }
}
