//! The libraries, each behind the same few calls.

mod fast;
mod otel;
mod plain;
mod trail;

/// The string of 64 bytes that every record has; not known when this is compiled.
pub(crate) fn long_text() -> String {
    let seed = std::env::args().count();
    (0..64)
        .map(|index| char::from(b'a' + ((index + seed) % 26) as u8))
        .collect()
}

pub(crate) trait Case {
    /// Records so many events, or starts and ends so many spans.
    fn burst(&mut self, records: u64);
    /// Delivers what waits; returns how many records were delivered, or `None` where nobody counts.
    fn finish(&mut self) -> Option<u64>;
}

/// What pausing and reading the clocks costs by itself.
struct Nothing;

impl Case for Nothing {
    fn burst(&mut self, records: u64) {
        std::hint::black_box(records);
    }

    fn finish(&mut self) -> Option<u64> {
        None
    }
}

pub(crate) const NAMES: [&str; 14] = [
    "nothing",
    "runtrail-op",
    "runtrail-event",
    "runtrail-event-300",
    "runtrail-event-read",
    "runtrail-op-off",
    "runtrail-event-off",
    "runtrail-event-unrecorded",
    "fastrace-span",
    "fastrace-event",
    "otel-span",
    "tracing-otel-span",
    "emit-event",
    "mutex-vec",
];

pub(crate) fn find(name: &str) -> Option<Box<dyn Case>> {
    Some(match name {
        "nothing" => Box::new(Nothing),
        "runtrail-op" => Box::new(trail::Ops::new(trail::on())),
        "runtrail-event" => Box::new(trail::Events::new(trail::on(), 64)),
        "runtrail-event-300" => Box::new(trail::Events::new(trail::on(), 300)),
        "runtrail-event-read" => Box::new(trail::Events::new(trail::read(), 64)),
        "runtrail-op-off" => Box::new(trail::Ops::new(trail::off())),
        "runtrail-event-off" => Box::new(trail::Events::new(trail::off(), 64)),
        "runtrail-event-unrecorded" => Box::new(trail::Events::new(trail::unrecorded(), 64)),
        "fastrace-span" => Box::new(fast::Spans::new()),
        "fastrace-event" => Box::new(fast::Events::new()),
        "otel-span" => Box::new(otel::Spans::new()),
        "tracing-otel-span" => Box::new(otel::Tracing::new()),
        "emit-event" => Box::new(plain::Emit::new()),
        "mutex-vec" => Box::new(plain::MutexVec::new()),
        _ => return None,
    })
}
