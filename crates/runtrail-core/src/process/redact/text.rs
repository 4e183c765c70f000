//! Masking inside JSON text.

use std::ops::Range;

use super::pairs::{hides, mask_pairs};
use super::rules::Rules;
use crate::event::{EventKind, Status, slot_keys};
use crate::json::{RawJson, push_string};
use crate::process::tokens::{Token, Tokens};

/// How many texts inside texts are gone through.
const MAX_EMBEDDED: usize = 4;

/// Where an object stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// It is an event's payload, of which Runtrail reads some fields.
    Payload,
    /// It is the payload of a note whose key is secret.
    PayloadOfSecretNote,
    /// Anywhere else.
    Elsewhere,
}

/// A text that is not JSON, so that nothing is known of what is in it.
#[derive(Debug)]
pub(super) struct Unreadable;

/// Masks what is secret in an object; `None` where nothing is.
pub(super) fn redact_object(
    rules: &Rules,
    text: &str,
    place: Place,
) -> Result<Option<String>, Unreadable> {
    let tokens = Tokens::of(text).ok_or(Unreadable)?;
    redact_tokens(rules, text, tokens, place, 0)
}

fn redact_tokens<'a>(
    rules: &Rules,
    text: &'a str,
    mut tokens: Tokens<'a>,
    place: Place,
    embedded: usize,
) -> Result<Option<String>, Unreadable> {
    let mut masked = Masked::new(text);
    while let Some(token) = tokens.next() {
        match token {
            Token::Open | Token::Close => {}
            Token::Key(range) => {
                let key = tokens.content(&range).ok_or(Unreadable)?;
                let read = if tokens.open() == [true] {
                    place
                } else {
                    Place::Elsewhere
                };
                let known = read != Place::Elsewhere && is_known_key(&key);
                if !known && let Some(other) = redact_text(rules, &key, embedded) {
                    masked.put(range, &quoted(&other));
                }
                let secret = rules.is_secret_key(&key)
                    || (read == Place::PayloadOfSecretNote && key == "value");
                let for_runtrail = read != Place::Elsewhere
                    && matches!(&*key, "status" | "opener_id" | "parent_id");
                if !secret && !for_runtrail {
                    continue;
                }
                let range = tokens.value().ok_or(Unreadable)?;
                let value = &text[range.clone()];
                if for_runtrail {
                    // An id that counts was looked at before; a repeated key may hide another.
                    let harmless = match &*key {
                        "status" => is_known_status(value),
                        _ => is_harmless_id(rules, value),
                    };
                    if !harmless {
                        masked.put(range, rules.quoted_mask());
                    }
                } else if value != "null" && value != rules.quoted_mask() {
                    masked.put(range, rules.quoted_mask());
                }
            }
            Token::Scalar(range) => {
                let value = &text[range.clone()];
                if value.starts_with('"') {
                    let content = tokens.content(&range).ok_or(Unreadable)?;
                    if let Some(other) = redact_text(rules, &content, embedded) {
                        masked.put(range, &quoted(&other));
                    }
                } else if value != "null" && rules.matches(value) {
                    masked.put(range, rules.quoted_mask());
                }
            }
        }
    }
    Ok(masked.finish())
}

/// Masks what is secret in a text, going through it where it is JSON itself, and through what looks like JSON in any
/// other; `None` where nothing is.
///
/// `embedded` is the number of texts that it stands in.
pub(super) fn redact_text(rules: &Rules, text: &str, embedded: usize) -> Option<String> {
    // A word or a number alone is JSON, too, but nothing stands in it.
    let begins = text.trim_start().starts_with(['{', '[', '"']);
    let tokens = begins.then(|| Tokens::of_any(text)).flatten();
    let Some(tokens) = tokens else {
        return redact_other(rules, text);
    };
    if embedded == MAX_EMBEDDED {
        return Some(rules.mask().to_owned());
    }
    match redact_tokens(rules, text, tokens, Place::Elsewhere, embedded + 1) {
        Ok(None) => rules.mask_text(text),
        Ok(Some(inner)) => Some(rules.mask_text(&inner).unwrap_or(inner)),
        Err(Unreadable) => Some(rules.mask().to_owned()),
    }
}

/// Masks what is secret in a text that is not JSON.
fn redact_other(rules: &Rules, text: &str) -> Option<String> {
    let mut masked = mask_pairs(rules, text);
    if let Some(more) = rules.mask_text(masked.as_deref().unwrap_or(text)) {
        masked = Some(more);
    }
    if hides(rules, masked.as_deref().unwrap_or(text)) {
        return Some(rules.mask().to_owned());
    }
    masked
}

fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    push_string(&mut quoted, text);
    quoted
}

/// Whether a key is one of Runtrail's own, which are no secret.
fn is_known_key(key: &str) -> bool {
    EventKind::KNOWN
        .iter()
        .any(|kind| slot_keys(kind).contains(&key))
}

/// A status that is none of the known ones could be anything.
fn is_known_status(value: &str) -> bool {
    let inner = value
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'));
    value == "null" || inner.is_some_and(|name| Status::parse(name).is_some())
}

/// An id that is not a text could be anything.
fn is_harmless_id(rules: &Rules, value: &str) -> bool {
    value == "null"
        || RawJson::trusted(value)
            .as_str()
            .is_some_and(|id| redact_text(rules, &id, 0).is_none())
}

/// A text with some parts replaced, copied only where there is one.
pub(super) struct Masked<'a> {
    text: &'a str,
    out: String,
    copied: usize,
}

impl<'a> Masked<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self {
            text,
            out: String::new(),
            copied: 0,
        }
    }

    /// Replaces a part; parts must come in their order.
    pub(super) fn put(&mut self, range: Range<usize>, with: &str) {
        self.out.push_str(&self.text[self.copied..range.start]);
        self.out.push_str(with);
        self.copied = range.end;
    }

    pub(super) fn finish(mut self) -> Option<String> {
        if self.copied == 0 {
            return None;
        }
        self.out.push_str(&self.text[self.copied..]);
        Some(self.out)
    }
}
