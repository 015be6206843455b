//! The name of one request in answers and logs (V 2.9).

use std::hash::{BuildHasher, RandomState};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

use http::{HeaderMap, HeaderName};
use uuid::{Builder, Uuid};

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
        .map_or_else(|| new().to_string(), str::to_owned)
}

/// A UUID that no other request has. It need not be hard to guess, so the system is asked for randomness only once: that
/// call would cost a tenth of an answer out of memory.
fn new() -> Uuid {
    static SECRET: LazyLock<RandomState> = LazyLock::new(RandomState::new);
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let [high, low] = [0_u8, 1].map(|half| SECRET.hash_one((number, half)));
    let bits = (u128::from(high) << 64) | u128::from(low);
    Builder::from_random_bytes(bits.to_be_bytes()).into_uuid()
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
        let many: std::collections::HashSet<_> = (0..10_000).map(|_| new()).collect();
        assert_eq!(many.len(), 10_000);
        assert_eq!(Uuid::parse_str(&one).unwrap().get_version_num(), 4);
    }
}
