//! The compact form as JSON text, made where somebody looks at the events.

use std::io::Write;

use super::encode::{MAX_DEPTH, tag};

/// What stands for a value that was left out.
pub(super) const OMITTED: &str = "\"(value left out)\"";

/// Reads what [`Draft`](super::encode::Draft) wrote.
pub(crate) struct Compact<'a>(pub(crate) &'a [u8]);

impl<'a> Compact<'a> {
    fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(taken)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*taken)
    }

    fn long(&mut self) -> Option<&'a [u8]> {
        let len = u32::from_le_bytes(self.array()?);
        self.take(len as usize)
    }

    /// Takes a name.
    pub(crate) fn name(&mut self) -> Option<&'a [u8]> {
        let len = u16::from_le_bytes(self.array()?);
        self.take(usize::from(len))
    }

    /// Takes a value as it stands.
    pub(super) fn whole(&mut self) -> Option<&'a [u8]> {
        let all = self.0;
        let mut depth = 0_usize;
        loop {
            match *self.take(1)?.first()? {
                tag::ARRAY | tag::OBJECT => depth += 1,
                tag::END => depth = depth.checked_sub(1)?,
                tag::I64 | tag::U64 | tag::F64 => drop(self.take(8)?),
                tag::F32 => drop(self.take(4)?),
                tag::STR => {
                    let [len] = self.array()?;
                    self.take(usize::from(len))?;
                }
                tag::LONG_STR | tag::RAW => drop(self.long()?),
                _ => {}
            }
            if depth == 0 {
                return all.get(..all.len() - self.0.len());
            }
        }
    }

    /// Takes a value and appends it as JSON; `None` where nothing is left.
    pub(crate) fn value(&mut self, out: &mut Vec<u8>) -> Option<()> {
        // Bit by level: whether it is an object, whether something stands in it already.
        let (mut objects, mut begun, mut depth) = (0_u128, 0_u128, 0_u8);
        let mut is_key = false;
        loop {
            let tag = *self.take(1)?.first()?;
            let level = 1_u128.checked_shl(u32::from(depth)).unwrap_or_default();
            if tag == tag::END {
                out.push(if objects & level == 0 { b']' } else { b'}' });
                (objects, begun) = (objects & !level, begun & !level);
                depth = depth.checked_sub(1)?;
            } else {
                if is_key || objects & level == 0 {
                    if begun & level != 0 {
                        out.push(b',');
                    }
                    begun |= level;
                }
                if tag == tag::ARRAY || tag == tag::OBJECT {
                    depth += 1;
                    if depth > MAX_DEPTH {
                        return None;
                    }
                    if tag == tag::OBJECT {
                        objects |= 1 << depth;
                    }
                    out.push(if tag == tag::OBJECT { b'{' } else { b'[' });
                } else if is_key {
                    self.key(tag, out)?;
                    is_key = false;
                    continue;
                } else {
                    self.scalar(tag, out)?;
                }
            }
            if depth == 0 {
                return Some(());
            }
            is_key = objects & (1 << depth) != 0;
        }
    }

    /// A key is a string whatever it was: JSON has no other.
    fn key(&mut self, tag: u8, out: &mut Vec<u8>) -> Option<()> {
        let start = out.len();
        self.scalar(tag, out)?;
        if out.get(start) != Some(&b'"') {
            out.insert(start, b'"');
            out.push(b'"');
        }
        out.push(b':');
        Some(())
    }

    fn scalar(&mut self, tag: u8, out: &mut Vec<u8>) -> Option<()> {
        match tag {
            tag::NULL => out.extend_from_slice(b"null"),
            tag::FALSE => out.extend_from_slice(b"false"),
            tag::TRUE => out.extend_from_slice(b"true"),
            tag::I64 => {
                let value = i64::from_le_bytes(self.array()?);
                if value < 0 {
                    out.push(b'-');
                }
                push_integer(out, value.unsigned_abs());
            }
            tag::U64 => push_integer(out, u64::from_le_bytes(self.array()?)),
            tag::F64 => push_float(out, f64::from_le_bytes(self.array()?)),
            tag::F32 => {
                let value = f32::from_le_bytes(self.array()?);
                if value.is_finite() {
                    let _ = serde_json::to_writer(out, &value);
                } else {
                    push_float(out, f64::from(value));
                }
            }
            tag::STR => {
                let [len] = self.array()?;
                push_quoted(out, self.take(usize::from(len))?);
            }
            tag::LONG_STR => push_quoted(out, self.long()?),
            tag::RAW => out.extend_from_slice(self.long()?),
            _ => out.extend_from_slice(OMITTED.as_bytes()),
        }
        Some(())
    }
}

