//! Records of what started what: the events that an engine emitted, the conditions that they
//! matched, and the runs that they triggered.
//!
//! "Why did this run start, and what did it set off?" An engine records as it goes; a person pages
//! through a busy timeline without loading a payload, opens one event or one firing of a trigger,
//! and follows the chain both ways. Nothing here schedules anything.
//!
//! # Start
//!
//! ```
//! use runtrail_core::{link::Source, time::Timestamp};
//! use runtrail_trigger::*;
//!
//! let now = Timestamp::parse("2026-11-21T01:00:00Z")?;
//! let monitor = Monitor::new(MemoryStore::default());      // SqliteStore::open(…) to keep it
//! monitor.event(&EventRecord::new("order-1", "order.created", now).emitted_by("shop-7"));
//!
//! // The trigger `on-order` has one condition, and the event satisfied it.
//! let source = Source::Event { event_id: "order-1".into(), request_id: Some("shop-7".into()) };
//! let why = TriggerRunParticipant::new("order.created", source, now);
//! let run = TriggerRunRecord::plan_any("on-order", why, now);
//! if monitor.claim(&run) == Permit::Granted {
//!     let links = monitor.started(&run, "mail-1", now);    // and start the run `mail-1`
//!     assert_eq!(links[0].trigger_id.as_deref(), Some("on-order"));
//! }
//! # Ok::<(), runtrail_core::time::ParseTimeError>(())
//! ```
//!
//! `examples/triggers.rs` is a whole small engine, with a store in a file and the archive of its runs.
//!
//! # Concepts
//!
//! | word | meaning |
//! |---|---|
//! | event | something that happened, as [`EventRecord`]; not an event of a run's stream |
//! | code | what happened, in the engine's words: `order.created` |
//! | condition | what a trigger waits for; an event *matches* the conditions that listen to it, and *satisfies* some |
//! | trigger run | one firing of a trigger, [`TriggerRunRecord`]: pending when it is claimed, then completed |
//! | participant | one condition of a trigger run, and the event, run, clock or other source that satisfied it |
//! | link | source → run: one row for each participant of a trigger run that started a run, [`LinkRecord`] |
//! | marker | an event without what it carries, [`EventMarker`]: what a timeline is made of |
//!
//! A [`TriggerStore`] keeps all of this: [`MemoryStore`], or [`SqliteStore`] in a file (feature
//! `sqlite`), or one of your own that passes the [`contract`] (feature `contract`). A
//! [`Monitor`] is how an engine writes to it; everything else reads.
//!
//! **Where links go.** The engine notes the links that [`Monitor::started`] returns in the stream of
//! the run that it starts ([`runtrail_core::link`]). From there they come into the run's summary, the
//! lake and tracing backends, so that these know what started what without a store.
//!
//! **Pages.** A timeline is read oldest first, events and trigger runs newest first, by time and then
//! by id. A [`Page`] says how many there are in all, whether it was cut, which limit was applied, and
//! where the next one begins.
//!
//! **Crashes.** [`Monitor::claim`] writes before the run is started. After a crash
//! [`TriggerStore::find_runs`] with `pending` lists what was claimed and perhaps never started; a run
//! whose stream holds the link was. Either way [`TriggerStore::complete_run`] says what came of it.
//!
//! # Guarantees
//!
//! - What is known of an event is never taken back by what is said later: conditions and links are
//!   added, the flags `matched` and `triggered` only rise.
//! - Of all who claim an id, in any thread and process, one wins. The id can be
//!   [derived](trigger_run_id) from what satisfied the conditions, so that all who see the same claim
//!   the same.
//! - Every page is of one snapshot; pages follow each other without gap or repetition, also where a
//!   thousand events have one time.
//! - A page of the timeline reads no payload, and its total no events, however many there are.
//! - Retention never removes a pending trigger run nor the events that it refers to.
//! - Payloads and unknown fields come back byte for byte, but for white space around line breaks.
//! - No input panics; records, pages and chains have limits.
//!
//! # Failure
//!
//! A [`Monitor`] never fails; [`Monitor::report`] counts what it could not record and has the last
//! reason. A store returns a [`StoreError`], whose [`kind`](StoreError::kind) says what the caller can
//! do: try again, make the record smaller, purge, use another file. A text that is no record is a
//! [`RecordError`]; a time that is missing is never read as the present.

mod chain;
#[cfg(feature = "contract")]
pub mod contract;
mod error;
mod limits;
mod memory;
mod monitor;
mod participants;
mod query;
mod record;
mod retention;
#[cfg(feature = "sqlite")]
mod sqlite;
mod store;

pub use chain::{Chain, ChainLimits, Step, chain};
pub use error::{StoreError, StoreErrorKind};
pub use limits::RecordLimits;
pub use memory::{MemorySettings, MemoryStore};
pub use monitor::{Monitor, MonitorReport, Permit};
pub use participants::coherent;
pub use query::{
    Cursor, CursorError, EventFilter, EventPage, EventQuery, Limit, LimitError, LinkQuery,
    MAX_PAGE_BYTES, MarkerPage, MarkerQuery, MarkerState, Page, TimeRange, TriggerRunPage,
    TriggerRunQuery, UnknownState,
};
pub use record::{
    EventMarker, EventRecord, JsonText, LinkRecord, Matches, Outcome, Record, RecordError,
    RunState, TriggerRunParticipant, TriggerRunRecord, trigger_run_id,
};
pub use retention::{Purged, Retention};
#[cfg(feature = "sqlite")]
pub use sqlite::{Durability, SqliteSettings, SqliteStore};
pub use store::{Claim, CodeCount, Completion, Links, Stored, TriggerStore, TriggerStoreExt};
