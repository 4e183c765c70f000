//! Up to where a run is replayed.

use std::fmt;

use runtrail_core::event::TraceEvent;
use runtrail_core::time::Timestamp;

/// The last moment of a run that is replayed, itself included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cutoff {
    /// The event of this id, and all that come before it. Where an id was used twice, the first.
    Event(String),
    /// The events up to the last one of this number or a lower one, in their order.
    Seq(u64),
    /// The events up to this time.
    Time(Timestamp),
    /// All.
    End,
}

impl fmt::Display for Cutoff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Event(id) => write!(f, "event:{id}"),
            Self::Seq(seq) => write!(f, "seq:{seq}"),
            Self::Time(at) => write!(f, "{at}"),
            Self::End => f.write_str("end"),
        }
    }
}

impl Cutoff {
    /// Returns how many of a run's events, which are in their order, are replayed; `None` where the cutoff
    /// names an event that is not among them.
    pub(crate) fn position(&self, events: &[TraceEvent]) -> Option<usize> {
        Some(match self {
            Self::End => events.len(),
            Self::Event(id) => events.iter().position(|event| event.event_id == **id)? + 1,
            // Numbers and times mostly rise together; where they do not, the order of events decides.
            Self::Seq(seq) => events
                .iter()
                .rposition(|event| event.seq <= *seq)
                .map_or(0, |at| at + 1),
            Self::Time(time) => events.partition_point(|event| event.timestamp <= *time),
        })
    }
}
