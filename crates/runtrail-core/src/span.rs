//! What the fold hands out: closed ops and groups, and the summary of a run.

use std::collections::VecDeque;

use crate::event::{Ctx, Status};
use crate::id::SpanId;
use crate::link::Link;
use crate::text::Text;
use crate::time::Timestamp;

mod exact;

/// A closed op or group.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct SpanRecord {
    /// The run.
    pub request_id: Text,
    /// Whether it is an op or a group, and which.
    pub name: SpanName,
    /// Its id, derived from what it is; see [`crate::id`].
    pub span_id: SpanId,
    /// What it ran in.
    pub parent: Parent,
    /// Why that is its parent.
    pub parent_rule: ParentRule,
    /// The innermost group that it ran in, whatever its parent is.
    pub group: Option<GroupRef>,
    /// How many spans are above it, the run's own among them: 1 for a child of the run.
    pub depth: u32,
    /// When it began; of a span without an opener, when it must have begun.
    pub started_at: Timestamp,
    /// When it ended; `None` where its end is missing.
    pub ended_at: Option<Timestamp>,
    /// The last time anything was heard of it or of what ran in it.
    pub last_seen: Timestamp,
    /// How long it took in milliseconds: as the engine measured it, or else end less start.
    #[serde(with = "exact")]
    pub duration_ms: Option<f64>,
    /// How it ended.
    pub status: Status,
    /// Which of its two ends is missing from the stream.
    pub missing: Option<MissingEnd>,
    /// What went wrong, as far as the engine said so.
    pub error: Option<SpanError>,
    /// The items that it yielded.
    pub yields: Yields,
    /// The LLM usage reported for an op, or of everything inside a group.
    pub usage: Usage,
    /// The calls that make up an op's usage, in order, as far as
    /// [`FoldLimits`](crate::fold::FoldLimits) let them be kept; the sum in `usage` has all of them.
    pub llm_calls: Vec<LlmCall>,
    /// Ops that ended inside a group; 0 for an op.
    pub ops: u64,
    /// Those of them that ended with an error.
    pub errors: u64,
    /// What the op was given, as JSON text; it may share the chunk of the event it came from.
    pub inputs: Option<Text>,
    /// What the op gave back, as JSON text; it may share the chunk of the event it came from.
    pub outputs: Option<Text>,
    /// The notes on an op, in order; a group's are in `metadata`.
    pub annotations: Vec<Note>,
    /// A group's metadata, as one JSON object: its opener's keys and its notes.
    pub metadata: Option<Text>,
    /// The media that the op refers to.
    pub media: Vec<Media>,
    /// Bytes of content that were left out because of [`FoldLimits`](crate::fold::FoldLimits).
    pub content_dropped: u64,
    /// The event that opened it; it may share the chunk of that event.
    pub start_event_id: Option<Text>,
    /// The event that closed it; it may share the chunk of that event.
    pub end_event_id: Option<Text>,
    /// The `seq` of its first event.
    pub seq: u64,
    /// The `seq` of the event that closed it.
    pub end_seq: Option<u64>,
}

impl SpanRecord {
    /// Whether it is an op.
    pub fn is_op(&self) -> bool {
        matches!(self.name, SpanName::Op { .. })
    }

    /// Returns the op's or the group's name.
    pub fn label(&self) -> &Text {
        match &self.name {
            SpanName::Op { op_name, .. } => op_name,
            SpanName::Group { name, .. } => name,
        }
    }

    /// Returns the parent's span id; `None` for a child of the run.
    pub fn parent_span_id(&self) -> Option<SpanId> {
        match self.parent {
            Parent::Run => None,
            Parent::Op(id) | Parent::Group(id) => Some(id),
        }
    }
}

/// Which op or group a span is.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum SpanName {
    /// One execution of a step.
    Op {
        /// The step's name.
        op_name: Text,
        /// The scope it ran in.
        ctx: Ctx,
        /// Its number among the executions with the same name and scope, from 0.
        occurrence: u64,
    },
    /// A named stretch of the run.
    Group {
        /// The group's name.
        name: Text,
        /// Its number among the groups of that name, from 0.
        occurrence: u64,
    },
}

