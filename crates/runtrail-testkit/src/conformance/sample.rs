//! The streams that the suite exports.

use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;
use runtrail_core::event::TraceEvent;

use crate::run::RunBuilder;
use crate::strategies;

/// How many generated streams are exported.
const GENERATED: usize = 6;

/// A run whose op and group are open at its end.
pub(super) const OPEN_RUN: &str = "open at the end";

/// Runs with everything in them, interleaved; some have ids that are no file names.
pub(super) fn stream() -> Vec<TraceEvent> {
    let runs = [
        agent("Agent-1"),
        agent("agent-1"),
        open_run(),
        plain("../../outside"),
        plain(""),
        plain("a/b\\\u{202e}\0"),
    ];
    let mut rest: Vec<_> = runs.iter().map(|events| events.iter()).collect();
    let mut stream = Vec::new();
    // Uneven turns, so that runs begin and end inside each other.
    while rest.iter().any(|events| events.len() > 0) {
        for (index, events) in rest.iter_mut().enumerate() {
            stream.extend(events.by_ref().take(1 + index % 3).cloned());
        }
    }
    stream
}

/// Streams of generated runs, the same every time.
pub(super) fn generated() -> Vec<Vec<TraceEvent>> {
    let mut runner = TestRunner::deterministic();
    let streams = strategies::runs().prop_flat_map(strategies::interleaved);
    (0..GENERATED)
        .filter_map(|_| streams.new_tree(&mut runner).ok())
        .map(|tree| tree.current())
        .collect()
}

fn agent(request_id: &str) -> Vec<TraceEvent> {
    let mut run = RunBuilder::new(request_id);
    // Longer than the blocks in which files are usually written.
    let long = "xin chào \\u00e9 ".repeat(30_000);
    run.push("annotation", None, &[], r#"{"key":"user","value":"u-1"}"#);
    run.push("group_start", None, &[], r#"{"name":"turn","n":1}"#);
    run.share_moment().push(
        "op_start",
        Some("main.gen"),
        &["main"],
        &format!(r#"{{"inputs":"{long}"}}"#),
    );
    run.push(
        "op_yield",
        Some("main.gen"),
        &["main", "[0]"],
        r#"{"yielded": {"item": 1.10},"idx":0}"#,
    );
    run.push("op_start", Some("main.work"), &["main", "[0]"], "{}");
    run.push(
        "llm_usage",
        Some("main.work"),
        &["main", "[0]"],
        r#"{"model":"m","prompt_tokens":3,"cost_usd":0.5}"#,
    );
    run.push(
        "media_ref",
        Some("main.work"),
        &["main", "[0]"],
        r#"{"handle":"h","mime":"image/png","size_bytes":9}"#,
    );
    run.push(
        "op_end",
        Some("main.work"),
        &["main", "[0]"],
        r#"{"status":"error","error":{"type":"E","message":"m"}}"#,
    );
    run.repeat();
    run.push(
        "op_pause",
        Some("main.gen"),
        &["main"],
        "{\n \"until\": 12345678901234567890123\n}",
    );
    run.push(
        "op_end",
        Some("main.gen"),
        &["main"],
        "{\"outputs\":[ 1,\n 2 ],\"status\":\"ok\",\"yield_count\":1}",
    );
    run.share_moment()
        .push("group_end", None, &[], r#"{"name":"turn","status":"ok"}"#);
    run.into_events()
}

pub(super) fn open_run() -> Vec<TraceEvent> {
    let mut run = RunBuilder::new(OPEN_RUN);
    run.push("group_start", None, &[], r#"{"name":"turn"}"#);
    run.push(
        "op_start",
        Some("main.render"),
        &["main"],
        r#"{"inputs":{"a":1}}"#,
    );
    run.push(
        "annotation",
        Some("main.render"),
        &["main"],
        r#"{"key":"k","value":true}"#,
    );
    run.into_events()
}

fn plain(request_id: &str) -> Vec<TraceEvent> {
    let mut run = RunBuilder::new(request_id);
    run.push("op_start", Some("../x"), &[], "{}");
    run.push("op_end", Some("../x"), &[], r#"{"status":"ok"}"#);
    run.into_events()
}
