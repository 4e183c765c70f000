//! An entry with its number and its times: one line.

use std::borrow::Cow;
use std::time::Duration;

use runtrail_core::time::Timestamp;
use serde::{Deserialize, Serialize, Serializer};

use crate::entry::Entry;
use crate::error::JournalError;

/// Bytes that a line may have, the line's end not among them.
pub const MAX_LINE: usize = 1 << 20;

/// An entry with its number and its times.
///
/// As JSON it is the line of a journal; one of [another version](Entry::Other) is the line that was read.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// The number: 0, 1, 2, ….
    pub seq: u64,
    /// The time of day.
    pub time: Timestamp,
    /// The time since the journal began.
    pub monotonic: Duration,
    /// What is said.
    pub entry: Entry,
}

#[derive(Serialize)]
struct Line<'a> {
    seq: u64,
    time: Timestamp,
    mono_us: u64,
    #[serde(flatten)]
    entry: &'a Entry,
}

#[derive(Deserialize)]
struct Head<'a> {
    seq: u64,
    time: Timestamp,
    mono_us: u64,
    #[serde(borrow)]
    entry: Cow<'a, str>,
}

impl Record {
    /// Reads a line; `None` where it is damaged.
    pub(crate) fn read(line: &str) -> Option<Self> {
        let head: Head<'_> = serde_json::from_str(line).ok()?;
        Some(Self {
            seq: head.seq,
            time: head.time,
            monotonic: Duration::from_micros(head.mono_us),
            entry: Entry::read(&head.entry, line)?,
        })
    }

    fn line(&self) -> Line<'_> {
        Line {
            seq: self.seq,
            time: self.time,
            mono_us: u64::try_from(self.monotonic.as_micros()).unwrap_or(u64::MAX),
            entry: &self.entry,
        }
    }

    /// Appends the line, with its end.
    pub(crate) fn write(&self, to: &mut Vec<u8>) -> Result<(), JournalError> {
        let start = to.len();
        serde_json::to_writer(&mut *to, &self.line()).map_err(|source| JournalError::Entry {
            entry: self.entry.name().to_owned(),
            source,
        })?;
        let bytes = to.len() - start;
        if bytes > MAX_LINE {
            return Err(JournalError::TooLong {
                entry: self.entry.name().to_owned(),
                bytes,
                limit: MAX_LINE,
            });
        }
        // A snapshot may be a text that was indented. Within strings JSON has no line ends.
        for byte in &mut to[start..] {
            if matches!(byte, b'\n' | b'\r') {
                *byte = b' ';
            }
        }
        to.push(b'\n');
        Ok(())
    }
}

impl Serialize for Record {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.entry {
            Entry::Other(other) => other.raw().serialize(serializer),
            _ => self.line().serialize(serializer),
        }
    }
}