/// What a span ran in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Parent {
    /// Nothing but the run.
    Run,
    /// An op.
    Op(SpanId),
    /// A group.
    Group(SpanId),
}

/// Which rule found the parent; the first that matches wins, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ParentRule {
    /// The event named its parent (`parent_id`).
    ParentId,
    /// The op runs on an item that the parent yielded.
    Yield,
    /// The parent was open in the nearest enclosing scope.
    CtxPrefix,
    /// The parent was open in the same scope, its name a dotted prefix of the op's.
    NamePrefix,
    /// The innermost open group.
    Group,
    /// Nothing was open: the run.
    Run,
}

impl ParentRule {
    /// Returns the rule's name, in snake case.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ParentId => "parent_id",
            Self::Yield => "yield",
            Self::CtxPrefix => "ctx_prefix",
            Self::NamePrefix => "name_prefix",
            Self::Group => "group",
            Self::Run => "run",
        }
    }
}

/// Names a group.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct GroupRef {
    /// The group's name.
    pub name: Text,
    /// The group's span id.
    pub span_id: SpanId,
}

/// Which end of a span the stream does not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MissingEnd {
    /// It only ended; its start is derived from its duration.
    Start,
    /// It never ended: the stream was over while it was open.
    End,
}

/// What went wrong in an op.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct SpanError {
    /// The error's type.
    pub kind: Option<Text>,
    /// The error's message.
    pub message: Option<Text>,
}

/// The items that a generator op yielded, folded.
#[derive(Debug, Clone, PartialEq, Default, serde::Serialize, serde::Deserialize)]
pub struct Yields {
    /// The number that the op's end states, or else the number of yields in the stream.
    pub count: u64,
    /// The number of yields in the stream; fewer where the engine samples them.
    pub seen: u64,
    /// The lowest absolute index seen.
    pub first_index: Option<i64>,
    /// The highest absolute index seen.
    pub last_index: Option<i64>,
    /// When the first came.
    pub first_at: Option<Timestamp>,
    /// When the last came.
    pub last_at: Option<Timestamp>,
    /// The last item, as JSON text; it may share the chunk of the event it came from.
    pub last_value: Option<Text>,
    /// When each came: the first [`YIELDS_AT_AN_END`] and the last as many, in order, as far as
    /// [`FoldLimits`](crate::fold::FoldLimits) let them be kept.
    pub moments: YieldMoments,
}

/// How many yields of an op are remembered one by one, from its beginning and from its end.
pub const YIELDS_AT_AN_END: usize = 64;

/// The yields that are remembered one by one.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub struct YieldMoments(Option<Box<Moments>>);

/// Apart from the span, which is held in great numbers and mostly yields nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
struct Moments {
    first: Vec<YieldMoment>,
    last: VecDeque<YieldMoment>,
}

impl YieldMoments {
    /// How many bytes more they take with the next yield; 0 where it replaces one.
    pub(crate) fn bytes_to_grow(&self) -> usize {
        let grows = self.len() < 2 * YIELDS_AT_AN_END;
        if grows { size_of::<YieldMoment>() } else { 0 }
    }

    /// Adds the next yield; one between the first and the last ones is forgotten.
    pub fn push(&mut self, moment: YieldMoment) {
        let Moments { first, last } = &mut **self.0.get_or_insert_default();
        if first.len() < YIELDS_AT_AN_END {
            first.push(moment);
            return;
        }
        if last.len() == YIELDS_AT_AN_END {
            last.pop_front();
        }
        last.push_back(moment);
    }

    /// Returns those that are remembered, in order.
    pub fn iter(&self) -> impl Iterator<Item = YieldMoment> + '_ {
        let moments = self.0.iter();
        moments.flat_map(|moments| moments.first.iter().chain(&moments.last).copied())
    }

    /// Returns how many are remembered.
    pub fn len(&self) -> usize {
        self.0
            .as_ref()
            .map_or(0, |moments| moments.first.len() + moments.last.len())
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// One yield.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct YieldMoment {
    /// The item's absolute index.
    pub index: Option<i64>,
    /// When it came.
    pub at: Timestamp,
}

