//! Calls of a model.

use runtrail_core::event::Ctx;
use runtrail_core::id::SpanIds;
use runtrail_core::span::{LlmCall, ParentRule, RunSummary, SpanRecord, Usage};
use runtrail_core::text::Text;
use runtrail_core::time::Timestamp;
use runtrail_otlp_wire::model::{Span, SpanStatus, kind, status_code};

use super::attrs::Attrs;
use super::kind::Kind;
use super::{Place, overlay, time};
use crate::names::{gen_ai, openinference, runtrail, span_type};

/// The figures of one call, or of several that are not told apart.
#[derive(Debug, Clone, Copy)]
pub(super) struct Figures<'a> {
    pub(super) model: Option<&'a str>,
    pub(super) prompt: Option<i64>,
    pub(super) completion: Option<i64>,
    pub(super) total: Option<i64>,
    pub(super) cost: Option<f64>,
}

impl<'a> From<&'a Usage> for Figures<'a> {
    fn from(usage: &'a Usage) -> Self {
        Self {
            model: usage.models.first().map(|model| &**model),
            prompt: usage.prompt_tokens,
            completion: usage.completion_tokens,
            total: usage.total_tokens,
            cost: usage.cost_usd,
        }
    }
}

impl<'a> From<&'a LlmCall> for Figures<'a> {
    fn from(call: &'a LlmCall) -> Self {
        Self {
            model: call.model.as_deref(),
            prompt: call.prompt_tokens,
            completion: call.completion_tokens,
            total: call.total_tokens,
            cost: call.cost_usd,
        }
    }
}

impl<'a> Figures<'a> {
    /// The span's name.
    pub(super) fn name(&self) -> String {
        match self.model {
            Some(model) if !model.is_empty() => format!("{} {model}", gen_ai::CHAT),
            _ => gen_ai::CHAT.to_owned(),
        }
    }

    /// Writes a call of a model.
    pub(super) fn describe(&self, attrs: &mut Attrs<'a>) {
        attrs.push(gen_ai::OPERATION, gen_ai::CHAT);
        attrs.push_some(gen_ai::MODEL, self.model);
        attrs.push_some(gen_ai::INPUT_TOKENS, self.prompt);
        attrs.push_some(gen_ai::OUTPUT_TOKENS, self.completion);
        attrs.push_some(openinference::MODEL, self.model);
        attrs.push_some(openinference::PROMPT, self.prompt);
        attrs.push_some(openinference::COMPLETION, self.completion);
        attrs.push_some(openinference::TOTAL, self.total);
        let cost = self.cost.filter(|cost| cost.is_finite());
        attrs.push_some(openinference::COST, cost);
        attrs.push_some(runtrail::COST_USD, cost);
    }

    /// What is left when calls are taken away; a figure that they use up is not known.
    fn less(&self, calls: &[LlmCall]) -> Figures<'a> {
        let tokens = |sum: Option<i64>, of: fn(&LlmCall) -> Option<i64>| {
            let taken: i64 = calls.iter().filter_map(of).fold(0, i64::saturating_add);
            sum.map(|sum| sum.saturating_sub(taken))
                .filter(|left| *left > 0)
        };
        let costs: f64 = calls.iter().filter_map(|call| call.cost_usd).sum();
        Figures {
            model: None,
            prompt: tokens(self.prompt, |call| call.prompt_tokens),
            completion: tokens(self.completion, |call| call.completion_tokens),
            total: tokens(self.total, |call| call.total_tokens),
            cost: self
                .cost
                .map(|cost| cost - costs)
                .filter(|left| *left > 0.0),
        }
    }
}

