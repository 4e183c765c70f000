//! The emitting thread's side: its rings, and what is let into them.

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use super::at::{At, REFUSED};
use super::encode::Draft;
use super::record::{Beside, CELLS, Cell, Kind, is_precious, is_precious_kind};
use crate::event::Ctx;
use crate::pipeline::bell::IDLE;
use crate::pipeline::books::RingCounters;
use crate::pipeline::cause::DropCause;
use crate::pipeline::shared::{CLOSED, ENDING, FORKED, Shared, deadline, find};

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
    cells: rtrb::Producer<Cell>,
    beside: rtrb::Producer<Beside>,
    /// Cells known to be free; there may be more.
    free: usize,
    /// With so few free cells the worker is looked at again.
    look_at: usize,
    /// Cells that only ends, usage and the bounds of runs may take.
    reserve: usize,
    /// As many places beside the cells.
    beside_reserve: usize,
    next_key: u64,
    /// A copy of what the counters say, so that counting is a store and no load.
    entered: u64,
    /// Paths that the worker has from this ring, so that a record names one by its place.
    ctxs: Box<[Option<Ctx>; CTXS]>,
    counters: Arc<RingCounters>,
    shared: Arc<Shared>,
    clock: crate::pipeline::clock::Clock,
}

/// Paths that a ring keeps; another one with the same place gives way to the next.
pub(crate) const CTXS: usize = 64;

/// Sends a record on the calling thread's ring; returns the key of the opener it is or belongs to,
/// [`REFUSED`] where it found no room.
#[inline]
pub(crate) fn send(pipeline: u64, draft: &mut Draft, ctx: Option<&Ctx>) -> u64 {
    let sent = RINGS.try_with(|rings| {
        let mut rings = rings.try_borrow_mut().ok()?;
        Some(rings.get(pipeline)?.send(draft, ctx))
    });
    match sent {
        Ok(Some(key)) => key,
        _ => with_common(pipeline, |ring| ring.send(draft, ctx)).unwrap_or(REFUSED),
    }
}

/// Counts an event that is absent because its opener was refused.
#[cold]
pub(crate) fn count_absent(at: At, kind: Kind) {
    let counted = RINGS.try_with(|rings| {
        let mut rings = rings.try_borrow_mut().ok()?;
        rings.get(at.pipeline)?.count_absent(kind);
        Some(())
    });
    if !matches!(counted, Ok(Some(()))) {
        with_common(at.pipeline, |ring| ring.count_absent(kind));
    }
}

/// Runs on the ring of threads that are ending and have lost theirs, or that may have none.
#[cold]
fn with_common<T>(pipeline: u64, emit: impl FnOnce(&mut LocalRing) -> T) -> Option<T> {
    let shared = find(pipeline)?;
    if shared.is_forked() {
        return None;
    }
    shared.with_common(emit)
}

impl Rings {
    #[inline]
    fn get(&mut self, pipeline: u64) -> Option<&mut LocalRing> {
        // Nearly every thread has one ring.
        if self.0.first().is_some_and(|ring| ring.pipeline == pipeline) {
            return self.0.first_mut();
        }
        self.find_or_register(pipeline)
    }

    #[cold]
    fn find_or_register(&mut self, pipeline: u64) -> Option<&mut LocalRing> {
        let known = self.0.iter().position(|ring| ring.pipeline == pipeline);
        if let Some(index) = known {
            return self.0.get_mut(index);
        }
        self.0.retain(|ring| !ring.shared.is(CLOSED | FORKED));
        let shared = find(pipeline)?;
        if shared.is_forked() || shared.is(CLOSED) {
            return None;
        }
        self.0.push(shared.open_ring()?);
        self.0.last_mut()
    }
}

impl LocalRing {
    pub(crate) fn new(
        shared: Arc<Shared>,
        cells: rtrb::Producer<Cell>,
        beside: rtrb::Producer<Beside>,
        counters: Arc<RingCounters>,
        number: u64,
    ) -> Self {
        let capacity = cells.buffer().capacity();
        Self {
            pipeline: shared.id,
            free: capacity,
            look_at: capacity / 2,
            reserve: reserve(capacity),
            beside_reserve: beside.buffer().capacity() / 8,
            next_key: number << COUNT_BITS,
            entered: 0,
            ctxs: Box::new([const { None }; CTXS]),
            clock: shared.clock.clone(),
            cells,
            beside,
            counters,
            shared,
        }
    }

    fn enter(&mut self) {
        self.entered += 1;
        self.counters.entered.store(self.entered, Ordering::Release);
    }

    fn count_absent(&mut self, kind: Kind) {
        self.enter();
        self.counters.refuse(DropCause::Subtree, kind as usize);
    }

    fn send(&mut self, draft: &mut Draft, ctx: Option<&Ctx>) -> u64 {
        if draft.header.kind.is_event() {
            self.enter();
        }
        let mut is_new = false;
        if let Some(ctx) = ctx {
            let place = place(ctx);
            let known = self.ctxs.get(place).and_then(Option::as_ref);
            is_new = !known.is_some_and(|known| known.same_allocation(ctx));
            draft.header.ctx = place as u8 + 1;
        }
        // One look for everything that is not usual: the worker asleep, the pipeline closed, the
        // ring filling up, something to be handed over beside the cells.
        let unusual = self.shared.bell.state.load(Ordering::Relaxed) != 0
            || self.free <= self.look_at
            || is_new
            || draft.is_large();
        if unusual && let Err(cause) = self.admit(draft, ctx.filter(|_| is_new)) {
            self.refuse(draft, cause);
            return REFUSED;
        }
        let header = &mut draft.header;
        if matches!(header.kind, Kind::OpStart | Kind::GroupStart) {
            self.next_key += 1;
            header.key = self.next_key;
        }
        let key = header.key;
        header.ticks = self.clock.ticks();
        let cells = draft.cells();
        self.free -= cells.len();
        let pushed = match cells {
            // The usual end of an op: half of what the general way costs.
            [cell] => self.cells.push(*cell).is_ok(),
            cells => self.cells.push_entire_slice(cells).is_ok(),
        };
        if !pushed {
            // Cannot be: `free` never exceeds what is free.
            self.free = 0;
            self.refuse(draft, DropCause::RingFull);
            return REFUSED;
        }
        key
    }

