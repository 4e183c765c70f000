//! Pacing: not more than so many spans in a second.

use std::time::{Duration, Instant};

/// Says when the next spans may go.
#[derive(Debug)]
pub(crate) struct Pace {
    per_second: Option<u32>,
    free_at: Option<Instant>,
}

impl Pace {
    pub(crate) fn new(per_second: Option<u32>) -> Self {
        Self {
            per_second,
            free_at: None,
        }
    }

    /// Returns how long to wait before sending.
    pub(crate) fn wait(&self, now: Instant) -> Duration {
        self.free_at
            .map_or(Duration::ZERO, |at| at.saturating_duration_since(now))
    }

    /// Notes that so many spans go now.
    pub(crate) fn sent(&mut self, spans: usize, now: Instant) {
        let Some(per_second) = self.per_second.filter(|rate| *rate > 0) else {
            return;
        };
        let from = self.free_at.map_or(now, |at| at.max(now));
        self.free_at = from.checked_add(Duration::from_secs_f64(
            spans as f64 / f64::from(per_second),
        ));
    }

    /// How many spans may go at once, so that a second's worth is the most that goes in a burst.
    pub(crate) fn burst(&self) -> usize {
        self.per_second
            .map_or(usize::MAX, |rate| rate.max(1) as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_as_were_sent_are_waited_for() {
        let now = Instant::now();
        let mut pace = Pace::new(Some(100));
        assert_eq!((pace.wait(now), pace.burst()), (Duration::ZERO, 100));
        pace.sent(50, now);
        assert_eq!(pace.wait(now), Duration::from_millis(500));
        pace.sent(100, now);
        assert_eq!(
            pace.wait(now + Duration::from_secs(1)),
            Duration::from_millis(500)
        );
        let mut free = Pace::new(None);
        free.sent(1_000_000, now);
        assert_eq!(free.wait(now), Duration::ZERO);
    }
}
