//! From emitting threads to exporters: rings, one worker, one lane for each exporter.
//!
//! ```text
//! threads → rings → worker (order, processors, ledger) → lanes (thread and queue each) → exporters
//! ```
//!
//! A thread that records writes into a ring of its own; the worker empties all rings in the order
//! of time, gives every event its `seq`, of which its id follows, runs the processors, and closes with the ledger
//! what a run left open. Each exporter has a thread and a bounded queue: a slow one, one that fails
//! and one that panics cost nobody else anything.
//!
//! ```
//! use std::time::Duration;
//! use runtrail_core::event::Ctx;
//! use runtrail_core::pipeline::{Pipeline, Settings};
//! use runtrail_testkit::capture::Capture;
//!
//! let exporter = Capture::default();
//! let arrived = exporter.handle();
//! let trail = Pipeline::builder()
//!     .exporter(exporter)
//!     .settings(Settings { max_bytes: 16 << 20, ..Settings::default() })
//!     .start()?;
//!
//! let run = trail.run("req-42");
//! let op = run.op("main", &Ctx::default(), || "what it was given");
//! let stats = trail.stats();
//! assert_eq!(stats.imbalance(), 0);
//!
//! // The run is not over: shutting down closes what is open in it, and says so.
//! let report = trail.shutdown(Duration::from_secs(5));
//! assert_eq!(report.truncated[0].name, "main");
//! assert_eq!(arrived.arrived().events.len(), 2);
//! # drop((op, run));
//! # Ok::<(), runtrail_core::pipeline::StartError>(())
//! ```
//!
//! # Order
//!
//! A run's events reach processors and exporters in the order of their times, numbered by `seq`
//! without gaps, also where its threads interleave; what a thread recorded after it heard of
//! another's event comes after that event. Times never step back within a run. Numbers are given by
//! the worker rather than by a counter that the threads share: that costs the threads nothing, and
//! leaves no gap to wait for. A thread that is held up between reading the clock and handing over
//! its event is late: the event takes the time of the one before it ([`Stats::late`]).
//!
//! # Loss
//!
//! Everything that waits is bounded, in events and in bytes ([`Settings`]). What finds no room is
//! counted by cause and kind ([`Stats`]), and the run's own stream says so where the hole is: an
//! annotation [`LOST_KEY`], with the number of events and, by cause and kind, what they were.
//! One eighth of every ring and queue, and of the bytes that rings may take, is kept for ends, `llm_usage` and
//! the bounds of runs. An end whose outputs find no room all the same comes without them: they read
//! `(value left out)`.
//!
//! # Media
//!
//! Bytes that an op refers to ([`Op::media`](crate::emit::Op::media)) go to a [`MediaStore`] on a
//! thread of its own, each content once. They wait within the same budget; what is not stored is
//! counted ([`MediaStats`]), and the run's own stream says so.
//!
//! # The end
//!
//! [`Pipeline::flush`] covers everything recorded before the call on every thread and closes
//! nothing. [`Pipeline::shutdown`] ends every run, exports what waits, and closes the exporters; it
//! returns by its deadline whatever they do. Both only wait, on any thread, inside of any async
//! runtime. A process that forks keeps its pipeline; the child's copy is quiet, and the child may start one
//! of its own.

pub(crate) mod bell;
pub(crate) mod books;
mod build;
pub(crate) mod cause;
pub(crate) mod clock;
mod diagnose;
mod engine;
mod handle;
mod lane;
mod ledger;
pub(crate) mod media;
mod metrics;
mod payload;
mod queue;
pub(crate) mod recorded;
mod report;
mod resolve;
mod settings;
pub(crate) mod shared;
mod stats;
mod ticket;
mod worker;

use std::sync::atomic::Ordering;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

pub use build::{Builder, StartError};
pub use cause::{DropCause, Dropped, LOST_KEY};
pub use clock::{Clock, ManualClock};
pub use handle::Handle;
pub use ledger::Truncated;
pub use media::{MEDIA_FAILED_KEY, MediaStats, MediaStore};
pub use metrics::{Metric, MetricKind, MetricSink, PROMETHEUS_CONTENT_TYPE, Prometheus};
pub use report::{FlushReport, Outcome, ShutdownReport};
pub use settings::{Overflow, Settings};
pub use stats::{Balance, ExporterState, ExporterStats, Stats};

use crate::emit::Run;
use crate::event::TraceEvent;
use lane::Lane;
use shared::{CLOSED, ENDING, Request, Shared, lock};
use ticket::Ticket;

