//! A program that is instrumented with `tracing` alone, recorded as runs by one line.
//!
//! `cargo run -p runtrail --example tracing_bridge` prints the tree of its run.

use std::error::Error;
use std::fs;
use std::io::{self, Write};
use std::time::Duration;

use runtrail::Trail;
use tracing::field::Empty;
use tracing::{error, info, info_span, instrument};
use tracing_subscriber::prelude::*;

/// Each span without a parent is a run; the field `runtrail.run` gives it its id.
#[instrument(fields(runtrail.run = id))]
async fn answer(id: &str, question: &str) -> Option<String> {
    // A group, because of its field: everything inside belongs to it.
    let turn = info_span!("turn", runtrail.group = "turn 1");
    let city = tracing::Instrument::instrument(chat(question), turn).await;
    weather(&city).await
}

/// Fields of GenAI usage become the op's LLM usage, and add up over turn and run.
#[instrument(skip_all, fields(
    gen_ai.request.model = "small-1",
    gen_ai.usage.input_tokens = Empty,
    gen_ai.usage.output_tokens = Empty,
))]
async fn chat(question: &str) -> String {
    tokio::task::yield_now().await;
    let span = tracing::Span::current();
    span.record("gen_ai.usage.input_tokens", question.len());
    span.record("gen_ai.usage.output_tokens", 5);
    info!(cached = false, "the model answered");
    "Paris".to_owned()
}

/// An event at level ERROR makes the op an error.
#[instrument]
async fn weather(city: &str) -> Option<String> {
    error!("503 from the weather station");
    None
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let runs = folder.path().join("runs.jsonl");
    let trail = Trail::trees(runs.display().to_string())?;

    // The one line. Layers that print, or send elsewhere, stand beside it.
    let layer = runtrail_tracing::layer(trail.handle());
    tracing_subscriber::registry().with(layer).init();

    answer("req-42", "What is the weather in Paris?").await;

    let report = trail.shutdown(Duration::from_secs(5));
    report.is_complete().then_some(()).ok_or("not complete")?;
    // With `RUNTRAIL_PIPELINE_EXPORTERS` set the trees are elsewhere.
    if runs.exists() {
        writeln!(io::stdout(), "{}", fs::read_to_string(runs)?)?;
    }
    Ok(())
}
