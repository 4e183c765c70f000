//! The worker's thread: empties the rings in the order of time, and keeps the promises.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::diagnose::Diagnose;
use super::engine::Engine;
use super::lane::Lane;
use super::ledger::Truncated;
use super::queue::Waiting;
use super::resolve::Taken;
use super::settings::{Overflow, Settings};
use super::shared::{CLOSED, Left, Request, RingEnd, Shared, lock};
use super::ticket::Ticket;
use crate::emit::local::CTXS;
use crate::emit::record::{Beside, Header, Waiting as Cells};
use crate::event::Ctx;

/// Bytes of text taken before they are handed on; a batch's events share one chunk of this size.
///
/// Pieces are small because memory of 128 KiB and more is fetched from the system and given back
/// each time, which costs more than everything else that is done with an event.
const SCAN_BYTES: usize = 96 << 10;
/// Batches handed to exporters before their threads are woken, while there is more to take: a wake costs
/// as much as some hundred events.
const BATCHES_BEFORE_WAKE: usize = 8;
/// The part of an exporter's queue that may fill up before its thread is woken.
const QUEUE_BEFORE_WAKE: usize = 8;
/// Ticks without traffic after which the worker sleeps until it is woken.
const QUIET_TICKS: u32 = 20;
/// The longest that an event waits whose wake was missed; see [`Shared::sleep`].
const DEEP_SLEEP: Duration = Duration::from_millis(100);
/// How often the time of day is looked at.
const ANCHOR_EVERY: Duration = Duration::from_secs(1);
/// How long a shutdown waits for threads that are in the act of handing something over.
const IN_THE_ACT: Duration = Duration::from_millis(20);

/// The side door's place among the rings; behind them, so that of two things of one time the record is first.
const SIDE_DOOR: usize = usize::MAX;

struct Ring {
    end: RingEnd,
    /// Paths that its thread names by their place.
    ctxs: Box<[Option<Ctx>; CTXS]>,
    /// Events taken since the counts were last written down.
    events: u64,
    /// Cells whose records are shed before any other is kept.
    shed: usize,
    /// Cells taken since the start.
    taken: u64,
}

pub(super) struct Worker {
    shared: Arc<Shared>,
    engine: Engine,
    lanes: Arc<Vec<Lane>>,
    rings: Vec<Ring>,
    /// What was left at the side door, with the times when it was.
    left: VecDeque<(u64, Left)>,
    finishes_lost: u64,
    /// What was asked for and is not done.
    requests: VecDeque<Request>,
    heap: BinaryHeap<Reverse<(u64, usize)>>,
    batches: Vec<Waiting>,
    unannounced: Unannounced,
    anchored: Instant,
    panics: u64,
    diagnose: Diagnose,
}

/// What was handed to exporters whose threads were not woken for it yet.
#[derive(Default)]
struct Unannounced {
    batches: usize,
    events: usize,
    bytes: usize,
}

impl Unannounced {
    fn add(&mut self, waiting: &Waiting) {
        self.batches += 1;
        self.events += waiting.events();
        self.bytes += waiting.bytes;
    }

    /// Whether it must not become more, lest a queue fills up while its exporter sleeps.
    fn is_much(&self, settings: &Settings, lanes: usize) -> bool {
        self.batches >= BATCHES_BEFORE_WAKE
            || self.events >= settings.queue_events / QUEUE_BEFORE_WAKE
            || self.bytes >= settings.max_bytes / 2 / lanes.max(1) / QUEUE_BEFORE_WAKE
    }
}

/// How far one look at the rings got.
struct Scan {
    records: usize,
    /// Whether nothing older than the look is left.
    complete: bool,
}

impl Worker {
    pub(super) fn new(shared: Arc<Shared>, engine: Engine, lanes: Arc<Vec<Lane>>) -> Self {
        Self {
            shared,
            engine,
            lanes,
            rings: Vec::new(),
            left: VecDeque::new(),
            finishes_lost: 0,
            requests: VecDeque::new(),
            heap: BinaryHeap::new(),
            batches: Vec::new(),
            unannounced: Unannounced::default(),
            anchored: Instant::now(),
            panics: 0,
            diagnose: Diagnose::default(),
        }
    }

