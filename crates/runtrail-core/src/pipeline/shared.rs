//! What the threads of one pipeline share, and how an emitting thread comes to its ring.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use arc_swap::ArcSwapOption;

use super::bell::Bell;
use super::books::{Books, RingCounters};
use super::clock::Clock;
use super::media::Media;
use super::settings::{Overflow, Settings};
use super::ticket::Ticket;
use crate::emit::local::LocalRing;
use crate::emit::record::{Beside, CELL, CELLS, Cell};
use crate::text::Text;

/// Nothing is taken any more.
pub(crate) const CLOSED: u8 = 2;
/// This is a forked child's copy: nobody empties its rings.
pub(crate) const FORKED: u8 = 4;
/// The end has begun: nobody waits for room any more, least of all the thread that ends the pipeline.
pub(crate) const ENDING: u8 = 8;

/// The smallest ring that is worth having; with less room left, threads share one.
const MIN_RING: usize = 64;
/// The part of the bytes that ends of runs may take at the side door.
const LEFT_PART: usize = 16;
/// Bytes of a slot: the cells of one record, and the place of what it has beside them.
pub(crate) const SLOT: usize = CELLS * CELL + size_of::<Beside>();

/// Locks, also where a panic left the lock poisoned: what it guards are counters and queues.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Returns when a time limit is over; one that is too long to say ends in a year.
pub(crate) fn deadline(limit: Duration) -> Instant {
    const YEAR: Duration = Duration::from_secs(365 * 86_400);
    let now = Instant::now();
    now.checked_add(limit.min(YEAR)).unwrap_or(now)
}

/// The worker's end of a ring.
pub(crate) struct RingEnd {
    pub(crate) cells: rtrb::Consumer<Cell>,
    pub(crate) beside: rtrb::Consumer<Beside>,
    pub(crate) counters: Arc<RingCounters>,
}

/// What the worker is asked to do.
#[derive(Clone)]
pub(crate) enum Request {
    Flush(Arc<Ticket>),
    Shutdown(Arc<Ticket>),
}

#[derive(Default)]
pub(crate) struct Control {
    pub(crate) rings: Vec<RingEnd>,
    pub(crate) requests: Vec<Request>,
    /// The side door: ends of runs that found no room in a ring, each with the time when it was left,
    /// so that it is taken after what was recorded before.
    pub(crate) left: VecDeque<(u64, Left)>,
    /// Runs to finish for which there was no room here either.
    pub(crate) lost: u64,
}

/// The end of a run that found no room in a ring.
#[derive(Debug)]
pub(crate) enum Left {
    /// A handle's. Each leaves one at most, so that there are never more than the handles of which the
    /// worker knows anyway; one that was lost would keep its run open until shutdown.
    Handle(u64),
    /// That of a run by its id, which anyone may send as often as they like.
    Run(Text),
}

impl Left {
    /// Bytes that it takes of the side door.
    pub(crate) fn held(&self) -> usize {
        match self {
            Self::Handle(_) => 0,
            Self::Run(id) => size_of::<(u64, Self)>() + id.len(),
        }
    }
}

impl Control {
    fn is_asked(&self) -> bool {
        !(self.requests.is_empty() && self.rings.is_empty() && self.left.is_empty())
    }
}

pub(crate) struct Shared {
    pub(crate) id: u64,
    process: u32,
    pub(crate) settings: Settings,
    pub(crate) clock: Clock,
    next_run: AtomicU64,
    next_ring: AtomicU64,
    /// Bytes taken by rings and by the payloads that wait in them.
    ring_bytes: AtomicUsize,
    /// Bytes taken by what was left at the side door and has not been done yet.
    left_bytes: AtomicUsize,
    pub(crate) bell: Bell<Control>,
    waiting: AtomicUsize,
    room: Mutex<()>,
    has_room: Condvar,
    pub(crate) books: Mutex<Books>,
    /// The ring of threads that cannot have one of their own.
    common: Mutex<Option<LocalRing>>,
    pub(crate) media: Arc<Media>,
    /// Rings of threads that ended.
    free: Mutex<Vec<LocalRing>>,
}

static NEXT_PIPELINE: AtomicU64 = AtomicU64::new(1);
/// Swapped whole and without a lock, which in a forked child might be held by a thread that is not there:
/// a child's copies of handles look here, and so does a pipeline that the child starts for itself.
static PIPELINES: ArcSwapOption<Vec<(u64, Weak<Shared>)>> = ArcSwapOption::const_empty();

