//! The numbers that a user tunes.

use std::time::Duration;

use super::StartError;

/// What happens to an ordinary event when a queue has no room for it.
///
/// Ends, `llm_usage` and the bounds of runs have a reserve in every queue, whatever the choice; where
/// even that has no room for what one says, it comes without.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Overflow {
    /// The event is dropped and counted.
    #[default]
    DropNewest,
    /// The oldest waiting events are dropped and counted as soon as a queue is three quarters full,
    /// so that it keeps room for new ones. What still finds none is dropped as above.
    DropOldest,
    /// The emitting thread waits for room, at most this long for one event; then as
    /// [`DropNewest`](Self::DropNewest). Queues of exporters never make anyone wait.
    Block(Duration),
}

/// The limits of a pipeline; [`Builder::settings`](super::Builder::settings) takes them.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// Events of usual size that the ring of one emitting thread holds, 64 to 2^20; of small ones it
    /// holds up to three times as many. Each takes about 220 bytes.
    pub ring_events: usize,
    /// Bytes that everything waiting in this pipeline may take: one half for the rings of all
    /// threads with their large payloads, one half for the exporters' queues in equal parts. What processors
    /// hold back comes beside it; their own settings limit it.
    pub max_bytes: usize,
    /// Bytes of one payload; a larger one is replaced by a note that says how large it was.
    pub max_payload_bytes: usize,
    /// What happens when a queue is full.
    pub overflow: Overflow,
    /// Events handed to an exporter at once, at most.
    pub batch_events: usize,
    /// Events that the queue of one exporter holds.
    pub queue_events: usize,
    /// How long an event waits at most before the worker looks for it, while there is traffic.
    pub tick: Duration,
    /// Ops and groups open at once in a run; further openers are dropped and counted.
    pub max_open: usize,
    /// Runs open at once; events of further ones are dropped and counted.
    pub max_runs: usize,
    /// How long dropping the pipeline may take, where it was not shut down before.
    pub drop_deadline: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            // The worker is woken at half of it: at 400,000 events a second from one thread it is not
            // yet. Larger rings were slower, since every round through one leaves the cache.
            ring_events: 4096,
            max_bytes: 64 << 20,
            max_payload_bytes: 1 << 20,
            overflow: Overflow::DropNewest,
            // Fewer cost more for each, more take memory that the allocator fetches anew each time.
            batch_events: 512,
            queue_events: 65_536,
            // A longer one wakes fewer threads, but lets more of a ring leave the cache: notes got cheaper
            // with 10 ms, and ops dearer by more.
            tick: Duration::from_millis(5),
            max_open: 1 << 20,
            max_runs: 1 << 16,
            drop_deadline: Duration::from_secs(5),
        }
    }
}

impl Settings {
    /// Returns what is out of range: each setting's name, and what it must be.
    pub fn problems(&self) -> Vec<(&'static str, &'static str)> {
        let ticks = Duration::from_micros(100)..=Duration::from_secs(1);
        let checks = [
            (
                "ring_events",
                (64..=1 << 20).contains(&self.ring_events),
                "must be 64 to 1048576",
            ),
            (
                "max_bytes",
                self.max_bytes >= 1 << 20,
                "must be at least 1 MiB",
            ),
            (
                "max_payload_bytes",
                (256..=64 << 20).contains(&self.max_payload_bytes),
                "must be 256 bytes to 64 MiB",
            ),
            (
                "batch_events",
                (1..=1 << 16).contains(&self.batch_events),
                "must be 1 to 65536",
            ),
            (
                "queue_events",
                self.queue_events >= 16,
                "must be at least 16",
            ),
            (
                "tick",
                ticks.contains(&self.tick),
                "must be 100 microseconds to 1 second",
            ),
            ("max_open", self.max_open >= 1, "must be at least 1"),
            ("max_runs", self.max_runs >= 1, "must be at least 1"),
        ];
        let wrong = checks.into_iter().filter(|(_, holds, _)| !holds);
        wrong.map(|(name, _, says)| (name, says)).collect()
    }

    pub(super) fn validate(&self) -> Result<(), StartError> {
        let problems = self.problems();
        if problems.is_empty() {
            return Ok(());
        }
        let wrong: Vec<_> = problems
            .iter()
            .map(|(name, says)| format!("{name} {says}"))
            .collect();
        Err(StartError::settings(&wrong))
    }
}