/// Appends a number in decimal digits.
pub(crate) fn push_integer(out: &mut Vec<u8>, value: u64) {
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

/// Appends a float; what JSON has no number for becomes a string of that name.
pub(crate) fn push_float(out: &mut Vec<u8>, value: f64) {
    let name: &[u8] = if value.is_nan() {
        b"\"NaN\""
    } else if value == f64::INFINITY {
        b"\"Infinity\""
    } else if value == f64::NEG_INFINITY {
        b"\"-Infinity\""
    } else {
        // Writing to a vector cannot fail.
        let _ = serde_json::to_writer(out, &value);
        return;
    };
    out.extend_from_slice(name);
}

/// Appends UTF-8 as a JSON string.
pub(crate) fn push_quoted(out: &mut Vec<u8>, text: &[u8]) {
    out.push(b'"');
    push_escaped(out, text);
    out.push(b'"');
}

/// Whether any byte needs an escape, without a branch for each: nearly none does.
#[expect(
    clippy::needless_bitwise_bool,
    reason = "the branches are what keeps this from being done in blocks"
)]
fn any_needs_escape(bytes: &[u8]) -> bool {
    bytes.iter().fold(false, |any, byte| {
        any | (*byte < 0x20) | (*byte == b'"') | (*byte == b'\\')
    })
}

/// Appends UTF-8 as the inside of a JSON string.
pub(crate) fn push_escaped(out: &mut Vec<u8>, mut text: &[u8]) {
    const BLOCK: usize = 32;
    while let Some((block, rest)) = text.split_first_chunk::<BLOCK>() {
        push_block(out, block);
        text = rest;
    }
    push_block(out, text);
}

#[inline]
fn push_block(out: &mut Vec<u8>, block: &[u8]) {
    if any_needs_escape(block) {
        for byte in block {
            push_byte(out, *byte);
        }
    } else {
        out.extend_from_slice(block);
    }
}

