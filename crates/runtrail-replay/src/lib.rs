//! Rebuilding a run as of any moment, and proving that two copies of it are the same.
//!
//! ```
//! use runtrail_core::wire::WireReader;
//! use runtrail_replay::{Cutoff, Projections, ReplayOptions, Status, replay};
//!
//! let mut reader = WireReader::default();
//! let events = [
//!     r#"{"event_id":"1","request_id":"r","kind":"op_start","op_name":"plan","timestamp":"2026-11-21T01:00:00Z","seq":0}"#,
//!     r#"{"event_id":"2","request_id":"r","kind":"op_start","op_name":"plan.ask","timestamp":"2026-11-21T01:00:01Z","seq":1}"#,
//!     r#"{"event_id":"3","request_id":"r","kind":"op_end","op_name":"plan.ask","timestamp":"2026-11-21T01:00:03Z","seq":2}"#,
//!     r#"{"event_id":"4","request_id":"r","kind":"op_end","op_name":"plan","timestamp":"2026-11-21T01:00:04Z","seq":3}"#,
//! ]
//! .map(|line| reader.read(&line.into()));
//! let events = events.into_iter().collect::<Result<Vec<_>, _>>()?;
//!
//! let options = ReplayOptions::default();
//! let then = replay(events.clone(), &Cutoff::Seq(1), Projections::all(), &options)?;
//! assert_eq!(then.run.status, Status::Running);
//! assert_eq!(then.run.current_op.as_ref().map(|op| op.op_name.as_str()), Some("plan.ask"));
//!
//! let end = replay(events, &Cutoff::End, Projections::all(), &options)?;
//! assert_eq!(end.run.status, Status::Completed);
//! println!("{}", end.checksum()?);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Concepts
//!
//! - A [`Cutoff`] says up to where a run is replayed, itself included.
//! - A [`Projection`] is what is made of the events: the [built-in ones](Projections) or one's own. They
//!   take events and the spans that the fold made of them; none pairs events itself.
//! - A [`Snapshot`] holds a replay's state, to go on from it without the events that it has seen.
//! - An [`Upcaster`](Upcasters) brings payloads of an older schema to the next one before they are seen.
//! - A [`Checksum`] is equal for equal content, wherever it was read from.
//!
//! # Guarantees
//!
//! - The order in which events are given to [`replay`] does not matter; exact repeats count once.
//! - For every cut, a snapshot and the rest of the events give what all events give.
//! - A replay in which anything was left out because of a limit is [limited](Replayed::limits), and has no
//!   checksum: it can be looked at, and never proves anything.
//!
//! # Failure
//!
//! [`ReplayError`] says which cutoff names nothing, or why a snapshot or an upcaster is refused.

mod canonical;
mod cutoff;
mod error;
mod project;
mod snapshot;
mod state;
mod status;
mod stream;
mod upcast;
pub mod verify;

pub use canonical::{ALGORITHM, Checksum, checksum_of};
pub use cutoff::Cutoff;
pub use error::{Limited, ReplayError};
pub use project::{Moment, Projection, ProjectionError, Projections, Shown, SpanState};
pub use snapshot::{SNAPSHOT_SCHEMA, SNAPSHOT_VERSION, Snapshot};
pub use state::{CurrentOp, LastEvent, RunState, UsageState};
pub use status::{Conflict, Status, StatusMachine};
pub use stream::{ReplayOptions, Replayed, Replayer, replay};
pub use upcast::{UpcastError, Upcasters};
