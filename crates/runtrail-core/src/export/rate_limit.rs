//! Not more than a destination can take.

use std::time::{Duration, Instant};

use super::{Batch, ExportError, ExportErrorKind, Exporter, SpanBatch, SpanExporter, Timer};

/// How much [`RateLimit`] lets through.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RateLimitSettings {
    /// Events, or spans and runs, in a second on average; must be above 0.
    pub per_second: f64,
    /// How many may come at once after a pause. A larger batch passes when that many may.
    pub burst: u32,
    /// The longest wait before a batch; where it would be longer the batch is not taken.
    pub max_wait: Duration,
}

impl Default for RateLimitSettings {
    /// 10,000 a second, a second's worth at once, a minute's wait.
    fn default() -> Self {
        Self {
            per_second: 10_000.0,
            burst: 10_000,
            max_wait: Duration::from_secs(60),
        }
    }
}

/// Waits before a batch where more came than a rate allows: a token bucket.
///
/// Where the wait would be over [`RateLimitSettings::max_wait`] the batch is not handed on, and the
/// error says after what time to try again. Where the timer is told to stop the batch is handed on
/// at once: what shuts down must not wait for its allowance. Flush and close never wait.
///
/// ```
/// use std::time::Duration;
/// use runtrail_core::export::{Batch, Exporter, RateLimit, RateLimitSettings};
/// use runtrail_testkit::{capture::Capture, run::RunBuilder, time::ManualTimer};
///
/// let mut run = RunBuilder::new("r");
/// (0..30).for_each(|_| { run.push("op_start", Some("x"), &[], "{}"); });
/// let batch = Batch::new(run.into_events(), []);
///
/// let timer = ManualTimer::default();
/// let settings = RateLimitSettings { per_second: 10.0, burst: 30, ..Default::default() };
/// let mut exporter = RateLimit::new(Capture::default(), settings, timer.clone());
/// exporter.export(&batch)?;
/// assert_eq!(timer.waited(), Duration::ZERO);
/// exporter.export(&batch)?;
/// assert_eq!(timer.waited(), Duration::from_secs(3));
/// # Ok::<(), runtrail_core::export::ExportError>(())
/// ```
#[derive(Debug)]
pub struct RateLimit<E, T> {
    exporter: E,
    bucket: Bucket,
    timer: T,
}

impl<E, T: Timer> RateLimit<E, T> {
    /// Wraps an exporter. A rate that is not above 0 lets one event through in a day.
    pub fn new(exporter: E, settings: RateLimitSettings, timer: T) -> Self {
        Self {
            exporter,
            bucket: Bucket {
                settings,
                tokens: f64::from(settings.burst.max(1)),
                at: timer.now(),
            },
            timer,
        }
    }

    fn admit(&mut self, count: usize) -> Result<(), ExportError> {
        let wait = self.bucket.wait_for(count, self.timer.now());
        if wait > self.bucket.settings.max_wait {
            return Err(ExportError::new(
                ExportErrorKind::Retry { after: Some(wait) },
                "the rate limit would hold the batch for too long",
            ));
        }
        if wait > Duration::ZERO {
            // Told to stop, it goes on without waiting.
            self.timer.wait(wait);
        }
        self.bucket.take(count, self.timer.now());
        Ok(())
    }
}

#[derive(Debug)]
struct Bucket {
    settings: RateLimitSettings,
    tokens: f64,
    at: Instant,
}

impl Bucket {
    fn per_second(&self) -> f64 {
        // Anything but a number above 0 would make waits that no Duration holds.
        self.settings.per_second.max(1.0 / 86_400.0)
    }

    fn burst(&self) -> f64 {
        f64::from(self.settings.burst.max(1))
    }

    fn tokens_at(&self, now: Instant) -> f64 {
        let passed = now.saturating_duration_since(self.at).as_secs_f64();
        (self.tokens + passed * self.per_second()).min(self.burst())
    }

    fn wait_for(&self, count: usize, now: Instant) -> Duration {
        let missing = (count as f64).min(self.burst()) - self.tokens_at(now);
        Duration::try_from_secs_f64(missing.max(0.0) / self.per_second()).unwrap_or(Duration::MAX)
    }

    fn take(&mut self, count: usize, now: Instant) {
        self.tokens = self.tokens_at(now) - count as f64;
        self.at = now;
    }
}

#[deny(clippy::missing_trait_methods)]
impl<E: Exporter, T: Timer> Exporter for RateLimit<E, T> {
    fn name(&self) -> &str {
        self.exporter.name()
    }

    fn export(&mut self, batch: &Batch) -> Result<(), ExportError> {
        self.admit(batch.len())?;
        self.exporter.export(batch)
    }

    fn flush(&mut self, deadline: Instant) -> Result<(), ExportError> {
        self.exporter.flush(deadline)
    }

    fn close(self: Box<Self>, deadline: Instant) -> Result<(), ExportError> {
        Box::new(self.exporter).close(deadline)
    }
}

#[deny(clippy::missing_trait_methods)]
impl<E: SpanExporter, T: Timer> SpanExporter for RateLimit<E, T> {
    fn name(&self) -> &str {
        self.exporter.name()
    }

    fn export(&mut self, batch: &SpanBatch) -> Result<(), ExportError> {
        self.admit(batch.spans().len() + batch.runs().len())?;
        self.exporter.export(batch)
    }

    fn flush(&mut self, deadline: Instant) -> Result<(), ExportError> {
        self.exporter.flush(deadline)
    }

    fn close(self: Box<Self>, deadline: Instant) -> Result<(), ExportError> {
        Box::new(self.exporter).close(deadline)
    }
}