/// The calls of an op that made several: each a child, the rest of the sum, if any, one more.
pub(super) fn children(
    place: &Place<'_>,
    record: &SpanRecord,
    (op_name, ctx, occurrence): (&Text, &Ctx, u64),
    out: &mut impl FnMut(Span<'_>),
) {
    let ids = SpanIds::of_run(&place.settings.namespace, &record.request_id);
    let (op_start, op_end) = time::bounds(record);
    let mut chain = CallSpans {
        place,
        request_id: &record.request_id,
        parent: record.span_id.to_bytes(),
        depth: record.depth + 1,
        seq: record.seq,
        clock: (op_start, op_end),
    };
    let id = |index: u64| ids.llm(op_name, ctx, occurrence, index).to_bytes();
    for (call, index) in record.llm_calls.iter().zip(0..) {
        chain.one(call.into(), Some(call.at), (id(index), index), 1, out);
    }
    let kept = record.llm_calls.len() as u64;
    if kept < record.usage.calls {
        let left = Figures::from(&record.usage).less(&record.llm_calls);
        chain.one(left, None, (id(kept), kept), record.usage.calls - kept, out);
    }
}

/// The calls that belong to no op: children of the run.
pub(super) fn stray(place: &Place<'_>, run: &RunSummary, out: &mut impl FnMut(Span<'_>)) {
    let ids = SpanIds::of_run(&place.settings.namespace, &run.request_id);
    let start = time::nanos(run.started_at);
    let mut chain = CallSpans {
        place,
        request_id: &run.request_id,
        parent: place.root_id,
        depth: 1,
        seq: 0,
        clock: (start, time::nanos(run.ended_at).max(start)),
    };
    for (call, index) in run.stray_calls.iter().zip(0..) {
        // No op has this number, so no call of an op has this id.
        let id = ids.llm("", &Ctx::default(), u64::MAX, index).to_bytes();
        chain.one(call.into(), Some(call.at), (id, index), 1, out);
    }
}

/// Makes the spans of calls one after the other: each begins where the one before it ended, since
/// only the end of a call is reported.
struct CallSpans<'p> {
    place: &'p Place<'p>,
    request_id: &'p str,
    parent: [u8; 8],
    depth: u32,
    /// That of what the calls belong to.
    seq: u64,
    clock: (u64, u64),
}

impl CallSpans<'_> {
    fn one(
        &mut self,
        figures: Figures<'_>,
        at: Option<Timestamp>,
        (id, index): ([u8; 8], u64),
        calls: u64,
        out: &mut impl FnMut(Span<'_>),
    ) {
        let (start, latest) = self.clock;
        let end = at
            .map_or(latest, time::nanos)
            .clamp(start, latest.max(start));
        self.clock.0 = end;
        let mut attrs = Attrs::new(self.place.settings.limits);
        attrs.push(runtrail::SPAN_TYPE, span_type::LLM);
        attrs.push(runtrail::RUN_ID, self.request_id);
        attrs.push(openinference::KIND, Kind::Llm.as_str());
        figures.describe(&mut attrs);
        attrs.push(runtrail::LLM_INDEX, index);
        attrs.push(runtrail::DEPTH, u64::from(self.depth));
        attrs.push(runtrail::SEQ, self.seq);
        if self.parent == self.place.root_id {
            attrs.push(runtrail::PARENT_RULE, ParentRule::Run.as_str());
        }
        if calls > 1 {
            attrs.push(runtrail::LLM_CALLS, calls);
        }
        attrs.push(runtrail::TIMING, "estimated");
        attrs.push(runtrail::MAPPING_VERSION, crate::names::MAPPING_VERSION);
        overlay::span(self.place.settings, Kind::Llm, Some(figures), &mut attrs);
        let (attributes, dropped) = attrs.finish();
        out(Span {
            trace_id: self.place.trace_id,
            span_id: id,
            parent_span_id: Some(self.parent),
            name: figures.name().into(),
            kind: kind::CLIENT,
            start_nanos: start,
            end_nanos: end,
            attributes,
            dropped_attributes_count: dropped,
            status: SpanStatus {
                code: status_code::OK,
                ..SpanStatus::default()
            },
            ..Span::default()
        });
    }
}

/// Writes the sums of a group or a run. Not under the names of a call: a backend that adds up its
/// spans would count every call again for each level above it.
pub(super) fn describe_sum(usage: &Usage, attrs: &mut Attrs<'_>) {
    if usage.calls == 0 {
        return;
    }
    attrs.push(runtrail::LLM_CALLS, usage.calls);
    attrs.push_some(runtrail::USAGE_PROMPT, usage.prompt_tokens);
    attrs.push_some(runtrail::USAGE_COMPLETION, usage.completion_tokens);
    attrs.push_some(runtrail::USAGE_TOTAL, usage.total_tokens);
    attrs.push_some(
        runtrail::USAGE_COST,
        usage.cost_usd.filter(|cost| cost.is_finite()),
    );
    if usage.calls_without_cost > 0 {
        attrs.push(runtrail::USAGE_UNPRICED, usage.calls_without_cost);
    }
}
