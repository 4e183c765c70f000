//! An exporter of one's own: a line for each span that took long or failed.
//!
//! `cargo run -p runtrail --example custom_exporter`

use std::error::Error;
use std::io::{self, Write};
use std::time::{Duration, Instant};

use runtrail::Config;
use runtrail::core::event::{Ctx, Status};
use runtrail::core::export::{ExportError, SpanBatch, SpanExporter};
use runtrail::core::printable::Printable;

/// Writes a line for each span that took longer than a limit or did not end well.
struct Slow<W> {
    limit_ms: f64,
    to: W,
}

/// Four methods are an exporter. It has a thread of its own, so it may block: what it is too slow
/// for is counted, and costs nobody else anything.
impl<W: Write + Send> SpanExporter for Slow<W> {
    fn name(&self) -> &'static str {
        "slow"
    }

    fn export(&mut self, batch: &SpanBatch) -> Result<(), ExportError> {
        for span in batch.spans() {
            let took = span.duration_ms.unwrap_or_default();
            if took >= self.limit_ms || span.status != Status::Ok {
                let (name, status) = (Printable(span.label()), span.status);
                writeln!(self.to, "{name}: {status} after {took:.1} ms").map_err(failed)?;
            }
        }
        Ok(())
    }

    fn flush(&mut self, _deadline: Instant) -> Result<(), ExportError> {
        self.to.flush().map_err(failed)
    }

    fn close(mut self: Box<Self>, deadline: Instant) -> Result<(), ExportError> {
        self.flush(deadline)
    }
}

/// The kind says what the caller can do: here nothing, so the batch is counted as failed.
fn failed(error: io::Error) -> ExportError {
    ExportError::permanent("cannot write what was slow").with_source(error)
}

fn main() -> Result<(), Box<dyn Error>> {
    let slow = Slow {
        limit_ms: 5.0,
        to: io::stdout(),
    };
    let trail = Config::builder().span_exporter(slow).load()?.start()?;
    let run = trail.run("req-42");
    let ctx = Ctx::default();
    run.op("quick", &ctx, || 1).end_ok(|| 2);
    run.op("broken", &ctx, || 1)
        .end_error("NoRoute", "no route to host");
    let op = run.op("long", &ctx, || 1);
    std::thread::park_timeout(Duration::from_millis(10));
    op.end_ok(|| 2);
    drop(run);
    let report = trail.shutdown(Duration::from_secs(5));
    report.is_complete().then_some(()).ok_or("not complete")?;
    Ok(())
}
