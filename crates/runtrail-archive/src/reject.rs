//! What could not be read as an event.

use std::collections::BTreeMap;
use std::fmt;

use runtrail_core::wire::WireErrorKind;

/// Why something is not an event.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum RejectReason {
    /// The text is not an event.
    Wire(WireErrorKind),
    /// The compressed data is damaged or ends early; what came before was read.
    Damaged(String),
    /// The file holds no text.
    Binary(&'static str),
    /// The file could not be read on; what came before was read.
    Unreadable(String),
    /// A row of a store's table is not an event; `line` is the row.
    Row(&'static str),
    /// A line or a message of a file of OpenTelemetry spans is not one.
    Spans(String),
}

impl RejectReason {
    /// A stable name for counting, in snake case.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Wire(kind) => kind.code(),
            Self::Damaged(_) => "damaged_compression",
            Self::Binary(_) => "not_text",
            Self::Unreadable(_) => "unreadable",
            Self::Row(_) => "not_an_event_row",
            Self::Spans(_) => "not_spans",
        }
    }

    /// What the person who reads the message can do, where there is something.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Wire(kind) => kind.hint(),
            Self::Damaged(_) => {
                Some("the file was probably cut off while it was written or copied; fetch it again")
            }
            Self::Binary(_) => {
                Some("a source is JSON Lines or a JSON array, plain or under gzip or Zstandard")
            }
            Self::Unreadable(_) | Self::Spans(_) | Self::Row(_) => None,
        }
    }
}

impl fmt::Display for RejectReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Wire(kind) => write!(f, "{kind}"),
            Self::Damaged(error) => write!(f, "compressed data is damaged: {error}"),
            Self::Binary(what) => write!(f, "not an archive: {what}"),
            Self::Unreadable(error) => write!(f, "cannot be read further: {error}"),
            Self::Row(what) => write!(f, "not a row of an event: {what}"),
            Self::Spans(error) => write!(f, "not OpenTelemetry spans: {error}"),
        }
    }
}

/// One thing that was read and is not an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reject {
    /// The input's name.
    pub file: String,
    /// The line it begins on, from 1; in a compressed file, of the plain text.
    pub line: u64,
    /// The byte it begins at, from 0; in a compressed file, of the plain text.
    pub byte: u64,
    /// Its length in bytes.
    pub length: u64,
    /// Why it is not an event.
    pub reason: RejectReason,
    /// Where in `text` the trouble is, as a byte range.
    pub marked: (usize, usize),
    /// What stands there; of a value beyond the length limit only the start.
    pub text: Vec<u8>,
}

/// How many rejects there were, by [`RejectReason::code`].
pub type RejectCounts = BTreeMap<&'static str, u64>;