    /// Decides on a record where something is not usual, and hands over what it has beside its cells.
    #[cold]
    fn admit(&mut self, draft: &mut Draft, ctx: Option<&Ctx>) -> Result<(), DropCause> {
        let state = self.shared.bell.state.load(Ordering::Acquire);
        if state & (CLOSED | FORKED) != 0 {
            return Err(DropCause::Closed);
        }
        if state & IDLE != 0 {
            self.shared.rouse();
        }
        if self.free <= self.look_at {
            // Waking takes a lock, which in a forked child may be held by a thread that is not there.
            if self.shared.is_forked() {
                return Err(DropCause::Closed);
            }
            self.look();
        }
        let need = Need::of(draft, ctx);
        if !self.has_room(need) && !self.wait_for_room(need) {
            // An end without its outputs is worth more than none.
            let smaller = need.precious && draft.shrink();
            if !smaller || !self.has_room(Need::of(draft, ctx)) {
                return Err(DropCause::RingFull);
            }
        }
        let charged = self.charge(draft, ctx, need)
            || need.precious && draft.shrink() && self.charge(draft, ctx, need);
        if !charged {
            return Err(DropCause::Bytes);
        }
        if let Some(ctx) = ctx
            && let Some(kept) = self.ctxs.get_mut(place(ctx))
        {
            *kept = Some(ctx.clone());
        }
        let ctx = ctx.map(|ctx| Beside::Ctx(ctx.clone()));
        for beside in [ctx, draft.take_beside()].into_iter().flatten() {
            draft.header.beside += 1;
            // There is room: it was looked at above, and nobody else takes it.
            drop(self.beside.push(beside));
        }
        Ok(())
    }

    /// Counts the free cells anew, and wakes the worker where they get few.
    fn look(&mut self) {
        self.free = self.cells.slots();
        let capacity = self.cells.buffer().capacity();
        self.look_at = capacity / 2;
        if self.free <= self.look_at {
            self.shared.wake();
            let next = self.free.saturating_sub(capacity / 16);
            self.look_at = next.max(self.reserve);
        }
    }

    fn has_room(&self, need: Need) -> bool {
        let (cells, beside) = if need.precious {
            (CELLS, 0)
        } else {
            (self.reserve, self.beside_reserve)
        };
        let has_place = need.beside == 0 || self.beside.slots() >= need.beside + beside;
        self.free >= cells && has_place
    }

    fn charge(&self, draft: &Draft, ctx: Option<&Ctx>, need: Need) -> bool {
        match draft.held() + ctx.map_or(0, Ctx::held) {
            0 => true,
            bytes if need.precious => self.shared.charge_precious(bytes),
            bytes => self.shared.charge(bytes),
        }
    }

    fn wait_for_room(&mut self, need: Need) -> bool {
        let Some(patience) = self.shared.patience() else {
            return false;
        };
        // In a forked child nobody makes room, and the lock that waiting takes may be held for good.
        if self.shared.is_forked() {
            return false;
        }
        let until = deadline(patience);
        while !self.has_room(need)
            && Instant::now() < until
            && !self.shared.is(CLOSED | FORKED | ENDING)
        {
            self.shared.wait_for_room(until);
            self.free = self.cells.slots();
        }
        self.has_room(need)
    }

    #[cold]
    fn refuse(&mut self, draft: &Draft, cause: DropCause) {
        let header = &draft.header;
        if !header.kind.is_event() {
            return;
        }
        let kind = usize::from(header.counted);
        self.counters.refuse(cause, kind);
        // The worker takes the list of losses by a lock, which it may hold while a child is made.
        let is_told = matches!(cause, DropCause::RingFull | DropCause::Bytes);
        if is_told && !self.shared.is_forked() {
            let event = draft.event.as_ref();
            let request_id = event.map(|event| &event.request_id);
            self.counters.lose(header.run, request_id, kind, cause);
        }
    }
}

/// What a record takes of a ring.
#[derive(Clone, Copy)]
struct Need {
    /// Places beside the cells.
    beside: usize,
    /// Whether it may take what is kept for such records.
    precious: bool,
}

impl Need {
    fn of(draft: &Draft, ctx: Option<&Ctx>) -> Self {
        Self {
            beside: usize::from(ctx.is_some()) + usize::from(draft.is_large()),
            precious: is_precious_kind(draft.header.kind)
                || draft.event.as_ref().is_some_and(|event| is_precious(event)),
        }
    }
}

/// Cells of a ring that ordinary records leave free, one record at least.
fn reserve(capacity: usize) -> usize {
    (capacity / 8).max(CELLS)
}

/// Where a path is kept: paths made one after another have neighbouring addresses.
fn place(ctx: &Ctx) -> usize {
    (ctx.address() >> 4) % CTXS
}
