//! Spans as they will stand in a request.

use std::ops::Range;

use runtrail_otlp_wire::model::Span;
#[cfg(feature = "http")]
use runtrail_otlp_wire::protobuf::{Fields, read_span, write_span_field};
use runtrail_otlp_wire::{WireError, json};

use super::Form;

/// Encoded spans, one after the other; a cut between two of them is free.
#[derive(Debug, Clone)]
pub(crate) struct Piece {
    form: Form,
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Piece {
    pub(crate) fn new(form: Form) -> Self {
        Self {
            form,
            bytes: Vec::new(),
            ends: Vec::new(),
        }
    }

    /// Adds a span; returns its bytes.
    pub(crate) fn push(&mut self, span: &Span<'_>) -> usize {
        let before = self.bytes.len();
        match self.form {
            #[cfg(feature = "http")]
            Form::Protobuf => write_span_field(span, &mut self.bytes),
            Form::Json => {
                self.bytes.extend_from_slice(json::span(span).as_bytes());
                self.bytes.push(b',');
            }
        }
        self.ends.push(self.bytes.len());
        self.bytes.len() - before
    }

    /// Adds all spans of another piece of the same form.
    pub(crate) fn append(&mut self, other: &Self) {
        let base = self.bytes.len();
        self.bytes.extend_from_slice(&other.bytes);
        self.ends.extend(other.ends.iter().map(|end| base + end));
    }

    /// Takes all spans out.
    pub(crate) fn take(&mut self) -> Self {
        std::mem::replace(self, Self::new(self.form))
    }

    /// Forgets all spans and keeps the room that they had.
    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
    }

    /// Takes out all spans from one on.
    pub(crate) fn split_off(&mut self, at: usize) -> Self {
        let start = self.start_of(at);
        let mut ends = self.ends.split_off(at.min(self.ends.len()));
        for end in &mut ends {
            *end -= start;
        }
        Self {
            form: self.form,
            bytes: self.bytes.split_off(start),
            ends,
        }
    }

    /// Takes the last span out.
    pub(crate) fn pop(&mut self) -> Option<Self> {
        let last = self.spans().checked_sub(1)?;
        let bytes = self.slice(last..last + 1).to_vec();
        self.ends.pop();
        self.bytes.truncate(self.ends.last().copied().unwrap_or(0));
        Some(Self {
            form: self.form,
            ends: vec![bytes.len()],
            bytes,
        })
    }

    pub(crate) fn spans(&self) -> usize {
        self.ends.len()
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Returns the encoded spans of a range.
    pub(crate) fn slice(&self, range: Range<usize>) -> &[u8] {
        &self.bytes[self.start_of(range.start)..self.start_of(range.end)]
    }

    fn start_of(&self, index: usize) -> usize {
        match index.checked_sub(1) {
            Some(before) => self.ends.get(before).copied().unwrap_or(self.bytes.len()),
            None => 0,
        }
    }

    /// Reads the spans of a range.
    pub(crate) fn read(&self, range: Range<usize>) -> Result<Vec<Span<'_>>, WireError> {
        match self.form {
            #[cfg(feature = "http")]
            Form::Protobuf => Fields::new(self.slice(range))
                .map(|field| read_span(field?.1.bytes()?))
                .collect(),
            Form::Json => range.map(|index| self.read_json(index)).collect(),
        }
    }

    fn read_json(&self, index: usize) -> Result<Span<'_>, WireError> {
        let bytes = self.slice(index..index + 1);
        let text = std::str::from_utf8(bytes.strip_suffix(b",").unwrap_or(bytes));
        json::read_span(text.map_err(|error| WireError::Json(error.to_string()))?)
    }

    /// Returns a piece of one span with its values cut to `max` bytes; `None` where that is no less.
    pub(crate) fn shrunk(&self, index: usize, max: usize) -> Option<Self> {
        let range = index..index + 1;
        let mut span = self.read(range.clone()).ok()?.pop()?;
        crate::map::shrink(&mut span, max);
        let mut piece = Self::new(self.form);
        (piece.push(&span) < self.slice(range).len()).then_some(piece)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(name: &str) -> Span<'_> {
        Span {
            span_id: [1; 8],
            name: name.into(),
            ..Span::default()
        }
    }

    fn forms() -> Vec<Form> {
        vec![
            #[cfg(feature = "http")]
            Form::Protobuf,
            Form::Json,
        ]
    }

    #[test]
    fn pieces_are_cut_between_spans() {
        forms().into_iter().for_each(check_cuts);
    }

    fn check_cuts(form: Form) {
        let mut piece = Piece::new(form);
        for name in ["a", "bb", "ccc"] {
            piece.push(&span(name));
        }
        let mut both = piece.clone();
        both.append(&piece);
        let names = |piece: &Piece, range| -> Vec<String> {
            let spans = piece.read(range).unwrap();
            spans.iter().map(|span| span.name.to_string()).collect()
        };
        assert_eq!(names(&both, 1..5), ["bb", "ccc", "a", "bb"]);
        assert_eq!(both.slice(2..2), b"");
        let mut tail = both.clone();
        let tail = tail.split_off(4);
        assert_eq!(
            (tail.spans(), names(&tail, 0..2)),
            (2, vec!["bb".to_owned(), "ccc".to_owned()])
        );
        assert!(both.clone().split_off(6).is_empty());
        let last = both.pop().unwrap();
        assert_eq!(names(&last, 0..1), ["ccc"]);
        assert_eq!(
            (both.spans(), names(&both, 4..5)),
            (5, vec!["bb".to_owned()])
        );
    }

    #[test]
    fn a_long_name_is_cut_and_a_short_one_is_not() {
        forms().into_iter().for_each(check_shrinking);
    }

    fn check_shrinking(form: Form) {
        let mut piece = Piece::new(form);
        piece.push(&span(&"x".repeat(1000)));
        let shrunk = piece.shrunk(0, 100).unwrap();
        assert!(shrunk.bytes() < piece.bytes() / 3);
        assert!(shrunk.shrunk(0, 100).is_none());
    }
}
