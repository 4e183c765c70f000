//! Values on the emitting thread: a compact binary form, written without formatting or escaping.
//!
//! A string is a tag, a length and its bytes; escaping and number formatting wait until somebody looks
//! at the events, off the caller's thread. What fits a record's own buffer costs no
//! allocation; what does not is collected in a buffer that the thread keeps and costs one.

mod raw;
mod shrink;

use std::cell::Cell;

use serde::ser::{self, Serialize};

use self::raw::RawText;
use super::record::{Beside, CELL, CELLS, Cell as RingCell, HEADER, Header, Kind, held_by};
use crate::event::TraceEvent;

/// Values that nest deeper are left out; the wire format's readers refuse them too.
pub(crate) const MAX_DEPTH: u8 = 120;
/// The most bytes that one payload takes here, whatever the settings say, but for marks and ends.
pub(super) const MAX_BYTES: usize = 64 << 20;
/// The most bytes of buffer that a thread keeps between two large payloads.
const KEPT_SCRATCH: usize = 256 << 10;
/// The name under which `serde_json` hands over text that is JSON already.
const RAW_VALUE: &str = "$serde_json::private::RawValue";

/// What stands before a value.
pub(crate) mod tag {
    pub(crate) const NULL: u8 = 0;
    pub(crate) const FALSE: u8 = 1;
    pub(crate) const TRUE: u8 = 2;
    pub(crate) const I64: u8 = 3;
    pub(crate) const U64: u8 = 4;
    pub(crate) const F64: u8 = 5;
    /// A length in one byte, then UTF-8.
    pub(crate) const STR: u8 = 6;
    /// A length in four bytes, then UTF-8.
    pub(crate) const LONG_STR: u8 = 7;
    /// A length in four bytes, then JSON.
    pub(crate) const RAW: u8 = 8;
    pub(crate) const ARRAY: u8 = 9;
    pub(crate) const OBJECT: u8 = 10;
    /// Ends an array or an object.
    pub(crate) const END: u8 = 11;
    /// A value that was left out: it nests too deep, is too large, or failed to serialize.
    pub(crate) const OMITTED: u8 = 12;
    /// A float of 32 bits, which has a shorter text than its 64-bit neighbour.
    pub(crate) const F32: u8 = 13;
}

