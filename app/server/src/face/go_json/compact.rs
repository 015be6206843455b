//! A serializer for what answers hold: structs, lists, texts, booleans.

use std::fmt;

use serde::ser::{Error, Impossible, Serialize, SerializeSeq, SerializeStruct, Serializer};

use super::escape;

/// A value of a kind that no answer holds.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(in crate::face) struct Unsupported(String);

impl Error for Unsupported {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self(message.to_string())
    }
}

/// Writes one value.
pub(super) struct Compact<'a> {
    buffer: &'a mut Vec<u8>,
}

/// Writes the parts of a struct or list.
pub(super) struct Parts<'a> {
    buffer: &'a mut Vec<u8>,
    first: bool,
    end: u8,
}

impl<'a> Compact<'a> {
    pub(super) fn new(buffer: &'a mut Vec<u8>) -> Self {
        Self { buffer }
    }

    fn parts(self, begin: u8, end: u8) -> Parts<'a> {
        self.buffer.push(begin);
        Parts {
            buffer: self.buffer,
            first: true,
            end,
        }
    }

    fn word(self, word: &str) {
        self.buffer.extend_from_slice(word.as_bytes());
    }
}

impl Parts<'_> {
    fn separate(&mut self) {
        if !self.first {
            self.buffer.push(b',');
        }
        self.first = false;
    }

    fn close(self) {
        self.buffer.push(self.end);
    }
}

impl SerializeSeq for Parts<'_> {
    type Ok = ();
    type Error = Unsupported;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Unsupported> {
        self.separate();
        value.serialize(Compact::new(self.buffer))
    }

    fn end(self) -> Result<(), Unsupported> {
        self.close();
        Ok(())
    }
}

impl SerializeStruct for Parts<'_> {
    type Ok = ();
    type Error = Unsupported;

    fn serialize_field<T: Serialize + ?Sized>(
        &mut self,
        name: &'static str,
        value: &T,
    ) -> Result<(), Unsupported> {
        self.separate();
        // names are written in this program's source, so they are not looked at; a test writes every struct there is
        self.buffer.push(b'"');
        self.buffer.extend_from_slice(name.as_bytes());
        self.buffer.extend_from_slice(b"\":");
        value.serialize(Compact::new(self.buffer))
    }

    fn end(self) -> Result<(), Unsupported> {
        self.close();
        Ok(())
    }
}

fn refused<T>(kind: &str) -> Result<T, Unsupported> {
    Err(Unsupported(format!("no answer holds {kind}")))
}

type Refused = Impossible<(), Unsupported>;

impl<'a> Serializer for Compact<'a> {
    type Ok = ();
    type Error = Unsupported;
    type SerializeSeq = Parts<'a>;
    type SerializeTuple = Refused;
    type SerializeTupleStruct = Refused;
    type SerializeTupleVariant = Refused;
    type SerializeMap = Refused;
    type SerializeStruct = Parts<'a>;
    type SerializeStructVariant = Refused;

    fn serialize_bool(self, value: bool) -> Result<(), Unsupported> {
        self.word(if value { "true" } else { "false" });
        Ok(())
    }

    fn serialize_str(self, text: &str) -> Result<(), Unsupported> {
        escape::quoted(self.buffer, text);
        Ok(())
    }

    fn serialize_none(self) -> Result<(), Unsupported> {
        self.serialize_unit()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Unsupported> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), Unsupported> {
        self.word("null");
        Ok(())
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<(), Unsupported> {
        value.serialize(self)
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Parts<'a>, Unsupported> {
        Ok(self.parts(b'[', b']'))
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Parts<'a>, Unsupported> {
        Ok(self.parts(b'{', b'}'))
    }

    fn serialize_i8(self, _: i8) -> Result<(), Unsupported> {
        refused("a number")
    }

    fn serialize_i16(self, _: i16) -> Result<(), Unsupported> {
        refused("a number")
    }

    fn serialize_i32(self, _: i32) -> Result<(), Unsupported> {
        refused("a number")
    }

    fn serialize_i64(self, _: i64) -> Result<(), Unsupported> {
        refused("a number")
    }

    fn serialize_u8(self, _: u8) -> Result<(), Unsupported> {
        refused("a number")
    }

    fn serialize_u16(self, _: u16) -> Result<(), Unsupported> {
        refused("a number")
    }

    fn serialize_u32(self, _: u32) -> Result<(), Unsupported> {
        refused("a number")
    }

    fn serialize_u64(self, _: u64) -> Result<(), Unsupported> {
        refused("a number")
    }

    fn serialize_f32(self, _: f32) -> Result<(), Unsupported> {
        refused("a number")
    }

    fn serialize_f64(self, _: f64) -> Result<(), Unsupported> {
        refused("a number")
    }

    fn serialize_char(self, _: char) -> Result<(), Unsupported> {
        refused("a character")
    }

    fn serialize_bytes(self, _: &[u8]) -> Result<(), Unsupported> {
        refused("bytes")
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<(), Unsupported> {
        refused("a unit")
    }

    fn serialize_unit_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
    ) -> Result<(), Unsupported> {
        refused("a variant")
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> Result<(), Unsupported> {
        refused("a variant")
    }

    fn serialize_tuple(self, _: usize) -> Result<Refused, Unsupported> {
        refused("a tuple")
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Refused, Unsupported> {
        refused("a tuple")
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Refused, Unsupported> {
        refused("a variant")
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Refused, Unsupported> {
        refused("a map")
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Refused, Unsupported> {
        refused("a variant")
    }
}