    /// Works until it is told to shut down; gives the names of what was truncated. After a panic, which
    /// it passes on in the end, the exporters still get what was handed on before, and are closed.
    pub(super) fn run(mut self) -> Vec<Truncated> {
        let shared = Arc::clone(&self.shared);
        let ran = catch_unwind(AssertUnwindSafe(|| self.work()));
        // Without a worker nothing may be taken in.
        shared.bell.state.fetch_or(CLOSED, Ordering::AcqRel);
        shared.announce_room();
        ran.unwrap_or_else(|panic| {
            self.see_to_the_end();
            resume_unwind(panic)
        })
    }

    /// What is left to do without a worker: nobody shall wait for it in vain, nor an exporter stay open.
    fn see_to_the_end(&mut self) {
        // What panicked may be what listens to this.
        drop(catch_unwind(|| {
            tracing::error!(target: "runtrail", "the worker panicked; nothing more is recorded");
        }));
        self.lanes.iter().for_each(Lane::wake);
        loop {
            let control = std::mem::take(&mut *self.shared.bell.control());
            self.requests.extend(control.requests);
            while let Some(request) = self.requests.pop_front() {
                match request {
                    Request::Flush(ticket) => self.flush_lanes(&ticket),
                    Request::Shutdown(ticket) => {
                        self.close_lanes(&ticket);
                        return ticket.passed_on();
                    }
                }
            }
            self.shared.sleep(false, DEEP_SLEEP, || false);
        }
    }

    fn work(&mut self) -> Vec<Truncated> {
        let mut quiet = 0;
        loop {
            // Read before the new rings are asked for: what stands in a ring that is not known yet
            // was recorded later.
            let now = self.shared.clock.ticks();
            self.take_control();
            let scan = self.take_until(now, self.shared.settings.batch_events);
            self.hand_on(scan.complete);
            // Each stands there until it is done, and is not lost with a panic.
            while let Some(request) = self.requests.front() {
                match request.clone() {
                    Request::Flush(ticket) => self.flush(&ticket),
                    Request::Shutdown(ticket) => return self.shut_down(&ticket),
                }
                self.requests.pop_front();
            }
            if !scan.complete {
                continue;
            }
            self.retire_rings();
            quiet = if scan.records > 0 { 0 } else { quiet + 1 };
            let deep = quiet > QUIET_TICKS;
            let limit = if deep {
                DEEP_SLEEP
            } else {
                self.shared.settings.tick
            };
            let (rings, left) = (&self.rings, &self.left);
            self.shared.sleep(deep, limit, || {
                let mut ends = rings.iter().map(|ring| &ring.end);
                deep && (!left.is_empty() || ends.any(|end| !end.cells.is_empty()))
            });
            self.look_at_the_time();
        }
    }

    fn look_at_the_time(&mut self) {
        if self.anchored.elapsed() >= ANCHOR_EVERY {
            self.anchored = Instant::now();
            let anchor = self.shared.clock.anchor();
            self.engine.line_mut().take(anchor);
        }
    }

    fn take_control(&mut self) {
        let mut control = self.shared.bell.control();
        let rings = control.rings.drain(..).map(|end| Ring {
            end,
            ctxs: Box::new([const { None }; CTXS]),
            events: 0,
            shed: 0,
            taken: 0,
        });
        self.rings.extend(rings);
        self.left.append(&mut control.left);
        let lost = std::mem::take(&mut control.lost);
        self.requests.extend(control.requests.drain(..));
        drop(control);
        if lost > 0 {
            self.finishes_lost += lost;
            self.diagnose.finishes_lost(lost);
        }
    }

    /// Takes what the rings and the side door hold up to a time, in the order of time over all of them.
    ///
    /// What was handed over before something else is found before it: a record is taken only once
    /// every ring was looked at after it was recorded.
    fn take_until(&mut self, until: u64, limit: usize) -> Scan {
        self.look_at_all(until);
        let mut records = 0;
        while let Some(Reverse((_, index))) = self.heap.pop() {
            let next = self.heap.peek().map_or(until, |Reverse((ticks, _))| *ticks);
            let more = if index == SIDE_DOOR {
                records += 1;
                self.take_left()
            } else {
                self.take_from(index, next.min(until), limit - records, &mut records)
            };
            if let Some(ticks) = more.filter(|ticks| *ticks <= until) {
                self.heap.push(Reverse((ticks, index)));
            }
            if records >= limit || self.engine.buffered() >= SCAN_BYTES {
                let complete = self.heap.is_empty();
                return Scan { records, complete };
            }
        }
        Scan {
            records,
            complete: true,
        }
    }

