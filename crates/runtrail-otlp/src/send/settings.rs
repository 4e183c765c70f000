//! The numbers of sending.

use std::time::Duration;

/// What a sender may take: bytes, spans, time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SendSettings {
    /// Bytes of a request before compression. gRPC servers refuse more than 4 MiB by default.
    pub batch_bytes: usize,
    /// Spans of a request.
    pub batch_spans: usize,
    /// Bytes of spans that wait for their run to end; beyond it they are sent without waiting.
    pub held_bytes: usize,
    /// How long a closed span waits for its run to end and for a request to fill.
    pub hold: Duration,
    /// How long one attempt may take.
    pub attempt_timeout: Duration,
    /// How long a request is tried in all.
    pub deadline: Duration,
    /// The wait before the second attempt; it doubles with each one.
    pub first_backoff: Duration,
    /// The longest wait between attempts that the server did not ask for.
    pub max_backoff: Duration,
    /// The longest wait that a server's `Retry-After` is obeyed for; longer ones are cut to it.
    pub max_retry_after: Duration,
    /// Spans sent in a second, at most; `None` for as many as the server takes.
    pub spans_per_second: Option<u32>,
}

impl Default for SendSettings {
    /// Half a MiB below the usual limit of gRPC; ten seconds an attempt, as OpenTelemetry has it; and
    /// five minutes in all, as its Collector has it.
    fn default() -> Self {
        Self {
            batch_bytes: 3_500_000,
            batch_spans: 8_192,
            held_bytes: 64 << 20,
            hold: Duration::from_secs(5),
            attempt_timeout: Duration::from_secs(10),
            deadline: Duration::from_secs(300),
            first_backoff: Duration::from_millis(500),
            max_backoff: Duration::from_secs(30),
            max_retry_after: Duration::from_secs(300),
            spans_per_second: None,
        }
    }
}
