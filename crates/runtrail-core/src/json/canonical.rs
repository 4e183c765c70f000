//! Canonical JSON: one text for equal values.

use std::cmp::Ordering;

use super::{MAX_DEPTH, RawJson, Scanner, push_string};
use crate::wire::DEFAULT_MAX_DEPTH;

/// Deeper values are kept as they stand, so that comparing never costs more stack than reading did.
const MAX_LEVELS: usize = 128;
/// A decimal of so many digits is the shortest that means its double: no other one as long does.
const EXACT_DIGITS: usize = 15;

/// Renders a value in canonical form: RFC 8785 with integers kept exact.
///
/// Object keys are sorted by their UTF-16 code units, white space is removed, strings use the
/// shortest escapes, floats are written as ECMAScript writes them. Integers without fraction and
/// exponent keep all their digits, where RFC 8785 would round them to a double. Of repeated keys
/// the last one counts. A value nested deeper than 128 levels is copied as it stands.
pub fn canonical(value: RawJson<'_>) -> String {
    let mut out = String::with_capacity(value.text().len());
    let mut canonical = Canonical::default();
    let mut writer = Writer::new(value.text(), MAX_DEPTH, &mut canonical, &mut out);
    if writer.value(0).is_none() {
        out.clear();
        out.push_str(value.text());
    }
    out
}

/// Writes values in [canonical](canonical()) form, one after another, and keeps the room that this takes.
#[derive(Debug, Default)]
pub struct Canonical {
    /// The fields of the objects that are open.
    fields: Vec<Field>,
    /// Where fields are put in order.
    spare: String,
}

impl Canonical {
    /// Appends the canonical form of a text that is exactly one JSON value, nested no deeper than 128
    /// levels; of any other, appends nothing and says no.
    pub fn push(&mut self, out: &mut String, text: &str) -> bool {
        self.fields.clear();
        let start = out.len();
        let trimmed = text.trim_matches([' ', '\t', '\r', '\n']);
        let mut writer = Writer::new(trimmed, DEFAULT_MAX_DEPTH, self, out);
        let done = writer.value(0).is_some() && writer.is_at_the_end();
        if !done {
            out.truncate(start);
        }
        done
    }
}

/// Appends a double as canonical JSON has it. What is not finite has no JSON form and is `null`.
pub fn push_number(out: &mut String, number: f64) {
    if number.is_finite() {
        write_ecmascript(number, out);
    } else {
        out.push_str("null");
    }
}

/// Reads a text once from its beginning to its end, and writes its canonical form on the way.
struct Writer<'t, 'o> {
    text: &'t str,
    scanner: Scanner<'t>,
    room: &'o mut Canonical,
    out: &'o mut String,
}

/// A field that was written.
#[derive(Debug, Clone)]
struct Field {
    /// Where its key stands in the text, between its quotes.
    key: (usize, usize),
    /// Whether nothing in the key is escaped.
    is_plain: bool,
    /// From where to where it stands in the output, its key included.
    start: usize,
    end: usize,
}

/// A string of the text.
struct Quoted<'t> {
    text: &'t str,
    /// Whether nothing in it is escaped.
    is_plain: bool,
}

impl<'t, 'o> Writer<'t, 'o> {
    fn new(text: &'t str, max_depth: usize, room: &'o mut Canonical, out: &'o mut String) -> Self {
        let scanner = Scanner::new(text.as_bytes(), 0, max_depth);
        Self {
            text,
            scanner,
            room,
            out,
        }
    }

    fn is_at_the_end(&self) -> bool {
        self.scanner.pos() == self.text.len() && self.scanner.odds().is_empty()
    }

    /// Writes the next value; `None` where there is none.
    fn value(&mut self, level: usize) -> Option<()> {
        self.scanner.space();
        match self.scanner.peek()? {
            b'{' if level < MAX_LEVELS => self.object(level),
            b'[' if level < MAX_LEVELS => self.array(level),
            b'"' => self.string().map(drop),
            b'-' | b'0'..=b'9' => {
                let number = self.step(level)?;
                write_number(number, self.out);
                Some(())
            }
            _ => {
                let text = self.step(level)?;
                self.out.push_str(text);
                Some(())
            }
        }
    }

