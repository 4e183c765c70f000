//! A payload's text, made of what was recorded, and where its fields stand in it.

use crate::emit::render::{push_float, push_integer, push_quoted};
use crate::event::Slots;

/// Writes one JSON object and notes where the fields that Runtrail reads stand.
pub(super) struct Object<'a> {
    out: &'a mut Vec<u8>,
    start: usize,
    slots: Slots,
}

impl<'a> Object<'a> {
    pub(super) fn begin(out: &'a mut Vec<u8>) -> Self {
        let start = out.len();
        out.push(b'{');
        Self {
            out,
            start,
            slots: Slots::default(),
        }
    }

    /// Writes a field; `key` needs no escape, `slot` is the field's place among those of its kind.
    pub(super) fn field(&mut self, slot: usize, key: &str, value: impl FnOnce(&mut Vec<u8>)) {
        self.out.push(b'"');
        self.out.extend_from_slice(key.as_bytes());
        self.out.extend_from_slice(b"\":");
        let from = self.out.len() - self.start;
        value(self.out);
        self.slots[slot] = (from as u32, (self.out.len() - self.start) as u32);
        self.out.push(b',');
    }

    pub(super) fn text(&mut self, slot: usize, key: &str, text: &[u8]) {
        self.field(slot, key, |out| push_quoted(out, text));
    }

    pub(super) fn integer(&mut self, slot: usize, key: &str, value: u64) {
        self.field(slot, key, |out| push_integer(out, value));
    }

    /// Writes the fields of a rendered object as this one's own; of anything else, as `metadata`.
    pub(super) fn splice(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        let before = self.out.len();
        write(self.out);
        match self.out.get(before..) {
            Some(b"null" | b"{}") => self.out.truncate(before),
            Some([b'{', .., b'}']) => {
                self.out.remove(before);
                self.out.pop();
                self.out.push(b',');
            }
            _ => {
                self.out.splice(before..before, *b"\"metadata\":");
                self.out.push(b',');
            }
        }
    }

    /// Ends the object; returns its range in the output and its fields.
    pub(super) fn end(self) -> (std::ops::Range<usize>, Slots) {
        match self.out.last_mut() {
            Some(last) if *last == b',' => *last = b'}',
            _ => self.out.push(b'}'),
        }
        (self.start..self.out.len(), self.slots)
    }
}

/// Appends nanoseconds as milliseconds, to the microsecond or finer where it is not whole.
pub(super) fn push_millis(out: &mut Vec<u8>, nanos: i64) {
    let Ok(nanos) = u64::try_from(nanos) else {
        push_float(out, nanos as f64 / 1e6);
        return;
    };
    push_integer(out, nanos / 1_000_000);
    let mut below = nanos % 1_000_000;
    let mut digits = *b".000000";
    for digit in digits[1..].iter_mut().rev() {
        *digit = b'0' + (below % 10) as u8;
        below /= 10;
    }
    let zeros = digits[2..].iter().rev().take_while(|d| **d == b'0').count();
    out.extend_from_slice(&digits[..digits.len() - zeros]);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn millis(nanos: i64) -> String {
        let mut out = Vec::new();
        push_millis(&mut out, nanos);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn durations_are_exact() {
        assert_eq!(millis(0), "0.0");
        assert_eq!(millis(76_000), "0.076");
        assert_eq!(millis(1_500_000_001), "1500.000001");
        assert_eq!(millis(2_000_000), "2.0");
    }

    #[test]
    fn fields_are_found_where_they_stand() {
        let mut out = b"before".to_vec();
        let mut object = Object::begin(&mut out);
        object.text(0, "name", b"a\"b");
        object.splice(|out| out.extend_from_slice(b"{\"k\":1}"));
        object.splice(|out| out.extend_from_slice(b"null"));
        object.splice(|out| out.extend_from_slice(b"[2]"));
        object.integer(1, "n", 7);
        let (range, slots) = object.end();
        let text = std::str::from_utf8(&out[range]).unwrap();
        assert_eq!(text, r#"{"name":"a\"b","k":1,"metadata":[2],"n":7}"#);
        let field = |slot: usize| &text[slots[slot].0 as usize..slots[slot].1 as usize];
        assert_eq!((field(0), field(1)), (r#""a\"b""#, "7"));
    }

    #[test]
    fn an_object_may_be_empty() {
        let mut out = Vec::new();
        let (range, _) = Object::begin(&mut out).end();
        assert_eq!(&out[range], b"{}");
    }
}