thread_local! {
    static SCRATCH: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// A record being written, as it will stand in its ring.
pub(crate) struct Draft {
    pub(crate) header: Header,
    cells: [RingCell; CELLS],
    /// Bytes in use of the cells, or more than they are once everything stands in `spill`.
    len: usize,
    spill: Vec<u8>,
    /// The event that the engine made itself.
    pub(crate) event: Option<Box<TraceEvent>>,
    depth: u8,
}

/// Keeps a buffer for the thread's next large payload.
fn keep_scratch(mut spill: Vec<u8>) {
    if spill.capacity() <= KEPT_SCRATCH {
        spill.clear();
        // A thread that is ending has no place for it any more.
        let _ = SCRATCH.try_with(|scratch| scratch.set(spill));
    }
}

/// More bytes than the cells have.
const SPILLED: usize = CELLS * CELL + 1;

impl Draft {
    #[inline]
    pub(crate) fn new(kind: Kind) -> Self {
        Self {
            header: Header::new(kind),
            cells: [[0; CELL]; CELLS],
            len: HEADER,
            spill: Vec::new(),
            event: None,
            depth: 0,
        }
    }

    /// Ends the payload.
    #[inline]
    pub(crate) fn finish(&mut self) {
        if self.len < SPILLED {
            self.header.len = (self.len - HEADER) as u8;
        }
    }

    /// Whether something goes with the record beside its cells.
    #[inline]
    pub(crate) fn is_large(&self) -> bool {
        self.len >= SPILLED || self.event.is_some()
    }

    /// Bytes that what goes beside the cells takes of the budget.
    pub(crate) fn held(&self) -> usize {
        let event = self.event.as_ref();
        self.spill.len() + event.map_or(0, |event| held_by(event))
    }

    /// Takes what goes beside the cells.
    pub(crate) fn take_beside(&mut self) -> Option<Beside> {
        if let Some(event) = self.event.take() {
            return Some(Beside::Event(event));
        }
        if self.len < SPILLED {
            return None;
        }
        let payload = Box::from(self.spill.as_slice());
        keep_scratch(std::mem::take(&mut self.spill));
        Some(Beside::Payload(payload))
    }

    /// Returns the cells to be put into a ring.
    #[inline]
    pub(crate) fn cells(&mut self) -> &[RingCell] {
        let [first, ..] = &mut self.cells;
        self.header.write(first);
        self.cells.get(..self.header.cells()).unwrap_or_default()
    }

    /// Appends text whose length stands before it in two bytes; longer text is cut between characters.
    #[inline]
    pub(crate) fn name(&mut self, name: &str) {
        let mut end = name.len();
        if end > usize::from(u16::MAX) {
            end = usize::from(u16::MAX);
            while !name.is_char_boundary(end) {
                end -= 1;
            }
        }
        self.put_anyway(&(end as u16).to_le_bytes());
        self.put_anyway(&name.as_bytes()[..end]);
    }

    /// Appends a value.
    #[inline]
    pub(crate) fn value(&mut self, value: &(impl Serialize + ?Sized)) {
        let (depth, before) = (self.depth, self.mark());
        if value.serialize(&mut *self).is_err() {
            self.leave_out(depth, before);
        }
    }

    /// Puts a mark where a value could not be written.
    #[cold]
    fn leave_out(&mut self, depth: u8, before: (usize, usize)) {
        self.rewind(before);
        self.depth = depth;
        self.put_anyway(&[tag::OMITTED]);
    }

    /// Takes a place in the cells; none where everything stands in `spill`, or will have to.
    #[inline]
    fn room(&mut self, len: usize) -> Option<&mut [u8]> {
        let room = self.cells.as_flattened_mut().get_mut(self.len..)?;
        let room = room.get_mut(..len)?;
        self.len += len;
        Some(room)
    }

    #[inline]
    fn put(&mut self, bytes: &[u8]) -> Result<(), Omitted> {
        match self.room(bytes.len()) {
            Some(room) => {
                room.copy_from_slice(bytes);
                Ok(())
            }
            None => self.put_spilled(bytes),
        }
    }

    #[cold]
    fn put_spilled(&mut self, bytes: &[u8]) -> Result<(), Omitted> {
        if !self.has_room(bytes.len()) {
            return Err(Omitted);
        }
        self.spill_over(bytes);
        Ok(())
    }

    /// Puts what belongs to something that found room before: a mark, an end, a name.
    #[inline]
    fn put_anyway(&mut self, bytes: &[u8]) {
        match self.room(bytes.len()) {
            Some(room) => room.copy_from_slice(bytes),
            None => self.spill_over(bytes),
        }
    }

    #[cold]
    fn spill_over(&mut self, bytes: &[u8]) {
        if self.len < SPILLED {
            self.spill = SCRATCH.try_with(Cell::take).unwrap_or_default();
            self.spill.clear();
            let written = self.cells.as_flattened().get(HEADER..self.len);
            self.spill.extend_from_slice(written.unwrap_or_default());
            self.len = SPILLED;
        }
        self.spill.extend_from_slice(bytes);
    }

    fn mark(&self) -> (usize, usize) {
        (self.len, self.spill.len())
    }

    /// Takes back what was written since a mark.
    fn rewind(&mut self, (len, spilled): (usize, usize)) {
        if len >= SPILLED {
            self.spill.truncate(spilled);
        } else if self.len >= SPILLED {
            self.spill.truncate(len - HEADER);
        } else {
            self.len = len;
        }
    }

    /// What was written since a mark.
    fn since(&self, (len, spilled): (usize, usize)) -> &[u8] {
        let written = if len >= SPILLED {
            self.spill.get(spilled..)
        } else if self.len >= SPILLED {
            self.spill.get(len - HEADER..)
        } else {
            self.cells.as_flattened().get(len..self.len)
        };
        written.unwrap_or_default()
    }

    fn has_room(&self, more: usize) -> bool {
        self.len < SPILLED || self.spill.len() + more <= MAX_BYTES
    }

    #[inline]
    fn str(&mut self, text: &str) -> Result<(), Omitted> {
        // One look at the room for tag, length and text: most of a payload is strings.
        if let Some([tag, length, room @ ..]) = self.room(2 + text.len())
            && room.len() == text.len()
        {
            *tag = tag::STR;
            // All cells together are shorter than what one byte can say.
            *length = text.len() as u8;
            room.copy_from_slice(text.as_bytes());
            Ok(())
        } else {
            self.long_str(text)
        }
    }

    #[cold]
    fn long_str(&mut self, text: &str) -> Result<(), Omitted> {
        if let Ok(short) = u8::try_from(text.len()) {
            self.put(&[tag::STR, short])?;
            self.put(text.as_bytes())
        } else {
            self.long(tag::LONG_STR, text)
        }
    }

    fn long(&mut self, tag: u8, text: &str) -> Result<(), Omitted> {
        match u32::try_from(text.len()) {
            Ok(len) if text.len() <= MAX_BYTES && self.has_room(text.len()) => {
                self.put(&[tag])?;
                self.put(&len.to_le_bytes())?;
                self.put(text.as_bytes())
            }
            _ => Err(Omitted),
        }
    }

    #[inline]
    fn open(&mut self, tag: u8) -> Result<(), Omitted> {
        if self.depth >= MAX_DEPTH {
            return Err(Omitted);
        }
        self.put(&[tag])?;
        self.depth += 1;
        Ok(())
    }

    #[inline]
    fn close(&mut self) {
        self.depth -= 1;
        self.put_anyway(&[tag::END]);
    }

    /// A nested value. One that cannot be written is marked, and the others stay; an error where there
    /// is no room for others, so that what it stands in is left out and looked at no further.
    #[inline]
    fn nested(&mut self, value: &(impl Serialize + ?Sized)) -> Result<(), Omitted> {
        let (depth, before) = (self.depth, self.mark());
        if value.serialize(&mut *self).is_err() {
            self.leave_out(depth, before);
            if !self.has_room(1) {
                return Err(Omitted);
            }
        }
        Ok(())
    }
}

/// A value could not be written; the place where it stands says so.
#[derive(Debug)]
pub(crate) struct Omitted;

impl std::fmt::Display for Omitted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("value left out")
    }
}

