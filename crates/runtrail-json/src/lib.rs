//! Runtrail runs as JSON trees and events as JSON Lines.
//!
//! - [`Trees`] writes each run as a tree: groups and ops nested, with totals, and with truncated
//!   and unfinished states said in words. A file a run, or a line a run.
//! - [`EventLines`] writes events as JSON Lines, the format of an archive: rotated by size and by
//!   time, compressed if asked for.
//! - [`DeadLetterFile`] keeps what another exporter gave up, as an archive.
//! - [`RunTree`] is the tree itself, for whoever renders it another way; [`write_tree`] renders it
//!   as JSON.
//!
//! This is also the smallest exporter, and the one to copy for a new one.
//!
//! # Start
//!
//! ```
//! use std::time::Instant;
//! use runtrail_core::export::{Batch, Exporter, Spans};
//! use runtrail_core::name::file_name;
//! use runtrail_core::wire::WireReader;
//! use runtrail_json::Trees;
//!
//! let folder = tempfile::tempdir()?;
//! let mut exporter = Box::new(Spans::new(Trees::dir(folder.path())));
//! let line = r#"{"event_id":"1","request_id":"r1","kind":"op_end","op_name":"plan","ctx":["main"],
//!     "timestamp":"2026-11-21T01:00:00Z","seq":0,"payload":{"outputs":{"n":1.10},"duration_ms":3}}"#;
//! let event = WireReader::default().read(&line.into())?;
//! exporter.export(&Batch::new([event], []))?;
//! exporter.close(Instant::now())?;
//!
//! let tree = std::fs::read_to_string(folder.path().join(file_name("r1", "json")))?;
//! assert!(tree.contains(r#""outputs": {"n":1.10}"#));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Names
//!
//! | exporter | files |
//! |---|---|
//! | [`Trees::dir`] | `<run id, made safe>-<hash of the run id>.json` |
//! | [`Trees::lines`] | the one that is named |
//! | [`EventLines::dir`] | `events-00000.jsonl`, `events-00001.jsonl`, …, with `.zst` if compressed |
//! | in the making | `.runtrail-<process>-<number>.tmp`, beside the final place |
//!
//! Names and contents follow from the events alone: the same export again gives the same bytes,
//! and never doubles anything.
//!
//! # Durability
//!
//! A file is written under a temporary name, synced, renamed to its place, and its folder synced:
//! it is seen whole or not at all. What a killed export leaves behind is a temporary file, which
//! the next export into that folder removes. Exports that run at once do not meet in a temporary
//! file; of equal names the last one stays.
//!
//! A run is written when it ends; until then [`Trees`] holds its spans, within [`TreeLimits`].
//! [`EventLines`] holds less than a block of text. Flushing makes durable what can be without
//! ending a run or a file.
//!
//! # Failure
//!
//! Every error names the file or folder and carries the system's error as its source. After one,
//! [`EventLines`] and [`Trees::lines`] refuse to go on, since half a line may have been written;
//! nothing of that file becomes visible, and the same export can be run again. [`Trees::dir`] goes
//! on with the next run.

mod dead_letters;
mod lines;
mod report;
mod tree;
mod trees;
mod whole;
mod words;
mod write;

pub use dead_letters::DeadLetterFile;
pub use lines::{EventFile, EventLines, LinesCounts, LinesReport};
pub use report::Report;
pub use tree::{Node, RunTree, Visit, Walk};
pub use trees::{TreeFile, TreeLimits, Trees, TreesCounts, TreesReport};
pub use words::{run_status_text, status_text};
pub use write::{TreeStyle, write_tree};
