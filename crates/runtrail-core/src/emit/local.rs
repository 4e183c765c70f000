//! The emitting thread's side: its rings, and what is let into them.

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use super::at::{At, REFUSED};
use super::record::{Kind, Record};
use crate::pipeline::books::RingCounters;
use crate::pipeline::cause::DropCause;
use crate::pipeline::shared::{CLOSED, FORKED, IDLE, Shared, deadline, find};

/// The bits of a key that count the openers of one ring; the others name the ring.
const COUNT_BITS: u32 = 40;

thread_local! {
    static RINGS: RefCell<Rings> = const { RefCell::new(Rings(Vec::new())) };
}

/// A thread's rings. When the thread ends they are kept for the next one, with what is in them.
struct Rings(Vec<LocalRing>);

impl Drop for Rings {
    fn drop(&mut self) {
        for ring in self.0.drain(..) {
            let shared = Arc::clone(&ring.shared);
            shared.keep(ring);
        }
    }
}

/// The emitting end of a ring.
pub(crate) struct LocalRing {
    pipeline: u64,
    records: rtrb::Producer<Record>,
    /// Slots known to be free; there may be more.
    free: usize,
    /// With so few free slots the worker is looked at again.
    look_at: usize,
    /// Slots that only ends, usage and the bounds of runs may take.
    reserve: usize,
    next_key: u64,
    /// A copy of what the counters say, so that counting is a store and no load.
    entered: u64,
    counters: Arc<RingCounters>,
    shared: Arc<Shared>,
    clock: crate::pipeline::clock::Clock,
}

/// Sends a record on the calling thread's ring; returns the key of the opener it is or belongs to,
/// [`REFUSED`] where it found no room.
pub(crate) fn send(pipeline: u64, record: &mut Record) -> u64 {
    with_ring(pipeline, |ring| ring.send(record)).unwrap_or(REFUSED)
}

/// Counts an event that is absent because its opener was refused.
#[cold]
pub(crate) fn count_absent(at: At, kind: Kind) {
    with_ring(at.pipeline, |ring| {
        ring.enter();
        ring.counters.refuse(DropCause::Subtree, kind as usize);
    });
}

fn with_ring<T>(pipeline: u64, emit: impl FnOnce(&mut LocalRing) -> T) -> Option<T> {
    let mut emit = Some(emit);
    let done = RINGS.try_with(|rings| {
        let mut rings = rings.try_borrow_mut().ok()?;
        let rings = &mut rings.0;
        if let Some(ring) = rings.iter_mut().find(|ring| ring.pipeline == pipeline) {
            return emit.take().map(|emit| emit(ring));
        }
        let ring = register(rings, pipeline)?;
        emit.take().map(|emit| emit(ring))
    });
    match done {
        Ok(Some(done)) => Some(done),
        // The thread is ending and has lost its ring, or may have none.
        _ => {
            let shared = find(pipeline)?;
            let emit = emit.take()?;
            if shared.is_forked() {
                return None;
            }
            shared.with_common(emit)
        }
    }
}

#[cold]
fn register(rings: &mut Vec<LocalRing>, pipeline: u64) -> Option<&mut LocalRing> {
    rings.retain(|ring| !ring.shared.is(CLOSED | FORKED));
    let shared = find(pipeline)?;
    if shared.is_forked() || shared.is(CLOSED) {
        return None;
    }
    rings.push(shared.open_ring()?);
    rings.last_mut()
}

impl LocalRing {
    pub(crate) fn new(
        shared: Arc<Shared>,
        records: rtrb::Producer<Record>,
        counters: Arc<RingCounters>,
        number: u64,
    ) -> Self {
        let slots = records.buffer().capacity();
        Self {
            pipeline: shared.id,
            free: slots,
            look_at: slots / 2,
            reserve: slots / 8,
            next_key: number << COUNT_BITS,
            entered: 0,
            clock: shared.clock.clone(),
            records,
            counters,
            shared,
        }
    }

    fn enter(&mut self) {
        self.entered += 1;
        self.counters.entered.store(self.entered, Ordering::Release);
    }

    fn send(&mut self, record: &mut Record) -> u64 {
        let is_event = record.kind.is_event();
        if is_event {
            self.enter();
        }
        // One look for everything that is not usual: the worker asleep, the pipeline closed, the
        // ring filling up, a payload outside the record.
        let unusual = self.shared.state.load(Ordering::Relaxed) != 0
            || self.free <= self.look_at
            || record.spilled.is_some()
            || record.raw.is_some();
        if unusual && let Err(cause) = self.admit(record) {
            self.refuse(record, cause);
            return REFUSED;
        }
        if matches!(record.kind, Kind::OpStart | Kind::GroupStart) {
            self.next_key += 1;
            record.key = self.next_key;
        }
        let key = record.key;
        record.ticks = self.clock.ticks();
        self.free -= 1;
        if let Err(rtrb::PushError::Full(record)) = self.records.push(record.take()) {
            // Cannot be: `free` never exceeds what is free.
            self.free = 0;
            self.refuse(&record, DropCause::RingFull);
            return REFUSED;
        }
        key
    }

    /// Decides on a record where something is not usual.
    #[cold]
    fn admit(&mut self, record: &Record) -> Result<(), DropCause> {
        let state = self.shared.state.load(Ordering::Acquire);
        if state & (CLOSED | FORKED) != 0 {
            return Err(DropCause::Closed);
        }
        if state & IDLE != 0 {
            self.shared.rouse();
        }
        let least = if record.is_precious() {
            0
        } else {
            self.reserve
        };
        if self.free <= self.look_at {
            self.look();
        }
        if self.free <= least && !self.wait_for_room(least) {
            return Err(DropCause::RingFull);
        }
        let bytes = record.held();
        if bytes > 0 && !self.shared.charge(bytes) {
            return Err(DropCause::Bytes);
        }
        Ok(())
    }

    /// Counts the free slots anew, and wakes the worker where they get few.
    fn look(&mut self) {
        self.free = self.records.slots();
        let slots = self.records.buffer().capacity();
        self.look_at = slots / 2;
        if self.free <= self.look_at {
            self.shared.wake();
            self.look_at = self.free.saturating_sub(slots / 16).max(self.reserve);
        }
    }

    fn wait_for_room(&mut self, least: usize) -> bool {
        let Some(patience) = self.shared.patience() else {
            return false;
        };
        if self.shared.is_forked() {
            return false;
        }
        let until = deadline(patience);
        while self.free <= least && Instant::now() < until && !self.shared.is(CLOSED) {
            self.shared.wait_for_room(until);
            self.free = self.records.slots();
        }
        self.free > least
    }

    #[cold]
    fn refuse(&mut self, record: &Record, cause: DropCause) {
        if !record.kind.is_event() {
            return;
        }
        self.counters.refuse(cause, usize::from(record.counted));
        if matches!(cause, DropCause::RingFull | DropCause::Bytes) {
            self.counters.lose(record, cause);
        }
    }
}