impl std::error::Error for Omitted {}

impl ser::Error for Omitted {
    fn custom<T: std::fmt::Display>(_message: T) -> Self {
        Self
    }
}

macro_rules! number {
    ($name:ident, $from:ty, $to:ty, $tag:expr) => {
        #[inline]
        fn $name(self, v: $from) -> Result<(), Omitted> {
            let mut bytes = [$tag, 0, 0, 0, 0, 0, 0, 0, 0];
            bytes[1..].copy_from_slice(&<$to>::from(v).to_le_bytes());
            self.put(&bytes)
        }
    };
}

impl<'a> ser::Serializer for &'a mut Draft {
    type Ok = ();
    type Error = Omitted;
    type SerializeSeq = Nest<'a>;
    type SerializeTuple = Nest<'a>;
    type SerializeTupleStruct = Nest<'a>;
    type SerializeTupleVariant = Nest<'a>;
    type SerializeMap = Nest<'a>;
    type SerializeStruct = Nest<'a>;
    type SerializeStructVariant = Nest<'a>;

    #[inline]
    fn serialize_bool(self, v: bool) -> Result<(), Omitted> {
        self.put(&[if v { tag::TRUE } else { tag::FALSE }])
    }
    number!(serialize_i8, i8, i64, tag::I64);
    number!(serialize_i16, i16, i64, tag::I64);
    number!(serialize_i32, i32, i64, tag::I64);
    number!(serialize_i64, i64, i64, tag::I64);
    number!(serialize_u8, u8, u64, tag::U64);
    number!(serialize_u16, u16, u64, tag::U64);
    number!(serialize_u32, u32, u64, tag::U64);
    number!(serialize_u64, u64, u64, tag::U64);
    number!(serialize_f64, f64, f64, tag::F64);
    fn serialize_f32(self, v: f32) -> Result<(), Omitted> {
        let mut bytes = [tag::F32, 0, 0, 0, 0];
        bytes[1..].copy_from_slice(&v.to_le_bytes());
        self.put(&bytes)
    }
    fn serialize_i128(self, v: i128) -> Result<(), Omitted> {
        self.long(tag::RAW, &v.to_string())
    }
    fn serialize_u128(self, v: u128) -> Result<(), Omitted> {
        self.long(tag::RAW, &v.to_string())
    }
    fn serialize_char(self, v: char) -> Result<(), Omitted> {
        self.str(v.encode_utf8(&mut [0; 4]))
    }
    #[inline]
    fn serialize_str(self, v: &str) -> Result<(), Omitted> {
        self.str(v)
    }
    fn serialize_bytes(self, v: &[u8]) -> Result<(), Omitted> {
        self.collect_seq(v)
    }
    #[inline]
    fn serialize_none(self) -> Result<(), Omitted> {
        self.serialize_unit()
    }
    #[inline]
    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Omitted> {
        value.serialize(self)
    }
    #[inline]
    fn serialize_unit(self) -> Result<(), Omitted> {
        self.put(&[tag::NULL])
    }
    fn serialize_unit_struct(self, _name: &'static str) -> Result<(), Omitted> {
        self.serialize_unit()
    }
    fn serialize_unit_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
    ) -> Result<(), Omitted> {
        self.serialize_str(variant)
    }
    #[inline]
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
        variant: &'static str,
        value: &T,
    ) -> Result<(), Omitted> {
        self.open(tag::OBJECT)?;
        self.str(variant)?;
        self.nested(value)?;
        self.close();
        Ok(())
    }
    #[inline]
    fn serialize_seq(self, _len: Option<usize>) -> Result<Nest<'a>, Omitted> {
        Nest::open(self, tag::ARRAY)
    }
    fn serialize_tuple(self, _len: usize) -> Result<Nest<'a>, Omitted> {
        Nest::open(self, tag::ARRAY)
    }
    fn serialize_tuple_struct(self, _n: &'static str, _len: usize) -> Result<Nest<'a>, Omitted> {
        Nest::open(self, tag::ARRAY)
    }
    fn serialize_tuple_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        _len: usize,
    ) -> Result<Nest<'a>, Omitted> {
        Nest::variant(self, variant, tag::ARRAY)
    }
    #[inline]
    fn serialize_map(self, _len: Option<usize>) -> Result<Nest<'a>, Omitted> {
        Nest::open(self, tag::OBJECT)
    }
    #[inline]
    fn serialize_struct(self, name: &'static str, _len: usize) -> Result<Nest<'a>, Omitted> {
        if name == RAW_VALUE {
            return Ok(Nest {
                draft: self,
                ends: 0,
                raw: true,
            });
        }
        Nest::open(self, tag::OBJECT)
    }
    fn serialize_struct_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        _len: usize,
    ) -> Result<Nest<'a>, Omitted> {
        Nest::variant(self, variant, tag::OBJECT)
    }
}

