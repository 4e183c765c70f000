//! Reading and writing the fields of records, foreign values as the text that they are.

use std::borrow::Cow;
use std::fmt;

use runtrail_core::json::{RawJson, compact, push_string};
use runtrail_core::text::Text;
use runtrail_core::time::Timestamp;

use super::RecordError;

/// The text of one JSON value, checked when it was made and untouched since.
///
/// Numbers of any size, key order and repeated keys are as the producer wrote them; only white space
/// between tokens is left out where it would break a line.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct JsonText(Text);

impl JsonText {
    /// Takes over a text that is one JSON value, nested no deeper than 128 levels.
    pub fn parse(text: impl Into<Text>) -> Option<Self> {
        let text = text.into();
        RawJson::parse(&text).map(Self::of)
    }

    pub(crate) fn of(value: RawJson<'_>) -> Self {
        let text = value.text();
        let one_line = !text.contains(['\n', '\r']);
        Self(if one_line {
            text.into()
        } else {
            compact(text).into()
        })
    }

    /// Takes over a text that a store has kept of a value that was checked before.
    #[cfg(feature = "sqlite")]
    pub(crate) fn trusted(text: String) -> Self {
        Self(text.into())
    }

    /// Returns the text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The empty object, which stands for a missing value.
impl Default for JsonText {
    fn default() -> Self {
        Self(Text::new("{}"))
    }
}

impl fmt::Debug for JsonText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The fields of one object, taken one by one; what is left over is not known.
pub(crate) struct Fields<'a> {
    what: &'static str,
    fields: Vec<(Cow<'a, str>, RawJson<'a>)>,
}

impl<'a> Fields<'a> {
    pub(crate) fn parse(what: &'static str, text: &'a str) -> Result<Self, RecordError> {
        let value = RawJson::parse(text).ok_or(RecordError::NotAnObject { what })?;
        Self::of(what, value)
    }

    pub(crate) fn of(what: &'static str, value: RawJson<'a>) -> Result<Self, RecordError> {
        let fields = value
            .as_object()
            .ok_or(RecordError::NotAnObject { what })?
            .collect();
        Ok(Self { what, fields })
    }

    /// Takes a value, the last where the key is repeated; `None` where it is missing or null.
    pub(crate) fn take(&mut self, key: &str) -> Option<RawJson<'a>> {
        let mut found = None;
        self.fields.retain(|(name, value)| {
            let wanted = name == key;
            if wanted {
                found = Some(*value);
            }
            !wanted
        });
        found.filter(|value| !value.is_null())
    }

    pub(crate) fn text(&mut self, key: &'static str) -> Result<Text, RecordError> {
        let missing = RecordError::Missing {
            what: self.what,
            key,
        };
        self.optional_text(key)?.ok_or(missing)
    }

    pub(crate) fn optional_text(&mut self, key: &'static str) -> Result<Option<Text>, RecordError> {
        let Some(value) = self.take(key) else {
            return Ok(None);
        };
        let text = value.as_str().ok_or(self.wrong(key, "a string"))?;
        Ok(Some(Text::new(text)))
    }

    pub(crate) fn time(&mut self, key: &'static str) -> Result<Timestamp, RecordError> {
        let missing = RecordError::Missing {
            what: self.what,
            key,
        };
        self.optional_time(key)?.ok_or(missing)
    }

    pub(crate) fn optional_time(
        &mut self,
        key: &'static str,
    ) -> Result<Option<Timestamp>, RecordError> {
        let what = self.what;
        let Some(text) = self.optional_text(key)? else {
            return Ok(None);
        };
        match Timestamp::parse_with(&text, Some(0)) {
            Ok(time) => Ok(Some(time)),
            Err(source) => Err(RecordError::Time { what, key, source }),
        }
    }

    pub(crate) fn number(&mut self, key: &'static str) -> Result<u64, RecordError> {
        let missing = RecordError::Missing {
            what: self.what,
            key,
        };
        let value = self.take(key).ok_or(missing)?;
        let number = value.as_i64().and_then(|n| u64::try_from(n).ok());
        number.ok_or(self.wrong(key, "a count"))
    }

    pub(crate) fn flag(&mut self, key: &'static str) -> Result<bool, RecordError> {
        match self.take(key).map(RawJson::text) {
            Some("true") => Ok(true),
            Some("false") | None => Ok(false),
            Some(_) => Err(self.wrong(key, "true or false")),
        }
    }

    /// Takes a list; none where it is missing or null.
    pub(crate) fn list(&mut self, key: &'static str) -> Result<Vec<RawJson<'a>>, RecordError> {
        match self.take(key) {
            None => Ok(Vec::new()),
            Some(value) => elements(value).ok_or(self.wrong(key, "a list")),
        }
    }

    pub(crate) fn texts(&mut self, key: &'static str) -> Result<Vec<Text>, RecordError> {
        let wrong = self.wrong(key, "a list of strings");
        let texts = self.list(key)?.into_iter();
        texts
            .map(|value| value.as_str().map(Text::new).ok_or(wrong.clone()))
            .collect()
    }

    pub(crate) fn wrong(&self, key: &'static str, expected: &'static str) -> RecordError {
        RecordError::WrongType {
            what: self.what,
            key,
            expected,
        }
    }

    /// Returns what nobody took, as one object; `None` where nothing is left.
    pub(crate) fn rest(self) -> Option<JsonText> {
        if self.fields.is_empty() {
            return None;
        }
        let mut object = String::new();
        for (key, value) in &self.fields {
            object.push(if object.is_empty() { '{' } else { ',' });
            push_string(&mut object, key);
            object.push(':');
            object.push_str(value.text());
        }
        object.push('}');
        RawJson::parse(&object).map(JsonText::of)
    }
}

