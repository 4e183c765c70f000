//! Why a value is not an event.

use std::fmt;

use crate::time::ParseTimeError;

/// What is wrong with a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WireErrorKind {
    /// The text is not JSON.
    #[error("not JSON: expected {expected}")]
    Syntax {
        /// What would have been right at that place.
        expected: &'static str,
    },
    /// The text ends inside the value.
    #[error("cut off inside a value")]
    Cut,
    /// The bytes are not UTF-8.
    #[error("not UTF-8")]
    NotUtf8,
    /// The value nests deeper than the limit.
    #[error("nested deeper than {limit} levels")]
    TooDeep {
        /// The limit.
        limit: usize,
    },
    /// The value is longer than the limit.
    #[error("longer than {limit} bytes")]
    TooLong {
        /// The limit in bytes.
        limit: usize,
    },
    /// The value is JSON, but not an object.
    #[error("not an event: expected a JSON object")]
    NotAnObject,
    /// A required field is missing or null.
    #[error("{field} is missing")]
    Missing {
        /// The field.
        field: &'static str,
    },
    /// A field has the wrong type.
    #[error("{field} is not {expected}")]
    WrongType {
        /// The field.
        field: &'static str,
        /// What it must be.
        expected: &'static str,
    },
    /// The timestamp cannot be read.
    #[error(transparent)]
    Time(#[from] ParseTimeError),
    /// Something follows the event on its line.
    #[error("text after the event")]
    TrailingText,
}

impl WireErrorKind {
    /// A stable name for counting, in snake case.
    pub fn code(self) -> &'static str {
        match self {
            Self::Syntax { .. } => "not_json",
            Self::Cut => "cut_off",
            Self::NotUtf8 => "not_utf8",
            Self::TooDeep { .. } => "too_deep",
            Self::TooLong { .. } => "too_long",
            Self::NotAnObject => "not_an_object",
            Self::Missing { .. } => "missing_field",
            Self::WrongType { .. } => "wrong_type",
            Self::Time(ParseTimeError::NoOffset) => "no_utc_offset",
            Self::Time(_) => "bad_timestamp",
            Self::TrailingText => "trailing_text",
        }
    }

    /// What the person who reads the error can do, where there is something.
    pub fn hint(self) -> Option<&'static str> {
        match self {
            Self::Time(ParseTimeError::NoOffset) => Some(
                "expected e.g. 2026-11-20T03:12:04.118Z; Python's naive datetime.isoformat() writes times without \
                 an offset. If they are UTC, pass --assume-tz UTC",
            ),
            Self::Time(_) => Some("expected e.g. 2026-11-20T03:12:04.118Z"),
            Self::Cut => Some("the writer was probably stopped in the middle of a line"),
            Self::TooLong { .. } => Some("raise the limit with --max-line"),
            Self::TooDeep { .. } => Some("raise the limit with --max-depth (at most 1024)"),
            Self::Missing { .. } | Self::NotAnObject => {
                Some("an event has at least event_id, request_id, kind, timestamp and seq")
            }
            _ => None,
        }
    }
}

/// A value that is not an event: what is wrong and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WireError {
    kind: WireErrorKind,
    at: usize,
    len: usize,
}

impl WireError {
    /// Makes an error about `len` bytes at offset `at` of the text that was read.
    pub fn new(kind: WireErrorKind, at: usize, len: usize) -> Self {
        Self { kind, at, len }
    }

    /// Returns what is wrong.
    pub fn kind(&self) -> WireErrorKind {
        self.kind
    }

    /// Returns the offset, in bytes from the start of the chunk, of what is wrong.
    pub fn at(&self) -> usize {
        self.at
    }

    /// Returns how many bytes are wrong; 0 where the text just ends.
    pub fn span_len(&self) -> usize {
        self.len
    }
}

impl fmt::Display for WireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.kind, f)
    }
}

impl std::error::Error for WireError {}
