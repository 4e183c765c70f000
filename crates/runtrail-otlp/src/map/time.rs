//! Times: in nanoseconds, never 0, never backwards.

use runtrail_core::span::SpanRecord;
use runtrail_core::time::Timestamp;

/// Nanoseconds since 1970; what is before that, or beyond what OTLP can say, is the nearest it can.
pub(super) fn nanos(at: Timestamp) -> u64 {
    // 0 is "no time" to receivers.
    u64::try_from(at.micros())
        .ok()
        .and_then(|micros| micros.checked_mul(1000))
        .map_or(u64::from(at.micros() > 0) * u64::MAX, |nanos| {
            nanos.saturating_add(u64::from(at.nanos()))
        })
        .max(1)
}

/// A span's beginning and end. Without an end it ends when it or what ran in it was last heard of.
pub(super) fn bounds(record: &SpanRecord) -> (u64, u64) {
    let start = nanos(record.started_at);
    let end = nanos(record.ended_at.unwrap_or(record.last_seen));
    (start, end.max(start))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_time_is_zero_or_wraps() {
        assert_eq!(nanos(Timestamp::from_parts(1, 5)), 1005);
        assert_eq!(nanos(Timestamp::from_micros(0)), 1);
        assert_eq!(nanos(Timestamp::from_micros(-5)), 1);
        assert_eq!(
            nanos(Timestamp::from_micros(253_402_300_799_000_000)),
            u64::MAX
        );
    }
}
