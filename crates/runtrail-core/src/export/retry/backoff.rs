//! How long to wait, and when to give up.

use std::time::Duration;

use crate::export::ExportErrorKind;

/// How often, and how far apart, [`Retry`](super::Retry) tries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetrySettings {
    /// Attempts of one call, the first among them; 0 reads as 1.
    pub max_attempts: u32,
    /// The longest wait before the second attempt; it doubles with each.
    pub first_delay: Duration,
    /// The longest wait that doubling leads to.
    pub max_delay: Duration,
    /// The longest wait that the destination may ask for; a longer one is cut to this.
    pub max_stated_delay: Duration,
    /// No attempt begins later than this after the first one.
    pub max_total: Duration,
    /// Whether to try again what may have happened. Only for destinations that take the same twice
    /// as once.
    pub retry_unknown: bool,
    /// What the waits are drawn from; two processes that have the same one come back together.
    pub seed: u64,
}

impl Default for RetrySettings {
    /// Six attempts within two minutes: a restart of the destination is survived.
    fn default() -> Self {
        Self {
            max_attempts: 6,
            first_delay: Duration::from_millis(200),
            max_delay: Duration::from_secs(30),
            max_stated_delay: Duration::from_secs(60),
            max_total: Duration::from_secs(120),
            retry_unknown: false,
            seed: 0,
        }
    }
}

/// Decides after each failed attempt of one call; it has no clock.
///
/// The wait is drawn evenly from zero to a bound that doubles, or is what the destination states.
///
/// ```
/// use std::time::Duration;
/// use runtrail_core::export::{Backoff, ExportErrorKind, RetrySettings};
///
/// let mut backoff = Backoff::new(&RetrySettings::default(), 0);
/// let stated = ExportErrorKind::Retry { after: Some(Duration::from_secs(3)) };
/// assert_eq!(backoff.after(&stated, Duration::ZERO), Some(Duration::from_secs(3)));
/// assert_eq!(backoff.after(&ExportErrorKind::Permanent, Duration::ZERO), None);
/// ```
#[derive(Debug, Clone)]
pub struct Backoff {
    settings: RetrySettings,
    state: u64,
    attempts: u32,
}

impl Backoff {
    /// Begins with the first attempt of a call; `call` tells the calls of one exporter apart.
    pub fn new(settings: &RetrySettings, call: u64) -> Self {
        Self {
            settings: *settings,
            state: settings.seed ^ call.rotate_left(32),
            attempts: 0,
        }
    }

    /// Returns how many attempts have failed.
    pub fn attempts(&self) -> u32 {
        self.attempts
    }

    /// Takes a failed attempt, and returns how long to wait before the next one, if there is to be
    /// one; `spent` is the time since the first began.
    pub fn after(&mut self, kind: &ExportErrorKind, spent: Duration) -> Option<Duration> {
        self.attempts += 1;
        let stated = match kind {
            ExportErrorKind::Retry { after } => *after,
            ExportErrorKind::Unknown if self.settings.retry_unknown => None,
            _ => return None,
        };
        if self.attempts >= self.settings.max_attempts {
            return None;
        }
        let delay = match stated {
            Some(after) => after.min(self.settings.max_stated_delay),
            None => self.jittered(),
        };
        (spent + delay <= self.settings.max_total).then_some(delay)
    }

    fn jittered(&mut self) -> Duration {
        let doubled = 1_u32.checked_shl(self.attempts - 1).unwrap_or(u32::MAX);
        let bound = self.settings.first_delay.saturating_mul(doubled);
        let bound = bound.min(self.settings.max_delay);
        // 53 bits make a float in [0, 1) without rounding.
        let drawn = (self.random() >> 11) as f64 / (1_u64 << 53) as f64;
        bound.mul_f64(drawn)
    }

    /// `SplitMix64`: enough to spread waits, and nothing else.
    fn random(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RETRY: ExportErrorKind = ExportErrorKind::Retry { after: None };

    fn waits(settings: &RetrySettings, kind: &ExportErrorKind) -> Vec<Duration> {
        let mut backoff = Backoff::new(settings, 0);
        std::iter::from_fn(|| backoff.after(kind, Duration::ZERO)).collect()
    }

    #[test]
    fn waits_are_drawn_below_a_bound_that_doubles() {
        let settings = RetrySettings {
            max_attempts: 40,
            max_total: Duration::MAX,
            ..RetrySettings::default()
        };
        let drawn: Vec<Vec<Duration>> = (0..200)
            .map(|seed| waits(&RetrySettings { seed, ..settings }, &RETRY))
            .collect();
        for attempt in 0..39 {
            let bound = settings.first_delay * 2_u32.saturating_pow(attempt).min(1 << 20);
            let bound = bound.min(settings.max_delay);
            let at = drawn.iter().map(|waits| waits[attempt as usize]);
            let (least, most) = (at.clone().min().unwrap(), at.max().unwrap());
            assert!(
                most <= bound && most > bound.mul_f64(0.9),
                "{attempt}: {most:?}"
            );
            assert!(least < bound.mul_f64(0.1), "{attempt}: {least:?}");
        }
        assert_eq!(waits(&settings, &RETRY), waits(&settings, &RETRY));
    }

    #[test]
    fn a_stated_wait_is_obeyed_up_to_its_limit() {
        let settings = RetrySettings::default();
        let stated = |seconds| ExportErrorKind::Retry {
            after: Some(Duration::from_secs(seconds)),
        };
        let first = |seconds| Backoff::new(&settings, 0).after(&stated(seconds), Duration::ZERO);
        assert_eq!(first(7), Some(Duration::from_secs(7)));
        assert_eq!(first(7000), Some(settings.max_stated_delay));
    }

    #[test]
    fn it_gives_up_by_attempts_by_time_and_by_kind() {
        let settings = RetrySettings::default();
        assert_eq!(waits(&settings, &RETRY).len(), 5);
        let mut backoff = Backoff::new(&settings, 0);
        assert_eq!(
            backoff.after(&RETRY, settings.max_total + Duration::from_nanos(1)),
            None
        );
        for kind in [
            ExportErrorKind::Permanent,
            ExportErrorKind::Unknown,
            ExportErrorKind::Rejected(Vec::new()),
        ] {
            assert_eq!(waits(&settings, &kind), []);
        }
        let bold = RetrySettings {
            retry_unknown: true,
            ..settings
        };
        assert_eq!(waits(&bold, &ExportErrorKind::Unknown).len(), 5);
        let never = RetrySettings {
            max_attempts: 0,
            ..settings
        };
        assert_eq!(waits(&never, &RETRY), []);
    }
}
