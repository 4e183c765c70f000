//! The head of a JSON value.

use crate::process::tokens::{Token, Tokens};

/// What a text that was cut ends in.
const ELLIPSIS: &str = "…";

/// Returns as much of a value's head as fits, as valid JSON; `None` where nothing does.
pub(super) fn head(text: &str, budget: usize) -> Option<String> {
    if text.len() <= budget {
        return Some(text.to_owned());
    }
    let mut tokens = Tokens::of(text)?;
    // Up to here the text can be kept if these brackets are closed after it.
    let mut safe: Option<(usize, Vec<bool>)> = None;
    while let Some(token) = tokens.next() {
        let fits = tokens.pos() + tokens.open().len() <= budget;
        match token {
            Token::Key(_) if fits => {}
            _ if fits => {
                let (pos, open) = safe.get_or_insert_default();
                *pos = tokens.pos();
                open.clear();
                open.extend_from_slice(tokens.open());
            }
            Token::Scalar(range) => {
                let room = budget.saturating_sub(range.start + tokens.open().len());
                if let Some(cut) = cut_string(&text[range.clone()], room) {
                    return Some(closed(&text[..range.start], &cut, tokens.open()));
                }
                break;
            }
            _ => break,
        }
    }
    safe.map(|(pos, open)| closed(&text[..pos], "", &open))
}

/// As [`head`], of a value that is not worth opening: other than a string it stays whole or goes.
pub(super) fn short(value: &str, budget: usize) -> Option<String> {
    if value.len() <= budget {
        return Some(value.to_owned());
    }
    cut_string(value, budget)
}

fn closed(head: &str, cut: &str, open: &[bool]) -> String {
    let mut out = String::with_capacity(head.len() + cut.len() + open.len());
    out.push_str(head);
    out.push_str(cut);
    out.extend(
        open.iter()
            .rev()
            .map(|object| if *object { '}' } else { ']' }),
    );
    out
}

/// Cuts a quoted string between characters; `None` for anything else, or where no character fits.
fn cut_string(quoted: &str, budget: usize) -> Option<String> {
    let inner = quoted.strip_prefix('"')?.strip_suffix('"')?;
    let room = budget.checked_sub(2 + ELLIPSIS.len())?;
    let mut end = 0;
    while let Some(length) = character(&inner[end..]) {
        if end + length > room {
            break;
        }
        end += length;
    }
    (end > 0).then(|| format!("\"{}{ELLIPSIS}\"", &inner[..end]))
}

/// The length of the first character of a string's text, escaped or not.
fn character(text: &str) -> Option<usize> {
    let first = text.chars().next()?;
    if first != '\\' {
        return Some(first.len_utf8());
    }
    if text.as_bytes().get(1) != Some(&b'u') {
        return Some(2.min(text.len()));
    }
    let unit = u32::from_str_radix(text.get(2..6)?, 16).ok()?;
    // The two halves of a surrogate pair are one character.
    let length = if (0xd800..0xdc00).contains(&unit) {
        12
    } else {
        6
    };
    Some(length.min(text.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_valid_at_every_length() {
        let text = r#"{ "a" : [1, "é\u00e9\ud83d\ude00\\x", {"b":{}}, null], "c": "last one" }"#;
        let mut before = 0;
        for budget in 0..text.len() {
            let Some(head) = head(text, budget) else {
                continue;
            };
            assert!(head.len() <= budget, "{budget}: {head}");
            assert!(crate::json::RawJson::parse(&head).is_some(), "{head}");
            let same = head.bytes().zip(text.bytes()).take_while(|(a, b)| a == b);
            let same = same.count();
            assert!(same + 12 >= before, "{head}");
            before = same.max(before);
        }
        assert_eq!(head(text, 2).as_deref(), Some("{}"));
        assert_eq!(head(text, 1), None);
        assert_eq!(head(text, text.len()).as_deref(), Some(text));
    }

    #[test]
    fn strings_are_cut_between_characters() {
        assert_eq!(cut_string(r#""éé""#, 7).as_deref(), Some("\"é…\""));
        assert_eq!(cut_string(r#""éé""#, 6), None);
        assert_eq!(
            cut_string(r#""a\ud83d\ude00b""#, 17).as_deref(),
            Some("\"a…\"")
        );
        assert_eq!(
            cut_string(r#""a\ud83d\ude00b""#, 18).as_deref(),
            Some("\"a\\ud83d\\ude00…\"")
        );
        assert_eq!(cut_string(r#""\n\n""#, 7).as_deref(), Some("\"\\n…\""));
        assert_eq!(cut_string("12345", 4), None);
    }
}
