//! TOML values as JSON.

use runtrail_core::json::push_string;
use toml::de::{DeTable, DeValue};

/// Returns a table's fields as JSON texts; `None` where a value has no JSON form (times, infinities).
pub(super) fn fields(table: &DeTable<'_>) -> Option<Vec<(String, String)>> {
    let field = |(key, value): (&toml::Spanned<_>, &toml::Spanned<DeValue<'_>>)| {
        let key: &std::borrow::Cow<'_, str> = key.get_ref();
        Some((key.to_string(), json(value.get_ref())?))
    };
    table.iter().map(field).collect()
}

/// The parser limits how deep a value nests, and so how deep this goes.
fn json(value: &DeValue<'_>) -> Option<String> {
    match value {
        DeValue::String(text) => {
            let mut quoted = String::new();
            push_string(&mut quoted, text);
            Some(quoted)
        }
        DeValue::Integer(number) => {
            let number = i128::from_str_radix(number.as_str(), number.radix()).ok()?;
            Some(number.to_string())
        }
        DeValue::Float(number) => {
            let number: f64 = number.as_str().parse().ok()?;
            number.is_finite().then(|| number.to_string())
        }
        DeValue::Boolean(truth) => Some(truth.to_string()),
        DeValue::Datetime(_) => None,
        DeValue::Array(items) => {
            let items: Option<Vec<String>> = items.iter().map(|i| json(i.get_ref())).collect();
            Some(format!("[{}]", items?.join(",")))
        }
        DeValue::Table(table) => {
            let mut object = String::from("{");
            for (index, (key, value)) in fields(table)?.iter().enumerate() {
                if index > 0 {
                    object.push(',');
                }
                push_string(&mut object, key);
                object.push(':');
                object.push_str(value);
            }
            object.push('}');
            Some(object)
        }
    }
}