/// Whether what was written can be the key of an object: text, or what has one, such as a number.
fn is_key(written: &[u8]) -> bool {
    match written {
        // A length in four bytes; what is too large for a number, or foreign JSON.
        [tag::RAW, _, _, _, _, text @ ..] => text.iter().all(|b| b.is_ascii_digit() || *b == b'-'),
        [first, ..] => !matches!(*first, tag::ARRAY | tag::OBJECT),
        [] => false,
    }
}

/// A compound value being written.
pub(crate) struct Nest<'a> {
    draft: &'a mut Draft,
    ends: u8,
    raw: bool,
}

impl<'a> Nest<'a> {
    #[inline]
    fn open(draft: &'a mut Draft, tag: u8) -> Result<Self, Omitted> {
        draft.open(tag)?;
        Ok(Self {
            draft,
            ends: 1,
            raw: false,
        })
    }

    fn variant(draft: &'a mut Draft, variant: &str, tag: u8) -> Result<Self, Omitted> {
        draft.open(tag::OBJECT)?;
        draft.str(variant)?;
        draft.open(tag)?;
        Ok(Self {
            draft,
            ends: 2,
            raw: false,
        })
    }

    #[inline]
    fn finish(self) {
        for _ in 0..self.ends {
            self.draft.close();
        }
    }

    fn raw_text(&mut self, value: &(impl Serialize + ?Sized)) -> Result<(), Omitted> {
        value.serialize(RawText(self.draft))
    }
}

macro_rules! compound {
    ($($of:ident $method:ident),*) => {$(
        impl ser::$of for Nest<'_> {
            type Ok = ();
            type Error = Omitted;
            #[inline]
            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Omitted> {
                self.draft.nested(value)
            }
            #[inline]
            fn end(self) -> Result<(), Omitted> {
                self.finish();
                Ok(())
            }
        }
    )*};
}

compound!(
    SerializeSeq serialize_element,
    SerializeTuple serialize_element,
    SerializeTupleStruct serialize_field,
    SerializeTupleVariant serialize_field
);

impl ser::SerializeMap for Nest<'_> {
    type Ok = ();
    type Error = Omitted;

    #[inline]
    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Omitted> {
        let before = self.draft.mark();
        key.serialize(&mut *self.draft)?;
        // Without one of its keys the map would be another, so it is left out as a whole.
        if is_key(self.draft.since(before)) {
            Ok(())
        } else {
            Err(Omitted)
        }
    }
    #[inline]
    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Omitted> {
        self.draft.nested(value)
    }
    #[inline]
    fn end(self) -> Result<(), Omitted> {
        self.finish();
        Ok(())
    }
}

macro_rules! fields {
    ($($of:ident),*) => {$(
        impl ser::$of for Nest<'_> {
            type Ok = ();
            type Error = Omitted;
            #[inline]
            fn serialize_field<T: Serialize + ?Sized>(
                &mut self,
                key: &'static str,
                value: &T,
            ) -> Result<(), Omitted> {
                if self.raw {
                    return self.raw_text(value);
                }
                self.draft.str(key)?;
                self.draft.nested(value)
            }
            #[inline]
            fn end(self) -> Result<(), Omitted> {
                self.finish();
                Ok(())
            }
        }
    )*};
}

fields!(SerializeStruct, SerializeStructVariant);
