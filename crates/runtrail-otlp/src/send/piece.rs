//! Spans as they will stand in a request.

use std::ops::Range;

use runtrail_otlp_wire::WireError;
use runtrail_otlp_wire::model::Span;
use runtrail_otlp_wire::protobuf::{Fields, read_span, write_span_field};

/// Encoded spans, one field of `ScopeSpans` after the other; a cut between two of them is free.
#[derive(Debug, Clone, Default)]
pub(crate) struct Piece {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Piece {
    /// Adds a span; returns its bytes.
    pub(crate) fn push(&mut self, span: &Span<'_>) -> usize {
        let before = self.bytes.len();
        write_span_field(span, &mut self.bytes);
        self.ends.push(self.bytes.len());
        self.bytes.len() - before
    }

    /// Adds all spans of another piece.
    pub(crate) fn append(&mut self, other: &Self) {
        let base = self.bytes.len();
        self.bytes.extend_from_slice(&other.bytes);
        self.ends.extend(other.ends.iter().map(|end| base + end));
    }

    /// Takes the last span out.
    pub(crate) fn pop(&mut self) -> Option<Self> {
        let last = self.spans().checked_sub(1)?;
        let bytes = self.slice(last..last + 1).to_vec();
        self.ends.pop();
        self.bytes.truncate(self.ends.last().copied().unwrap_or(0));
        Some(Self {
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
        let at = |index: usize| match index.checked_sub(1) {
            Some(before) => self.ends.get(before).copied().unwrap_or(self.bytes.len()),
            None => 0,
        };
        &self.bytes[at(range.start)..at(range.end)]
    }

    /// Reads the spans of a range.
    pub(crate) fn read(&self, range: Range<usize>) -> Result<Vec<Span<'_>>, WireError> {
        Fields::new(self.slice(range))
            .map(|field| read_span(field?.1.bytes()?))
            .collect()
    }

    /// Returns a piece of one span with its values cut to `max` bytes; `None` where that is no less.
    pub(crate) fn shrunk(&self, index: usize, max: usize) -> Option<Self> {
        let (_, field) = Fields::new(self.slice(index..index + 1)).next()?.ok()?;
        let span = crate::map::shrink(field.bytes().ok()?, max)?;
        let mut piece = Self::default();
        piece.push(&read_span(&span).ok()?);
        Some(piece)
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

    #[test]
    fn pieces_are_cut_between_spans() {
        let mut piece = Piece::default();
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
        let last = both.pop().unwrap();
        assert_eq!(names(&last, 0..1), ["ccc"]);
        assert_eq!(
            (both.spans(), names(&both, 4..5)),
            (5, vec!["bb".to_owned()])
        );
    }

    #[test]
    fn a_long_name_is_cut_and_a_short_one_is_not() {
        let mut piece = Piece::default();
        piece.push(&span(&"x".repeat(1000)));
        let shrunk = piece.shrunk(0, 100).unwrap();
        assert!(shrunk.bytes() < 150);
        assert!(shrunk.shrunk(0, 100).is_none());
    }
}
