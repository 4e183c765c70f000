//! Records of what started what.

#[cfg(feature = "contract")]
pub mod contract;
mod error;
mod limits;
mod memory;
mod participants;
mod query;
mod record;
mod retention;
#[cfg(feature = "sqlite")]
mod sqlite;
mod store;

pub use error::{StoreError, StoreErrorKind};
pub use limits::RecordLimits;
pub use memory::{MemorySettings, MemoryStore};
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
