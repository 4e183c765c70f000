//! A run as one JSON object.

use runtrail_core::event::Status;
use runtrail_core::span::RunSummary;
use runtrail_core::text::Text;
use runtrail_core::time::Timestamp;
use serde::Serialize;

/// A run as `runs --format json` shows it; a figure that is not known is null.
#[derive(Debug, Serialize)]
pub(super) struct RunRecord<'a> {
    request_id: &'a Text,
    started_at: Timestamp,
    ended_at: Timestamp,
    duration_ms: f64,
    status: Status,
    events: u64,
    ops: u64,
    errors: u64,
    cancelled: u64,
    groups: u64,
    truncated_ops: u64,
    truncated_groups: u64,
    unknown_kinds: u64,
    anomalies: u64,
    llm_calls: u64,
    llm_calls_without_cost: u64,
    llm_prompt_tokens: Option<i64>,
    llm_completion_tokens: Option<i64>,
    llm_total_tokens: Option<i64>,
    llm_cost_usd: Option<f64>,
    llm_models: &'a [Text],
}

impl<'a> RunRecord<'a> {
    /// Describes a run.
    pub(super) fn of(run: &'a RunSummary) -> Self {
        Self {
            request_id: &run.request_id,
            started_at: run.started_at,
            ended_at: run.ended_at,
            duration_ms: run.duration_ms(),
            status: run.status,
            events: run.events,
            ops: run.ops,
            errors: run.errors,
            cancelled: run.cancelled,
            groups: run.groups,
            truncated_ops: run.truncated_ops,
            truncated_groups: run.truncated_groups,
            unknown_kinds: run.unknown_kinds,
            anomalies: run.anomalies.total(),
            llm_calls: run.usage.calls,
            llm_calls_without_cost: run.usage.calls_without_cost,
            llm_prompt_tokens: run.usage.prompt_tokens,
            llm_completion_tokens: run.usage.completion_tokens,
            llm_total_tokens: run.usage.total_tokens,
            llm_cost_usd: run.usage.cost_usd,
            llm_models: &run.usage.models,
        }
    }
}