/// One call of an LLM, as an op reported it.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct LlmCall {
    /// When it was reported: a call's own beginning is not known.
    pub at: Timestamp,
    /// The model.
    pub model: Option<Text>,
    /// Tokens sent.
    pub prompt_tokens: Option<i64>,
    /// Tokens received.
    pub completion_tokens: Option<i64>,
    /// Tokens in all.
    pub total_tokens: Option<i64>,
    /// Cost in US dollars.
    #[serde(with = "exact")]
    pub cost_usd: Option<f64>,
}

/// A note on an op.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Note {
    /// The note's name.
    pub key: Text,
    /// The note, as JSON text.
    pub value: Text,
    /// When it was made.
    pub at: Timestamp,
}

/// A reference to bytes in a media store.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Media {
    /// The key of the bytes in the store.
    pub handle: Option<Text>,
    /// The media type.
    pub mime: Option<Text>,
    /// The size in bytes.
    pub size_bytes: Option<i64>,
    /// When it was referred to.
    pub at: Timestamp,
}

/// LLM usage, summed. A figure that no call reported is `None`, never 0.
#[derive(Debug, Clone, PartialEq, Default, serde::Serialize, serde::Deserialize)]
pub struct Usage {
    /// The calls that reported usage.
    pub calls: u64,
    /// Those of them that reported no cost.
    pub calls_without_cost: u64,
    /// Tokens sent.
    pub prompt_tokens: Option<i64>,
    /// Tokens received.
    pub completion_tokens: Option<i64>,
    /// Tokens in all.
    pub total_tokens: Option<i64>,
    /// Cost in US dollars.
    #[serde(with = "exact")]
    pub cost_usd: Option<f64>,
    /// The models called, each once, in the order of their first call.
    pub models: Vec<Text>,
}

impl Usage {
    /// Adds another sum to this one.
    pub fn add(&mut self, other: &Self) {
        self.calls += other.calls;
        self.calls_without_cost += other.calls_without_cost;
        add_tokens(&mut self.prompt_tokens, other.prompt_tokens);
        add_tokens(&mut self.completion_tokens, other.completion_tokens);
        add_tokens(&mut self.total_tokens, other.total_tokens);
        if let Some(cost) = other.cost_usd {
            self.cost_usd = Some(self.cost_usd.unwrap_or(0.0) + cost);
        }
        for model in &other.models {
            if !self.models.contains(model) && self.models.len() < MAX_MODELS {
                self.models.push(model.clone());
            }
        }
    }
}

/// Models named in one sum: a run has a handful, and a hostile one must not grow the list.
const MAX_MODELS: usize = 256;

fn add_tokens(sum: &mut Option<i64>, more: Option<i64>) {
    if let Some(more) = more {
        *sum = Some(sum.unwrap_or(0).saturating_add(more));
    }
}

/// What does not add up in a run's stream, counted by kind.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub struct Anomalies {
    /// Ops that ended without having started.
    pub op_end_without_start: u64,
    /// Ops that started and never ended.
    pub op_start_without_end: u64,
    /// Groups that ended without having started.
    pub group_end_without_start: u64,
    /// Groups that started and never ended.
    pub group_start_without_end: u64,
    /// Ends that come before their start in time.
    pub end_before_start: u64,
    /// Yields, notes, usage and media of an op that is not open.
    pub orphans: u64,
    /// Exact repeats in the stream.
    pub duplicates: u64,
    /// Events whose `parent_id` or `opener_id` names no opener of the run.
    pub unknown_references: u64,
    /// Spans, notes, links and calls that were left out, or whose content was, because of a limit.
    pub content_dropped: u64,
    /// Openers that were ignored because too many spans were open.
    pub open_limit: u64,
    /// Ends with a status that is none of the known ones; read as error where they carry one, else as ok.
    pub unknown_status: u64,
}

