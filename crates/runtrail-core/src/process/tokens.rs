//! The tokens of a JSON text, one after another, without recursion.

use std::borrow::Cow;
use std::ops::Range;

use crate::json::{MAX_DEPTH, RawJson, Scanner, repair};

/// A piece of a JSON text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Token {
    /// `{` or `[`.
    Open,
    /// `}` or `]`.
    Close,
    /// A key of an object, quotes included; its value follows.
    Key(Range<usize>),
    /// A string, a number, `true`, `false` or `null`.
    Scalar(Range<usize>),
}

/// Goes through a text that is JSON.
pub(super) struct Tokens<'a> {
    text: &'a str,
    scanner: Scanner<'a>,
    /// Of each open bracket whether it is an object's; never more than [`MAX_DEPTH`].
    open: Vec<bool>,
    key_next: bool,
}

impl<'a> Tokens<'a> {
    /// Checks a text and begins at its start; `None` where it is not one JSON value, or nests too deep.
    pub(super) fn of(text: &'a str) -> Option<Self> {
        let mut check = Scanner::new(text.as_bytes(), 0, MAX_DEPTH);
        check.value().ok()?;
        check.space();
        (check.pos() == text.len() && check.odds().is_empty()).then(|| Self::new(text))
    }

    /// Like [`of`](Self::of), but takes also what writers of JSON make that is not JSON: several values
    /// one after another, numbers that are none, halves of a character.
    pub(super) fn of_any(text: &'a str) -> Option<Self> {
        let mut check = Scanner::new(text.as_bytes(), 0, MAX_DEPTH);
        while check.pos() < text.len() {
            check.value().ok()?;
            check.space();
        }
        (!text.is_empty()).then(|| Self::new(text))
    }

    fn new(text: &'a str) -> Self {
        Self {
            text,
            scanner: Scanner::new(text.as_bytes(), 0, MAX_DEPTH),
            open: Vec::new(),
            key_next: false,
        }
    }

    /// Where the last token ends.
    pub(super) fn pos(&self) -> usize {
        self.scanner.pos()
    }

    /// Of each bracket that is open whether it is an object's, outermost first.
    pub(super) fn open(&self) -> &[bool] {
        &self.open
    }

    /// Steps over the whole value that comes next.
    pub(super) fn value(&mut self) -> Option<Range<usize>> {
        self.scanner.space();
        let start = self.scanner.pos();
        self.scanner.value().ok()?;
        self.key_next = false;
        Some(start..self.scanner.pos())
    }

    /// Returns a string's or key's content, with U+FFFD for half a character; `None` for another token's range.
    pub(super) fn content(&self, range: &Range<usize>) -> Option<Cow<'a, str>> {
        let string = self.text.get(range.clone())?;
        RawJson::trusted(string).as_str().or_else(|| {
            let mut halves = Scanner::new(string.as_bytes(), 0, MAX_DEPTH);
            halves.string().ok()?;
            let whole = repair(string, halves.odds().iter().copied());
            let content = RawJson::trusted(&whole).as_str()?;
            Some(Cow::Owned(content.into_owned()))
        })
    }
}

impl Iterator for Tokens<'_> {
    type Item = Token;

    fn next(&mut self) -> Option<Token> {
        self.scanner.space();
        if self.scanner.peek() == Some(b',') {
            self.scanner.bump();
            self.scanner.space();
            self.key_next = self.open.last() == Some(&true);
        }
        let start = self.scanner.pos();
        match self.scanner.peek()? {
            bracket @ (b'{' | b'[') => {
                self.scanner.bump();
                self.open.push(bracket == b'{');
                self.key_next = bracket == b'{';
                Some(Token::Open)
            }
            b'}' | b']' => {
                self.scanner.bump();
                self.open.pop();
                self.key_next = false;
                Some(Token::Close)
            }
            _ if std::mem::take(&mut self.key_next) => {
                self.scanner.string().ok()?;
                let key = start..self.scanner.pos();
                self.scanner.space();
                self.scanner.bump();
                Some(Token::Key(key))
            }
            _ => self.value().map(Token::Scalar),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_token_is_seen_once() {
        let text = r#" { "a" : [ 1 , {} , "x\"" ] , "b":null,"":[]} "#;
        let shown: Vec<String> = Tokens::of(text)
            .unwrap()
            .map(|token| match token {
                Token::Open => "(".to_owned(),
                Token::Close => ")".to_owned(),
                Token::Key(range) => format!("{}:", &text[range]),
                Token::Scalar(range) => text[range].to_owned(),
            })
            .collect();
        assert_eq!(
            shown.join(" "),
            r#"( "a": ( 1 ( ) "x\"" ) "b": null "": ( ) )"#
        );
    }

    #[test]
    fn what_writers_make_of_json_has_tokens_too() {
        let text = r#"{"a":NaN} ["\ud83d!"] -Infinity"#;
        let mut tokens = Tokens::of_any(text).unwrap();
        let mut shown = Vec::new();
        while let Some(token) = tokens.next() {
            match token {
                Token::Key(range) | Token::Scalar(range) => {
                    let content = tokens.content(&range);
                    shown.push(content.unwrap_or_else(|| text[range].into()));
                }
                Token::Open | Token::Close => {}
            }
        }
        assert_eq!(shown, ["a", "NaN", "\u{fffd}!", "-Infinity"]);
        for text in ["", "{} x", "[1] {", "{\"a\":nan}"] {
            assert!(Tokens::of_any(text).is_none(), "{text}");
        }
    }

    #[test]
    fn what_is_not_one_value_has_no_tokens() {
        let deep = "[".repeat(100_000);
        for text in ["", "{", "1 2", "{\"a\":NaN}", deep.as_str()] {
            assert!(Tokens::of(text).is_none());
        }
    }
}
