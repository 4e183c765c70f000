//! One exporter, its queue and its thread. Whatever the exporter does costs only itself.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;
use std::time::Instant;

use super::books::Books;
use super::cause::{DropCause, Dropped};
use super::diagnose::Diagnose;
use super::queue::{Admitted, Popped, Queue, Waiting};
use super::settings::{Overflow, Settings};
use super::shared::{Shared, lock};
use super::stats::ExporterState;
use super::ticket::Ticket;
use crate::export::{Batch, ExportError, ExportErrorKind, Exporter, in_full};

/// A lane as the worker and the pipeline see it.
pub(crate) struct Lane {
    index: usize,
    inner: Arc<Inner>,
}

struct Inner {
    queue: Mutex<Orders>,
    wake: Condvar,
}

struct Orders {
    queue: Queue,
    flushes: Vec<Arc<Ticket>>,
    close: Option<Arc<Ticket>>,
    /// The exporter is gone: what comes is dropped.
    gone: bool,
    /// The exporter's thread waits to be woken.
    is_waiting: bool,
}

impl Lane {
    /// Starts an exporter's thread.
    pub(crate) fn start(
        index: usize,
        exporter: Box<dyn Exporter>,
        shared: &Arc<Shared>,
        lanes: usize,
    ) -> std::io::Result<(Self, JoinHandle<()>)> {
        let Settings {
            queue_events,
            max_bytes,
            overflow,
            ..
        } = shared.settings;
        let drops_oldest = overflow == Overflow::DropOldest;
        let inner = Arc::new(Inner {
            queue: Mutex::new(Orders {
                queue: Queue::new(queue_events, max_bytes / 2 / lanes.max(1), drops_oldest),
                flushes: Vec::new(),
                close: None,
                gone: false,
                is_waiting: false,
            }),
            wake: Condvar::new(),
        });
        let thread = LaneThread {
            index,
            name: exporter.name().to_owned(),
            inner: Arc::clone(&inner),
            shared: Arc::clone(shared),
            diagnose: Diagnose::default(),
        };
        let handle = std::thread::Builder::new()
            .name(format!("runtrail-lane-{index}"))
            .spawn(move || thread.run(exporter))?;
        Ok((Self { index, inner }, handle))
    }

    /// Lets a batch into the queue, and writes it into the books, which the caller holds: the lane
    /// never asks for them while it holds its queue.
    pub(crate) fn push(&self, waiting: &Waiting, books: &mut Books) {
        let mut orders = lock(&self.inner.queue);
        let admitted = if orders.gone {
            let mut admitted = Admitted::default();
            gone(&waiting.batch, &mut admitted.dropped);
            admitted
        } else {
            orders.queue.push(waiting)
        };
        books.admit(self.index, &admitted);
    }

    /// Wakes the exporter's thread for what was let in; a thread that is at work finds it by itself.
    pub(crate) fn wake(&self) {
        if std::mem::take(&mut lock(&self.inner.queue).is_waiting) {
            self.inner.wake.notify_one();
        }
    }

    /// Asks for a flush of everything let in before.
    pub(crate) fn flush(&self, ticket: Arc<Ticket>) {
        let mut orders = lock(&self.inner.queue);
        // Nobody waits for the others any more, and a stuck exporter must not collect them.
        let now = Instant::now();
        orders.flushes.retain(|ticket| ticket.deadline() > now);
        orders.flushes.push(ticket);
        drop(orders);
        self.wake();
    }

    /// Asks for the end: everything that waits is exported, then the exporter is closed.
    pub(crate) fn close(&self, ticket: Arc<Ticket>) {
        let mut orders = lock(&self.inner.queue);
        orders.close = Some(ticket);
        drop(orders);
        self.wake();
    }

    pub(crate) fn waiting_bytes(&self) -> u64 {
        lock(&self.inner.queue).queue.bytes() as u64
    }
}

struct LaneThread {
    index: usize,
    name: String,
    inner: Arc<Inner>,
    shared: Arc<Shared>,
    diagnose: Diagnose,
}

enum Order {
    Export(Box<Popped>),
    Flush(Vec<Arc<Ticket>>),
    Close(Arc<Ticket>),
}

/// What became of one call of the exporter.
enum Called {
    Returned(Result<(), ExportError>),
    Panicked,
}

impl LaneThread {
    fn run(mut self, exporter: Box<dyn Exporter>) {
        let mut exporter = Some(exporter);
        loop {
            match self.next_order() {
                Order::Export(popped) => self.export(&mut exporter, &popped),
                Order::Flush(tickets) => self.flush(&mut exporter, &tickets),
                Order::Close(ticket) => {
                    self.close(exporter, &ticket);
                    return;
                }
            }
        }
    }

    fn next_order(&self) -> Order {
        let mut orders = lock(&self.inner.queue);
        loop {
            if let Some(popped) = orders.queue.pop() {
                return Order::Export(Box::new(popped));
            }
            if !orders.flushes.is_empty() {
                return Order::Flush(std::mem::take(&mut orders.flushes));
            }
            if let Some(ticket) = orders.close.take() {
                return Order::Close(ticket);
            }
            orders.is_waiting = true;
            orders = self
                .inner
                .wake
                .wait(orders)
                .unwrap_or_else(std::sync::PoisonError::into_inner);
        }
    }