/// Decides by its id whether a run is recorded.
type RecordIf = Arc<dyn Fn(&str) -> bool + Send + Sync>;

/// Records runs and delivers them to exporters; one that is disabled does nothing.
///
/// Dropping it shuts it down, within [`Settings::drop_deadline`], with a warning.
#[must_use = "dropping the pipeline ends it"]
pub struct Pipeline {
    running: Option<Arc<Running>>,
}

struct Running {
    shared: Arc<Shared>,
    lanes: Arc<Vec<Lane>>,
    record_if: Option<RecordIf>,
    threads: Mutex<Threads>,
    ending: Mutex<Ending>,
    ended: Condvar,
}

#[derive(Default)]
struct Threads {
    worker: Option<JoinHandle<Vec<Truncated>>>,
    lanes: Vec<JoinHandle<()>>,
}

/// How far the shutdown has got.
#[derive(Default)]
enum Ending {
    #[default]
    No,
    Begun,
    Done(Box<ShutdownReport>),
}

impl Pipeline {
    /// Starts to put a pipeline together.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// Returns a pipeline that records nothing, at the price of one branch for each call.
    pub fn disabled() -> Self {
        Self { running: None }
    }

    /// Begins a run, or joins it where one of that id is open already.
    ///
    /// The run ends when the last handle to it is dropped, and an id can be used again then.
    pub fn run(&self, request_id: &str) -> Run {
        self.running
            .as_ref()
            .map_or_else(Run::off, |running| running.run(request_id))
    }

    /// Records an event that the engine made itself; its run begins with its first event and ends
    /// by [`finish_run`](Self::finish_run), or with the pipeline.
    ///
    /// Id, `seq` and time are the engine's. Events of a run must come in their order; an end of what
    /// is not open is dropped and counted.
    pub fn emit(&self, event: TraceEvent) {
        if let Some(running) = &self.running {
            running.emit(event);
        }
    }

    /// Ends a run, after everything that this thread recorded of it: what is open in it is closed as
    /// `truncated`, and what its handles still record is dropped and counted.
    ///
    /// Where so many ends wait that this one cannot be kept, the run stays open until the pipeline
    /// ends, and the call is counted ([`Stats::finishes_lost`]).
    pub fn finish_run(&self, request_id: &str) {
        if let Some(running) = &self.running {
            running.finish_run(request_id);
        }
    }

    /// Returns a handle that records into this pipeline, for tasks, threads and what is installed
    /// for the whole process; it does not keep the pipeline going.
    pub fn handle(&self) -> Handle {
        Handle::new(self.running.clone())
    }

    /// Returns what became of every event so far.
    pub fn stats(&self) -> Stats {
        self.running
            .as_ref()
            .map(|running| running.stats())
            .unwrap_or_default()
    }

    /// Hands everything recorded before this call, on every thread, to the exporters, and has them
    /// make it durable. Closes nothing. Waits at most for `limit`.
    pub fn flush(&self, limit: Duration) -> FlushReport {
        self.running
            .as_ref()
            .map(|running| running.flush(limit))
            .unwrap_or_default()
    }

    /// Ends every run, exports everything that waits, and closes the exporters. Waits at most for
    /// `limit`; what is not done by then goes on in the background and is in the report as left.
    ///
    /// Called again, it returns the same report.
    pub fn shutdown(&self, limit: Duration) -> ShutdownReport {
        self.running
            .as_ref()
            .map(|running| running.shut_down(limit))
            .unwrap_or_default()
    }
}

impl std::fmt::Debug for Pipeline {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pipeline")
            .field("enabled", &self.running.is_some())
            .finish_non_exhaustive()
    }
}

impl Running {
    fn run(&self, request_id: &str) -> Run {
        let shared = &self.shared;
        let wanted = self
            .record_if
            .as_ref()
            .is_none_or(|wanted| wanted(request_id));
        if !wanted || shared.is(CLOSED) || shared.is_forked() {
            return Run::off();
        }
        let number = shared.next_run();
        let media = shared.media.has_store().then(|| {
            shared.media.begin_run(number, request_id);
            Arc::clone(&shared.media)
        });
        Run::begin(shared.id, number, request_id, media)
    }

    fn emit(&self, event: TraceEvent) {
        crate::emit::at::send_raw(self.shared.id, event);
    }

    fn finish_run(&self, request_id: &str) {
        if !self.shared.is(CLOSED) && !self.shared.is_forked() {
            self.shared.media.finish_run(request_id);
            if !crate::emit::at::send_finish(self.shared.id, request_id) {
                self.shared.leave_finished(request_id);
            }
        }
    }

