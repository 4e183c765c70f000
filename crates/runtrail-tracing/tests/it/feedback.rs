//! What the pipeline itself says and does is never recorded.

use std::fmt;
use std::time::{Duration, Instant};

use runtrail_core::export::{Batch, ExportError, Exporter};
use runtrail_core::pipeline::Pipeline;
use tracing::info_span;
use tracing_subscriber::prelude::*;

use super::support::recorded;

#[test]
fn what_is_said_under_the_pipelines_target_is_left_out() {
    let found = recorded(|_| {
        tracing::info_span!(target: "runtrail", "own").in_scope(|| ());
        info_span!("s", runtrail.run = "r").in_scope(|| {
            tracing::error!(target: "runtrail", "export failed");
            tracing::error!(target: "runtrail::lane", "export failed");
            info_span!(target: "runtrail", "own").in_scope(|| {
                info_span!("inside").in_scope(|| ());
            });
            // Another's name that begins alike.
            tracing::info!(target: "runtrails", "kept");
        });
    });
    assert!(
        found.starts_with("run r ok 0ms: 5 events, 2 ops\n"),
        "{found}"
    );
    assert!(
        !found.contains("export failed") && !found.contains("own"),
        "{found}"
    );
    assert!(
        found.contains("op inside  #0 ok 0ms by parent_id"),
        "{found}"
    );
}

/// Speaks to `tracing` while it exports, as clients of HTTP and gRPC do, and while it is shown.
struct Chatty;

impl fmt::Debug for Chatty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        tracing::info!("being shown");
        f.write_str("chatty")
    }
}

impl Exporter for Chatty {
    fn name(&self) -> &'static str {
        "chatty"
    }

    fn export(&mut self, batch: &Batch) -> Result<(), ExportError> {
        info_span!("request").in_scope(|| tracing::error!(events = batch.events().len(), "sent"));
        Ok(())
    }

    fn flush(&mut self, _: Instant) -> Result<(), ExportError> {
        Ok(())
    }

    fn close(self: Box<Self>, _: Instant) -> Result<(), ExportError> {
        Ok(())
    }
}

/// Alone in its process, since the subscriber is the whole process's: nextest runs it so, and other
/// tests set their own for their threads.
#[test]
fn what_speaks_while_it_exports_or_is_shown_does_no_harm() {
    let pipeline = Pipeline::builder().exporter(Chatty).start().unwrap();
    let layer = runtrail_tracing::layer(pipeline.handle());
    tracing_subscriber::registry().with(layer).init();
    info_span!("s", runtrail.run = "r", late = tracing::field::Empty).in_scope(|| {
        tracing::Span::current().record("late", tracing::field::debug(Chatty));
        tracing::info!(value = ?Chatty);
    });
    for _ in 0..3 {
        assert!(pipeline.flush(Duration::from_secs(20)).is_complete());
    }
    let report = pipeline.shutdown(Duration::from_secs(20));
    // Start, end, a note, and what was said while its two values were shown.
    assert_eq!(report.stats.exporters[0].delivered, 5, "{report}");
}