    /// Steps over a value and returns its text.
    fn step(&mut self, level: usize) -> Option<&'t str> {
        let start = self.scanner.pos();
        self.scanner.value_inside(level).ok()?;
        self.text.get(start..self.scanner.pos())
    }

    /// Writes a string and returns what stands in the text.
    fn string(&mut self) -> Option<Quoted<'t>> {
        let start = self.scanner.pos();
        let is_plain = self.scanner.plain_string().is_some();
        let is_shortest = if is_plain {
            true
        } else if self.scanner.pos() == start {
            return None;
        } else {
            self.scanner.rest_of_string().ok()?
        };
        let text = self.text.get(start..self.scanner.pos())?;
        if is_shortest {
            self.out.push_str(text);
        } else {
            push_string(self.out, &RawJson::trusted(text).as_str()?);
        }
        Some(Quoted { text, is_plain })
    }

    fn array(&mut self, level: usize) -> Option<()> {
        self.scanner.bump();
        self.out.push('[');
        self.scanner.space();
        if self.scanner.peek()? == b']' {
            self.scanner.bump();
            self.out.push(']');
            return Some(());
        }
        loop {
            self.value(level + 1)?;
            self.scanner.space();
            match self.scanner.peek()? {
                b',' => self.out.push(','),
                b']' => break,
                _ => return None,
            }
            self.scanner.bump();
        }
        self.scanner.bump();
        self.out.push(']');
        Some(())
    }

    fn object(&mut self, level: usize) -> Option<()> {
        self.scanner.bump();
        self.out.push('{');
        self.scanner.space();
        if self.scanner.peek()? == b'}' {
            self.scanner.bump();
            self.out.push('}');
            return Some(());
        }
        let first = self.room.fields.len();
        let mut in_order = true;
        loop {
            self.scanner.space();
            let (start, from) = (self.out.len(), self.scanner.pos());
            let Quoted { text, is_plain } = self.string()?;
            let mut field = Field {
                key: (from + 1, from + text.len() - 1),
                is_plain,
                start,
                end: start,
            };
            if let Some(last) = self.room.fields.get(first..)?.last() {
                in_order &= compare_keys(self.text, last, &field).is_lt();
            }
            self.scanner.space();
            self.scanner.expect(b':', "`:`").ok()?;
            self.out.push(':');
            self.value(level + 1)?;
            field.end = self.out.len();
            self.room.fields.push(field);
            self.scanner.space();
            match self.scanner.peek()? {
                b',' => self.out.push(','),
                b'}' => break,
                _ => return None,
            }
            self.scanner.bump();
        }
        self.scanner.bump();
        if !in_order {
            self.bring_into_order(first);
        }
        self.room.fields.truncate(first);
        self.out.push('}');
        Some(())
    }

    /// Orders the fields of the object that ends the output, from the first of them on.
    fn bring_into_order(&mut self, first: usize) {
        let Canonical { fields, spare } = &mut *self.room;
        let fields = &mut fields[first..];
        let Some(start) = fields.first().map(|field| field.start) else {
            return;
        };
        spare.reserve(self.out.len() - start);
        // Those of one name stay as they came, and the last one counts.
        let text = self.text;
        fields.sort_by(|one, other| compare_keys(text, one, other));
        spare.clear();
        for (at, field) in fields.iter().enumerate() {
            let next = fields.get(at + 1);
            if next.is_some_and(|next| compare_keys(text, field, next).is_eq()) {
                continue;
            }
            spare.push_str(if spare.is_empty() { "" } else { "," });
            spare.push_str(&self.out[field.start..field.end]);
        }
        self.out.truncate(start);
        self.out.push_str(spare);
    }
}