/// Returns a pipeline of this process that has not been dropped.
pub(crate) fn find(id: u64) -> Option<Arc<Shared>> {
    let known = PIPELINES.load();
    let (_, shared) = known.as_ref()?.iter().find(|(known, _)| *known == id)?;
    shared.upgrade()
}

impl RingEnd {
    /// Bytes of the budget that the ring itself takes.
    pub(crate) fn size(&self) -> usize {
        self.beside.buffer().capacity() * SLOT
    }
}

impl Shared {
    pub(crate) fn new(settings: Settings, clock: Clock, books: Books, media: Media) -> Arc<Self> {
        let shared = Arc::new(Self {
            id: NEXT_PIPELINE.fetch_add(1, Ordering::Relaxed),
            process: std::process::id(),
            settings,
            clock,
            next_run: AtomicU64::new(1),
            next_ring: AtomicU64::new(1),
            ring_bytes: AtomicUsize::new(0),
            left_bytes: AtomicUsize::new(0),
            bell: Bell::new(Control::default()),
            waiting: AtomicUsize::new(0),
            room: Mutex::default(),
            has_room: Condvar::new(),
            books: Mutex::new(books),
            common: Mutex::new(None),
            media: Arc::new(media),
            free: Mutex::default(),
        });
        PIPELINES.rcu(|known| {
            let known = known.iter().flat_map(|known| known.iter());
            let mut known: Vec<_> = known
                .filter(|(_, shared)| shared.strong_count() > 0)
                .cloned()
                .collect();
            known.push((shared.id, Arc::downgrade(&shared)));
            Some(Arc::new(known))
        });
        *lock(&shared.common) = Some(shared.make_ring(MIN_RING * 4));
        shared
    }

    pub(crate) fn next_run(&self) -> u64 {
        self.next_run.fetch_add(1, Ordering::Relaxed)
    }

    pub(crate) fn is(&self, flags: u8) -> bool {
        self.bell.state.load(Ordering::Acquire) & flags != 0
    }

    /// Whether this is a child's copy of the pipeline; if so, it is quiet from here on.
    ///
    /// The process id is a system call, so it is asked for only off the usual path: where a run or
    /// a ring begins, something finds no room, or the worker is to be woken.
    pub(crate) fn is_forked(&self) -> bool {
        if std::process::id() == self.process {
            return false;
        }
        self.bell.state.fetch_or(FORKED, Ordering::AcqRel);
        true
    }

    fn ring_budget(&self) -> usize {
        self.settings.max_bytes / 2
    }

    /// What of it rings and ordinary payloads may take: an eighth is kept for ends and usage.
    fn ordinary_budget(&self) -> usize {
        self.ring_budget() - self.ring_budget() / 8
    }

    /// Makes a ring for the calling thread, or gives it one of a thread that ended; none where the
    /// bytes are used up.
    pub(crate) fn open_ring(self: &Arc<Self>) -> Option<LocalRing> {
        let free = lock(&self.free).pop();
        if free.is_some() {
            return free;
        }
        let left = self
            .ordinary_budget()
            .saturating_sub(self.ring_bytes.load(Ordering::Relaxed));
        // Half of what is left at most, so that the first threads do not take it all.
        let slots = self.settings.ring_events.min(left / 2 / SLOT);
        (slots >= MIN_RING).then(|| self.make_ring(slots))
    }

    fn make_ring(self: &Arc<Self>, slots: usize) -> LocalRing {
        self.ring_bytes.fetch_add(slots * SLOT, Ordering::Relaxed);
        let (to_cells, cells) = rtrb::RingBuffer::new(slots * CELLS);
        let (to_beside, beside) = rtrb::RingBuffer::new(slots);
        let counters = Arc::new(RingCounters::default());
        lock(&self.books).open_ring(Arc::clone(&counters));
        self.bell.control().rings.push(RingEnd {
            cells,
            beside,
            counters: Arc::clone(&counters),
        });
        let number = self.next_ring.fetch_add(1, Ordering::Relaxed);
        LocalRing::new(Arc::clone(self), to_cells, to_beside, counters, number)
    }

    /// Lets a thread use the ring that those without one share.
    pub(crate) fn with_common<T>(&self, emit: impl FnOnce(&mut LocalRing) -> T) -> Option<T> {
        lock(&self.common).as_mut().map(emit)
    }

    /// Keeps the ring of a thread that ends. There are never more than threads were at once.
    pub(crate) fn keep(&self, ring: LocalRing) {
        // In a forked child the lock may be held by a thread that is not there.
        if !self.is(CLOSED | FORKED)
            && let Ok(mut free) = self.free.try_lock()
        {
            free.push(ring);
        }
    }