    fn stats(&self) -> Stats {
        // The locks of a forked child's copy may be held by threads that are not there.
        if self.shared.is_forked() {
            return Stats::default();
        }
        let mut stats = lock(&self.shared.books).stats();
        let queues = stats.exporters.iter_mut().zip(self.lanes.iter());
        for (exporter, lane) in queues {
            exporter.waiting_bytes = lane.waiting_bytes();
        }
        let waiting: u64 = stats.exporters.iter().map(|e| e.waiting_bytes).sum();
        stats.media = self.shared.media.stats();
        stats.waiting_bytes = self.shared.ring_bytes() as u64 + waiting;
        stats
    }

    fn names(&self) -> Vec<String> {
        let books = lock(&self.shared.books);
        let lanes = books.lanes.iter();
        lanes.map(|lane| lane.stats.name.clone()).collect()
    }

    fn flush(&self, limit: Duration) -> FlushReport {
        if self.shared.is_forked() || self.shared.is(CLOSED) {
            return FlushReport::default();
        }
        let deadline = shared::deadline(limit);
        // First, since notes of what was not stored are to be covered as well.
        let media_waiting = self.shared.media.wait(shared::deadline(limit / 2));
        let ticket = Arc::new(Ticket::new(self.lanes.len(), deadline));
        self.shared.request(Request::Flush(Arc::clone(&ticket)));
        FlushReport::new(self.names(), ticket.wait().lanes, media_waiting)
    }

    fn shut_down(&self, limit: Duration) -> ShutdownReport {
        if self.shared.is_forked() {
            return ShutdownReport::default();
        }
        let deadline = shared::deadline(limit);
        if let Some(report) = self.join_ending(deadline) {
            return report;
        }
        // Before anything is refused, so that runs can tell of what was not stored.
        self.shared.media.wait(shared::deadline(limit / 2));
        self.shared.bell.state.fetch_or(ENDING, Ordering::AcqRel);
        self.shared.media.close(&self.shared);
        self.shared.bell.state.fetch_or(CLOSED, Ordering::AcqRel);
        self.shared.announce_room();
        let ticket = Arc::new(Ticket::new(self.lanes.len(), deadline));
        self.shared.request(Request::Shutdown(Arc::clone(&ticket)));
        let done = ticket.wait();
        let truncated = self.join_threads(&done);
        self.shared.close_rings();
        let report = ShutdownReport::new(self.stats(), done.lanes, truncated);
        *lock(&self.ending) = Ending::Done(Box::new(report.clone()));
        self.ended.notify_all();
        report
    }

    /// Takes part in a shutdown that has begun; none where it is the caller's to do.
    fn join_ending(&self, deadline: Instant) -> Option<ShutdownReport> {
        let mut ending = lock(&self.ending);
        loop {
            match &*ending {
                Ending::No => {
                    *ending = Ending::Begun;
                    return None;
                }
                Ending::Done(report) => return Some((**report).clone()),
                Ending::Begun => {}
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                drop(ending);
                return Some(ShutdownReport::new(self.stats(), Vec::new(), None));
            }
            let waited = self.ended.wait_timeout(ending, left);
            ending = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Joins the threads that have done their part; others are left to themselves. Gives the worker's list.
    fn join_threads(&self, done: &ticket::State) -> Option<Vec<Truncated>> {
        // Its promise is the last thing that a thread keeps, so those that kept it end at once.
        let until = Instant::now() + Duration::from_millis(10);
        let mut threads = std::mem::take(&mut *lock(&self.threads));
        let wait = |finished: &dyn Fn() -> bool| {
            while !finished() && Instant::now() < until {
                std::thread::yield_now();
            }
            finished()
        };
        for (lane, done) in threads.lanes.drain(..).zip(&done.lanes) {
            if done.is_some() && wait(&|| lane.is_finished()) {
                // A lane catches its exporter's panics; there is nothing to learn here.
                drop(lane.join());
            }
        }
        let worker = threads.worker.take().filter(|_| done.worker_done)?;
        if wait(&|| worker.is_finished()) {
            return worker.join().ok();
        }
        None
    }
}

impl Drop for Pipeline {
    fn drop(&mut self) {
        let Some(running) = &self.running else { return };
        if running.shared.is_forked() || !matches!(*lock(&running.ending), Ending::No) {
            return;
        }
        let limit = running.shared.settings.drop_deadline;
        let report = running.shut_down(limit);
        tracing::warn!(
            target: "runtrail",
            "the pipeline was dropped without a shutdown: {report}"
        );
    }
}
