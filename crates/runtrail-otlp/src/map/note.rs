//! Notes: an attribute for each key, and an event for each note.

use runtrail_core::json::RawJson;
use runtrail_otlp_wire::model::Value;

use super::attrs::Attrs;
use crate::names::runtrail;

/// The attribute's key: no segment is empty or a number, which some backends read as a list.
pub(super) fn key(note: &str) -> String {
    // Room for a `_` more: few keys need even one.
    let mut key = String::with_capacity(runtrail::ANNOTATION.len() + note.len() + 2);
    key.push_str(runtrail::ANNOTATION);
    for segment in note.split('.') {
        key.push('.');
        if segment.is_empty() || segment.bytes().all(|byte| byte.is_ascii_digit()) {
            key.push('_');
        }
        key.push_str(segment);
    }
    key
}

/// A JSON value as the type it has; lists and objects are JSON text. Numbers that OTLP cannot say
/// are text.
pub(super) fn value(json: &str) -> Value<'_> {
    let Some(raw) = RawJson::parse(json) else {
        return json.into();
    };
    if let Some(text) = raw.as_str() {
        return text.into();
    }
    match raw.text() {
        "true" => return true.into(),
        "false" => return false.into(),
        _ => {}
    }
    let whole = raw.text().parse::<i64>().ok().map(Value::Int);
    let number = || {
        let exact = raw.text().len() <= 17;
        raw.as_f64().filter(|_| exact).map(Value::Double)
    };
    whole.or_else(number).unwrap_or_else(|| raw.text().into())
}

/// Sets an attribute for each key of a group's or a run's metadata.
pub(super) fn set_metadata<'a>(metadata: Option<&'a str>, attrs: &mut Attrs<'a>) {
    let fields = metadata
        .and_then(RawJson::parse)
        .and_then(RawJson::as_object);
    for (name, field) in fields.into_iter().flatten() {
        attrs.set(key(&name), value(field.text()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_have_no_empty_and_no_numeric_segment() {
        assert_eq!(key("user"), "runtrail.annotation.user");
        assert_eq!(key("a.0.b"), "runtrail.annotation.a._0.b");
        assert_eq!(key(""), "runtrail.annotation._");
        assert_eq!(key(".x..1a"), "runtrail.annotation._.x._.1a");
    }

    #[test]
    fn values_keep_their_type_and_what_they_say() {
        assert_eq!(value("\"h\\u00e9\""), Value::from("hé"));
        assert_eq!(value("-3"), Value::Int(-3));
        assert_eq!(value("0.5"), Value::Double(0.5));
        assert_eq!(value("true"), Value::Bool(true));
        assert_eq!(value("null"), Value::from("null"));
        assert_eq!(value("[1, 2]"), Value::from("[1, 2]"));
        assert_eq!(
            value("12345678901234567890123"),
            Value::from("12345678901234567890123")
        );
        assert_eq!(value("1e999"), Value::from("1e999"));
    }
}
