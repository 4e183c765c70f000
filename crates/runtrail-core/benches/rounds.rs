//! Measuring several ways of doing a thing against each other.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// How often each way is measured. The ways take turns, so that whatever else the machine does
/// falls on all of them.
const ROUNDS: usize = 7;

/// A way of doing a thing, and the CPU time of each round.
pub(crate) struct Way<'a> {
    name: &'static str,
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

    /// The fastest, the median and the slowest round, in seconds.
    fn seconds(&self) -> [f64; 3] {
        let mut times = self.times.clone();
        times.sort_unstable();
        let at = |index: usize| times.get(index).copied().unwrap_or_default().as_secs_f64();
        [
            at(0),
            at(times.len() / 2),
            at(times.len().saturating_sub(1)),
        ]
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

/// Prints what each way came to: how much of `amount` in a CPU second, and how much longer it took
/// than each of the first `references` ways.
pub(crate) fn print_table(ways: &[Way<'_>], amount: f64, unit: &str, references: usize) {
    let references = &ways[..references];
    print!("| | {unit} per CPU second | slowest to fastest |");
    for reference in references {
        print!(" times {} |", reference.name);
    }
    println!("\n|---|---:|---:|{}", "---:|".repeat(references.len()));
    for way in ways {
        let [fastest, median, slowest] = way.seconds();
        let [low, middle, high] = [slowest, median, fastest].map(|seconds| amount / seconds);
        print!("| {} | {middle:.2} | {low:.2} to {high:.2} |", way.name);
        for reference in references {
            print!(" {:.2} |", median / reference.seconds()[1]);
        }
        println!();
    }
}

/// The CPU time of this thread, in the system as well as out of it.
fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec as u32)
}
