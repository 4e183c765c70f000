//! Runtrail, with an exporter that counts as those of the peers do, and one that reads.

use std::hint::black_box;
use std::time::{Duration, Instant};

use runtrail_core::emit::{Op, Run};
use runtrail_core::event::Ctx;
use runtrail_core::export::{Batch, ExportError, Exporter};
use runtrail_core::pipeline::Pipeline;
use serde::Serialize;

use super::Case;

/// Counts events, and where it reads them, the bytes of their payloads as well.
struct Counting {
    reads: bool,
    seen: usize,
}

impl Exporter for Counting {
    fn name(&self) -> &str {
        "counting"
    }
    fn export(&mut self, batch: &Batch) -> Result<(), ExportError> {
        self.seen += batch.len();
        if self.reads {
            let texts = batch.events().iter().map(|event| event.payload.text());
            self.seen += texts.map(|text| text.len()).sum::<usize>();
        }
        black_box((self.seen, batch));
        Ok(())
    }
    fn flush(&mut self, _deadline: Instant) -> Result<(), ExportError> {
        Ok(())
    }
    fn close(self: Box<Self>, _deadline: Instant) -> Result<(), ExportError> {
        Ok(())
    }
}

fn recording(reads: bool) -> Pipeline {
    let exporter = Counting { reads, seen: 0 };
    let builder = Pipeline::builder().exporter(exporter);
    builder.start().expect("start")
}

pub(crate) fn on() -> Pipeline {
    recording(false)
}

pub(crate) fn read() -> Pipeline {
    recording(true)
}

pub(crate) fn off() -> Pipeline {
    Pipeline::disabled()
}

pub(crate) fn unrecorded() -> Pipeline {
    let exporter = Counting {
        reads: false,
        seen: 0,
    };
    let builder = Pipeline::builder().exporter(exporter);
    builder.record_if(|_| false).start().expect("start")
}

#[derive(Serialize)]
struct Attributes<'a> {
    prompt: &'a str,
    attempt: u64,
    cache: &'a str,
}

fn finish(trail: &Pipeline) -> Option<u64> {
    let report = trail.shutdown(Duration::from_secs(20));
    assert_eq!(report.stats.imbalance(), 0);
    report
        .stats
        .exporters
        .first()
        .map(|exporter| exporter.delivered)
}

pub(crate) struct Ops {
    trail: Pipeline,
    run: Run,
    ctx: Ctx,
    text: String,
}

impl Ops {
    pub(crate) fn new(trail: Pipeline) -> Self {
        Self {
            run: trail.run("req-42"),
            trail,
            ctx: Ctx::new(["main", "[0]"]),
            text: super::long_text(),
        }
    }
}

impl Case for Ops {
    #[inline(never)]
    fn burst(&mut self, records: u64) {
        for attempt in 0..records {
            let op = self.run.op("main.fetch", &self.ctx, || Attributes {
                prompt: black_box(&self.text),
                attempt,
                cache: "miss",
            });
            black_box(op).end_ok(|| ());
        }
    }

    fn finish(&mut self) -> Option<u64> {
        finish(&self.trail).map(|events| events / 2)
    }
}

pub(crate) struct Events {
    trail: Pipeline,
    op: Op,
    text: String,
}

impl Events {
    pub(crate) fn new(trail: Pipeline, length: usize) -> Self {
        let run = trail.run("req-42");
        let op = run.op("main.fetch", &Ctx::new(["main", "[0]"]), || ());
        // Its run must go on for as long as the program.
        std::mem::forget(run);
        let text = super::long_text().repeat(length.div_ceil(64));
        Self { trail, op, text }
    }
}

impl Case for Events {
    #[inline(never)]
    fn burst(&mut self, records: u64) {
        for attempt in 0..records {
            self.op.annotate("fetched", || Attributes {
                prompt: black_box(&self.text),
                attempt,
                cache: "miss",
            });
        }
    }

    fn finish(&mut self) -> Option<u64> {
        finish(&self.trail).map(|events| events.saturating_sub(2))
    }
}
