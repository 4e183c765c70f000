//! The hosts that a pipeline may live in, and the ways in which it may end there.
//!
//! ```
//! use std::time::Duration;
//! use runtrail_core::pipeline::Pipeline;
//! use runtrail_testkit::capture::Capture;
//! use runtrail_testkit::host::{End, Host};
//!
//! let limit = Duration::from_secs(10);
//! for host in Host::ALL {
//!     for end in End::ALL {
//!         let trail = Pipeline::builder().exporter(Capture::default()).start()?;
//!         let took = end.of(trail, host, limit, true);
//!         assert!(took < limit);
//!     }
//! }
//! # Ok::<(), runtrail_core::pipeline::StartError>(())
//! ```

mod stuck;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use runtrail_core::event::Ctx;
use runtrail_core::pipeline::Pipeline;
use tokio::runtime::{Builder, Runtime};

pub use stuck::Stuck;

/// Which runtime the host has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Host {
    /// None.
    None,
    /// One that runs on the thread that began it.
    CurrentThread,
    /// One with so many threads of its own.
    MultiThread(usize),
}

impl Host {
    /// Those that are worth a test.
    pub const ALL: [Self; 4] = [
        Self::None,
        Self::CurrentThread,
        Self::MultiThread(1),
        Self::MultiThread(4),
    ];

    #[expect(
        clippy::expect_used,
        reason = "a test cannot go on without its runtime"
    )]
    fn runtime(self) -> Option<Runtime> {
        let runtime = match self {
            Self::None => return None,
            Self::CurrentThread => Builder::new_current_thread().build(),
            Self::MultiThread(threads) => {
                Builder::new_multi_thread().worker_threads(threads).build()
            }
        };
        Some(runtime.expect("a runtime"))
    }

    /// Runs it inside of the runtime.
    fn run<T>(self, action: impl FnOnce() -> T) -> T {
        match self.runtime() {
            None => action(),
            Some(runtime) => runtime.block_on(async { action() }),
        }
    }

    /// Runs it inside of a task; without a runtime, on a thread.
    #[expect(
        clippy::expect_used,
        reason = "what panicked there is to fail the test here"
    )]
    fn spawn<T: Send + 'static>(self, action: impl FnOnce() -> T + Send + 'static) -> T {
        match self.runtime() {
            None => thread::spawn(action).join().expect("no panic"),
            Some(runtime) => runtime
                .block_on(async { tokio::spawn(async { action() }).await.expect("no panic") }),
        }
    }
}

/// How a pipeline ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// It is flushed, and dropped after that was measured.
    Flush,
    /// It is shut down.
    Shutdown,
    /// It is dropped.
    Drop,
    /// It is shut down, and again.
    ShutdownTwice,
    /// It is shut down by a task of the runtime.
    ShutdownInTask,
    /// The host panics while a run, a group and an op are open, catches it, and shuts down.
    PanicWithGuard,
}

impl End {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Flush,
        Self::Shutdown,
        Self::Drop,
        Self::ShutdownTwice,
        Self::ShutdownInTask,
        Self::PanicWithGuard,
    ];

    /// Emits a short run into a pipeline, ends it in this way, and returns how long the end took.
    ///
    /// `limit` is the deadline that is given; a pipeline that is to be dropped must have it in its
    /// settings. `is_healthy` says whether everything is to arrive.
    ///
    /// # Panics
    ///
    /// Where a report is not what it is to be: not complete where the exporters are healthy, complete
    /// where they are not, or out of balance.
    pub fn of(self, trail: Pipeline, host: Host, limit: Duration, is_healthy: bool) -> Duration {
        emit(&trail);
        match self {
            Self::Flush => host.run(|| {
                let (took, report) = timed(|| trail.flush(limit));
                assert_eq!(report.is_complete(), is_healthy, "{report:?}");
                took
            }),
            Self::Shutdown => host.run(|| {
                let (took, report) = timed(|| trail.shutdown(limit));
                assert_eq!(report.stats.imbalance(), 0);
                assert_eq!(report.is_complete(), is_healthy, "{report:?}");
                took
            }),
            Self::Drop => host.run(|| timed(|| drop(trail)).0),
            Self::ShutdownTwice => host.run(|| {
                let (took, [first, second]) =
                    timed(|| [trail.shutdown(limit), trail.shutdown(limit)]);
                assert_eq!(first.outcomes, second.outcomes);
                took
            }),
            Self::ShutdownInTask => host.spawn(move || timed(|| trail.shutdown(limit)).0),
            Self::PanicWithGuard => host.run(|| {
                let trail = Arc::new(trail);
                let inside = Arc::clone(&trail);
                let result = catch_unwind(AssertUnwindSafe(|| panic_in(&inside)));
                assert!(result.is_err());
                timed(|| trail.shutdown(limit)).0
            }),
        }
    }
}

/// How often an end is tried that was late, before it counts as such: a machine that is busy with other
/// things makes anything late now and then.
const ATTEMPTS: usize = 8;
/// By how much the end of a pipeline may overrun its limit, 50 ms.
const MAX_OVERRUN: Duration = Duration::from_millis(50);

/// By how much an end was later than its limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Overrun {
    /// The end.
    pub end: Duration,
    /// A thread that did nothing but wait for as long: what the machine is to blame for.
    pub wait: Duration,
}

impl Overrun {
    /// Runs what takes up to `limit`, beside a thread that waits for as long.
    ///
    /// `end` returns how long the part of it took that is judged, as [`End::of`] does.
    ///
    /// ```
    /// use std::time::Duration;
    /// use runtrail_testkit::host::Overrun;
    ///
    /// let limit = Duration::from_millis(20);
    /// let late = Overrun::of(limit, || limit + Duration::from_secs(3600));
    /// assert!(late.beyond_wait() > Duration::from_secs(3000));
    /// ```
    pub fn of(limit: Duration, end: impl FnOnce() -> Duration) -> Self {
        let (_keep, never) = mpsc::channel::<()>();
        let control = thread::spawn(move || timed(|| never.recv_timeout(limit)).0);
        let took = end();
        let waited = control.join().unwrap_or(limit);
        Self {
            end: took.saturating_sub(limit),
            wait: waited.saturating_sub(limit),
        }
    }

    /// By how much the end was later than the thread that only waited.
    pub fn beyond_wait(self) -> Duration {
        self.end.saturating_sub(self.wait)
    }
}

/// Checks that an end does not overrun its limit, beyond what the machine does to a thread that only
/// waits. It is tried again where it does: what is late by itself is late every time.
///
/// # Panics
///
/// Where it overran by more than 50 ms each time.
pub fn assert_in_time(what: &str, limit: Duration, mut end: impl FnMut() -> Duration) {
    let mut least = Duration::MAX;
    for _ in 0..ATTEMPTS {
        least = least.min(Overrun::of(limit, &mut end).beyond_wait());
        if least <= MAX_OVERRUN {
            return;
        }
    }
    assert!(least <= MAX_OVERRUN, "{what}: late by {least:?} each time");
}

fn emit(trail: &Pipeline) {
    let run = trail.run("r1");
    let _group = run.group("g");
    run.op("op", &Ctx::default(), || "in").end_ok(|| "out");
}

#[expect(clippy::panic, reason = "the panic is what is tested")]
fn panic_in(trail: &Pipeline) {
    let run = trail.run("r2");
    let _group = run.group("g");
    let _op = run.op("op", &Ctx::default(), || ());
    panic!("the host's own panic");
}

fn timed<T>(action: impl FnOnce() -> T) -> (Duration, T) {
    let start = Instant::now();
    let result = action();
    (start.elapsed(), result)
}
