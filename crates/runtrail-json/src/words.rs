//! What a state means, in words.

use runtrail_core::event::Status;
use runtrail_core::span::{MissingEnd, RunSummary, SpanRecord};

/// Says what it means that a span is truncated or that one of its ends is missing; `None` for an
/// ordinary span.
pub fn status_text(span: &SpanRecord) -> Option<&'static str> {
    match (span.missing, span.status, span.is_op()) {
        (Some(MissingEnd::End), _, true) => Some(
            "the stream ended while this was open (shutdown or lost tail); not a failure of the op",
        ),
        (Some(MissingEnd::End), _, false) => Some(
            "the stream ended while this was open (shutdown or lost tail); not a failure of its ops",
        ),
        (_, Status::Truncated, true) => Some(
            "the engine closed this because it was still open at the end; not a failure of the op",
        ),
        (_, Status::Truncated, false) => Some(
            "the engine closed this because it was still open at the end; not a failure of its ops",
        ),
        (Some(MissingEnd::Start), _, _) if span.duration_ms.is_some() => Some(
            "the stream holds no start of this; when it started is derived from how long it took",
        ),
        (Some(MissingEnd::Start), _, _) => Some(
            "the stream holds no start of this; when it started and how long it took are not known",
        ),
        _ => None,
    }
}

/// Says what was left open in a truncated run; `None` for any other run.
pub fn run_status_text(run: &RunSummary) -> Option<String> {
    let (ops, groups) = (run.truncated_ops, run.truncated_groups);
    let open = match (ops, groups) {
        (0, 0) => return None,
        (_, 0) => counted(ops, "op"),
        (0, _) => counted(groups, "group"),
        _ => format!("{} and {}", counted(ops, "op"), counted(groups, "group")),
    };
    let were = if ops + groups == 1 { "was" } else { "were" };
    let of = if ops == 1 { "the op" } else { "the ops" };
    Some(format!(
        "the stream ended while {open} {were} open (shutdown or lost tail); not a failure of {of}"
    ))
}

fn counted(count: u64, noun: &str) -> String {
    if count == 1 {
        format!("1 {noun}")
    } else {
        format!("{count} {noun}s")
    }
}
