//! Changes to a payload's fields; what is not changed stays byte for byte.

use std::borrow::Cow;
use std::ops::Range;

use super::tokens::{Token, Tokens};
use crate::event::{EventKind, Payload};
use crate::json::push_string;
use crate::text::Text;

/// A field of an object, by where it stands in the text.
pub(super) struct Field<'a> {
    pub(super) key: Cow<'a, str>,
    /// Where its key begins.
    pub(super) start: usize,
    pub(super) value: Range<usize>,
}

/// Returns an object's fields in source order; `None` where the text is not an object.
pub(super) fn fields(object: &str) -> Option<Vec<Field<'_>>> {
    let mut tokens = Tokens::of(object)?;
    let mut fields = Vec::new();
    if tokens.next()? != Token::Open || tokens.open() != [true] {
        return None;
    }
    while let Some(Token::Key(key)) = tokens.next() {
        let value = tokens.value()?;
        fields.push(Field {
            key: tokens.content(&key)?,
            start: key.start,
            value,
        });
    }
    Some(fields)
}

/// Sets a field to a JSON text wherever it stands, or removes it.
pub(super) fn with_field(
    kind: &EventKind,
    payload: &Payload,
    key: &str,
    value: Option<&str>,
) -> Payload {
    let text = payload.text().as_str();
    let Some(fields) = fields(text) else {
        return payload.clone();
    };
    let mut out = String::with_capacity(text.len());
    let mut before = None;
    for field in &fields {
        let named = field.key == key;
        if named && value.is_none() {
            before = before.map(|_| field.value.end);
            continue;
        }
        // The first field that stays takes what stood before the first one of all.
        let gap = match before {
            Some(end) => end..field.start,
            None => 0..fields[0].start,
        };
        out.push_str(&text[gap]);
        match value.filter(|_| named) {
            Some(value) => {
                out.push_str(&text[field.start..field.value.start]);
                out.push_str(value);
            }
            None => out.push_str(&text[field.start..field.value.end]),
        }
        before = Some(field.value.end);
    }
    match (fields.last(), before) {
        (Some(last), Some(_)) => out.push_str(&text[last.value.end..]),
        _ => out.push_str("{}"),
    }
    Payload::found(kind, Text::new(out))
}

/// Adds fields at the end of an object; `None` where the text is not one.
pub(super) fn with_added(object: &str, added: &[(&str, &str)]) -> Option<String> {
    let last = fields(object)?.last().map(|field| field.value.end);
    let end = match last {
        Some(end) => end,
        None => object.find('{')? + 1,
    };
    let mut out = String::with_capacity(object.len() + 32 * added.len());
    out.push_str(&object[..end]);
    for (index, (key, value)) in added.iter().enumerate() {
        if index > 0 || last.is_some() {
            out.push(',');
        }
        push_string(&mut out, key);
        out.push(':');
        out.push_str(value);
    }
    out.push_str(&object[end..]);
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edited(text: &str, key: &str, value: Option<&str>) -> String {
        let payload = Payload::new(&EventKind::OpStart, text).unwrap();
        let edited = with_field(&EventKind::OpStart, &payload, key, value);
        assert!(Payload::new(&EventKind::OpStart, edited.text().as_str()).is_some());
        edited.text().to_string()
    }

    #[test]
    fn the_rest_of_a_payload_stays_byte_for_byte() {
        let text = r#"{ "a" : 1.10 , "p":"x" , "b" : [ 1 ], "\u0070": 2 }"#;
        assert_eq!(
            edited(text, "p", Some("\"y\"")),
            r#"{ "a" : 1.10 , "p":"y" , "b" : [ 1 ], "\u0070": "y" }"#
        );
        assert_eq!(edited(text, "p", None), r#"{ "a" : 1.10 , "b" : [ 1 ] }"#);
        assert_eq!(edited(text, "none", None), text);
        assert_eq!(edited(r#"{"p":1 , "b":2}"#, "p", None), r#"{"b":2}"#);
        assert_eq!(edited(r#"{"p":1,"p":2}"#, "p", None), "{}");
        assert_eq!(edited("{ }", "p", None), "{}");
    }

    #[test]
    fn fields_are_added_at_the_end() {
        let added = |object| with_added(object, &[("k", "1"), ("é\"", "[]")]);
        assert_eq!(added("{ }").as_deref(), Some(r#"{"k":1,"é\"":[] }"#));
        assert_eq!(
            added(r#"{"a" : 1 }"#).as_deref(),
            Some(r#"{"a" : 1,"k":1,"é\"":[] }"#)
        );
        assert_eq!(added("[]"), None);
    }
}
