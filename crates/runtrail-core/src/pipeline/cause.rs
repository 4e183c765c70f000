//! Why events are not delivered, and how many of which kind.

use crate::emit::record::{KINDS, Kind};
use crate::event::{EventKind, TraceEvent};
use crate::process::Discard;

/// The key of the note by which a run's own stream says what of it was lost, and where.
pub const LOST_KEY: &str = "runtrail.lost";

/// Why an event was dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum DropCause {
    /// The ring of its thread was full.
    RingFull,
    /// The bytes that rings may take were used up.
    Bytes,
    /// The op or group that it belongs to was dropped, or had ended.
    Subtree,
    /// The run or the pipeline was over.
    Closed,
    /// It ended what had ended already.
    SecondEnd,
    /// It began what had begun already, and is open.
    SecondStart,
    /// It ended what never began.
    Unopened,
    /// Too much was open: ops and groups in its run, or runs.
    OpenLimit,
    /// A processor's filter named it.
    Filtered,
    /// A processor found it to repeat another exactly.
    Duplicate,
    /// A processor's summary stands for it.
    Aggregated,
    /// A processor could not make it safe to export.
    Unsafe,
    /// A processor held too much back.
    Held,
    /// A processor panicked on it, or lost it without saying so; the kind is not known.
    ProcessorLost,
    /// The exporter's queue was full.
    QueueFull,
    /// The exporter had panicked, or was closed.
    ExporterGone,
}

impl DropCause {
    /// Every cause, in the order of their declaration.
    pub const ALL: [Self; 16] = [
        Self::RingFull,
        Self::Bytes,
        Self::Subtree,
        Self::Closed,
        Self::SecondEnd,
        Self::SecondStart,
        Self::Unopened,
        Self::OpenLimit,
        Self::Filtered,
        Self::Duplicate,
        Self::Aggregated,
        Self::Unsafe,
        Self::Held,
        Self::ProcessorLost,
        Self::QueueFull,
        Self::ExporterGone,
    ];

    /// Returns the name used in reports, metrics and notes in the stream.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::RingFull => "ring_full",
            Self::Bytes => "bytes",
            Self::Subtree => "subtree",
            Self::Closed => "closed",
            Self::SecondEnd => "second_end",
            Self::SecondStart => "second_start",
            Self::Unopened => "unopened",
            Self::OpenLimit => "open_limit",
            Self::Filtered => "filtered",
            Self::Duplicate => "duplicate",
            Self::Aggregated => "aggregated",
            Self::Unsafe => "unsafe",
            Self::Held => "held",
            Self::ProcessorLost => "processor_lost",
            Self::QueueFull => "queue_full",
            Self::ExporterGone => "exporter_gone",
        }
    }

    /// The cause that a processor's reason is counted under; none for what the sample left out.
    pub(crate) fn of(discard: Discard) -> Option<Self> {
        Some(match discard {
            Discard::SampledOut => return None,
            Discard::Filtered => Self::Filtered,
            Discard::Duplicate => Self::Duplicate,
            Discard::Aggregated => Self::Aggregated,
            Discard::Unsafe => Self::Unsafe,
            Discard::Overflow => Self::Held,
        })
    }
}

impl std::fmt::Display for DropCause {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How many events were dropped, by cause and kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Dropped([[u64; KINDS]; DropCause::ALL.len()]);

impl Dropped {
    /// Returns how many were dropped in all.
    pub fn total(&self) -> u64 {
        self.0.iter().flatten().sum()
    }

    /// Returns how many were dropped for a cause.
    pub fn by_cause(&self, cause: DropCause) -> u64 {
        self.0[cause as usize].iter().sum()
    }

    /// Returns how many of a kind were dropped for a cause; unknown kinds are counted as one.
    pub fn of(&self, cause: DropCause, kind: &EventKind) -> u64 {
        self.0[cause as usize][Kind::of(kind)]
    }

    /// Returns every count that is not 0, with the kind's name, `unknown` for all unknown kinds.
    pub fn counts(&self) -> impl Iterator<Item = (DropCause, &'static str, u64)> + '_ {
        DropCause::ALL.into_iter().flat_map(move |cause| {
            let kinds = self.0[cause as usize].iter().enumerate();
            kinds
                .filter(|(_, count)| **count > 0)
                .map(move |(kind, count)| (cause, kind_name(kind), *count))
        })
    }

    pub(crate) fn add(&mut self, cause: DropCause, kind: usize, count: u64) {
        if let Some(slot) = self.0[cause as usize].get_mut(kind) {
            *slot += count;
        }
    }

    pub(crate) fn event(&mut self, cause: DropCause, event: &TraceEvent) {
        self.add(cause, Kind::of(&event.kind), 1);
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        let slots = self.0.iter_mut().flatten();
        for (mine, theirs) in slots.zip(other.0.iter().flatten()) {
            *mine += theirs;
        }
    }
}

/// The names that kinds are counted under.
pub(crate) fn kind_name(kind: usize) -> &'static str {
    const NAMES: [&str; KINDS] = [
        "op_start",
        "op_end",
        "op_yield",
        "annotation",
        "group_start",
        "group_end",
        "llm_usage",
        "media_ref",
        "unknown",
    ];
    NAMES.get(kind).copied().unwrap_or("unknown")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_and_causes_are_counted_under_their_own_names() {
        for (index, kind) in EventKind::KNOWN.iter().enumerate() {
            assert_eq!(kind_name(index), kind.as_str());
            assert_eq!(Kind::of(kind), index);
        }
        for (index, cause) in DropCause::ALL.into_iter().enumerate() {
            assert_eq!(cause as usize, index);
        }
    }
}