    /// Finds where there is something up to a time, and takes note of what the rings had no room for.
    fn look_at_all(&mut self, until: u64) {
        let sheds = self.shared.settings.overflow == Overflow::DropOldest;
        let mut lost = 0;
        self.heap.clear();
        for (index, ring) in self.rings.iter_mut().enumerate() {
            for loss in ring.end.counters.take_losses() {
                lost += loss.count;
                self.engine.lost(&loss);
            }
            if sheds {
                let capacity = ring.end.cells.buffer().capacity();
                let shed = to_shed(ring.end.cells.slots(), capacity);
                ring.shed = ring.shed.max(shed);
            }
            if let Some(ticks) = ring.next_ticks().filter(|ticks| *ticks <= until) {
                self.heap.push(Reverse((ticks, index)));
            }
        }
        if let Some((ticks, _)) = self.left.front().filter(|(ticks, _)| *ticks <= until) {
            self.heap.push(Reverse((*ticks, SIDE_DOOR)));
        }
        if lost > 0 {
            self.diagnose.lost(lost);
        }
    }

    /// Does what was left first at the side door; returns the time of the next, if there is any.
    fn take_left(&mut self) -> Option<u64> {
        let (ticks, left) = self.left.pop_front()?;
        self.shared.done_with(&left);
        match left {
            Left::Handle(handle) => self.engine.end_handle(handle, ticks),
            Left::Run(request_id) => self.engine.finish(&request_id),
        }
        self.left.front().map(|(ticks, _)| *ticks)
    }

    /// Takes records of one ring up to a time; returns the time of the next one, if there is any.
    fn take_from(
        &mut self,
        index: usize,
        until: u64,
        limit: usize,
        records: &mut usize,
    ) -> Option<u64> {
        let ring = self.rings.get_mut(index)?;
        let waiting = ring.end.cells.slots();
        let chunk = ring.end.cells.read_chunk(waiting).ok()?;
        let cells = Cells::new(chunk.as_slices());
        let first = cells.header(0)?;
        let mut at = 0;
        let mut next = Some(first);
        // One for all records: to make it costs as much as to read one.
        let mut taken = Taken {
            header: first,
            cells,
            at,
            payload: None,
            event: None,
        };
        for _ in 0..limit {
            let Some(header) = next.filter(|header| header.ticks <= until) else {
                break;
            };
            taken.header = header;
            taken.at = at;
            for _ in 0..header.beside {
                match ring.end.beside.pop() {
                    Ok(Beside::Ctx(ctx)) => {
                        self.shared.release(ctx.held());
                        if let Some(place) = path_of(&header, &mut ring.ctxs) {
                            *place = Some(ctx);
                        }
                    }
                    Ok(beside) => {
                        self.shared.release(beside.held());
                        taken.put(beside);
                    }
                    Err(_) => {}
                }
            }
            let ctx = path_of(&header, &mut ring.ctxs).and_then(|ctx| ctx.as_ref());
            let size = header.cells();
            at += size;
            *records += 1;
            ring.events += u64::from(header.kind.is_event());
            let shed = ring.shed > 0;
            ring.shed = ring.shed.saturating_sub(size);
            self.engine.push(&mut taken, ctx, shed);
            // Taken where somebody wanted them; what comes next has its own.
            taken.payload = None;
            taken.event = None;
            next = cells.header(at);
            // Behind the first record: a look that takes none would be repeated for ever.
            if self.engine.buffered() >= SCAN_BYTES {
                break;
            }
        }
        ring.taken += at as u64;
        chunk.commit(at);
        // What came meanwhile is later than `until`, or found by the next look.
        next.map(|header| header.ticks)
    }