    /// Gives up the rings that no thread holds, which keep this alive.
    pub(crate) fn close_rings(&self) {
        let common = lock(&self.common).take();
        let free = std::mem::take(&mut *lock(&self.free));
        drop((common, free));
    }

    /// Takes bytes for a payload; refuses where they are used up.
    pub(crate) fn charge(&self, bytes: usize) -> bool {
        self.charge_within(self.ordinary_budget(), bytes)
    }

    /// As [`charge`](Self::charge), for what may take the part that is kept for it.
    pub(crate) fn charge_precious(&self, bytes: usize) -> bool {
        self.charge_within(self.ring_budget(), bytes)
    }

    fn charge_within(&self, budget: usize, bytes: usize) -> bool {
        let before = self.ring_bytes.fetch_add(bytes, Ordering::Relaxed);
        let fits = before.saturating_add(bytes) <= budget;
        if !fits {
            self.ring_bytes.fetch_sub(bytes, Ordering::Relaxed);
        }
        fits
    }

    pub(crate) fn release(&self, bytes: usize) {
        self.ring_bytes.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// Returns the bytes that rings, their payloads and the side door take.
    pub(crate) fn ring_bytes(&self) -> usize {
        self.ring_bytes.load(Ordering::Relaxed) + self.left_bytes.load(Ordering::Relaxed)
    }

    /// Wakes the worker, if it sleeps.
    pub(crate) fn wake(&self) {
        self.bell.wake();
    }

    /// Asks the worker for something.
    pub(crate) fn request(&self, request: Request) {
        let now = Instant::now();
        self.bell.ask(|control| {
            control.requests.retain(|request| match request {
                Request::Flush(ticket) => ticket.deadline() > now,
                Request::Shutdown(_) => true,
            });
            control.requests.push(request);
        });
    }

    /// Leaves the end of a run's handle at the side door.
    pub(crate) fn leave_ended(&self, handle: u64) {
        self.leave(Left::Handle(handle));
    }

    /// Leaves the end of a run by its id at the side door, or counts that it has no room.
    pub(crate) fn leave_finished(&self, request_id: &str) {
        self.leave(Left::Run(Text::new(request_id)));
    }

    fn leave(&self, left: Left) {
        if self.is(CLOSED) {
            return;
        }
        let bytes = left.held();
        self.bell.ask(|control| {
            let waiting = self.left_bytes.load(Ordering::Relaxed);
            if bytes > 0 && waiting + bytes > self.settings.max_bytes / LEFT_PART {
                control.lost += 1;
                return;
            }
            self.left_bytes.fetch_add(bytes, Ordering::Relaxed);
            // Read under the lock: the worker, which takes it from here, looks at the rings only then, so
            // everything that was recorded before stands there and is older.
            control.left.push_back((self.clock.ticks(), left));
        });
    }

    /// Gives back the room of what was left at the side door and is done.
    pub(crate) fn done_with(&self, left: &Left) {
        self.left_bytes.fetch_sub(left.held(), Ordering::Relaxed);
    }

    /// Ends the worker's long sleep; called by threads that see it idle.
    #[cold]
    pub(crate) fn rouse(&self) {
        if !self.is_forked() {
            self.bell.rouse();
        }
    }

    /// The worker's sleep; see [`Bell::sleep`].
    pub(crate) fn sleep(&self, deep: bool, limit: Duration, has_work: impl FnOnce() -> bool) {
        self.bell.sleep(deep, limit, Control::is_asked, has_work);
    }

    /// Waits until the worker made room somewhere, or `until`.
    pub(crate) fn wait_for_room(&self, until: Instant) {
        self.waiting.fetch_add(1, Ordering::AcqRel);
        self.wake();
        let guard = lock(&self.room);
        // Short, because room made between the last look and the wait is announced to nobody.
        let limit = until
            .saturating_duration_since(Instant::now())
            .min(Duration::from_millis(1));
        drop(self.has_room.wait_timeout(guard, limit));
        self.waiting.fetch_sub(1, Ordering::AcqRel);
    }

    pub(crate) fn announce_room(&self) {
        if self.waiting.load(Ordering::Acquire) > 0 {
            self.has_room.notify_all();
        }
    }

    /// How long an emitting thread may wait for room.
    pub(crate) fn patience(&self) -> Option<Duration> {
        match self.settings.overflow {
            Overflow::Block(limit) if !self.is(ENDING) => Some(limit),
            Overflow::Block(_) | Overflow::DropNewest | Overflow::DropOldest => None,
        }
    }
}
