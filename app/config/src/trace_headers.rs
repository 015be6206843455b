//! `logger.requestHeaders.traceIDHeaderName`: which headers of a request may carry the caller's trace id.
//!
//! v1.4 documents a list and reads none of it (V 2.9); its chart writes the list as Go prints one, `"[a b]"` (V D-34).
//! Both are read here, and a single name. A name that cannot be used is a warning, not an error: it changes no verdict,
//! and a configuration that v1.4 takes must load.

use http::HeaderName;
use http::header::{AUTHORIZATION, COOKIE, PROXY_AUTHORIZATION};
use ratify_verify::json::Value;

use crate::error::Misplaced;
use crate::fields::{Fields, elements, text, unexpected};
use crate::place::shown;

const NAME: &str = "traceIDHeaderName";
/// The most names; each is looked for in every request.
const MOST: usize = 16;

/// Read the names in their order, each once.
pub(crate) fn read(fields: &mut Fields<'_>) -> Result<Vec<HeaderName>, Misplaced> {
    let place = fields.at(NAME);
    let written: Vec<String> = match fields.any(NAME)? {
        None => Vec::new(),
        Some(Value::String(text)) => {
            let text = text.trim();
            let list = text
                .strip_prefix('[')
                .and_then(|text| text.strip_suffix(']'));
            let names = list
                .unwrap_or(text)
                .split([' ', ',', '\t'])
                .filter(|name| !name.is_empty());
            names.map(str::to_owned).collect()
        }
        Some(array @ Value::Array(_)) => elements(&place, array)?
            .into_iter()
            .map(|(place, value)| text(place, value))
            .collect::<Result<_, _>>()?,
        Some(other) => return Err(unexpected(&other, "a list of names").at(place)),
    };
    let mut names = Vec::new();
    for name in written {
        match usable(&name) {
            Ok(name) if names.contains(&name) => {}
            Ok(_) if names.len() >= MOST => {
                fields.warn(
                    NAME,
                    &format!("has more than {MOST} names; the others are ignored"),
                );
                break;
            }
            Ok(name) => names.push(name),
            Err(why) => fields.warn(NAME, &format!("`{}` {why}, and is ignored", shown(&name))),
        }
    }
    Ok(names)
}

fn usable(name: &str) -> Result<HeaderName, &'static str> {
    let name: HeaderName = name
        .trim()
        .parse()
        .map_err(|_| "is not the name of a header")?;
    if [AUTHORIZATION, COOKIE, PROXY_AUTHORIZATION].contains(&name) {
        return Err("carries secrets, which a trace id must not be");
    }
    Ok(name)
}
