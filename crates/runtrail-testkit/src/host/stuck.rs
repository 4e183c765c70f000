//! Pipelines of which a part does not come back, while threads go on recording.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use runtrail_core::event::Ctx;
use runtrail_core::export::ExportError;
use runtrail_core::pipeline::{Builder, MediaStore, Overflow, Pipeline, Settings};

use super::timed;
use crate::trouble::{Gate, GatedProcessor, Trouble, Troubled};

/// How long threads record before the end, so that queues fill; longer, where it is media that waits,
/// until there is no room for more of it.
const LOAD: Duration = Duration::from_millis(40);
const LOOKS: usize = 100;
const THREADS: u32 = 2;
/// Media of one op: enough for the store's queue to be full before a thread has to wait for room.
const MEDIA: u32 = 8;

/// What does not come back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stuck {
    /// The exporter, in any of its calls.
    Exporter,
    /// A processor, and so the worker.
    Processor,
    /// The media store.
    MediaStore,
    /// All of them.
    All,
}

/// Stores media when a gate is open.
struct GatedStore(Gate);

impl MediaStore for GatedStore {
    fn name(&self) -> &'static str {
        "gated"
    }

    fn put(&mut self, _handle: &str, _bytes: &[u8], _mime: &str) -> Result<(), ExportError> {
        self.0.pass();
        Ok(())
    }
}

impl Stuck {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Exporter, Self::Processor, Self::MediaStore, Self::All];

    fn holds(self, part: Self) -> bool {
        self == part || self == Self::All
    }

    fn builder(self, gate: &Gate) -> Builder {
        let [exporter, processor, store] =
            [Self::Exporter, Self::Processor, Self::MediaStore].map(|part| {
                if self.holds(part) {
                    gate.clone()
                } else {
                    Gate::default()
                }
            });
        let builder = Pipeline::builder()
            .exporter(Troubled(Trouble::Stuck(exporter)))
            .media_store(GatedStore(store));
        if self.holds(Self::Processor) {
            builder.processor(GatedProcessor(processor))
        } else {
            builder
        }
    }

    /// Lets threads record until every queue on the way is full, shuts the pipeline down while they go
    /// on, and returns how long that took.
    ///
    /// # Panics
    ///
    /// Where the pipeline does not start, or does not know what became of an event.
    #[expect(
        clippy::expect_used,
        reason = "a test cannot go on without its pipeline"
    )]
    pub fn shut_down(self, overflow: Overflow, limit: Duration) -> Duration {
        let gate = Gate::default();
        gate.shut();
        let builder = self.builder(&gate).settings(Settings {
            overflow,
            max_bytes: 8 << 20,
            ..Settings::default()
        });
        let trail = builder.start().expect("start");
        let done = AtomicBool::new(false);
        let (_keep, never) = mpsc::channel::<()>();
        let took = thread::scope(|scope| {
            for thread in 0..THREADS {
                let (trail, done) = (&trail, &done);
                scope.spawn(move || record_until(trail, thread, done));
            }
            gate.wait_for(1);
            for _ in 0..LOOKS {
                let _ = never.recv_timeout(LOAD);
                if !self.holds(Self::MediaStore) || trail.stats().media.refused > 0 {
                    break;
                }
            }
            let (took, report) = timed(|| trail.shutdown(limit));
            done.store(true, Ordering::Relaxed);
            assert_eq!(report.stats.imbalance(), 0);
            took
        });
        gate.open();
        took
    }
}

fn record_until(trail: &Pipeline, thread: u32, done: &AtomicBool) {
    let run = trail.run(&format!("r{thread}"));
    let mut number = 0_u32;
    while !done.load(Ordering::Relaxed) {
        let op = run.op("op", &Ctx::default(), || number);
        op.annotate("n", || "x".repeat(200));
        for _ in 0..MEDIA {
            let bytes = [thread.to_le_bytes(), number.to_le_bytes()].concat();
            op.media(bytes, "image/png");
            number += 1;
        }
        op.end_ok(|| ());
    }
}
