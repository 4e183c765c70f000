//! Where a journal takes its times from.

use std::time::{Duration, Instant, SystemTime};

use runtrail_core::time::Timestamp;

/// The two times of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reading {
    /// The time of day, which may step back.
    pub time: Timestamp,
    /// The time since the journal began, which does not.
    pub monotonic: Duration,
}

/// Tells the times of entries. A closure that returns a [`Reading`] is one.
pub trait Clock: Send {
    /// Reads both times at once.
    fn read(&mut self) -> Reading;
}

impl<F: FnMut() -> Reading + Send> Clock for F {
    fn read(&mut self) -> Reading {
        self()
    }
}

/// The machine's clocks.
#[derive(Debug, Clone)]
pub struct SystemClock {
    began: Instant,
}

impl SystemClock {
    /// Begins to count.
    pub fn start() -> Self {
        Self {
            began: Instant::now(),
        }
    }
}

impl Clock for SystemClock {
    fn read(&mut self) -> Reading {
        Reading {
            time: time_of_day(),
            monotonic: self.began.elapsed(),
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the one place of this crate where the time of day enters"
)]
fn time_of_day() -> Timestamp {
    let micros = |since: Duration| i64::try_from(since.as_micros()).unwrap_or(i64::MAX);
    Timestamp::from_micros(
        match SystemTime::now().duration_since(SystemTime::UNIX_EPOCH) {
            Ok(since) => micros(since),
            Err(before) => -micros(before.duration()),
        },
    )
}
