//! Time: a cheap counter on the emitting threads, turned into times on the worker.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use crate::time::Timestamp;

/// Where a pipeline takes its times from.
///
/// A clone reads the same clock.
#[derive(Debug, Clone)]
pub struct Clock(Source);

#[derive(Debug, Clone)]
enum Source {
    /// The processor's counter where it is steady, else the system's monotonic clock.
    System(quanta::Clock),
    /// Counts 1024 to the nanosecond, and one more with every reading.
    Manual {
        ticks: Arc<AtomicU64>,
        began: Timestamp,
    },
}

/// Ticks of a manual clock to the nanosecond.
const MANUAL_TICKS: u64 = 1024;

/// Moves a clock made by [`Clock::manual`].
#[derive(Debug, Clone)]
pub struct ManualClock(Arc<AtomicU64>);

impl ManualClock {
    /// Moves the clock forward.
    pub fn advance(&self, by: Duration) {
        let nanos = u64::try_from(by.as_nanos()).unwrap_or(u64::MAX);
        let ticks = nanos.saturating_mul(MANUAL_TICKS);
        self.0.fetch_add(ticks, Ordering::SeqCst);
    }
}

impl Clock {
    /// Returns the machine's clock; measures its rate once in a process, which takes a moment.
    pub fn system() -> Self {
        Self(Source::System(quanta::Clock::new()))
    }

    /// Returns a clock that stands at a time until it is moved, for tests. Readings of one time
    /// keep their order.
    pub fn manual(now: Timestamp) -> (Self, ManualClock) {
        let ticks = Arc::new(AtomicU64::new(0));
        let hand = ManualClock(Arc::clone(&ticks));
        (Self(Source::Manual { ticks, began: now }), hand)
    }

    /// Reads the counter.
    #[inline]
    pub(crate) fn ticks(&self) -> u64 {
        match &self.0 {
            Source::System(clock) => clock.raw(),
            Source::Manual { ticks, .. } => ticks.fetch_add(1, Ordering::SeqCst),
        }
    }

    /// Reads the counter and the time of day together.
    pub(crate) fn anchor(&self) -> Anchor {
        let ticks = self.ticks();
        let nanos = match &self.0 {
            Source::System(_) => system_nanos(),
            Source::Manual { began, .. } => began
                .micros()
                .saturating_mul(1000)
                .saturating_add_unsigned(ticks / MANUAL_TICKS),
        };
        Anchor { ticks, nanos }
    }

    /// Returns the time at a count, in nanoseconds since the epoch.
    pub(crate) fn nanos_at(&self, anchor: &Anchor, ticks: u64) -> i64 {
        let (later, earlier) = (ticks.max(anchor.ticks), ticks.min(anchor.ticks));
        let between = match &self.0 {
            Source::System(clock) => clock.delta_as_nanos(earlier, later),
            Source::Manual { .. } => later / MANUAL_TICKS - earlier / MANUAL_TICKS,
        };
        if ticks >= anchor.ticks {
            anchor.nanos.saturating_add_unsigned(between)
        } else {
            anchor.nanos.saturating_sub_unsigned(between)
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the one place where the machine's time of day enters"
)]
fn system_nanos() -> i64 {
    match SystemTime::now().duration_since(SystemTime::UNIX_EPOCH) {
        Ok(since) => i64::try_from(since.as_nanos()).unwrap_or(i64::MAX),
        Err(before) => -i64::try_from(before.duration().as_nanos()).unwrap_or(i64::MAX),
    }
}

/// A count and the time of day that belongs to it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Anchor {
    pub(crate) ticks: u64,
    nanos: i64,
}

/// The anchor in force and the one before it.
///
/// The anchor is taken anew now and then, since the counter's rate is known to some parts in a
/// million only, and the time of day can be set. A run must not notice: see [`Steady`].
#[derive(Debug)]
pub(crate) struct Timeline {
    clock: Clock,
    now: Anchor,
    before: Anchor,
    epoch: u32,
}

impl Timeline {
    pub(crate) fn new(clock: Clock) -> Self {
        let now = clock.anchor();
        Self {
            clock,
            now,
            before: now,
            epoch: 0,
        }
    }

    /// Takes a new anchor; from here on, times follow it.
    pub(crate) fn take(&mut self, anchor: Anchor) {
        self.before = std::mem::replace(&mut self.now, anchor);
        self.epoch = self.epoch.wrapping_add(1);
    }

