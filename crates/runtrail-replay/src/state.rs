//! The state of a run at a moment.

use runtrail_core::event::{Ctx, TraceEvent};
use runtrail_core::id::SpanId;
use runtrail_core::span::{Anomalies, RunSummary, SpanName, SpanRecord, Usage};
use runtrail_core::text::Text;
use runtrail_core::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::status::{Conflict, Status};

/// What a run had come to at a moment.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct RunState {
    /// The run.
    pub request_id: Text,
    /// How it went.
    pub status: Status,
    /// A terminal status that came after the one that holds.
    pub conflict: Option<Conflict>,
    /// Its first event's time.
    pub started_at: Option<Timestamp>,
    /// Its last event's time.
    pub last_at: Option<Timestamp>,
    /// Milliseconds from the one to the other.
    pub elapsed_ms: f64,
    /// Events, repeats left out.
    pub events: u64,
    /// Events of kinds that this version does not know.
    pub unknown_kinds: u64,
    /// Ops that had ended.
    pub ops: u64,
    /// Those that ended with an error.
    pub errors: u64,
    /// Those that were cancelled.
    pub cancelled: u64,
    /// Those that were open at the end of the stream, or closed as truncated.
    pub truncated_ops: u64,
    /// Groups that had ended.
    pub groups: u64,
    /// Those that were open at the end of the stream, or closed as truncated.
    pub truncated_groups: u64,
    /// Ops that were open.
    pub open_ops: u64,
    /// Groups that were open.
    pub open_groups: u64,
    /// The op that was open and began last.
    pub current_op: Option<CurrentOp>,
    /// The last event.
    pub last_event: Option<LastEvent>,
    /// What had been spent.
    pub usage: UsageState,
    /// What does not add up.
    pub anomalies: Anomalies,
}

/// The op that is open and began last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CurrentOp {
    /// Its name.
    pub op_name: Text,
    /// The scope it runs in.
    pub ctx: Ctx,
    /// Its number among those with the same name and scope.
    pub occurrence: u64,
    /// Its id.
    pub span_id: SpanId,
    /// When it began.
    pub started_at: Timestamp,
}

/// The last event that was replayed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastEvent {
    /// Its id.
    pub event_id: Text,
    /// Its kind's name.
    pub kind: String,
    /// The op that it speaks of.
    pub op_name: Option<Text>,
    /// When it happened.
    pub timestamp: Timestamp,
    /// Its number within the run.
    pub seq: u64,
}

/// LLM usage; a figure that no call reported is `None`.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct UsageState {
    /// Calls.
    pub calls: u64,
    /// Those that reported no cost.
    pub calls_without_cost: u64,
    /// Tokens sent.
    pub prompt_tokens: Option<i64>,
    /// Tokens received.
    pub completion_tokens: Option<i64>,
    /// Tokens in all.
    pub total_tokens: Option<i64>,
    /// Cost in US dollars.
    pub cost_usd: Option<f64>,
    /// The models called, in the order of their first call.
    pub models: Vec<Text>,
}

impl From<&Usage> for UsageState {
    fn from(usage: &Usage) -> Self {
        Self {
            calls: usage.calls,
            calls_without_cost: usage.calls_without_cost,
            prompt_tokens: usage.prompt_tokens,
            completion_tokens: usage.completion_tokens,
            total_tokens: usage.total_tokens,
            cost_usd: usage.cost_usd,
            models: usage.models.clone(),
        }
    }
}

impl LastEvent {
    pub(crate) fn of(event: &TraceEvent) -> Self {
        Self {
            event_id: event.event_id.detached(),
            kind: event.kind.as_str().to_owned(),
            op_name: event.op_name.as_ref().map(Text::detached),
            timestamp: event.timestamp,
            seq: event.seq,
        }
    }
}

impl RunState {
    /// Puts a state together of what the fold says.
    pub(crate) fn of(
        summary: &RunSummary,
        open: &[&SpanRecord],
        status: Status,
        last_event: Option<LastEvent>,
    ) -> Self {
        let current = open.iter().rev().find_map(|span| current_op(span));
        let open_ops = open.iter().filter(|span| span.is_op()).count() as u64;
        Self {
            request_id: summary.request_id.clone(),
            status,
            conflict: None,
            started_at: Some(summary.started_at),
            last_at: Some(summary.ended_at),
            elapsed_ms: summary.duration_ms(),
            events: summary.events,
            unknown_kinds: summary.unknown_kinds,
            ops: summary.ops,
            errors: summary.errors,
            cancelled: summary.cancelled,
            truncated_ops: summary.truncated_ops,
            groups: summary.groups,
            truncated_groups: summary.truncated_groups,
            open_ops,
            open_groups: open.len() as u64 - open_ops,
            current_op: current,
            last_event,
            usage: UsageState::from(&summary.usage),
            anomalies: summary.anomalies.clone(),
        }
    }
}

fn current_op(span: &SpanRecord) -> Option<CurrentOp> {
    match &span.name {
        SpanName::Op {
            op_name,
            ctx,
            occurrence,
        } => Some(CurrentOp {
            op_name: op_name.clone(),
            ctx: ctx.clone(),
            occurrence: *occurrence,
            span_id: span.span_id,
            started_at: span.started_at,
        }),
        SpanName::Group { .. } => None,
    }
}