/// Cuts a list, which is valid JSON, between its elements.
fn elements(list: RawJson<'_>) -> Option<Vec<RawJson<'_>>> {
    let inner = list.text().strip_prefix('[')?.strip_suffix(']')?;
    let mut elements = Vec::new();
    let (mut start, mut depth, mut in_string, mut escaped) = (0, 0_u32, false, false);
    for (at, byte) in inner.bytes().enumerate() {
        match byte {
            _ if in_string => {
                in_string = escaped || byte != b'"';
                escaped = !escaped && byte == b'\\';
            }
            b'"' => in_string = true,
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth = depth.checked_sub(1)?,
            b',' if depth == 0 => {
                elements.push(RawJson::parse(inner.get(start..at)?)?);
                start = at + 1;
            }
            _ => {}
        }
    }
    let rest = inner.get(start..)?;
    if !(elements.is_empty() && rest.trim().is_empty()) {
        elements.push(RawJson::parse(rest)?);
    }
    Some(elements)
}

/// Appends `,"key":"value"`, or nothing where there is no value.
pub(crate) fn push_text(out: &mut String, key: &str, value: Option<&str>) {
    if let Some(value) = value {
        out.push_str(",\"");
        out.push_str(key);
        out.push_str("\":");
        push_string(out, value);
    }
}

/// Appends `,"key":[…]`.
pub(crate) fn push_list<T>(
    out: &mut String,
    key: &str,
    values: &[T],
    mut push: impl FnMut(&mut String, &T),
) {
    out.push_str(",\"");
    out.push_str(key);
    out.push_str("\":[");
    for (index, value) in values.iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        push(out, value);
    }
    out.push(']');
}

/// Appends the fields that were not known, and the closing brace.
pub(crate) fn rest(out: &mut String, extra: Option<&JsonText>) {
    let inner = extra.and_then(|extra| extra.as_str().strip_prefix('{')?.strip_suffix('}'));
    if let Some(inner) = inner.filter(|inner| !inner.trim().is_empty()) {
        out.push(',');
        out.push_str(inner);
    }
    out.push('}');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_cut_between_their_elements() {
        let cut = |list| {
            let value = RawJson::parse(list).unwrap();
            let found = elements(value)
                .unwrap()
                .into_iter()
                .map(|e| e.text().to_owned());
            found.collect::<Vec<_>>()
        };
        assert_eq!(cut("[]"), Vec::<String>::new());
        assert_eq!(cut("[ ]"), Vec::<String>::new());
        assert_eq!(
            cut(r#"[ 1 ,"a,]\",", [2,[3]] ,{"k":[4,5]}]"#),
            ["1", r#""a,]\",""#, "[2,[3]]", r#"{"k":[4,5]}"#]
        );
    }

    #[test]
    fn a_value_of_several_lines_becomes_one_of_one_line() {
        let text = JsonText::parse("{\n \"a b\": 1.10 }").unwrap();
        assert_eq!(text.as_str(), r#"{"a b":1.10}"#);
        assert_eq!(JsonText::parse("{"), None);
    }
}
