//! The counts. One lock makes them exact at every moment; it is held for additions, and where a full queue
//! takes only some events of a batch until these are picked.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use super::cause::{DropCause, Dropped};
use super::media::MediaStats;
use super::queue::Admitted;
use super::shared::lock;
use super::stats::{ExporterState, ExporterStats, Stats};
use crate::emit::record::KINDS;
use crate::text::Text;

/// The most losses that one ring remembers by run between two looks of the worker.
const MAX_LOSSES: usize = 1024;
/// The causes that an emitting thread counts; see [`RingCounters::refuse`].
const AT_THE_RING: [DropCause; 4] = [
    DropCause::RingFull,
    DropCause::Bytes,
    DropCause::Subtree,
    DropCause::Closed,
];

/// Events of one run that a ring had no room for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Loss {
    pub(crate) run: u64,
    /// The run of an event that the engine made itself.
    pub(crate) request_id: Option<Text>,
    pub(crate) cause: DropCause,
    pub(crate) kind: usize,
    pub(crate) count: u64,
}

/// The counts that an emitting thread keeps; nobody else writes them.
#[derive(Debug, Default)]
pub(crate) struct RingCounters {
    /// Events that came, counted before anything else happens to them.
    pub(crate) entered: AtomicU64,
    refused: [[AtomicU64; KINDS]; AT_THE_RING.len()],
    has_losses: AtomicBool,
    losses: Mutex<Vec<Loss>>,
}

impl RingCounters {
    /// Counts an event that the ring did not take.
    pub(crate) fn refuse(&self, cause: DropCause, kind: usize) {
        let row = AT_THE_RING.iter().position(|at| *at == cause);
        if let Some(slot) = row.and_then(|row| self.refused[row].get(kind)) {
            slot.fetch_add(1, Ordering::Release);
        }
    }

    /// Remembers a loss by its run, so that the run's stream can tell of it.
    pub(crate) fn lose(&self, run: u64, request_id: Option<&Text>, kind: usize, cause: DropCause) {
        let mut losses = lock(&self.losses);
        let is_full = losses.len() >= MAX_LOSSES;
        let same = losses.iter_mut().rev().take(8).find(|loss| {
            loss.run == run
                && loss.cause == cause
                && loss.kind == kind
                && loss.request_id.as_ref() == request_id
        });
        match same {
            Some(loss) => loss.count += 1,
            // Beyond the limit losses are counted, but no run is told.
            None if is_full => {}
            None => losses.push(Loss {
                run,
                request_id: request_id.map(Text::detached),
                cause,
                kind,
                count: 1,
            }),
        }
        self.has_losses.store(true, Ordering::Release);
    }

    pub(crate) fn take_losses(&self) -> Vec<Loss> {
        if self.has_losses.swap(false, Ordering::AcqRel) {
            std::mem::take(&mut *lock(&self.losses))
        } else {
            Vec::new()
        }
    }

    fn refused(&self) -> Dropped {
        let mut dropped = Dropped::default();
        for (cause, row) in AT_THE_RING.into_iter().zip(&self.refused) {
            for (kind, slot) in row.iter().enumerate() {
                dropped.add(cause, kind, slot.load(Ordering::Acquire));
            }
        }
        dropped
    }
}

#[derive(Debug)]
struct RingBook {
    counters: Arc<RingCounters>,
    taken: u64,
}

/// What became of the events that the worker handled since it last wrote it down.
#[derive(Debug, Default)]
pub(crate) struct Handled {
    /// Added to the stream: summaries, notes of losses, ends of what was open.
    pub(crate) made: u64,
    pub(crate) dropped: Dropped,
    pub(crate) late: u64,
    pub(crate) truncated: u64,
}

impl Handled {
    pub(crate) fn merge(&mut self, more: &Self) {
        self.made += more.made;
        self.late += more.late;
        self.truncated += more.truncated;
        self.dropped.merge(&more.dropped);
    }
}

/// What processors did since the start.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Processed {
    pub(crate) made: u64,
    pub(crate) sampled_out: u64,
    pub(crate) dropped: Dropped,
    pub(crate) held: u64,
}