impl Anomalies {
    /// Returns each kind's name and count.
    pub fn by_kind(&self) -> [(&'static str, u64); 11] {
        [
            ("op_end_without_start", self.op_end_without_start),
            ("op_start_without_end", self.op_start_without_end),
            ("group_end_without_start", self.group_end_without_start),
            ("group_start_without_end", self.group_start_without_end),
            ("end_before_start", self.end_before_start),
            ("orphans", self.orphans),
            ("duplicates", self.duplicates),
            ("unknown_references", self.unknown_references),
            ("content_dropped", self.content_dropped),
            ("open_limit", self.open_limit),
            ("unknown_status", self.unknown_status),
        ]
    }

    /// Adds the counts of another stream.
    pub fn add(&mut self, other: &Self) {
        self.op_end_without_start += other.op_end_without_start;
        self.op_start_without_end += other.op_start_without_end;
        self.group_end_without_start += other.group_end_without_start;
        self.group_start_without_end += other.group_start_without_end;
        self.end_before_start += other.end_before_start;
        self.orphans += other.orphans;
        self.duplicates += other.duplicates;
        self.unknown_references += other.unknown_references;
        self.content_dropped += other.content_dropped;
        self.open_limit += other.open_limit;
        self.unknown_status += other.unknown_status;
    }

    /// Returns the sum of all kinds.
    pub fn total(&self) -> u64 {
        self.by_kind().iter().map(|(_, count)| count).sum()
    }
}

/// What a run came to.
#[derive(Debug, Clone, PartialEq)]
pub struct RunSummary {
    /// The run.
    pub request_id: Text,
    /// The id of the run's own span.
    pub span_id: SpanId,
    /// Its first event's time.
    pub started_at: Timestamp,
    /// Its last event's time.
    pub ended_at: Timestamp,
    /// Truncated where anything was left open, else error where any op failed, else cancelled where
    /// any op was, else ok.
    pub status: Status,
    /// Events, repeats left out.
    pub events: u64,
    /// Events of kinds that this version does not know.
    pub unknown_kinds: u64,
    /// Ops.
    pub ops: u64,
    /// Ops that ended with an error.
    pub errors: u64,
    /// Ops that were cancelled.
    pub cancelled: u64,
    /// Groups.
    pub groups: u64,
    /// Ops that were open at the end, or that the engine closed as truncated.
    pub truncated_ops: u64,
    /// Groups that were open at the end, or that the engine closed as truncated.
    pub truncated_groups: u64,
    /// The LLM usage of the run.
    pub usage: Usage,
    /// The calls among them that belong to no op, in order, as far as they were kept.
    pub stray_calls: Vec<LlmCall>,
    /// What does not add up.
    pub anomalies: Anomalies,
    /// Notes on the run itself, made while no group was open, as one JSON object.
    pub metadata: Option<Text>,
    /// What started the run, in the order of the notes that say so; at most 1024. What comes on
    /// top is counted in [`Anomalies::content_dropped`].
    pub links: Vec<Link>,
}

impl RunSummary {
    /// Returns the milliseconds from the first event to the last.
    pub fn duration_ms(&self) -> f64 {
        self.ended_at.millis_since(self.started_at)
    }
}

/// What any number of runs come to together.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RunTotals {
    /// Runs.
    pub runs: u64,
    /// Events, repeats left out.
    pub events: u64,
    /// Ops.
    pub ops: u64,
    /// Ops that ended with an error.
    pub errors: u64,
    /// Groups.
    pub groups: u64,
    /// Ops that were open at the end of their run, or closed as truncated.
    pub truncated_ops: u64,
    /// Groups that were open at the end of their run, or closed as truncated.
    pub truncated_groups: u64,
    /// What started the runs.
    pub links: u64,
    /// The LLM usage of all runs.
    pub usage: Usage,
    /// What does not add up, by kind.
    pub anomalies: Anomalies,
}

impl RunTotals {
    /// Adds a run.
    pub fn add(&mut self, run: &RunSummary) {
        self.runs += 1;
        self.events += run.events;
        self.ops += run.ops;
        self.errors += run.errors;
        self.groups += run.groups;
        self.truncated_ops += run.truncated_ops;
        self.truncated_groups += run.truncated_groups;
        self.links += run.links.len() as u64;
        self.usage.add(&run.usage);
        self.anomalies.add(&run.anomalies);
    }
}
