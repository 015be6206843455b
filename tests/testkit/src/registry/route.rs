//! What a path asks for (OCI distribution specification 1.1, "Endpoints"). Never answers.

/// What a request is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// `/v2/`: is this a registry?
    Ping,
    /// A manifest by tag or digest.
    Manifest,
    /// The list of referrers by the referrers API.
    Referrers,
    /// The list of referrers by the referrers tag schema: a manifest under a tag `sha256-<hex>`.
    ReferrersTag,
    /// A blob.
    Blob,
    /// A token for the bearer login.
    Token,
    /// Part of a push of a blob.
    Upload,
    /// The list of tags.
    Tags,
    /// Nothing known.
    Other,
}

/// A path taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Route {
    pub(crate) kind: Kind,
    pub(crate) repository: String,
    /// Tag, digest or upload id.
    pub(crate) target: String,
}

/// Where tokens are issued.
pub(crate) const TOKEN_PATH: &str = "/token";

impl Route {
    pub(crate) fn of(path: &str) -> Self {
        let path = decode(path, false);
        if path == TOKEN_PATH {
            return Self::new(Kind::Token, &[], "");
        }
        let Some(rest) = path.strip_prefix("/v2/") else {
            let kind = if path == "/v2" {
                Kind::Ping
            } else {
                Kind::Other
            };
            return Self::new(kind, &[], "");
        };
        let segments: Vec<&str> = rest.split('/').collect();
        match segments.as_slice() {
            [""] => Self::new(Kind::Ping, &[], ""),
            [name @ .., "blobs", "uploads"] if !name.is_empty() => {
                Self::new(Kind::Upload, name, "")
            }
            [name @ .., "blobs", "uploads", id] if !name.is_empty() => {
                Self::new(Kind::Upload, name, id)
            }
            [name @ .., "blobs", digest] if !name.is_empty() => Self::new(Kind::Blob, name, digest),
            [name @ .., "referrers", digest] if !name.is_empty() => {
                Self::new(Kind::Referrers, name, digest)
            }
            [name @ .., "tags", "list"] if !name.is_empty() => Self::new(Kind::Tags, name, ""),
            [name @ .., "manifests", target] if !name.is_empty() => {
                let kind = if is_referrers_tag(target) {
                    Kind::ReferrersTag
                } else {
                    Kind::Manifest
                };
                Self::new(kind, name, target)
            }
            _ => Self::new(Kind::Other, &[], ""),
        }
    }

    fn new(kind: Kind, repository: &[&str], target: &str) -> Self {
        Self {
            kind,
            repository: repository.join("/"),
            target: target.to_owned(),
        }
    }
}

fn is_referrers_tag(target: &str) -> bool {
    let hex = ["sha256-", "sha384-", "sha512-"]
        .iter()
        .find_map(|prefix| target.strip_prefix(prefix));
    hex.is_some_and(|hex| hex.len() >= 64 && hex.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

/// All values of `name` in a query or form.
pub(crate) fn query_values(query: &str, name: &str) -> Vec<String> {
    query
        .split('&')
        .filter_map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode(key, true) == name).then(|| decode(value, true))
        })
        .collect()
}

/// The first value of `name` in a query or form.
pub(crate) fn query_value(query: &str, name: &str) -> Option<String> {
    query_values(query, name).into_iter().next()
}

/// Undo percent encoding (RFC 3986 section 2.1), and `+` for a blank in forms. What is not encoded well stays as it is.
fn decode(text: &str, form: bool) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let encoded = match (first, tail) {
            (b'%', [high, low, after @ ..]) => hex_byte(*high, *low).map(|byte| (byte, after)),
            (b'+', _) if form => Some((b' ', tail)),
            _ => None,
        };
        let (byte, after) = encoded.unwrap_or((*first, tail));
        out.push(byte);
        rest = after;
    }
    String::from_utf8_lossy(&out).into_owned()
}

fn hex_byte(high: u8, low: u8) -> Option<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    u8::try_from(digit(high)?.checked_mul(16)?.checked_add(digit(low)?)?).ok()
}

/// Percent-encode all but unreserved characters.
pub(crate) fn encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push('%');
            for nibble in [byte >> 4, byte & 15] {
                out.extend(char::from_digit(nibble.into(), 16));
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_every_endpoint() {
        let hex = "a".repeat(64);
        let check = |path: &str, kind: Kind, repository: &str, target: &str| {
            let route = Route::of(path);
            let found = (route.kind, route.repository.as_str(), route.target.as_str());
            assert_eq!(found, (kind, repository, target), "{path}");
        };
        check("/v2/", Kind::Ping, "", "");
        check("/v2", Kind::Ping, "", "");
        check("/v2/a/b/manifests/v1", Kind::Manifest, "a/b", "v1");
        check(
            "/v2/a/manifests/sha256%3Aab",
            Kind::Manifest,
            "a",
            "sha256:ab",
        );
        check(
            &format!("/v2/a/manifests/sha256-{hex}"),
            Kind::ReferrersTag,
            "a",
            &format!("sha256-{hex}"),
        );
        check(
            "/v2/manifests/manifests/x",
            Kind::Manifest,
            "manifests",
            "x",
        );
        check("/v2/a/blobs/sha256:ab", Kind::Blob, "a", "sha256:ab");
        check("/v2/a/blobs/uploads/", Kind::Upload, "a", "");
        check("/v2/a/blobs/uploads/7", Kind::Upload, "a", "7");
        check(
            "/v2/a/referrers/sha256:ab",
            Kind::Referrers,
            "a",
            "sha256:ab",
        );
        check("/v2/a/tags/list", Kind::Tags, "a", "");
        check("/token", Kind::Token, "", "");
        check("/v2/manifests/x", Kind::Other, "", "");
        check("/v1/", Kind::Other, "", "");
    }

    #[test]
    fn queries_are_decoded() {
        let query = "scope=a%3Ab+c&scope=d&x&bad=%zz%4";
        assert_eq!(query_values(query, "scope"), ["a:b c", "d"]);
        assert_eq!(query_value(query, "bad").as_deref(), Some("%zz%4"));
        assert_eq!(query_value(query, "x").as_deref(), Some(""));
        assert_eq!(query_value(query, "y"), None);
        assert_eq!(decode(&encode("a/b+c d"), true), "a/b+c d");
    }
}
