//! The run's own fields.

use runtrail_core::span::{RunSummary, Usage};

use super::json::Json;
use crate::tree::RunTree;
use crate::words::run_status_text;

/// The first field of every tree, by which readers tell trees from archives.
const TREE_SCHEMA: &str = "runtrail.tree.v1";

/// Writes the run up to its children.
pub(super) fn begin_run(tree: &RunTree, json: &mut Json) {
    let run = tree.summary();
    json.begin('{');
    json.string_field("schema", TREE_SCHEMA);
    json.string_field("request_id", &run.request_id);
    json.string_field("status", run.status.as_str());
    if let Some(text) = run_status_text(run) {
        json.string_field("status_text", &text);
    }
    json.string_field("started_at", &run.started_at.to_string());
    json.string_field("ended_at", &run.ended_at.to_string());
    json.float_field("duration_ms", Some(run.duration_ms()));
    totals(run, json);
    anomalies(run, json);
    json.key("metadata");
    json.raw(run.metadata.as_deref().unwrap_or("null"));
    if !run.links.is_empty() {
        json.key("links");
        json.begin('[');
        for link in &run.links {
            json.raw(&link.to_json());
        }
        json.end(']');
    }
    if tree.spans_dropped() > 0 {
        json.number_field("spans_dropped", tree.spans_dropped());
    }
    json.key("children");
    json.begin('[');
}

/// Ends what [`begin_run`] began.
pub(super) fn end_run(json: &mut Json) {
    json.end(']');
    json.end('}');
}

fn totals(run: &RunSummary, json: &mut Json) {
    json.key("totals");
    json.begin('{');
    for (key, count) in [
        ("events", run.events),
        ("unknown_kinds", run.unknown_kinds),
        ("ops", run.ops),
        ("errors", run.errors),
        ("cancelled", run.cancelled),
        ("groups", run.groups),
        ("truncated_ops", run.truncated_ops),
        ("truncated_groups", run.truncated_groups),
    ] {
        json.number_field(key, count);
    }
    usage(&run.usage, json);
    json.end('}');
}

fn anomalies(run: &RunSummary, json: &mut Json) {
    json.key("anomalies");
    json.begin_inline('{');
    for (kind, count) in run.anomalies.by_kind() {
        if count > 0 {
            json.number_field(kind, count);
        }
    }
    json.end_inline('}');
}

/// Writes the field `usage`; a figure that no call reported is `null`.
pub(super) fn usage(usage: &Usage, json: &mut Json) {
    json.key("usage");
    json.begin_inline('{');
    json.number_field("calls", usage.calls);
    json.number_field("calls_without_cost", usage.calls_without_cost);
    json.count_field("prompt_tokens", usage.prompt_tokens);
    json.count_field("completion_tokens", usage.completion_tokens);
    json.count_field("total_tokens", usage.total_tokens);
    json.float_field("cost_usd", usage.cost_usd);
    json.key("models");
    json.begin('[');
    for model in &usage.models {
        json.string(model);
    }
    json.end(']');
    json.end_inline('}');
}
