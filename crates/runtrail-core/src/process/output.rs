//! Where a processor puts what it gives.

use crate::emit::record::{KINDS, Kind};
use crate::event::TraceEvent;

/// Why a processor let an event go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Discard {
    /// The run is not in the sample.
    SampledOut,
    /// A filter names it, by op, kind or emptiness.
    Filtered,
    /// It repeats an event exactly.
    Duplicate,
    /// A summary stands for it.
    Aggregated,
    /// It could not be made safe to export.
    Unsafe,
    /// Too much was held back.
    Overflow,
}

impl Discard {
    /// Every cause, in the order of [`Tally::discarded`].
    pub const ALL: [Self; 6] = [
        Self::SampledOut,
        Self::Filtered,
        Self::Duplicate,
        Self::Aggregated,
        Self::Unsafe,
        Self::Overflow,
    ];

    /// Returns the name used in reports and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SampledOut => "sampled_out",
            Self::Filtered => "filtered",
            Self::Duplicate => "duplicate",
            Self::Aggregated => "aggregated",
            Self::Unsafe => "unsafe",
            Self::Overflow => "overflow",
        }
    }
}

/// How many events went where.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Handed on as they came, changed or not.
    pub forwarded: u64,
    /// Added to the stream.
    pub made: u64,
    /// How often a limit made the processor do less than it was asked.
    pub limited: u64,
    discarded: [[u64; KINDS]; Discard::ALL.len()],
}

impl Tally {
    /// Returns how many were let go for a cause.
    pub fn discarded(&self, cause: Discard) -> u64 {
        self.discarded[cause as usize].iter().sum()
    }

    /// Returns how many of one kind, by its place among those that are counted apart.
    pub(crate) fn discarded_of(&self, cause: Discard, kind: usize) -> u64 {
        self.discarded[cause as usize][kind]
    }

    /// Returns how many were let go in all.
    pub fn discarded_in_all(&self) -> u64 {
        self.discarded.iter().flatten().sum()
    }
}

/// Collects what a processor gives.
#[derive(Debug, Default)]
pub struct Output {
    events: Vec<TraceEvent>,
    tally: Tally,
}

impl Output {
    /// Hands on an event that came in, now or earlier.
    pub fn forward(&mut self, event: TraceEvent) {
        self.tally.forwarded += 1;
        self.events.push(event);
    }

    /// Adds an event to the stream.
    ///
    /// It must take timestamp and `seq` of the event that caused it and differ by
    /// rank, and have an id of its own that is the same whenever the same stream is processed.
    pub fn make(&mut self, event: TraceEvent) {
        self.tally.made += 1;
        self.events.push(event);
    }

    /// Lets an event go that came in, now or earlier.
    pub fn discard(&mut self, event: &TraceEvent, cause: Discard) {
        self.tally.discarded[cause as usize][Kind::of(&event.kind)] += 1;
    }

    /// Counts that a limit made the processor do less than it was asked.
    pub fn limited(&mut self) {
        self.tally.limited += 1;
    }

    /// Returns the counts since the start.
    pub fn tally(&self) -> &Tally {
        &self.tally
    }

    /// Takes the events given since the last call.
    pub fn drain(&mut self) -> std::vec::Drain<'_, TraceEvent> {
        self.events.drain(..)
    }
}
