//! JSON objects are objects: serde also reads a struct from an array of its members, which no other reader of manifests does.

use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, MapAccess, Visitor};

/// A type that is read from the members of an object.
pub(crate) trait FromMembers<'de>: Sized {
    /// Read the members, whatever `deserializer` says they are in.
    fn from_members<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error>;
}

/// Read a `T` from an object and from nothing else.
pub(crate) fn object<'de, T: FromMembers<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<T, D::Error> {
    deserializer.deserialize_map(Members(PhantomData))
}

struct Members<T>(PhantomData<T>);

impl<'de, T: FromMembers<'de>> Visitor<'de> for Members<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<T, A::Error> {
        T::from_members(MapAccessDeserializer::new(members))
    }
}

/// Make a type that derives both traits with `#[serde(remote = "Self")]` read from objects alone.
macro_rules! read_from_objects {
    ($($name:ty),+) => {$(
        impl<'de> $crate::object::FromMembers<'de> for $name {
            fn from_members<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                <$name>::deserialize(deserializer)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                $crate::object::object(deserializer)
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                <$name>::serialize(self, serializer)
            }
        }
    )+};
}
pub(crate) use read_from_objects;
