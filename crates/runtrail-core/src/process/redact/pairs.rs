//! Masking what stands under secret keys in texts that hold JSON, or what looks like it, but are not JSON as a whole.

use std::borrow::Cow;

use super::rules::Rules;
use super::text::Masked;
use crate::json::push_string;

/// Texts quoted this many times, one inside another, are masked in place.
const MAX_QUOTED: usize = 5;

/// Masks the value of every secret key that a text quotes before `:` or `=`; `None` where there is none.
///
/// Nothing is asked of what stands around such a pair: a log line, a fence of Markdown, a dictionary as
/// Python shows it and an answer that was cut off in the middle hold them as well. Where it is not certain that a
/// value ends, all that follows is masked.
pub(super) fn mask_pairs(rules: &Rules, text: &str) -> Option<String> {
    let mut masked = Masked::new(text);
    // Where the last quote of each sort ended. Whether it opened or closed a string is not asked, since one stray
    // quote before would turn the answer around.
    let mut last = [[None; MAX_QUOTED]; 2];
    let mut at = 0;
    while let Some((byte, slashes)) = next_byte(text.as_bytes(), &mut at) {
        if !is_quote(byte) {
            continue;
        }
        let depth = depth_of(slashes);
        let value = value_after(text, at, depth);
        let Some(last) = last[usize::from(byte == b'"')].get_mut(depth) else {
            match value {
                Some(_) => return Some(rules.mask().to_owned()),
                None => continue,
            }
        };
        let Some(opened) = last.replace(at) else {
            continue;
        };
        let closed = at - 1 - slashes_at(depth);
        let Some((value, key)) = value.zip(text.get(opened..closed)) else {
            continue;
        };
        if !rules.is_secret_key(&plain(key, depth + 1)) {
            continue;
        }
        let mask = mask_at(rules, depth);
        let Some(end) = end_of_value(text, value, depth) else {
            masked.put(value..text.len(), &mask);
            return masked.finish();
        };
        let found = &text[value..end];
        if !matches!(found, "null" | "None") && found != mask {
            masked.put(value..end, &mask);
        }
        at = end;
    }
    masked.finish()
}

/// Whether a secret comes out of a text, other than JSON, where its escapes are resolved.
pub(super) fn hides(rules: &Rules, text: &str) -> bool {
    let mut plain = Cow::Borrowed(text);
    for _ in 0..MAX_QUOTED {
        if !plain.contains('\\') {
            return false;
        }
        plain = Cow::Owned(unescaped(&plain));
        if rules.matches(&plain) || mask_pairs(rules, &plain).is_some() {
            return true;
        }
    }
    false
}

/// Steps over the next byte that is no backslash; returns it, and how many backslashes stood before it.
fn next_byte(bytes: &[u8], at: &mut usize) -> Option<(u8, usize)> {
    let rest = bytes.get(*at..)?;
    let slashes = rest.iter().take_while(|byte| **byte == b'\\').count();
    let byte = *rest.get(slashes)?;
    *at += slashes + 1;
    Some((byte, slashes))
}

fn is_quote(byte: u8) -> bool {
    matches!(byte, b'"' | b'\'')
}

/// Of a quote behind that many backslashes, in how many quoted texts it stands: each doubles them and adds one,
/// and pairs of them belong to what stands before.
fn depth_of(slashes: usize) -> usize {
    slashes.trailing_ones() as usize
}

/// How many backslashes belong to a quote at that depth.
fn slashes_at(depth: usize) -> usize {
    (1 << depth) - 1
}

/// Returns where the value begins if a key ended at `at`.
fn value_after(text: &str, at: usize, depth: usize) -> Option<usize> {
    let at = after_space(text, at, depth);
    let rest = text.get(at..)?;
    let len = if rest.starts_with("=>") {
        2
    } else if rest.starts_with("::") || rest.starts_with("==") {
        return None;
    } else if rest.starts_with([':', '=']) {
        1
    } else {
        return None;
    };
    Some(after_space(text, at + len, depth))
}

/// Steps over white space, and over its escapes inside of quoted text.
fn after_space(text: &str, mut at: usize, depth: usize) -> usize {
    while let Some(rest) = text.get(at..) {
        let bare = rest.trim_start();
        let escape = bare.trim_start_matches('\\');
        at += rest.len() - bare.len();
        if depth == 0 || escape.len() == bare.len() || !escape.starts_with(['n', 'r', 't']) {
            break;
        }
        at += bare.len() - escape.len() + 1;
    }
    at
}

/// Returns where the value that begins at `at` ends for certain.
fn end_of_value(text: &str, at: usize, depth: usize) -> Option<usize> {
    let bytes = text.as_bytes();
    let slashes = bytes.iter().skip(at).take_while(|byte| **byte == b'\\');
    let slashes = slashes.count();
    let first = at + slashes;
    let end = match *bytes.get(first)? {
        quote if is_quote(quote) => {
            let opens = slashes == slashes_at(depth);
            end_of_string(bytes, first + 1, quote, depth).filter(|_| opens)?
        }
        _ if slashes > 0 => return None,
        b'{' | b'[' | b'(' => end_of_brackets(bytes, first, depth)?,
        _ => end_of_word(text, first)?,
    };
    let next = bytes.get(after_space(text, end, depth));
    matches!(next, None | Some(b',' | b'}' | b']' | b')')).then_some(end)
}

