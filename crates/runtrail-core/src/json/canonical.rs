//! Canonical JSON: one text for equal values.

use std::collections::BTreeMap;

use super::{RawJson, push_string};

/// Deeper values are kept as they stand, so that comparing never costs more stack than reading did.
const MAX_LEVELS: usize = 128;

/// Renders a value in canonical form: RFC 8785 with integers kept exact.
///
/// Object keys are sorted by their UTF-16 code units, white space is removed, strings use the
/// shortest escapes, floats are written as ECMAScript writes them. Integers without fraction and
/// exponent keep all their digits, where RFC 8785 would round them to a double. Of repeated keys
/// the last one counts. A value nested deeper than 128 levels is copied as it stands.
pub fn canonical(value: RawJson<'_>) -> String {
    let mut out = String::with_capacity(value.text().len());
    write(value, 0, &mut out);
    out
}

fn write(value: RawJson<'_>, level: usize, out: &mut String) {
    let text = value.text();
    match text.as_bytes().first() {
        Some(b'{' | b'[') if level >= MAX_LEVELS => out.push_str(text),
        Some(b'{') => write_object(value, level, out),
        Some(b'[') => write_array(text, level, out),
        Some(b'"') => push_string(out, &value.as_str().unwrap_or_default()),
        Some(b'-' | b'0'..=b'9') => write_number(text, out),
        _ => out.push_str(text),
    }
}

fn write_object(value: RawJson<'_>, level: usize, out: &mut String) {
    let mut fields = BTreeMap::new();
    for (key, field) in value.as_object().into_iter().flatten() {
        fields.insert(key.encode_utf16().collect::<Vec<_>>(), (key, field));
    }
    out.push('{');
    for (index, (key, field)) in fields.into_values().enumerate() {
        if index > 0 {
            out.push(',');
        }
        push_string(out, &key);
        out.push(':');
        write(field, level + 1, out);
    }
    out.push('}');
}

fn write_array(text: &str, level: usize, out: &mut String) {
    out.push('[');
    let mut scanner = super::Scanner::new(text.as_bytes(), 1, super::scan::MAX_DEPTH);
    let mut first = true;
    loop {
        scanner.space();
        match scanner.peek() {
            Some(b',') => scanner.bump(),
            Some(b']') | None => break,
            Some(_) => {
                let start = scanner.pos();
                if scanner.value().is_err() {
                    break;
                }
                if !std::mem::take(&mut first) {
                    out.push(',');
                }
                write(
                    RawJson::trusted(text.get(start..scanner.pos()).unwrap_or_default()),
                    level + 1,
                    out,
                );
            }
        }
    }
    out.push(']');
}

fn write_number(text: &str, out: &mut String) {
    let integral = !text.contains(['.', 'e', 'E']);
    if integral {
        out.push_str(if text == "-0" { "0" } else { text });
        return;
    }
    match text.parse::<f64>() {
        Ok(number) if number.is_finite() => write_ecmascript(number, out),
        // Beyond a double there is no canonical form; the digits stand for themselves.
        _ => out.push_str(text),
    }
}

/// Writes a double as ECMAScript's `Number::toString` does (ECMA-262, section 6.1.6.1.20), which
/// RFC 8785 prescribes.
fn write_ecmascript(number: f64, out: &mut String) {
    if number == 0.0 {
        out.push('0');
        return;
    }
    let (sign, digits, point) = shortest(number);
    let count = digits.len() as i32;
    let exponent = point - 1;
    out.push_str(sign);
    if count <= point && point <= 21 {
        out.push_str(&digits);
        out.extend(std::iter::repeat_n('0', (point - count) as usize));
    } else if 0 < point && point <= 21 {
        let (whole, fraction) = digits.split_at(point as usize);
        out.push_str(&format!("{whole}.{fraction}"));
    } else if -6 < point && point <= 0 {
        out.push_str(&format!("0.{}{digits}", "0".repeat(-point as usize)));
    } else {
        let (head, tail) = digits.split_at(1);
        let dot = if tail.is_empty() { "" } else { "." };
        let plus = if exponent > 0 { "+" } else { "" };
        out.push_str(&format!("{head}{dot}{tail}e{plus}{exponent}"));
    }
}

/// The sign, the shortest digits that mean the number, and ECMA-262's n: the number is 0.digits times ten
/// to the n. Of two that are as short and as near, the even one counts, which the standard library's
/// formatting does not see to.
fn shortest(number: f64) -> (&'static str, String, i32) {
    let text = serde_json::to_string(&number.abs()).unwrap_or_default();
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let all = format!("{whole}{fraction}");
    let digits = all.trim_start_matches('0');
    let zeros = (all.len() - digits.len()) as i32;
    let point = whole.len() as i32 - zeros + exponent.parse::<i32>().unwrap_or(0);
    let sign = if number < 0.0 { "-" } else { "" };
    (sign, digits.trim_end_matches('0').to_owned(), point)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn canon(text: &str) -> String {
        canonical(RawJson::parse(text).unwrap())
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
}
