//! What became of every event, at one moment.

use super::cause::Dropped;
use super::media::MediaStats;

/// What became of every event of a pipeline, exact at the moment it was asked for.
///
/// For every exporter, and in total,
/// `emitted = delivered + sampled_out + dropped + failed + in_flight`; [`Balance::imbalance`] is the
/// difference, and anything but 0 is a mistake of a processor or of this crate.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Stats {
    /// Events that came: from threads, from processors, and from the pipeline itself.
    pub emitted: u64,
    /// Events that a processor left out of the sample.
    pub sampled_out: u64,
    /// Events dropped before any exporter's queue.
    pub dropped: Dropped,
    /// Events in rings, or on their way through the worker.
    pub in_rings: u64,
    /// Events that processors hold back.
    pub held: u64,
    /// Events whose thread was so late in handing them over that they took the time of the event
    /// before them. They are delivered as all others.
    pub late: u64,
    /// Ops and groups that were closed for their run because it ended first.
    pub truncated: u64,
    /// Runs that have begun and not ended.
    pub runs_open: u64,
    /// Runs that ended.
    pub runs_ended: u64,
    /// Calls of [`Pipeline::finish_run`](super::Pipeline::finish_run) that could not be kept, since
    /// neither the thread's ring nor what is set apart for ends beside it had room.
    pub finishes_lost: u64,
    /// Bytes that rings, their payloads and the exporters' queues take.
    pub waiting_bytes: u64,
    /// What became of media; their references are events as all others.
    pub media: MediaStats,
    /// What each exporter got, in the order they were added.
    pub exporters: Vec<ExporterStats>,
}

/// What became of the events that were meant for one exporter.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct ExporterStats {
    /// The exporter's name.
    pub name: String,
    /// Notes of losses made for this exporter alone.
    pub made: u64,
    /// Events that it took.
    pub delivered: u64,
    /// Events that it refused or could not take.
    pub failed: u64,
    /// Of those, events of which it does not know whether they arrived.
    pub unknown: u64,
    /// Events that never reached it.
    pub dropped: Dropped,
    /// Events in its queue or in its hands.
    pub in_flight: u64,
    /// Bytes in its queue or in its hands.
    pub waiting_bytes: u64,
    /// How it is.
    pub state: ExporterState,
}

/// How an exporter is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum ExporterState {
    /// It takes events.
    #[default]
    Open,
    /// It was closed, and everything it took is complete.
    Closed,
    /// It was closed and reported an error.
    CloseFailed(String),
    /// It panicked, and was given nothing since.
    Panicked,
}

impl ExporterStats {
    pub(super) fn new(name: String) -> Self {
        Self {
            name,
            ..Self::default()
        }
    }
}

/// One exporter's sum, or that of all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Balance {
    /// Events that came.
    pub emitted: u64,
    /// Events that the exporter took.
    pub delivered: u64,
    /// Events left out of the sample.
    pub sampled_out: u64,
    /// Events dropped for any cause.
    pub dropped: u64,
    /// Events that the exporter could not take.
    pub failed: u64,
    /// Events on their way.
    pub in_flight: u64,
}

impl Balance {
    /// Returns by how many events the sum is out.
    pub fn imbalance(&self) -> i64 {
        let gone = self.delivered + self.sampled_out + self.dropped + self.failed + self.in_flight;
        self.emitted as i64 - gone as i64
    }
}

impl Stats {
    /// Returns each exporter's sum, in the order they were added.
    pub fn balances(&self) -> impl Iterator<Item = (&str, Balance)> {
        self.exporters.iter().map(|exporter| {
            let balance = Balance {
                emitted: self.emitted + exporter.made,
                delivered: exporter.delivered,
                sampled_out: self.sampled_out,
                dropped: self.dropped.total() + exporter.dropped.total(),
                failed: exporter.failed,
                in_flight: self.in_rings + self.held + exporter.in_flight,
            };
            (exporter.name.as_str(), balance)
        })
    }

    /// Returns the sum over all exporters; an event that goes to two of them counts twice.
    pub fn total(&self) -> Balance {
        self.balances()
            .fold(Balance::default(), |total, (_, one)| Balance {
                emitted: total.emitted + one.emitted,
                delivered: total.delivered + one.delivered,
                sampled_out: total.sampled_out + one.sampled_out,
                dropped: total.dropped + one.dropped,
                failed: total.failed + one.failed,
                in_flight: total.in_flight + one.in_flight,
            })
    }

    /// Returns by how many events any exporter's sum is out, added up without signs.
    pub fn imbalance(&self) -> u64 {
        self.balances()
            .map(|(_, balance)| balance.imbalance().unsigned_abs())
            .sum()
    }
}
