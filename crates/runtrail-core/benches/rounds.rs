//! Measuring several ways of doing a thing against each other.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// How often each way is measured. The ways take turns, so that whatever else the machine does
/// falls on all of them.
const ROUNDS: usize = 7;

/// A way of doing a thing, and the CPU time of each round.
pub(crate) struct Way<'a> {
    pub(crate) name: &'static str,
    run: Box<dyn FnMut() -> usize + 'a>,
    times: Vec<Duration>,
}

impl<'a> Way<'a> {
    /// `run` does the thing once and says how many events it saw.
    pub(crate) fn new(name: &'static str, run: impl FnMut() -> usize + 'a) -> Self {
        Self {
            name,
            run: Box::new(run),
            times: Vec::new(),
        }
    }

    /// The median over the rounds, in seconds.
    pub(crate) fn seconds(&self) -> f64 {
        let mut times = self.times.clone();
        times.sort_unstable();
        times
            .get(times.len() / 2)
            .copied()
            .unwrap_or_default()
            .as_secs_f64()
    }

    /// The fastest and the slowest round, in seconds.
    pub(crate) fn spread(&self) -> (f64, f64) {
        let seconds = |time: Option<&Duration>| time.copied().unwrap_or_default().as_secs_f64();
        (
            seconds(self.times.iter().min()),
            seconds(self.times.iter().max()),
        )
    }
}

/// Runs every way in turn; gives the number of events, which all must agree on.
///
/// # Panics
///
/// Where they do not: ways that do different things cannot be compared.
pub(crate) fn measure(ways: &mut [Way<'_>]) -> usize {
    let mut events = None;
    for round in 0..=ROUNDS {
        for way in &mut *ways {
            let before = cpu_time();
            let seen = (way.run)();
            let took = cpu_time().saturating_sub(before);
            assert_eq!(*events.get_or_insert(seen), seen, "{}", way.name);
            // The first round warms caches and the allocator.
            if round > 0 {
                way.times.push(took);
            }
        }
    }
    events.unwrap_or_default()
}

/// The CPU time of this thread, in the system as well as out of it.
fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec as u32)
}
