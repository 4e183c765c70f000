//! Why a run cannot be replayed, or a replay proves nothing.

use runtrail_core::fold::RestoreError;

use crate::project::ProjectionError;
use crate::upcast::UpcastError;

/// Why a run cannot be replayed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReplayError {
    /// There are no events.
    #[error("there are no events to replay")]
    Empty,
    /// The events are of more than one run.
    #[error("the events are of more than one run: {0} and {1}")]
    ManyRuns(String, String),
    /// The cutoff names an event that the run does not have.
    #[error("the run has no event {0}")]
    NoSuchEvent(String),
    /// An event came after one that it stands before.
    #[error("event {event_id} comes before what was replayed already")]
    Late {
        /// The event.
        event_id: String,
    },
    /// A snapshot is not one to go on from.
    #[error("the snapshot cannot be used: {0}")]
    Snapshot(String),
    /// The fold's part of a snapshot is refused.
    #[error("the snapshot cannot be used")]
    Fold(#[from] RestoreError),
    /// A payload cannot be brought to the current schema.
    #[error("event {event_id} cannot be brought to the current schema")]
    Upcast {
        /// The event.
        event_id: String,
        /// Why.
        source: UpcastError,
    },
    /// A projection failed.
    #[error(transparent)]
    Projection(#[from] ProjectionError),
}

/// Says that a replay left something out, so that it has no checksum.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the replay is limited: {}", .reasons.join("; "))]
pub struct Limited {
    /// What was left out.
    pub reasons: Vec<String>,
}