    fn export(&mut self, exporter: &mut Option<Box<dyn Exporter>>, popped: &Popped) {
        let (waiting, batch) = (&popped.waiting, &popped.batch);
        let called = call(exporter, |exporter| exporter.export(batch));
        let outcome = match &called {
            Some(Called::Returned(result)) => Outcome::of(batch, result.as_ref().err()),
            Some(Called::Panicked) => Outcome {
                failed: batch.len() as u64,
                unknown: batch.len() as u64,
                ..Outcome::default()
            },
            None => Outcome::gone(batch),
        };
        if let Some(Called::Returned(Err(error))) = &called {
            self.diagnose
                .export_failed(&self.name, error, outcome.failed);
        }
        {
            let mut books = lock(&self.shared.books);
            if let Some(lane) = books.lanes.get_mut(self.index) {
                let stats = &mut lane.stats;
                stats.in_flight -= waiting.events() as u64;
                stats.made += popped.made;
                stats.delivered += outcome.delivered;
                stats.failed += outcome.failed;
                stats.unknown += outcome.unknown;
                stats.dropped.merge(&outcome.dropped);
                stats.dropped.merge(&popped.dropped);
            }
        }
        lock(&self.inner.queue)
            .queue
            .done(waiting.events(), waiting.bytes);
        if matches!(called, Some(Called::Panicked)) {
            self.bury(exporter);
        }
    }

    fn flush(&mut self, exporter: &mut Option<Box<dyn Exporter>>, tickets: &[Arc<Ticket>]) {
        let deadline = tickets.iter().map(|ticket| ticket.deadline()).max();
        let Some(deadline) = deadline else { return };
        let called = call(exporter, |exporter| exporter.flush(deadline));
        let problem = match &called {
            Some(Called::Returned(Ok(()))) => None,
            Some(Called::Returned(Err(error))) => Some(in_full(error)),
            Some(Called::Panicked) | None => Some("exporter panicked".to_owned()),
        };
        for ticket in tickets {
            ticket.done(self.index, problem.clone());
        }
        if matches!(called, Some(Called::Panicked)) {
            self.bury(exporter);
        }
    }

    fn close(&mut self, exporter: Option<Box<dyn Exporter>>, ticket: &Ticket) {
        // Before the close: nothing is handed in any more, and the rest is counted.
        lock(&self.inner.queue).gone = true;
        let deadline = ticket.deadline();
        let result =
            exporter.map(|exporter| catch_unwind(AssertUnwindSafe(|| exporter.close(deadline))));
        let (state, problem) = match result {
            Some(Ok(Ok(()))) => (ExporterState::Closed, None),
            Some(Ok(Err(error))) => {
                let message = in_full(&error);
                (ExporterState::CloseFailed(message.clone()), Some(message))
            }
            Some(Err(_)) | None => (
                ExporterState::Panicked,
                Some("exporter panicked".to_owned()),
            ),
        };
        lock(&self.shared.books).close_lane(self.index, state);
        ticket.done(self.index, problem);
    }

    /// Gives up an exporter that panicked: its state is unknown, so it is not called again.
    fn bury(&mut self, exporter: &mut Option<Box<dyn Exporter>>) {
        Diagnose::panicked(&self.name);
        lock(&self.inner.queue).gone = true;
        lock(&self.shared.books).close_lane(self.index, ExporterState::Panicked);
        let dead = exporter.take();
        // A panic while it is dropped is its own as well.
        drop(catch_unwind(AssertUnwindSafe(|| drop(dead))));
    }
}

/// Calls an exporter that is still there.
fn call(
    exporter: &mut Option<Box<dyn Exporter>>,
    run: impl FnOnce(&mut dyn Exporter) -> Result<(), ExportError>,
) -> Option<Called> {
    let exporter = exporter.as_deref_mut()?;
    // What a panic left behind is never looked at: the exporter is given up.
    let result = catch_unwind(AssertUnwindSafe(|| run(exporter)));
    Some(result.map_or(Called::Panicked, Called::Returned))
}

/// Counts the events of a batch that no exporter takes any more.
fn gone(batch: &Batch, dropped: &mut Dropped) {
    match batch.as_recorded() {
        Some(recorded) => {
            for kind in recorded.kinds() {
                dropped.add(DropCause::ExporterGone, kind, 1);
            }
        }
        None => {
            for event in batch.events() {
                dropped.event(DropCause::ExporterGone, event);
            }
        }
    }
}

/// What became of the events of one batch.
#[derive(Debug, Default)]
struct Outcome {
    delivered: u64,
    failed: u64,
    unknown: u64,
    dropped: Dropped,
}

impl Outcome {
    fn of(batch: &Batch, error: Option<&ExportError>) -> Self {
        let events = batch.len() as u64;
        let (failed, unknown) = match error.map(ExportError::kind) {
            None => (0, 0),
            Some(ExportErrorKind::Rejected(rejections)) => {
                let mut refused: Vec<_> = rejections
                    .iter()
                    .map(|rejection| rejection.index)
                    .filter(|index| *index < batch.len())
                    .collect();
                refused.sort_unstable();
                refused.dedup();
                (refused.len() as u64, 0)
            }
            Some(ExportErrorKind::Unknown) => (events, events),
            Some(_) => (events, 0),
        };
        Self {
            delivered: events - failed,
            failed,
            unknown,
            dropped: Dropped::default(),
        }
    }

    fn gone(batch: &Batch) -> Self {
        let mut dropped = Dropped::default();
        gone(batch, &mut dropped);
        Self {
            dropped,
            ..Self::default()
        }
    }
}
