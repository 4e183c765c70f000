//! Text that is JSON already.

use serde::ser::{self, Serialize};

use super::{Draft, MAX_DEPTH, Omitted, tag};

/// Takes the text of a raw value, which `serde_json` checked when it made it.
pub(super) struct RawText<'a>(pub(super) &'a mut Draft);

macro_rules! refuse {
    ($($name:ident: $of:ty),*) => {$(
        fn $name(self, _v: $of) -> Result<(), Omitted> {
            Err(Omitted)
        }
    )*};
}

impl ser::Serializer for RawText<'_> {
    type Ok = ();
    type Error = Omitted;
    type SerializeSeq = ser::Impossible<(), Omitted>;
    type SerializeTuple = ser::Impossible<(), Omitted>;
    type SerializeTupleStruct = ser::Impossible<(), Omitted>;
    type SerializeTupleVariant = ser::Impossible<(), Omitted>;
    type SerializeMap = ser::Impossible<(), Omitted>;
    type SerializeStruct = ser::Impossible<(), Omitted>;
    type SerializeStructVariant = ser::Impossible<(), Omitted>;

    fn serialize_str(self, text: &str) -> Result<(), Omitted> {
        // Foreign code can use the same name: what is no JSON value must not reach the stream.
        let levels = usize::from(MAX_DEPTH - self.0.depth);
        let mut scanner = crate::json::Scanner::new(text.as_bytes(), 0, levels);
        let whole = scanner.value().is_ok() && scanner.pos() == text.len();
        if !whole || !scanner.odds().is_empty() {
            return Err(Omitted);
        }
        self.0.long(tag::RAW, text)
    }
    refuse!(
        serialize_bool: bool, serialize_i8: i8, serialize_i16: i16, serialize_i32: i32,
        serialize_i64: i64, serialize_u8: u8, serialize_u16: u16, serialize_u32: u32,
        serialize_u64: u64, serialize_f32: f32, serialize_f64: f64, serialize_char: char,
        serialize_bytes: &[u8], serialize_unit_struct: &'static str
    );
    fn serialize_none(self) -> Result<(), Omitted> {
        Err(Omitted)
    }
    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Omitted> {
        value.serialize(self)
    }
    fn serialize_unit(self) -> Result<(), Omitted> {
        Err(Omitted)
    }
    fn serialize_unit_variant(
        self,
        _name: &'static str,
        _index: u32,
        _variant: &'static str,
    ) -> Result<(), Omitted> {
        Err(Omitted)
    }
    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        value: &T,
    ) -> Result<(), Omitted> {
        value.serialize(self)
    }
    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        _index: u32,
        _variant: &'static str,
        _value: &T,
    ) -> Result<(), Omitted> {
        Err(Omitted)
    }
    fn serialize_seq(self, _len: Option<usize>) -> Result<Self::SerializeSeq, Omitted> {
        Err(Omitted)
    }
    fn serialize_tuple(self, _len: usize) -> Result<Self::SerializeTuple, Omitted> {
        Err(Omitted)
    }
    fn serialize_tuple_struct(
        self,
        _name: &'static str,
        _len: usize,
    ) -> Result<Self::SerializeTupleStruct, Omitted> {
        Err(Omitted)
    }
    fn serialize_tuple_variant(
        self,
        _name: &'static str,
        _index: u32,
        _variant: &'static str,
        _len: usize,
    ) -> Result<Self::SerializeTupleVariant, Omitted> {
        Err(Omitted)
    }
    fn serialize_map(self, _len: Option<usize>) -> Result<Self::SerializeMap, Omitted> {
        Err(Omitted)
    }
    fn serialize_struct(
        self,
        _name: &'static str,
        _len: usize,
    ) -> Result<Self::SerializeStruct, Omitted> {
        Err(Omitted)
    }
    fn serialize_struct_variant(
        self,
        _name: &'static str,
        _index: u32,
        _variant: &'static str,
        _len: usize,
    ) -> Result<Self::SerializeStructVariant, Omitted> {
        Err(Omitted)
    }
}
