//! A small agent: turns of calls to a model and its tools, recorded, and read back as a tree.
//!
//! `cargo run -p runtrail --example async_agent` prints the tree it made. The model is a script, so
//! that nothing here needs a network.

use std::error::Error;
use std::io::{self, Write};
use std::time::{Duration, Instant};

use runtrail::Config;
use runtrail::core::emit::{self, InOp, LlmUsage, Op, Run};
use runtrail::core::event::Ctx;
use runtrail::core::export::{ExportError, SpanBatch, SpanExporter};
use runtrail::core::printable::Printable;
use runtrail::core::span::SpanRecord;
use runtrail::json::{RunTree, Visit};

/// What the model wants next.
enum Wish {
    Tool(&'static str, &'static str),
    Answer(&'static str),
}

/// The model: it looks the weather up, is told that this failed, and asks two others at once.
async fn model(turn: usize) -> Vec<Wish> {
    let span = emit::op("llm.chat", || turn);
    tokio::task::yield_now().await;
    span.llm_usage(LlmUsage {
        prompt_tokens: Some(180 + 90 * turn as u64),
        completion_tokens: Some(24),
        cost_usd: Some(0.0004),
        ..LlmUsage::of("small-1")
    });
    span.end_ok(|| "a wish");
    match turn {
        0 => vec![Wish::Tool("weather", "Paris")],
        1 => vec![
            Wish::Tool("forecast", "Paris"),
            Wish::Tool("slow_radar", "Paris"),
        ],
        _ => vec![Wish::Answer("Sunny, 21 degrees")],
    }
}

/// The tools. Code this deep knows nothing of runs and ops; it annotates where it is.
async fn tool(name: &str, city: &str) -> Result<String, String> {
    emit::annotate("city", || city);
    match name {
        "weather" => Err("503 from the weather station".to_owned()),
        "slow_radar" => std::future::pending().await,
        _ => Ok(format!("{city}: sunny, 21 degrees")),
    }
}

/// Calls a tool in an op of its own. Where the future is dropped before it is done, so is the op,
/// which is recorded as cancelled.
async fn call(op: Op, name: &'static str, city: &'static str) {
    match tool(name, city).in_op(&op).await {
        Ok(said) => op.end_ok(|| said),
        Err(error) => op.end_error("ToolError", error),
    }
}

/// Runs the agent: each turn is a group, in which everything the turn does is found.
async fn agent(run: &Run, question: &str) -> &'static str {
    let op = run.op("agent", &Ctx::new(["main"]), || question);
    for turn in 0.. {
        let group = op.group(&format!("turn {}", turn + 1));
        let mut calls = Vec::new();
        for wish in model(turn).in_op(&group).await {
            match wish {
                Wish::Answer(answer) => {
                    drop(group);
                    op.end_ok(|| answer);
                    return answer;
                }
                Wish::Tool(name, city) => {
                    let op = group.op(&format!("tool.{name}"), &Ctx::new(["main"]), || city);
                    calls.push(tokio::spawn(call(op, name, city)));
                }
            }
        }
        for mut call in calls {
            // A tool that does not answer is given up.
            if tokio::time::timeout(Duration::from_millis(50), &mut call)
                .await
                .is_err()
            {
                call.abort();
                call.await.ok();
            }
        }
    }
    "never"
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let printer = PrintTrees::default();
    let trail = Config::builder().span_exporter(printer).load()?.start()?;

    let run = trail.run("req-42");
    let answer = agent(&run, "What is the weather in Paris?").await;
    drop(run);

    let report = trail.shutdown(Duration::from_secs(5));
    writeln!(io::stdout(), "{answer}\n{report}")?;
    Ok(())
}

/// Prints the tree of each run when it has ended.
#[derive(Default)]
struct PrintTrees {
    spans: Vec<SpanRecord>,
}

impl SpanExporter for PrintTrees {
    fn name(&self) -> &'static str {
        "print-trees"
    }

    fn export(&mut self, batch: &SpanBatch) -> Result<(), ExportError> {
        self.spans.extend_from_slice(batch.spans());
        for run in batch.runs() {
            let of_run = |span: &mut SpanRecord| span.request_id == run.request_id;
            let spans = self.spans.extract_if(.., of_run).collect();
            print(&RunTree::build(run.clone(), spans))
                .map_err(|error| ExportError::permanent("cannot print").with_source(error))?;
        }
        Ok(())
    }

    fn flush(&mut self, _deadline: Instant) -> Result<(), ExportError> {
        Ok(())
    }

    fn close(self: Box<Self>, _deadline: Instant) -> Result<(), ExportError> {
        Ok(())
    }
}

fn print(tree: &RunTree) -> io::Result<()> {
    let (mut out, run) = (io::stdout(), tree.summary());
    let (tokens, cost) = (
        run.usage.prompt_tokens.unwrap_or(0),
        run.usage.cost_usd.unwrap_or(0.0),
    );
    writeln!(
        out,
        "{}: {tokens} tokens sent, ${cost:.4}",
        Printable(&run.request_id)
    )?;
    for visit in tree.walk() {
        if let Visit::Enter(node, depth) = visit {
            let (span, indent) = (node.span(), "  ".repeat(depth + 1));
            let (name, status) = (Printable(span.label()), span.status.as_str());
            writeln!(out, "{indent}{name}: {status}")?;
        }
    }
    Ok(())
}
