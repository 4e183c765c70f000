//! The projections `ops` and `groups`: each span's state.

use std::collections::BTreeMap;

use runtrail_core::event::{Ctx, TraceEvent};
use runtrail_core::id::SpanIds;
use runtrail_core::json::push_string;
use runtrail_core::span::{MissingEnd, Parent, SpanName, SpanRecord};
use runtrail_core::text::Text;
use runtrail_core::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Moment, Projection, ProjectionError, to_json};
use crate::canonical::Digester;
use crate::state::UsageState;
use crate::status::{Status, StatusMachine};

/// Spans of a run that are held; a run with more is limited.
const MAX_SPANS: usize = 2_000_000;

/// The state of an op or a group.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SpanState {
    /// Its name.
    pub name: Text,
    /// The scope that an op ran in.
    pub ctx: Option<Ctx>,
    /// Its number among those of its name and scope.
    pub occurrence: u64,
    /// How it goes.
    #[serde(flatten)]
    pub status: StatusMachine,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// How long it took, in milliseconds.
    pub duration_ms: Option<f64>,
    /// The span that it ran in; `None` for a child of the run.
    pub parent_span_id: Option<String>,
    /// Why that is its parent.
    pub parent_rule: String,
    /// The innermost group that it ran in.
    pub group_span_id: Option<String>,
    /// How deep in the run it is.
    pub depth: u32,
    /// Its calls of LLMs, or those of all that ran in a group.
    pub llm_calls: u64,
    /// Tokens of these.
    pub total_tokens: Option<i64>,
    /// What they cost.
    pub cost_usd: Option<f64>,
    /// Items that an op yielded.
    pub yield_count: u64,
    /// Ops that ended in a group.
    pub ops: u64,
    /// Those that failed.
    pub errors: u64,
    /// The type of its error.
    pub error_type: Option<Text>,
    /// Its error's message.
    pub error_message: Option<Text>,
    /// Which of its ends is missing from the stream: `start` or `end`.
    pub missing: Option<MissingEnd>,
    /// A checksum of what the user put in: inputs, outputs, notes, media, the last item, metadata.
    pub content: Option<String>,
    /// The event that opened it.
    pub start_event_id: Option<Text>,
    /// The event that closed it.
    pub end_event_id: Option<Text>,
    /// The `seq` of its first event.
    pub seq: u64,
    /// The `seq` of the event that closed it.
    pub end_seq: Option<u64>,
}

impl SpanState {
    /// Returns the state of a span that the fold closed, or that is open.
    pub(crate) fn of(span: &SpanRecord, is_open: bool) -> Self {
        let (name, ctx, occurrence) = match &span.name {
            SpanName::Op {
                op_name,
                ctx,
                occurrence,
            } => (op_name, Some(ctx.clone()), *occurrence),
            SpanName::Group { name, occurrence } => (name, None, *occurrence),
        };
        let mut status = StatusMachine::default();
        status.observe(Status::Running);
        if !is_open {
            status.observe(span.status.into());
        }
        let error = span.error.as_ref();
        let usage = UsageState::from(&span.usage);
        Self {
            name: name.detached(),
            ctx,
            occurrence,
            status,
            started_at: span.started_at,
            ended_at: span.ended_at,
            duration_ms: span.duration_ms,
            parent_span_id: match span.parent {
                Parent::Run => None,
                Parent::Op(id) | Parent::Group(id) => Some(id.to_string()),
            },
            parent_rule: span.parent_rule.as_str().to_owned(),
            group_span_id: span.group.as_ref().map(|group| group.span_id.to_string()),
            depth: span.depth,
            llm_calls: usage.calls,
            total_tokens: usage.total_tokens,
            cost_usd: usage.cost_usd,
            yield_count: span.yields.count.max(span.yields.seen),
            ops: span.ops,
            errors: span.errors,
            error_type: error
                .and_then(|error| error.kind.as_ref())
                .map(Text::detached),
            error_message: error
                .and_then(|error| error.message.as_ref())
                .map(Text::detached),
            missing: span.missing,
            content: content_of(span),
            start_event_id: span.start_event_id.as_ref().map(Text::detached),
            end_event_id: span.end_event_id.as_ref().map(Text::detached),
            seq: span.seq,
            end_seq: span.end_seq,
        }
    }
}