fn push_byte(out: &mut Vec<u8>, byte: u8) {
    match byte {
        b'"' => out.extend_from_slice(b"\\\""),
        b'\\' => out.extend_from_slice(b"\\\\"),
        b'\n' => out.extend_from_slice(b"\\n"),
        b'\r' => out.extend_from_slice(b"\\r"),
        b'\t' => out.extend_from_slice(b"\\t"),
        0x08 => out.extend_from_slice(b"\\b"),
        0x0c => out.extend_from_slice(b"\\f"),
        0..0x20 => {
            let _ = write!(out, "\\u{byte:04x}");
        }
        _ => out.push(byte),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde::Serialize;
    use serde_json::{Value, json};

    use super::*;
    use crate::emit::encode::Draft;
    use crate::emit::record::{Beside, INLINE, Kind, Waiting};

    fn in_cells(draft: &mut Draft) -> Vec<u8> {
        let cells = Waiting::new((draft.cells(), &[]));
        let header = cells.header(0).unwrap();
        let mut bytes = Vec::new();
        cells.copy_payload(0, &header, &mut bytes);
        bytes
    }

    fn rendered(value: &impl Serialize) -> String {
        let mut draft = Draft::new(Kind::Annotation);
        draft.value(value);
        let mut out = Vec::new();
        draft.finish();
        let bytes = match draft.take_beside() {
            Some(Beside::Payload(bytes)) => Vec::from(bytes),
            _ => in_cells(&mut draft),
        };
        let mut compact = Compact(&bytes);
        compact.value(&mut out).unwrap();
        assert!(compact.0.is_empty(), "{:?}", compact.0);
        String::from_utf8(out).unwrap()
    }

    #[derive(Serialize)]
    enum Shape {
        Unit,
        One(u8),
        Two(i64, f32),
        Named { x: Option<u8> },
    }

    #[test]
    fn every_shape_is_what_serde_json_makes_of_it() {
        let raw = serde_json::value::RawValue::from_string("{ \"n\": 1.10 }".into()).unwrap();
        let shapes = (
            [Shape::Unit, Shape::One(1), Shape::Two(-2, 0.1)],
            Shape::Named { x: None },
            std::collections::BTreeMap::from([(3, 'x'), (4, '"')]),
            (u128::MAX, i128::MIN, u64::MAX, i64::MIN, 1e300, -0.0, true),
            (&*raw, [&*raw; 2], (), [0_u8; 0], "a\u{1}\"\\\n\t\r/é"),
        );
        assert_eq!(rendered(&shapes), serde_json::to_string(&shapes).unwrap());
    }

    #[test]
    fn what_json_has_no_number_for_is_named() {
        let shapes = (f64::NAN, f64::INFINITY, f32::NEG_INFINITY);
        assert_eq!(rendered(&shapes), r#"["NaN","Infinity","-Infinity"]"#);
    }

    /// Fails, after it wrote something.
    struct Fails;

    impl Serialize for Fails {
        fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            use serde::ser::{Error, SerializeSeq};
            let mut seq = serializer.serialize_seq(None)?;
            seq.serialize_element(&"x".repeat(INLINE))?;
            Err(S::Error::custom("no"))
        }
    }

    #[test]
    fn a_value_that_fails_is_left_out_and_its_neighbours_stay() {
        assert_eq!(rendered(&(1, Fails, 2)), r#"[1,"(value left out)",2]"#);
        assert_eq!(rendered(&Fails), r#""(value left out)""#);
    }

    /// A list that has no end, and how often it was asked for more.
    struct Endless<'a>(&'a std::cell::Cell<usize>);

    impl Serialize for Endless<'_> {
        fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.collect_seq((0..usize::MAX).inspect(|number| self.0.set(*number)))
        }
    }

    #[test]
    fn a_list_that_is_too_large_is_left_out_and_looked_at_no_further() {
        let asked = std::cell::Cell::new(0);
        let text = rendered(&(1, Endless(&asked), 2));
        assert_eq!(text, r#"[1,"(value left out)",2]"#);
        // Each number takes nine bytes; at the end there is room for a few marks.
        let fit = crate::emit::encode::MAX_BYTES / 9;
        assert!((fit - 100..fit + 100).contains(&asked.get()), "{asked:?}");
    }

    #[test]
    fn a_value_nested_too_deep_is_cut_without_recursion() {
        let mut deep = json!(1);
        for _ in 0..100_000 {
            deep = Value::Array(vec![deep]);
        }
        let text = rendered(&deep);
        assert!(text.starts_with("[[") && text.contains("left out"));
        assert!(crate::json::RawJson::parse(&text).is_some());
        // Dropped level by level: its own drop recurses.
        while let Value::Array(inner) = deep {
            deep = inner.into_iter().next().unwrap();
        }
    }

    /// What programs use as keys, and what JSON has no key for.
    #[derive(Debug, Clone, Serialize, PartialEq, Eq, Hash)]
    #[serde(untagged)]
    enum Key {
        Text(String),
        Number(i128),
        Flag(bool),
        Letter(char),
        Name(Name),
        Pair(i32, String),
        List(Vec<u8>),
        Raw(#[serde(serialize_with = "raw")] String),
        Fields { a: u8 },
    }

    #[derive(Debug, Clone, Serialize, PartialEq, Eq, Hash)]
    enum Name {
        Unit,
        New(u8),
    }

    fn raw<S: serde::Serializer>(text: &str, serializer: S) -> Result<S::Ok, S::Error> {
        let raw = serde_json::value::RawValue::from_string(text.to_owned());
        raw.unwrap().serialize(serializer)
    }

    fn keys() -> impl Strategy<Value = Key> {
        prop_oneof![
            4 => ".{0,300}".prop_map(Key::Text),
            4 => any::<i128>().prop_map(Key::Number),
            4 => any::<i64>().prop_map(|n| Key::Number(n.into())),
            1 => any::<bool>().prop_map(Key::Flag),
            1 => any::<char>().prop_map(Key::Letter),
            1 => Just(Key::Name(Name::Unit)),
            1 => any::<u8>().prop_map(|n| Key::Name(Name::New(n))),
            1 => (any::<i32>(), ".{0,3}").prop_map(|(number, text)| Key::Pair(number, text)),
            1 => prop::collection::vec(any::<u8>(), 0..3).prop_map(Key::List),
            1 => prop_oneof![Just("{\n\"a\":1}"), Just("\"a\""), Just("[]"), Just("null")]
                .prop_map(|text| Key::Raw(text.to_owned())),
            1 => any::<u8>().prop_map(|a| Key::Fields { a }),
        ]
    }

    fn values() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            ".{0,300}".prop_map(Value::from),
        ];
        leaf.prop_recursive(6, 48, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                prop::collection::btree_map(".{0,12}", inner, 0..6)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn every_value_comes_out_as_it_went_in(value in values()) {
            prop_assert_eq!(rendered(&value), serde_json::to_string(&value).unwrap());
        }

        #[test]
        fn a_map_with_a_key_that_json_has_not_is_left_out(
            map in prop::collection::hash_map(keys(), 0..9, 0..4),
        ) {
            let whole = serde_json::to_string(&map).unwrap_or_else(|_| OMITTED.to_owned());
            prop_assert_eq!(rendered(&(1, &map, 2)), format!("[1,{whole},2]"));
        }
    }
}
