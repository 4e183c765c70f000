//! Reading Runtrail archives.
//!
//! An archive is any number of files of events: JSON Lines or JSON arrays, plain or under gzip or
//! Zstandard, pretty-printed or not, with many runs in a file and runs over many files. What a file
//! is, is told by its content.
//!
//! With the feature `otlp`, files of OpenTelemetry spans are archives too: OTLP/JSON Lines and OTLP
//! protobuf, as a Collector writes them and as `runtrail-otlp` does. Spans that Runtrail wrote come back
//! as the ops, groups, times, statuses, calls and parents that they were made of. An op comes back in the
//! group of its parent, and a group's sums count a call when its op ends.
//!
//! ```no_run
//! use runtrail_archive::{Archive, ReadOptions, SortOptions};
//!
//! let archive = Archive::open(&["nightly/*.jsonl.zst"])?;
//! let mut sorted = archive.sorted(ReadOptions::default(), SortOptions::default())?;
//! while let Some(batch) = sorted.next_batch()? {
//!     for event in batch.events() {
//!         println!("{} {}", event.request_id, event.kind);
//!     }
//! }
//! println!("{} events, {} rejects", sorted.counts().events, sorted.report().rejected());
//! # Ok::<(), runtrail_archive::ArchiveError>(())
//! ```
//!
//! # Guarantees
//!
//! - Everything read is an event or a [`Reject`] that says where it stands and why it is none; a
//!   damaged line costs that line.
//! - Events come out in one total order, run by run; exact repeats are left out and counted,
//!   events that reuse an id with other content are kept and counted.
//! - Memory is bounded by the options, whatever the archive's size: what does not fit goes to
//!   temporary files that have no names and vanish with the process.
//! - Lines are limited in length and depth; compressed data that expands without a line break is
//!   given up, and Zstandard windows beyond 128 MiB are refused.
//!
//! # Failure
//!
//! A file that cannot be opened or read to its end is noted in [`ReadReport::failed`] and the
//! others are read. [`ArchiveError`] is for what stops reading altogether: a source that names
//! nothing, no room for temporary files.

mod archive;
mod at;
mod chunk;
mod error;
mod fingerprint;
mod hash;
mod input;
mod options;
mod ordered;
mod parse;
mod pool;
mod quarantine;
mod read;
mod reject;
mod skip;
mod sort;
mod source;
#[cfg(feature = "otlp")]
mod spans;
mod store;

pub use archive::Archive;
pub use error::ArchiveError;
pub use fingerprint::{FileStart, Fingerprint, end_of_lines};
pub use input::{Format, sniff};
pub use options::{ReadOptions, SortOptions};
pub use ordered::SeenRuns;
pub use quarantine::QuarantineFile;
pub use read::{LinesRead, Progress, ReadReport, Reader, Sink};
pub use reject::{Reject, RejectCounts, RejectReason};
pub use sort::{SortCounts, Sorted, Sorter};
pub use source::{Extent, Input, Sources, resolve, resolve_with};
pub use store::{EventStore, OpenStore, StoreRead};
