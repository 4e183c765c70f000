//! Replaces what Python writes and JSON does not allow.

/// Rewrites one value that a [`super::Scanner`] accepted, at the places it noted as odd.
///
/// `NaN` and the infinities become strings of that name (the JSON mapping of Protocol Buffers does
/// the same, and readers can cast them back); a lone surrogate becomes U+FFFD. Every other byte
/// stays as it is. `odds` are offsets into `value`, in ascending order.
pub(crate) fn repair(value: &str, odds: impl Iterator<Item = usize>) -> String {
    let mut text = String::with_capacity(value.len() + 16);
    let mut copied = 0;
    for at in odds {
        let (len, replacement) = match value.as_bytes().get(at) {
            Some(b'N') => (3, "\"NaN\""),
            Some(b'I') => (8, "\"Infinity\""),
            Some(b'-') => (9, "\"-Infinity\""),
            _ => (6, "\\ufffd"),
        };
        text.push_str(value.get(copied..at).unwrap_or_default());
        text.push_str(replacement);
        copied = at + len;
    }
    text.push_str(value.get(copied..).unwrap_or_default());
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::{RawJson, Scanner};

    fn repaired(value: &str) -> String {
        let mut scanner = Scanner::new(value.as_bytes(), 0, 128);
        scanner.value().unwrap();
        let text = repair(value, scanner.odds().iter().copied());
        assert!(RawJson::parse(&text).is_some(), "{text}");
        text
    }

    #[test]
    fn what_is_not_json_is_replaced_and_nothing_else() {
        let source = r#"{"a":[NaN,-Infinity, Infinity],"s":"NaN \"q\" \ud800x\ud83d\ude00 \udc00","n":1.10}"#;
        let wanted = r#"{"a":["NaN","-Infinity", "Infinity"],"s":"NaN \"q\" \ufffdx\ud83d\ude00 \ufffd","n":1.10}"#;
        assert_eq!(repaired(source), wanted);
    }
}
