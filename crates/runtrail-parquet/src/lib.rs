//! Runtrail events and spans as Parquet tables in a data lake.
//!
//! [`Lake`] is an [`Exporter`](runtrail_core::export::Exporter): events go in, five tables come out
//! as plain Parquet that DuckDB, Spark, Polars, PyArrow and others read with no help.
//!
//! ```
//! use std::time::{Duration, Instant};
//! use runtrail_core::export::{Batch, Exporter, RunEnd};
//! use runtrail_core::wire::WireReader;
//! use runtrail_parquet::Lake;
//!
//! # let folder = tempfile::tempdir()?;
//! # let folder = folder.path();
//! let mut lake = Lake::local(folder.join("lake")).open()?;
//! let report = lake.report();
//! let event = WireReader::default().read(&r#"{"event_id":"1","request_id":"r","kind":"op_start",
//!     "op_name":"plan","timestamp":"2026-11-21T01:00:00Z","seq":0}"#.into())?;
//! let end = RunEnd { request_id: event.request_id.clone(), after: 1 };
//! lake.export(&Batch::new(vec![event], vec![end]))?;
//! Box::new(lake).close(Instant::now() + Duration::from_secs(5))?;
//! assert_eq!(report.get().map(|report| report.events), Some(1));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Layout
//!
//! ```text
//! <lake>/events/date=2026-11-20/part-00000-<hash>.parquet    one row per event
//! <lake>/ops/…  <lake>/groups/…  <lake>/runs/…               one row per op, group, run
//! <lake>/links/…                                            one row per thing that started a run
//! <lake>/_runtrail/log/<20-digit number>.json                one record per export
//! <lake>/_runtrail/carried/<hash>.jsonl                      runs that the next export continues
//! <lake>/_runtrail/quarantine/<hash>.jsonl                   what could not be read
//! <lake>/_runtrail/tmp/                                      files being staged
//! ```
//! A table's folder holds nothing but Parquet. `date` is the UTC day of the event, or of the start
//! of the op, group or run, or of what started a run; it is in the path and not in the file.
//! [`arrow_schema`] gives the columns; they are only ever added at the end. A table without rows has
//! no folder: most lakes have no links.
//!
//! A row of `links` says that the run `to_request_id` was started because the condition
//! `condition_id` of the trigger `trigger_id` was satisfied `at` some time. `source` says by what: an
//! `event` (`from_event_id`, of the run `from_request_id`), a `run` (`from_request_id`), a `clock`,
//! or something else (`from_id`); see [`runtrail_core::link`]. SQL knows the word `at`: DuckDB wants the
//! column in quotes.
//!
//! # Guarantees
//!
//! - The same events in the same order give the same files, byte for byte and by name, whatever the
//!   memory, the threads and the batches. A file is named after its content, so an export that is
//!   run again replaces equal by equal.
//! - A file becomes visible whole: it is staged, made durable, renamed, and its folder made
//!   durable; in an object store it is one upload. With [`Publish::Closed`] all files of an export
//!   become visible one right after the other, and what one that failed or was killed made visible
//!   and did not record is removed by the next one. With [`Publish::Completed`] it stays, since
//!   nobody can make it again. What a killed export staged is removed; a file that neither a record
//!   nor an export named never is.
//! - An export that is told what the lake holds ([`Lake::change`]) leaves no run in it twice: runs
//!   that come whole take the place of their earlier rows, and the rows of other runs in the same
//!   parts are taken over. Readers of folders see both for the moment in which files are renamed and
//!   removed; readers of the log do not.
//! - Payloads are the text of the source. A payload value that does not fit its column is null
//!   there, stays in `payload`, and is counted in [`LakeReport::misfits`].
//! - Memory is bounded by [`LakeSettings::memory`], however many partitions are open.
//!
//! # Failure
//!
//! [`LakeError`] names the path and the cause. After an error the export is over, and running it again
//! ends with the files of an undisturbed one. The record in the log is missing, but where only what gave
//! way could not be removed; then the next export removes it. Folders that were made for an export that
//! came to nothing go with it.

mod carried;
mod commit;
mod encode;
mod error;
mod fresh;
mod lake;
mod lock;
mod part;
mod partition;
mod read;
mod rows;
mod schema;
mod settings;
mod store;
mod waiting;
mod work;

pub use carried::{CarriedRun, MAX_CARRIED_BYTES, MAX_CARRIED_RUNS};
pub use commit::LakeLayout;
pub use error::{LakeError, LakeReadError};
pub use lake::{
    Changes, Lake, LakeBuilder, LakeFile, LakeReport, LakeReportHandle, OpenRuns, ResumeAt,
    SourceInfo, Whole,
};
pub use lock::LakeLock;
pub use read::{
    BadRow, EventPart, EventRow, EventsRead, Held, LakeReader, ListedPart, Listing, LogRecord,
    PartCheck, RunFilter, Stopped, is_decoding,
};
pub use schema::{SCHEMA_VERSION, arrow_schema};
pub use settings::{LakeSettings, MIN_MEMORY, Partition, Publish, Table, Tables, UnknownSetting};