/// Compares what two keys say, by its UTF-16 code units.
fn compare_keys(text: &str, one: &Field, other: &Field) -> Ordering {
    let inside = |field: &Field| text.get(field.key.0..field.key.1).unwrap_or_default();
    let (key, next) = (inside(one), inside(other));
    let are_plain = one.is_plain && other.is_plain;
    // The first letter mostly decides.
    if let ([first @ 0..0x80, ..], [second @ 0..0x80, ..]) = (key.as_bytes(), next.as_bytes())
        && are_plain
        && first != second
    {
        return first.cmp(second);
    }
    if are_plain && key.is_ascii() && next.is_ascii() {
        return key.cmp(next);
    }
    let said = |field: &Field| {
        let quoted = text.get(field.key.0 - 1..=field.key.1).unwrap_or_default();
        RawJson::trusted(quoted).as_str().unwrap_or_default()
    };
    said(one).encode_utf16().cmp(said(other).encode_utf16())
}

fn write_number(text: &str, out: &mut String) {
    let integral = !text.contains(['.', 'e', 'E']);
    if integral {
        out.push_str(if text == "-0" { "0" } else { text });
        return;
    }
    if is_shortest(text) {
        out.push_str(text);
        return;
    }
    match text.parse::<f64>() {
        Ok(number) if number.is_finite() => write_ecmascript(number, out),
        // Beyond a double there is no canonical form; the digits stand for themselves.
        _ => out.push_str(text),
    }
}

/// Whether a decimal fraction is sure to be as ECMAScript writes it, without a look at its double.
fn is_shortest(text: &str) -> bool {
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let Some((whole, fraction)) = unsigned.split_once('.') else {
        return false;
    };
    // Below a thousandth there may be an exponent.
    let in_range = whole != "0" || !fraction.starts_with("000");
    in_range
        && unsigned.len() <= EXACT_DIGITS + 1
        && fraction.bytes().all(|byte| byte.is_ascii_digit())
        && !fraction.ends_with('0')
}

/// Writes a double as ECMAScript's `Number::toString` does (ECMA-262, section 6.1.6.1.20), which
/// RFC 8785 prescribes.
fn write_ecmascript(number: f64, out: &mut String) {
    if number == 0.0 {
        out.push('0');
        return;
    }
    if number < 0.0 {
        out.push('-');
    }
    let mut room = [0; NUMBER_BYTES];
    let shortest = shortest_of(number.abs(), &mut room);
    if !shortest.contains('e') {
        // A number that is written without an exponent here is written without one there too.
        out.push_str(shortest.strip_suffix(".0").unwrap_or(shortest));
        return;
    }
    let Shortest { digits, point } = Shortest::of(shortest);
    let digits = digits.as_str();
    let (count, exponent) = (digits.len() as i32, point - 1);
    let zeros = |count: i32| std::iter::repeat_n('0', count.max(0) as usize);
    if count <= point && point <= 21 {
        out.push_str(digits);
        out.extend(zeros(point - count));
    } else if 0 < point && point <= 21 {
        let (whole, fraction) = digits.split_at(point as usize);
        out.push_str(whole);
        out.push('.');
        out.push_str(fraction);
    } else if -6 < point && point <= 0 {
        out.push_str("0.");
        out.extend(zeros(-point));
        out.push_str(digits);
    } else {
        let (head, tail) = digits.split_at(1);
        let dot = if tail.is_empty() { "" } else { "." };
        let plus = if exponent > 0 { "+" } else { "" };
        out.push_str(&format!("{head}{dot}{tail}e{plus}{exponent}"));
    }
}

/// The shortest digits that mean a positive number, and ECMA-262's n: the number is 0.digits times ten to
/// the n. Of two that are as short and as near, the even one counts, which the standard library's
/// formatting does not see to.
struct Shortest {
    digits: Digits,
    point: i32,
}

/// Digits, without zeros at either end. A double has at most 17, and a text of one fewer than 32 characters.
#[derive(Default)]
struct Digits {
    bytes: [u8; 32],
    len: usize,
}