    /// Hands on what was taken, and writes it all down at once. `complete` says that there is no more
    /// to take yet; while there is, exporters need not be woken for each batch.
    fn hand_on(&mut self, complete: bool) {
        let batches = &mut self.batches;
        let handled = self.engine.take(|batch| batches.push(Waiting::new(batch)));
        let processed = self.engine.processed();
        let mut books = lock(&self.shared.books);
        for ring in self.rings.iter_mut().filter(|ring| ring.events > 0) {
            books.take(&ring.end.counters, std::mem::take(&mut ring.events));
        }
        books.handle(&handled, &processed);
        books.runs_open = self.engine.open_runs();
        books.runs_ended = self.engine.ended_runs();
        books.finishes_lost = self.finishes_lost;
        for waiting in self.batches.drain(..) {
            self.unannounced.add(&waiting);
            for lane in self.lanes.iter() {
                lane.push(&waiting, &mut books);
            }
        }
        drop(books);
        let is_much = (self.unannounced).is_much(&self.shared.settings, self.lanes.len());
        if is_much || complete && self.unannounced.batches > 0 {
            self.unannounced = Unannounced::default();
            self.lanes.iter().for_each(Lane::wake);
        }
        self.shared.announce_room();
        let panics = self.engine.panics();
        if panics > std::mem::replace(&mut self.panics, panics) {
            tracing::error!(target: "runtrail", panics, "a processor panicked");
        }
    }

    /// Takes and hands on everything that is in the rings and at the side door now.
    fn drain(&mut self) {
        let goals: Vec<_> = self
            .rings
            .iter()
            .map(|ring| ring.taken + ring.end.cells.slots() as u64)
            .collect();
        let reached = |rings: &[Ring]| {
            let pairs = rings.iter().zip(&goals);
            pairs.into_iter().all(|(ring, goal)| ring.taken >= *goal)
        };
        while !reached(&self.rings) || !self.left.is_empty() {
            let now = self.shared.clock.ticks();
            let scan = self.take_until(now, self.shared.settings.batch_events);
            let scan = if scan.records == 0 {
                // Recorded by a clock that is ahead of this thread's.
                self.take_until(u64::MAX, self.shared.settings.batch_events)
            } else {
                scan
            };
            self.hand_on(scan.complete);
        }
        self.hand_on(true);
    }

    /// Gives up the rings of threads that ended, once they are empty.
    fn retire_rings(&mut self) {
        let shared = &self.shared;
        self.rings.retain(|ring| {
            // Asked first: what a thread handed over before it ended is in the ring by then.
            let over = ring.end.cells.is_abandoned() && ring.end.cells.is_empty();
            if over && ring.events == 0 {
                lock(&shared.books).retire_ring(&ring.end.counters);
                shared.release(ring.end.size());
                return false;
            }
            true
        });
    }

    fn flush(&mut self, ticket: &Arc<Ticket>) {
        self.drain();
        self.flush_lanes(ticket);
    }

    fn flush_lanes(&self, ticket: &Arc<Ticket>) {
        for lane in self.lanes.iter() {
            lane.flush(Arc::clone(ticket));
        }
        ticket.passed_on();
    }

    fn close_lanes(&self, ticket: &Arc<Ticket>) {
        for lane in self.lanes.iter() {
            lane.close(Arc::clone(ticket));
        }
    }

    fn shut_down(&mut self, ticket: &Arc<Ticket>) -> Vec<Truncated> {
        let until = (Instant::now() + IN_THE_ACT).min(ticket.deadline());
        loop {
            self.take_control();
            self.drain();
            if !lock(&self.shared.books).any_in_the_act() || Instant::now() >= until {
                break;
            }
            std::thread::yield_now();
        }
        self.engine.finish_all();
        self.hand_on(true);
        self.retire_rings();
        for request in std::mem::take(&mut self.requests) {
            if let Request::Flush(flush) = request {
                self.flush(&flush);
            }
        }
        self.close_lanes(ticket);
        let truncated = self.engine.take_truncated();
        ticket.passed_on();
        truncated
    }
}

impl Ring {
    /// The time of the record that has waited longest.
    fn next_ticks(&self) -> Option<u64> {
        let cell = self.end.cells.peek().ok()?;
        Some(Header::read(cell).ticks)
    }
}

/// Where a ring keeps the path that a record names, if it names one.
fn path_of<'a>(header: &Header, ctxs: &'a mut [Option<Ctx>; CTXS]) -> Option<&'a mut Option<Ctx>> {
    ctxs.get_mut(usize::from(header.ctx).checked_sub(1)?)
}

/// How many cells of the oldest records of a ring give way when it is three quarters full.
fn to_shed(waiting: usize, capacity: usize) -> usize {
    if waiting > capacity / 4 * 3 {
        waiting - capacity / 2
    } else {
        0
    }
}
