//! Bytes of a request to the keys it asks for, the way Go's decoder would read them (V 2.5). It knows no image and no verdict.
//!
//! Lenient where v1.4 is and nothing hangs on it: names of members in any case, unknown members, `null`, any
//! `apiVersion` and `kind`. Strict where leniency would leave a key without an answer: a member that occurs twice is
//! refused, because Go takes the last one and a reader that takes the first would never see which keys went unanswered.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// Why a body is not a request.
#[derive(Debug, thiserror::Error)]
pub(super) enum RequestError {
    /// Not JSON, or not of the shape that is expected.
    #[error("unable to unmarshal request body: {0}")]
    Body(serde_json::Error),
    /// The connection broke before the end of the body.
    #[error("unable to read request body: {0}")]
    Read(String),
    /// More bytes than are read.
    #[error("unable to read request body: it has more than {0} bytes, the limit")]
    TooLarge(usize),
}

/// The keys that `body` asks for, at most `most`.
pub(super) fn keys(body: &[u8], most: usize) -> Result<Vec<Cow<'_, str>>, RequestError> {
    let mut reader = serde_json::Deserializer::from_slice(body);
    let read = Nullable(Object {
        member: "request",
        seed: Nullable(Object {
            member: "keys",
            seed: Nullable(Keys { most }),
        }),
    })
    .deserialize(&mut reader);
    let keys = read.and_then(|keys| reader.end().map(|()| keys));
    let keys = keys.map_err(RequestError::Body)?;
    Ok(keys.flatten().flatten().unwrap_or_default())
}

/// `null`, which Go reads as nothing, or what `seed` reads.
#[derive(Clone, Copy)]
struct Nullable<S>(S);

impl<'de, S: DeserializeSeed<'de>> DeserializeSeed<'de> for Nullable<S> {
    type Value = Option<S::Value>;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<Self::Value, D::Error> {
        reader.deserialize_option(self)
    }
}

impl<'de, S: DeserializeSeed<'de>> Visitor<'de> for Nullable<S> {
    type Value = Option<S::Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value or null")
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_none<E: Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_some<D: Deserializer<'de>>(self, reader: D) -> Result<Self::Value, D::Error> {
        self.0.deserialize(reader).map(Some)
    }
}

/// An object of which one member matters. Its value is `None` if it is not there.
#[derive(Clone, Copy)]
struct Object<S> {
    member: &'static str,
    seed: S,
}

impl<'de, S, T> DeserializeSeed<'de> for Object<S>
where
    S: DeserializeSeed<'de, Value = Option<T>>,
{
    type Value = Option<T>;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<Option<T>, D::Error> {
        reader.deserialize_map(self)
    }
}

impl<'de, S, T> Visitor<'de> for Object<S>
where
    S: DeserializeSeed<'de, Value = Option<T>>,
{
    type Value = Option<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an object with the member `{}`", self.member)
    }

    fn visit_map<M: MapAccess<'de>>(self, mut members: M) -> Result<Option<T>, M::Error> {
        let Self { member, seed } = self;
        let (mut seed, mut value) = (Some(seed), None);
        while let Some(found) = members.next_key_seed(Named(member))? {
            if !found {
                members.next_value::<IgnoredAny>()?;
                continue;
            }
            let Some(seed) = seed.take() else {
                return Err(Error::custom(format_args!("`{member}` occurs twice")));
            };
            value = members.next_value_seed(seed)?;
        }
        Ok(value)
    }
}

/// Whether a member's name is this one, as Go compares names: in any case, and with the two letters outside ASCII that
/// fold to one inside, `ſ` and the Kelvin sign.
#[derive(Clone, Copy)]
struct Named(&'static str);

impl<'de> DeserializeSeed<'de> for Named {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<bool, D::Error> {
        reader.deserialize_str(self)
    }
}

impl Visitor<'_> for Named {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a member")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<bool, E> {
        let fold = |c: char| match c {
            '\u{17f}' => 's',
            '\u{212a}' => 'k',
            c => c.to_ascii_lowercase(),
        };
        Ok(name == self.0 || name.chars().map(fold).eq(self.0.chars()))
    }
}

/// The array of keys.
#[derive(Clone, Copy)]
struct Keys {
    most: usize,
}

impl<'de> DeserializeSeed<'de> for Keys {
    type Value = Vec<Cow<'de, str>>;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<Self::Value, D::Error> {
        reader.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Keys {
    type Value = Vec<Cow<'de, str>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of keys")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Self::Value, A::Error> {
        let mut keys = Vec::new();
        while let Some(key) = elements.next_element_seed(Key)? {
            if keys.len() == self.most {
                let text = format_args!("more than {} keys, the limit", self.most);
                return Err(Error::custom(text));
            }
            keys.push(key);
        }
        Ok(keys)
    }
}

/// One key, borrowed from the body where no escape stands in it.
#[derive(Clone, Copy)]
struct Key;

impl<'de> DeserializeSeed<'de> for Key {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<Self::Value, D::Error> {
        reader.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Key {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key, which is a string")
    }

    fn visit_borrowed_str<E: Error>(self, key: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(key))
    }

    fn visit_str<E: Error>(self, key: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(key.to_owned()))
    }
}

#[cfg(test)]
mod tests;
