//! Reading a journal, whatever has become of it.

use std::fs::{self, File, TryLockError};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use crate::error::JournalError;
use crate::record::{MAX_LINE, Record};

/// Bytes of a journal that are read from its beginning.
pub const MAX_JOURNAL: u64 = 64 << 20;
/// Bytes of a longer journal that are read from its end.
pub const TAIL: u64 = 64 << 10;

/// A journal that was read.
#[derive(Debug, Clone, PartialEq)]
pub struct Journal {
    pub(crate) records: Vec<Record>,
    pub(crate) damage: Damage,
    /// Whether its writer was there when it was read.
    pub(crate) is_held: bool,
}

/// What of a journal could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Damage {
    /// Lines that are no entries, or too long. A process that was killed, and a disk that was full, leave half a line.
    pub lines: u64,
    /// Numbers up to the last that no line has.
    pub missing: u64,
    /// Bytes that were passed over, because the journal is longer than what is read.
    pub skipped_bytes: u64,
}

impl Damage {
    /// Whether nothing is known to be missing.
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

impl Journal {
    /// Reads a file. It fails only where the file cannot be read.
    pub fn read(path: impl AsRef<Path>) -> Result<Self, JournalError> {
        let path = path.as_ref();
        Self::read_file(path).map_err(|source| JournalError::Read {
            path: path.to_owned(),
            source,
        })
    }

    fn read_file(path: &Path) -> io::Result<Self> {
        // Opening what is no file may wait for ever.
        let found = fs::metadata(path)?;
        if !found.is_file() {
            return Err(io::Error::other("it is not a file"));
        }
        let mut file = File::open(path)?;
        // Looked at before the content, so that one that ends meanwhile has said how.
        let is_held = matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock));
        let mut lines = Lines::default();
        let tail = found.len().saturating_sub(TAIL);
        if tail > MAX_JOURNAL {
            lines.is_cut = true;
            lines.read(BufReader::new((&file).take(MAX_JOURNAL)))?;
            lines.skip(tail - MAX_JOURNAL);
            file.seek(SeekFrom::Start(tail))?;
            let mut rest = BufReader::new((&file).take(TAIL));
            rest.skip_until(b'\n')?;
            lines.read(rest)?;
        } else {
            lines.read(BufReader::new((&file).take(MAX_JOURNAL + TAIL)))?;
        }
        Ok(lines.journal(is_held))
    }

    /// Reads the text of a journal.
    pub fn from_bytes(bytes: &[u8]) -> Self {
        let mut lines = Lines::default();
        // What is in memory can be read.
        let _ = lines.read(bytes);
        lines.journal(false)
    }

    /// Returns what was read, in the order of the file.
    pub fn records(&self) -> &[Record] {
        &self.records
    }

    /// Returns what could not be read.
    pub fn damage(&self) -> Damage {
        self.damage
    }
}

/// The lines of a journal, on their way to records.
#[derive(Default)]
struct Lines {
    records: Vec<Record>,
    damage: Damage,
    /// The number that the next line should have.
    next: u64,
    /// Whether the last line may be half of one because it was not read further.
    is_cut: bool,
    line: Vec<u8>,
}

impl Lines {
    fn read(&mut self, mut from: impl BufRead) -> io::Result<()> {
        let limit = MAX_LINE as u64 + 1;
        loop {
            self.line.clear();
            let mut within = from.by_ref().take(limit);
            if within.read_until(b'\n', &mut self.line)? == 0 {
                return Ok(());
            }
            let has_end = self.line.last() == Some(&b'\n');
            if !has_end && self.line.len() as u64 == limit {
                self.damage.lines += 1;
                from.skip_until(b'\n')?;
            } else if has_end || !self.is_cut {
                self.take();
            }
        }
    }

    /// Takes in the line.
    fn take(&mut self) {
        let line = self.line.trim_ascii();
        if line.is_empty() {
            return;
        }
        let Some(record) = str::from_utf8(line).ok().and_then(Record::read) else {
            self.damage.lines += 1;
            return;
        };
        let missing = record.seq.saturating_sub(self.next);
        self.damage.missing = self.damage.missing.saturating_add(missing);
        self.next = self.next.max(record.seq.saturating_add(1));
        self.records.push(record);
    }

    /// Passes over bytes, and with them over numbers that nobody will miss.
    fn skip(&mut self, bytes: u64) {
        self.damage.skipped_bytes = bytes;
        self.next = u64::MAX;
        self.is_cut = false;
    }

    fn journal(self, is_held: bool) -> Journal {
        Journal {
            records: self.records,
            damage: self.damage,
            is_held,
        }
    }
}