    fn nanos(&self, ticks: u64) -> i64 {
        self.clock.nanos_at(&self.now, ticks)
    }

    /// By how much the anchor in force is behind the one before it, at a count.
    fn step_back(&self, ticks: u64) -> i64 {
        let before = self.clock.nanos_at(&self.before, ticks);
        before.saturating_sub(self.nanos(ticks))
    }
}

/// Times of one run: they never step back, and a step of the time of day does not stop them.
#[derive(Debug, Default)]
pub(crate) struct Steady {
    last: i64,
    /// Added to the time of day, while it is behind where the run has got to.
    ahead: i64,
    epoch: u32,
}

impl Steady {
    pub(crate) fn new(line: &Timeline) -> Self {
        Self {
            last: i64::MIN,
            ahead: 0,
            epoch: line.epoch,
        }
    }

    /// Returns the time at a count, and whether it had to be moved to the last one.
    #[inline]
    pub(crate) fn at(&mut self, line: &Timeline, ticks: u64) -> (i64, bool) {
        if self.epoch != line.epoch {
            self.epoch = line.epoch;
            self.ahead = self.ahead.saturating_add(line.step_back(ticks)).max(0);
        }
        let nanos = line.nanos(ticks).saturating_add(self.ahead);
        let late = nanos < self.last;
        self.last = self.last.max(nanos);
        (self.last, late)
    }

    /// Notes the time of an event that came with its own.
    pub(crate) fn pass(&mut self, nanos: i64) {
        self.last = self.last.max(nanos);
    }

    pub(crate) fn last(&self) -> Option<i64> {
        (self.last > i64::MIN).then_some(self.last)
    }
}

/// Returns nanoseconds since the epoch as a time; below the microsecond they are left out.
pub(crate) fn timestamp(nanos: i64) -> Timestamp {
    Timestamp::from_micros(nanos.div_euclid(1000))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 86_400_000_000_000;

    fn line() -> (Timeline, ManualClock) {
        let (clock, hand) = Clock::manual(Timestamp::from_micros(DAY / 1000));
        (Timeline::new(clock), hand)
    }

    fn after(line: &Timeline, nanos: i64) -> Anchor {
        let ticks = line.clock.ticks();
        Anchor { ticks, nanos }
    }

    #[test]
    fn a_count_before_the_anchor_is_a_time_before_it() {
        let (mut line, hand) = line();
        hand.advance(Duration::from_micros(5));
        line.take(line.clock.anchor());
        assert_eq!(line.nanos(2000 * MANUAL_TICKS), DAY + 2000);
        assert_eq!(line.nanos(9000 * MANUAL_TICKS), DAY + 9000);
    }

    #[test]
    fn setting_the_time_back_neither_reverses_nor_stops_a_run() {
        let (mut line, hand) = line();
        let mut steady = Steady::new(&line);
        assert_eq!(steady.at(&line, 1000 * MANUAL_TICKS), (DAY + 1000, false));
        hand.advance(Duration::from_micros(10));
        line.take(after(&line, 0));
        assert_eq!(
            steady.at(&line, 12_000 * MANUAL_TICKS),
            (DAY + 12_000, false)
        );
        assert_eq!(
            steady.at(&line, 15_000 * MANUAL_TICKS),
            (DAY + 15_000, false)
        );
        // Set right again: the run is back on the time of day.
        line.take(after(&line, DAY + 10_000));
        assert_eq!(
            steady.at(&line, 16_000 * MANUAL_TICKS),
            (DAY + 16_000, false)
        );
        assert_eq!(steady.ahead, 0);
    }

    #[test]
    fn setting_the_time_forward_moves_a_run_at_once() {
        let (mut line, _hand) = line();
        let mut steady = Steady::new(&line);
        steady.at(&line, 1000 * MANUAL_TICKS);
        line.take(after(&line, 3 * DAY));
        assert_eq!(
            steady.at(&line, 2000 * MANUAL_TICKS),
            (3 * DAY + 2000, false)
        );
    }

    #[test]
    fn a_late_count_takes_the_last_time() {
        let (line, _hand) = line();
        let mut steady = Steady::new(&line);
        steady.at(&line, 9000 * MANUAL_TICKS);
        assert_eq!(steady.at(&line, 8000 * MANUAL_TICKS), (DAY + 9000, true));
    }
}
