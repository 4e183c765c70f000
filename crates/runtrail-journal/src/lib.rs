//! What one export planned, did and came to, in a file that is readable after a crash.
//!
//! ```
//! use runtrail_journal::{Dropped, FileWritten, Journal, JournalWriter, RunStatus, State, SystemClock};
//!
//! # let folder = tempfile::tempdir()?;
//! # let folder = folder.path().join("lake/_runtrail/journal");
//! let mut journal = JournalWriter::create(&folder, SystemClock::start())?;
//! journal.record(FileWritten::new("events/date=2026-11-20/part-0.parquet", 13_424, 1_204_117))?;
//! journal.record(Dropped::new("sampled_out", 12))?;
//! let path = journal.path().to_owned();
//!
//! // Killed here, it would read as interrupted.
//! journal.finish(RunStatus::Ok, None)?;
//!
//! let journal = Journal::read(&path)?;
//! assert_eq!(journal.state(), State::Completed);
//! assert_eq!(journal.files().map(|file| file.rows).sum::<u64>(), 13_424);
//! assert_eq!(journal.dropped(), 12);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Concepts
//!
//! - A journal belongs to one export; an application's run is its stream of events.
//! - An [`Entry`] says one thing that was planned, happened, degraded the export, succeeded, or is its
//!   outcome: its [`Phase`].
//! - A [`Record`] is an entry with its number, the time of day, and the time since the journal began, which
//!   never steps back. Durations are told by the latter.
//! - [`Journal`] answers questions about what was read.
//!
//! # Format
//!
//! JSON Lines. Every line has `seq` (0, 1, 2, …), `time` (RFC 3339, UTC), `mono_us` (whole microseconds since
//! the journal began), `entry` (its name) and what the entry says:
//!
//! ```text
//! {"seq":1,"time":"2026-11-20T03:12:04.118201Z","mono_us":40211,"entry":"dropped","cause":"sampled_out","count":12}
//! ```
//!
//! The file is `<start>-<id>.jsonl`, such as `20261120T031204.077990Z-5b1f0c.jsonl`: by name is by time.
//!
//! # Guarantees
//!
//! - An entry is handed to the operating system by one write before [`JournalWriter::record`] returns, so a
//!   process that is killed loses none. The file's name, chunks that were completed, and the outcome are
//!   made durable, so a power cut loses none of those, nor what was recorded before them.
//! - Reading never fails because of what is in a file. What a later version wrote is an
//!   [`Entry::Other`], kept as it is; damaged lines, and lines that are missing, are [counted](Journal::damage).
//! - Reading is bounded: a line by [`MAX_LINE`], a journal by [`MAX_JOURNAL`], of a larger one
//!   with the last [`TAIL`] bytes, so that its outcome is known.
//!
//! # Failure
//!
//! A journal that cannot be written is a [`JournalError`] of the call that found it, and the export's
//! business; the next entry begins a line of its own. Nothing is redacted here: whoever records sees to it that no
//! secret is in what it says. Names and messages are foreign text: show them by
//! [`Printable`](runtrail_core::printable::Printable).

mod clock;
mod entry;
mod error;
mod folder;
mod journal;
mod name;
mod query;
mod record;
mod writer;

pub use clock::{Clock, Reading, SystemClock};
pub use entry::{
    ChunkCompleted, ChunkFailed, ChunkStarted, Dropped, Entry, FileWritten, OtherEntry,
    ParallelismAdjusted, Phase, PlanResolved, PlanWarning, QualityIssue, ReconciliationResult,
    RetryAttempted, RunCompleted, RunStatus, SchemaChanged, Severity, Snapshot, TypeChange,
    ValidationResult, Warning,
};
pub use error::JournalError;
pub use journal::{Damage, Journal, MAX_JOURNAL, TAIL};
pub use name::{FOLDER_OF_LAKE, JournalFile, list};
pub use query::{ChunkTook, State};
pub use record::{MAX_LINE, Record};
pub use writer::JournalWriter;