/// The checksum of a span's content; `None` where it has none.
fn content_of(span: &SpanRecord) -> Option<String> {
    let mut digester = Digester::default();
    let mut parts = 0;
    // The keys come in canonical order, so that the whole is the canonical form of one object.
    let mut key = |digester: &mut Digester, name: &str| {
        digester.text(if parts == 0 { "{\"" } else { ",\"" });
        digester.text(name);
        digester.text("\":");
        parts += 1;
    };
    if !span.annotations.is_empty() {
        key(&mut digester, "annotations");
        for (at, note) in span.annotations.iter().enumerate() {
            let mut head = String::from(if at == 0 { "[{\"at\":" } else { ",{\"at\":" });
            push_string(&mut head, &note.at.to_string());
            head.push_str(",\"key\":");
            push_string(&mut head, &note.key);
            head.push_str(",\"value\":");
            digester.text(&head);
            digester.value(&note.value);
            digester.text("}");
        }
        digester.text("]");
    }
    if let Some(inputs) = &span.inputs {
        key(&mut digester, "inputs");
        digester.value(inputs);
    }
    if let Some(item) = &span.yields.last_value {
        key(&mut digester, "last_item");
        digester.value(item);
    }
    if !span.media.is_empty() {
        key(&mut digester, "media");
        digester.value(&serde_json::to_string(&span.media).unwrap_or_default());
    }
    if let Some(metadata) = &span.metadata {
        key(&mut digester, "metadata");
        digester.value(metadata);
    }
    if let Some(outputs) = &span.outputs {
        key(&mut digester, "outputs");
        digester.value(outputs);
    }
    digester.text("}");
    (parts > 0).then(|| digester.finish().to_string())
}

/// The spans of one kind, by their ids.
pub(super) struct Spans {
    name: &'static str,
    of_ops: bool,
    closed: BTreeMap<String, SpanState>,
    left_out: u64,
}

#[derive(Serialize)]
struct Saved<'s> {
    closed: &'s BTreeMap<String, SpanState>,
    left_out: u64,
}

#[derive(Deserialize)]
struct Restored {
    closed: BTreeMap<String, SpanState>,
    left_out: u64,
}

impl Spans {
    pub(super) fn ops() -> Self {
        Self::new("ops", true)
    }

    pub(super) fn groups() -> Self {
        Self::new("groups", false)
    }

    fn new(name: &'static str, of_ops: bool) -> Self {
        Self {
            name,
            of_ops,
            closed: BTreeMap::new(),
            left_out: 0,
        }
    }

    /// Notes that a second end came for a span that had ended: the fold hands it out as a span that only
    /// ended, the next of its name.
    fn note_conflict(&mut self, late: &SpanRecord, state: &SpanState) {
        let Some(before) = state.occurrence.checked_sub(1) else {
            return;
        };
        if late.missing != Some(MissingEnd::Start) {
            return;
        }
        let ids = SpanIds::of_run("", &late.request_id);
        let before = match &state.ctx {
            Some(ctx) => ids.op(&state.name, ctx, before),
            None => ids.group(&state.name, before),
        };
        if let Some(before) = self.closed.get_mut(&before.to_string()) {
            before.status.observe(state.status.status());
        }
    }
}

impl Projection for Spans {
    fn name(&self) -> &'static str {
        self.name
    }

    fn version(&self) -> u32 {
        1
    }

    fn event(&mut self, _event: &TraceEvent) {}

    fn closed(&mut self, span: &SpanRecord) {
        if span.is_op() != self.of_ops {
            return;
        }
        if self.closed.len() >= MAX_SPANS {
            self.left_out += 1;
            return;
        }
        let state = SpanState::of(span, false);
        self.note_conflict(span, &state);
        self.closed.insert(span.span_id.to_string(), state);
    }

    fn view(&self, moment: &Moment<'_>) -> Result<String, ProjectionError> {
        let open = moment
            .open
            .iter()
            .filter(|span| span.is_op() == self.of_ops);
        let open: BTreeMap<String, SpanState> = open
            .map(|span| (span.span_id.to_string(), SpanState::of(span, true)))
            .collect();
        if open.is_empty() {
            return to_json(self.name, &self.closed);
        }
        let all: BTreeMap<&String, &SpanState> = self.closed.iter().chain(&open).collect();
        to_json(self.name, &all)
    }

    fn save(&self) -> Result<String, ProjectionError> {
        let saved = Saved {
            closed: &self.closed,
            left_out: self.left_out,
        };
        to_json(self.name, &saved)
    }

    fn restore(&mut self, state: &str) -> Result<(), ProjectionError> {
        let read = serde_json::from_str::<Restored>(state);
        let read = read.map_err(|error| ProjectionError::new(self.name, error))?;
        (self.closed, self.left_out) = (read.closed, read.left_out);
        Ok(())
    }

    fn limited(&self) -> Option<String> {
        (self.left_out > 0).then(|| format!("{} {} beyond {MAX_SPANS}", self.left_out, self.name))
    }
}