fn end_of_string(bytes: &[u8], mut at: usize, quote: u8, depth: usize) -> Option<usize> {
    while let Some((byte, slashes)) = next_byte(bytes, &mut at) {
        let found = depth_of(slashes);
        if byte == quote && found <= depth {
            // A quote from further out ends the text that the string stands in.
            return (found == depth).then_some(at);
        }
    }
    None
}

fn end_of_brackets(bytes: &[u8], mut at: usize, depth: usize) -> Option<usize> {
    let mut open = [0_usize; 3];
    while let Some((byte, slashes)) = next_byte(bytes, &mut at) {
        if is_quote(byte) {
            let opens = slashes == slashes_at(depth);
            at = end_of_string(bytes, at, byte, depth).filter(|_| opens)?;
            continue;
        }
        let Some(place) = b"{}[]()".iter().position(|bracket| *bracket == byte) else {
            continue;
        };
        let count = &mut open[place / 2];
        *count = if place % 2 == 0 {
            *count + 1
        } else {
            count.checked_sub(1)?
        };
        if open == [0; 3] {
            return Some(at);
        }
    }
    None
}

/// Only words that nobody means otherwise: a secret that is not quoted may hold anything.
fn end_of_word(text: &str, at: usize) -> Option<usize> {
    let rest = text.get(at..)?;
    let ends =
        |c: char| c.is_whitespace() || matches!(c, ',' | '}' | ']' | ')' | '"' | '\'' | '\\');
    let word = &rest[..rest.find(ends).unwrap_or(rest.len())];
    let known = matches!(word, "null" | "None" | "true" | "True" | "false" | "False");
    (known || word.parse::<f64>().is_ok()).then_some(at + word.len())
}

/// Returns the mask as it is written inside of quoted text.
fn mask_at(rules: &Rules, depth: usize) -> String {
    let mut mask = rules.quoted_mask().to_owned();
    for _ in 0..depth {
        let mut quoted = String::with_capacity(mask.len() + 8);
        push_string(&mut quoted, &mask);
        quoted[1..quoted.len() - 1].clone_into(&mut mask);
    }
    mask
}

/// Resolves escapes that many times.
fn plain(text: &str, times: usize) -> Cow<'_, str> {
    let mut plain = Cow::Borrowed(text);
    for _ in 0..times {
        if plain.contains('\\') {
            plain = Cow::Owned(unescaped(&plain));
        }
    }
    plain
}

/// Resolves the escapes of JSON, of JavaScript and of Python; of what is none, the backslash goes.
fn unescaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('\\') {
        out.push_str(before);
        let mut chars = after.chars();
        rest = match chars.next() {
            Some('u') => push_units(&mut out, after),
            Some('x') => {
                let code = after.get(1..3);
                let code = code.and_then(|hex| u8::from_str_radix(hex, 16).ok());
                out.push(code.map_or('x', char::from));
                &after[if code.is_some() { 3 } else { 1 }..]
            }
            Some(c) => {
                out.push(match c {
                    'n' => '\n',
                    'r' => '\r',
                    't' => '\t',
                    'b' => '\u{8}',
                    'f' => '\u{c}',
                    other => other,
                });
                chars.as_str()
            }
            None => "",
        };
    }
    out.push_str(rest);
    out
}

/// Resolves `u` and four digits, and a second such escape where both make one character; returns what follows.
fn push_units<'a>(out: &mut String, after: &'a str) -> &'a str {
    let unit = |text: &str| {
        let hex = text.strip_prefix('u')?.get(..4)?;
        u16::from_str_radix(hex, 16).ok()
    };
    let Some(first) = unit(after) else {
        out.push('u');
        return &after[1..];
    };
    let rest = &after[5..];
    let second = rest.strip_prefix('\\').and_then(unit);
    let both = second.and_then(|second| char::decode_utf16([first, second]).next()?.ok());
    match both {
        Some(c) if c.len_utf16() == 2 => {
            out.push(c);
            &rest[6..]
        }
        _ => {
            let alone = char::from_u32(u32::from(first));
            out.push(alone.unwrap_or(char::REPLACEMENT_CHARACTER));
            rest
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::RedactSettings;
    use super::super::text::redact_text;
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn escapes_are_resolved_whoever_wrote_them() {
        let text = r#"\"\\\n\u0041\ud83d\ude00\ud83d\u0041\x27\q\uzz\xé"#;
        let plain = "\"\\\nA\u{1f600}\u{fffd}A'quzzxé";
        assert_eq!(unescaped(text), plain);
        assert_eq!(unescaped("end\\"), "end");
    }

    #[test]
    fn quotes_tell_by_their_backslashes_how_deep_they_stand() {
        for (slashes, depth) in [(0, 0), (1, 1), (2, 0), (3, 2), (4, 0), (5, 1), (7, 3)] {
            assert_eq!(depth_of(slashes), depth, "{slashes}");
        }
    }

    proptest! {
        #[test]
        fn what_was_masked_once_is_not_masked_again(
            text in r#"(token|[ \[\]{}:,=n'"\\]|\\\\|\\"|u0022|1|null|é){0,24}"#
        ) {
            let rules = Rules::new(&RedactSettings::default()).unwrap();
            if let Some(masked) = redact_text(&rules, &text, 0) {
                prop_assert_eq!(redact_text(&rules, &masked, 0), None, "{}", masked);
            }
        }
    }
}
