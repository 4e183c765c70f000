//! JSON text that is carried, not parsed: scanning, reading of single values, canonical form.

mod canonical;
mod repair;
mod scan;

use std::borrow::Cow;
use std::fmt;

pub use canonical::{Canonical, canonical, push_number};
pub(crate) use repair::repair;
pub(crate) use scan::{MAX_DEPTH, ScanError, Scanner};

/// The text of one JSON value, borrowed from where it stands.
///
/// The text was checked when it was read; the accessors interpret it on demand and give `None`
/// where the value is of another type.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct RawJson<'a>(&'a str);

impl<'a> RawJson<'a> {
    pub(crate) fn trusted(text: &'a str) -> Self {
        Self(text)
    }

    /// Checks that `text` is exactly one JSON value, nested no deeper than 128 levels.
    pub fn parse(text: &'a str) -> Option<Self> {
        let trimmed = text.trim_matches([' ', '\t', '\r', '\n']);
        let mut scanner = Scanner::new(trimmed.as_bytes(), 0, crate::wire::DEFAULT_MAX_DEPTH);
        let complete =
            scanner.value().is_ok() && scanner.pos() == trimmed.len() && scanner.odds().is_empty();
        complete.then_some(Self(trimmed))
    }

    /// Returns the text, byte for byte as it stood in the source.
    pub fn text(self) -> &'a str {
        self.0
    }

    /// Whether the value is `null`.
    pub fn is_null(self) -> bool {
        self.0 == "null"
    }

    /// Returns a string value with its escapes resolved.
    pub fn as_str(self) -> Option<Cow<'a, str>> {
        let inner = self.0.strip_prefix('"')?.strip_suffix('"')?;
        if inner.contains('\\') {
            serde_json::from_str(self.0).ok().map(Cow::Owned)
        } else {
            Some(Cow::Borrowed(inner))
        }
    }

    /// Returns a number as a float, or `None` where it is not a number or not finite.
    pub fn as_f64(self) -> Option<f64> {
        self.is_number()
            .then(|| self.0.parse().ok())
            .flatten()
            .filter(|n: &f64| n.is_finite())
    }

    /// Returns a number that is integral and fits 64 bits; `3.0` and `3e2` count as integral.
    pub fn as_i64(self) -> Option<i64> {
        if !self.is_number() {
            return None;
        }
        if let Ok(n) = self.0.parse() {
            return Some(n);
        }
        // 2^53 is where a float stops telling neighbouring integers apart.
        let float: f64 = self
            .0
            .contains(['.', 'e', 'E'])
            .then(|| self.0.parse().ok())
            .flatten()?;
        (float.fract() == 0.0 && float.abs() <= 9_007_199_254_740_992.0).then_some(float as i64)
    }

    /// Returns the fields of an object in source order, or `None` for another type.
    pub fn as_object(self) -> Option<Fields<'a>> {
        self.0.starts_with('{').then_some(Fields {
            text: self.0,
            pos: 1,
        })
    }

    /// Returns the last field of that name, as JSON readers commonly resolve repeated keys.
    pub fn get(self, key: &str) -> Option<RawJson<'a>> {
        self.as_object()?
            .filter(|(name, _)| name == key)
            .last()
            .map(|(_, value)| value)
    }

    fn is_number(self) -> bool {
        matches!(self.0.as_bytes().first(), Some(b'-' | b'0'..=b'9'))
    }
}

impl fmt::Debug for RawJson<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl fmt::Display for RawJson<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// The fields of an object, in source order; repeated keys are repeated here.
pub struct Fields<'a> {
    text: &'a str,
    pos: usize,
}

impl<'a> Iterator for Fields<'a> {
    type Item = (Cow<'a, str>, RawJson<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        // The text is valid and within its depth already, so the scanner's own limit is moot here.
        let mut scanner = Scanner::new(self.text.as_bytes(), self.pos, scan::MAX_DEPTH);
        scanner.space();
        if scanner.peek() == Some(b',') {
            scanner.bump();
            scanner.space();
        }
        let key_start = scanner.pos();
        scanner.string().ok()?;
        let key_end = scanner.pos();
        scanner.space();
        scanner.bump();
        scanner.space();
        let value_start = scanner.pos();
        scanner.value().ok()?;
        self.pos = scanner.pos();
        let key = RawJson(self.text.get(key_start..key_end)?).as_str()?;
        Some((key, RawJson(self.text.get(value_start..self.pos)?)))
    }
}

/// Removes the white space between the tokens of valid JSON; every token stays as it is.
pub fn compact(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    let (mut in_string, mut escaped) = (false, false);
    for c in json.chars() {
        if in_string {
            in_string = escaped || c != '"';
            escaped = !escaped && c == '\\';
        } else if c.is_ascii_whitespace() {
            continue;
        } else {
            in_string = c == '"';
        }
        out.push(c);
    }
    out
}

/// Appends `text` as a JSON string, quoted and escaped.
pub fn push_string(out: &mut String, text: &str) {
    if scan::are_plain(text.as_bytes()) {
        out.reserve(text.len() + 2);
        out.push('"');
        out.push_str(text);
        out.push('"');
        return;
    }
    // Writing to a String cannot fail, and a str always has a JSON form.
    if let Ok(quoted) = serde_json::to_string(text) {
        out.push_str(&quoted);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read_by_their_own_type_only() {
        let raw = |text| RawJson::parse(text).unwrap();
        assert_eq!(raw("\"h\\u00e9\"").as_str().as_deref(), Some("hé"));
        assert_eq!(raw("3").as_i64(), Some(3));
        assert_eq!(raw("3.0").as_i64(), Some(3));
        assert_eq!(raw("3.5").as_i64(), None);
        assert_eq!(raw("9223372036854775808").as_i64(), None);
        assert_eq!(raw("\"3\"").as_i64(), None);
        assert_eq!(raw("1e400").as_f64(), None);
        assert_eq!(raw("true").as_f64(), None);
    }

    #[test]
    fn the_last_of_repeated_keys_is_the_value() {
        let raw = RawJson::parse(r#"{ "a" : 1 , "b":[{"a":9}], "\u0061":2}"#).unwrap();
        assert_eq!(raw.get("a").map(RawJson::text), Some("2"));
        assert_eq!(raw.as_object().unwrap().count(), 3);
        assert_eq!(raw.get("zz"), None);
    }

    #[test]
    fn what_is_not_one_value_is_refused() {
        for text in [
            "",
            "{",
            "1 2",
            "{\"a\":}",
            "[1,]",
            "NaN",
            "nul",
            "\"\\ud800\"",
            "01",
        ] {
            assert!(RawJson::parse(text).is_none(), "{text}");
        }
    }
}
