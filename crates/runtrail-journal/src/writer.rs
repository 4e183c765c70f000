//! Writing a journal as things happen.

use std::fs::{File, OpenOptions};
use std::hash::{BuildHasher, RandomState};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::clock::{Clock, Reading};
use crate::entry::{Entry, RunCompleted, RunStatus};
use crate::error::JournalError;
use crate::folder;
use crate::name::name;
use crate::record::Record;

/// How often a name is looked for that nobody has. Each is one of sixteen million.
const ATTEMPTS: usize = 100;

/// Writes the journal of one export.
///
/// Dropped without [`finish`](Self::finish), the journal has no outcome, and reads as interrupted: so it does
/// after the process was killed. While it is there, the journal reads as running.
pub struct JournalWriter {
    file: File,
    path: PathBuf,
    clock: Box<dyn Clock>,
    /// The number of the next entry.
    seq: u64,
    /// Whether the last write may have left half a line.
    torn: bool,
    line: Vec<u8>,
}

impl JournalWriter {
    /// Creates a journal in a folder, which is made where there is none. Both are durable then.
    pub fn create(
        folder: impl AsRef<Path>,
        mut clock: impl Clock + 'static,
    ) -> Result<Self, JournalError> {
        let folder = folder.as_ref();
        let failed = |path: &Path, source| JournalError::Write {
            path: path.to_owned(),
            source,
        };
        folder::make(folder).map_err(|source| failed(folder, source))?;
        let (path, file) = create_new(folder, &clock.read())?;
        folder::sync(folder).map_err(|source| failed(folder, source))?;
        // It says that the export lives. Where there are no locks, a reader has to wait for the outcome.
        if !cfg!(windows) {
            let _ = file.try_lock();
        }
        Ok(Self {
            file,
            path,
            clock: Box::new(clock),
            seq: 0,
            torn: false,
            line: Vec::new(),
        })
    }

    /// Returns the path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Appends an entry. It is with the operating system when this returns, and durable where it
    /// is a completed chunk or an outcome.
    ///
    /// An entry that fails has used up its number, so that a reader knows of it.
    pub fn record(&mut self, entry: impl Into<Entry>) -> Result<(), JournalError> {
        let reading = self.clock.read();
        self.append(reading, entry.into())
    }

    /// Makes durable what was recorded.
    pub fn sync(&mut self) -> Result<(), JournalError> {
        self.file
            .sync_data()
            .map_err(|source| self.write_error(source))
    }

    /// Records the outcome, with the time since the journal began.
    pub fn finish(mut self, status: RunStatus, error: Option<String>) -> Result<(), JournalError> {
        let reading = self.clock.read();
        let outcome = RunCompleted {
            status,
            error,
            duration: reading.monotonic,
        };
        self.append(reading, outcome.into())
    }

    fn append(&mut self, reading: Reading, entry: Entry) -> Result<(), JournalError> {
        let record = Record {
            seq: self.seq,
            time: reading.time,
            monotonic: reading.monotonic,
            entry,
        };
        self.seq += 1;
        self.line.clear();
        if self.torn {
            self.line.push(b'\n');
        }
        record.write(&mut self.line)?;
        self.torn = true;
        self.file
            .write_all(&self.line)
            .map_err(|source| self.write_error(source))?;
        self.torn = false;
        if record.entry.is_durable() {
            self.sync()?;
        }
        Ok(())
    }

    fn write_error(&self, source: io::Error) -> JournalError {
        JournalError::Write {
            path: self.path().to_owned(),
            source,
        }
    }
}

impl std::fmt::Debug for JournalWriter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("JournalWriter")
            .field("path", &self.path())
            .field("seq", &self.seq)
            .finish_non_exhaustive()
    }
}

/// Creates a file of a name that nobody has. Exports that start in the same microsecond, on this machine or another
/// that shares the folder, take different ones.
fn create_new(folder: &Path, now: &Reading) -> Result<(PathBuf, File), JournalError> {
    let mut path = folder.to_owned();
    for attempt in 0..ATTEMPTS {
        let id = RandomState::new().hash_one(attempt);
        path = folder.join(name(now.time, id as u32));
        match OpenOptions::new().append(true).create_new(true).open(&path) {
            Ok(file) => return Ok((path, file)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(source) => return Err(JournalError::Write { path, source }),
        }
    }
    let source = io::ErrorKind::AlreadyExists.into();
    Err(JournalError::Write { path, source })
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use crate::clock::SystemClock;
    use crate::entry::Warning;
    use crate::journal::{Damage, Journal};

    #[test]
    fn after_a_full_disk_the_next_entry_has_a_line_of_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let mut journal = JournalWriter::create(folder.path(), SystemClock::start()).unwrap();
        let full = OpenOptions::new().append(true).open("/dev/full").unwrap();
        let mut file = std::mem::replace(&mut journal.file, full);
        let error = journal.record(Warning::new("lost")).unwrap_err();
        assert!(matches!(error, JournalError::Write { .. }), "{error:?}");

        // What a disk takes before it is full.
        file.write_all(b"{\"seq\":0,\"ti").unwrap();
        journal.file = file;
        journal.record(Warning::new("kept")).unwrap();
        let journal = Journal::read(journal.path()).unwrap();
        let damage = Damage {
            lines: 1,
            missing: 1,
            skipped_bytes: 0,
        };
        assert_eq!(journal.damage(), damage);
        let kept: Vec<&str> = journal.warnings().map(|w| w.message.as_str()).collect();
        assert_eq!(kept, ["kept"]);
    }
}