#[derive(Debug, Default)]
pub(crate) struct LaneBook {
    pub(crate) stats: ExporterStats,
}

/// All counts of a pipeline.
#[derive(Debug, Default)]
pub(crate) struct Books {
    rings: Vec<RingBook>,
    /// Of rings whose threads ended.
    retired: u64,
    retired_refused: Dropped,
    handled: Handled,
    processed: Processed,
    pub(crate) runs_open: u64,
    pub(crate) runs_ended: u64,
    pub(crate) finishes_lost: u64,
    pub(crate) lanes: Vec<LaneBook>,
}

impl Books {
    pub(crate) fn new(exporters: impl Iterator<Item = String>) -> Self {
        let lane = |name| LaneBook {
            stats: ExporterStats::new(name),
        };
        Self {
            lanes: exporters.map(lane).collect(),
            ..Self::default()
        }
    }

    pub(crate) fn open_ring(&mut self, counters: Arc<RingCounters>) {
        self.rings.push(RingBook { counters, taken: 0 });
    }

    fn ring(&mut self, counters: &Arc<RingCounters>) -> Option<&mut RingBook> {
        self.rings
            .iter_mut()
            .find(|ring| Arc::ptr_eq(&ring.counters, counters))
    }

    /// Writes down that the worker took events out of a ring.
    pub(crate) fn take(&mut self, counters: &Arc<RingCounters>, events: u64) {
        if let Some(ring) = self.ring(counters) {
            ring.taken += events;
        }
    }

    /// Adds up a ring whose thread ended and that is empty.
    pub(crate) fn retire_ring(&mut self, counters: &Arc<RingCounters>) {
        let found = self
            .rings
            .iter()
            .position(|ring| Arc::ptr_eq(&ring.counters, counters));
        if let Some(index) = found {
            let ring = self.rings.swap_remove(index);
            self.retired += ring.counters.entered.load(Ordering::Acquire);
            self.retired_refused.merge(&ring.counters.refused());
        }
    }

    /// Whether a ring's thread is between counting an event and handing it over.
    pub(crate) fn any_in_the_act(&self) -> bool {
        self.rings.iter().any(|ring| {
            let gone = ring.taken + ring.counters.refused().total();
            ring.counters.entered.load(Ordering::Acquire) > gone
        })
    }

    pub(crate) fn handle(&mut self, handled: &Handled, processed: &Processed) {
        self.handled.merge(handled);
        self.processed = *processed;
    }

    /// Returns everything as of this moment.
    pub(crate) fn stats(&self) -> Stats {
        let mut emitted = self.retired;
        let mut dropped = self.retired_refused;
        let mut in_rings = 0;
        for ring in &self.rings {
            // Read once each, in this order: an event in between is in flight.
            let refused = ring.counters.refused();
            let entered = ring.counters.entered.load(Ordering::Acquire);
            emitted += entered;
            in_rings += entered - ring.taken - refused.total();
            dropped.merge(&refused);
        }
        dropped.merge(&self.handled.dropped);
        dropped.merge(&self.processed.dropped);
        Stats {
            emitted: emitted + self.handled.made + self.processed.made,
            sampled_out: self.processed.sampled_out,
            dropped,
            in_rings,
            held: self.processed.held,
            late: self.handled.late,
            truncated: self.handled.truncated,
            runs_open: self.runs_open,
            runs_ended: self.runs_ended,
            finishes_lost: self.finishes_lost,
            waiting_bytes: 0,
            media: MediaStats::default(),
            exporters: self.lanes.iter().map(|lane| lane.stats.clone()).collect(),
        }
    }

    /// Writes down what became of a batch at an exporter's queue.
    pub(crate) fn admit(&mut self, index: usize, admitted: &Admitted) {
        if let Some(lane) = self.lanes.get_mut(index) {
            let stats = &mut lane.stats;
            stats.made += admitted.made;
            stats.in_flight += admitted.taken;
            stats.in_flight -= admitted.given_way;
            stats.dropped.merge(&admitted.dropped);
        }
    }

    pub(crate) fn close_lane(&mut self, index: usize, state: ExporterState) {
        if let Some(lane) = self.lanes.get_mut(index) {
            lane.stats.state = state;
        }
    }
}