impl Digits {
    fn as_str(&self) -> &str {
        let digits = self.bytes.get(..self.len).unwrap_or_default();
        std::str::from_utf8(digits).unwrap_or_default()
    }
}

/// Room for the text of any double.
const NUMBER_BYTES: usize = 32;

/// Writes a positive number with the fewest digits that mean it, with or without an exponent.
fn shortest_of(number: f64, room: &mut [u8; NUMBER_BYTES]) -> &str {
    let mut rest = &mut room[..];
    // There is room for any double.
    let _ = serde_json::to_writer(&mut rest, &number);
    let left = rest.len();
    let text = room.get(..NUMBER_BYTES - left).unwrap_or_default();
    std::str::from_utf8(text).unwrap_or_default()
}

impl Shortest {
    fn of(text: &str) -> Self {
        let text = text.as_bytes();
        let (mut digits, mut point, mut whole) = (Digits::default(), 0, true);
        for (at, &byte) in text.iter().enumerate() {
            match byte {
                b'.' => whole = false,
                b'e' | b'E' => {
                    let exponent = text.get(at + 1..).map(String::from_utf8_lossy);
                    point += exponent.map_or(0, |text| text.parse::<i32>().unwrap_or(0));
                    break;
                }
                b'0' if digits.len == 0 => point -= i32::from(!whole),
                _ => {
                    digits.bytes[digits.len] = byte;
                    digits.len += 1;
                    point += i32::from(whole);
                }
            }
        }
        while digits.len > 0 && digits.bytes[digits.len - 1] == b'0' {
            digits.len -= 1;
        }
        Self { digits, point }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use proptest::prelude::*;

    fn canon(text: &str) -> String {
        let canonical = canonical(RawJson::parse(text).unwrap());
        let mut pushed = String::from("x");
        assert!(Canonical::default().push(&mut pushed, text), "{text}");
        assert_eq!(pushed.strip_prefix('x'), Some(&*canonical));
        canonical
    }

    #[test]
    fn equal_values_have_one_text() {
        assert_eq!(
            canon(r#" { "b" : [ 1 , true , null ] , "a" : "\u00e9\/\n" } "#),
            r#"{"a":"é/\n","b":[1,true,null]}"#
        );
        assert_eq!(canon(r#"{"a":1,"a":2}"#), r#"{"a":2}"#);
        assert_eq!(canon("[]"), "[]");
    }

    #[test]
    fn numbers_follow_rfc_8785_and_integers_stay_exact() {
        // The doubles of RFC 8785, appendix B.
        for (source, wanted) in [
            ("0.0", "0"),
            ("-0.0", "0"),
            ("5e-324", "5e-324"),
            ("1.7976931348623157e308", "1.7976931348623157e+308"),
            ("9007199254740992.0", "9007199254740992"),
            ("295147905179352830000.0", "295147905179352830000"),
            ("9.999999999999997e22", "9.999999999999997e+22"),
            ("1e23", "1e+23"),
            ("1.0000000000000001e23", "1.0000000000000001e+23"),
            ("0.000001", "0.000001"),
            ("1e-7", "1e-7"),
            ("333333333.33333329", "333333333.3333333"),
            ("1.10", "1.1"),
            ("12345678901234567890123", "12345678901234567890123"),
            ("-0", "0"),
            (r#""\b\f\n\r\t\"\\""#, r#""\b\f\n\r\t\"\\""#),
            (r#""\\/\/""#, r#""\\//""#),
            ("-0.5", "-0.5"),
            ("0.001", "0.001"),
            ("123456789.012345", "123456789.012345"),
            ("-1234567890.12345678", "-1234567890.1234567"),
            ("0.30000000000000004", "0.30000000000000004"),
        ] {
            assert_eq!(canon(source), wanted, "{source}");
        }
    }

    #[test]
    fn keys_sort_by_utf16_code_units() {
        // RFC 8785, section 3.2.3: U+1F600 sorts before U+FB33 because its first unit is 0xD83D.
        let source = "{\"\\ufb33\":1,\"\\ud83d\\ude00\":2,\"\\u20ac\":3,\"\\r\":4,\"1\":5}";
        assert_eq!(
            canon(source),
            "{\"\\r\":4,\"1\":5,\"€\":3,\"😀\":2,\"\u{fb33}\":1}"
        );
    }

    #[test]
    fn what_is_nested_too_deeply_is_kept_as_it_stands() {
        let nested = |levels: usize| "[".repeat(levels) + " 1.0 " + &"]".repeat(levels);
        let inner = |text: &str| text.trim_matches(['[', ']']).to_owned();
        assert_eq!(inner(&canon(&nested(128))), "1");
        let deep = nested(129);
        let mut out = String::new();
        assert!(!Canonical::default().push(&mut out, &deep) && out.is_empty());
        assert_eq!(inner(&canonical(RawJson::trusted(&deep))), " 1.0 ");
    }

    fn value() -> impl Strategy<Value = serde_json::Value> {
        let key = "[a-c\"\\\\/\u{0}é\u{fb33}😀]{0,3}";
        let leaf = prop_oneof![
            Just(serde_json::Value::Null),
            any::<bool>().prop_map(Into::into),
            any::<i64>().prop_map(Into::into),
            // What reads the texts again here is exact for these, and not for every double.
            any::<i32>().prop_map(|n| (f64::from(n) / 16.0).into()),
            key.prop_map(Into::into),
        ];
        leaf.prop_recursive(4, 32, 5, move |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Into::into),
                prop::collection::vec((key, inner), 0..5).prop_map(|fields| fields
                    .into_iter()
                    .collect::<serde_json::Map<_, _>>()
                    .into()),
            ]
        })
    }

    proptest! {
        #[test]
        fn a_canonical_text_means_what_the_text_meant_and_is_its_own(value in value()) {
            let canonical = canon(&value.to_string());
            prop_assert_eq!(&canon(&canonical), &canonical);
            prop_assert_eq!(&canon(&serde_json::to_string_pretty(&value).unwrap()), &canonical);
            prop_assert_eq!(sorted(&serde_json::from_str(&canonical).unwrap()), sorted(&value));
        }

        #[test]
        fn a_double_is_written_as_its_decimal_is(number in prop_oneof![any::<f64>(), -1e6..1e6]) {
            prop_assume!(number.is_finite());
            let mut out = String::new();
            push_number(&mut out, number);
            prop_assert_eq!(&canon(&format!("{number:e}")), &out);
            prop_assert_eq!(out.parse::<f64>().unwrap().to_bits(), (number + 0.0).to_bits());
        }

        #[test]
        fn nothing_but_json_has_a_canonical_form(text in r#"[ \[\]{}:,"\\a0-9.eE+tfnrul\-\u{0}\u{e9}]{0,24}"#) {
            let mut out = String::new();
            let is_json = RawJson::parse(&text).is_some();
            prop_assert_eq!(Canonical::default().push(&mut out, &text), is_json);
            prop_assert!(is_json || out.is_empty());
            // What one text leaves behind does not matter to the next.
            let mut used = Canonical::default();
            used.push(&mut String::new(), &format!("{{\"b\":{text}"));
            let mut again = String::new();
            used.push(&mut again, &text);
            prop_assert_eq!(again, out);
        }
    }

    /// A value in which doubles are what they are as canonical numbers: -0 is 0, and 1.0 is 1.
    fn sorted(value: &serde_json::Value) -> String {
        use serde_json::Value;
        match value {
            Value::Number(number) => format!("{:?}", number.as_f64().map(|number| number + 0.0)),
            Value::Array(items) => format!("{:?}", items.iter().map(sorted).collect::<Vec<_>>()),
            Value::Object(fields) => {
                let fields: std::collections::BTreeMap<_, _> = fields
                    .iter()
                    .map(|(key, field)| (key, sorted(field)))
                    .collect();
                format!("{fields:?}")
            }
            other => other.to_string(),
        }
    }
}
