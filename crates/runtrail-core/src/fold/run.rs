//! The fold of one run.

mod close;
mod open;

use super::content::{HeldBytes, Metadata};
use super::scope::{ScopeId, Scopes};
use super::{FoldLimits, Map};
use crate::event::Status;
use crate::event::{Annotation, EventKind, LlmUsage, MediaRef, OpYield, TraceEvent, View};
use crate::id::{SpanId, SpanIds};
use crate::json::RawJson;
use crate::span::{Anomalies, GroupRef, Media, Note, RunSummary, SpanRecord, Usage};
use crate::text::Text;
use crate::time::Timestamp;

/// Names a span of the run, in the order of their starts.
type SpanIndex = usize;

/// A span of the run, open or closed: what later spans need to know of it.
#[derive(Debug)]
struct Slot {
    span_id: SpanId,
    depth: u32,
    parent: Option<SpanIndex>,
    group: Option<SpanIndex>,
    start_event_id: Option<Text>,
    open: Option<Box<Open>>,
}

/// What is held of a span until it closes.
#[derive(Debug)]
struct Open {
    record: SpanRecord,
    scope: ScopeId,
    metadata: Metadata,
    held: usize,
}

/// The executions of one op name in one scope, or the groups of one name.
#[derive(Debug, Default)]
struct Executions {
    count: u64,
    /// In the order of their starts; the last one is open, others may have closed.
    open: Vec<SpanIndex>,
}

#[derive(Debug, Default)]
struct Counts {
    events: u64,
    unknown_kinds: u64,
    ops: u64,
    errors: u64,
    cancelled: u64,
    groups: u64,
    truncated_ops: u64,
    truncated_groups: u64,
}

#[derive(Debug)]
pub(super) struct RunFold {
    request_id: Text,
    ids: SpanIds,
    limits: FoldLimits,
    slots: Vec<Slot>,
    open_spans: usize,
    scopes: Scopes,
    executions: Map<(Text, ScopeId), Executions>,
    /// The groups of each name.
    groups: Map<Text, Executions>,
    /// The names of all groups so far; an op that runs in a closed one still names it.
    group_names: Map<SpanIndex, Text>,
    /// As [`Executions::open`], of all names.
    open_groups: Vec<SpanIndex>,
    /// The openers by event id, from the first event on that refers to one.
    openers: Option<Map<Text, SpanIndex>>,
    held: HeldBytes,
    metadata: Metadata,
    counts: Counts,
    usage: Usage,
    anomalies: Anomalies,
    times: Option<(Timestamp, Timestamp)>,
    last: Option<TraceEvent>,
}

impl RunFold {
    pub(super) fn new(namespace: &str, request_id: Text, limits: FoldLimits) -> Self {
        Self {
            ids: SpanIds::of_run(namespace, &request_id),
            request_id,
            limits,
            slots: Vec::new(),
            open_spans: 0,
            scopes: Scopes::new(),
            executions: Map::default(),
            groups: Map::default(),
            group_names: Map::default(),
            open_groups: Vec::new(),
            openers: None,
            held: HeldBytes::new(limits.max_held_bytes),
            metadata: Metadata::default(),
            counts: Counts::default(),
            usage: Usage::default(),
            anomalies: Anomalies::default(),
            times: None,
            last: None,
        }
    }

    pub(super) fn push(&mut self, event: &TraceEvent, spans: &mut Vec<SpanRecord>) {
        if self
            .last
            .as_ref()
            .is_some_and(|last| event.is_repeat_of(last))
        {
            self.anomalies.duplicates += 1;
            return;
        }
        self.counts.events += 1;
        let (first, last) = self.times.unwrap_or((event.timestamp, event.timestamp));
        self.times = Some((first.min(event.timestamp), last.max(event.timestamp)));
        match event.view() {
            View::OpStart(view) => self.open_op(event, view),
            View::OpEnd(view) => self.close_op(event, view, spans),
            View::GroupStart(view) => self.open_group(event, view),
            View::GroupEnd(view) => self.close_group(event, view, spans),
            View::OpYield(view) => self.fold_yield(event, view),
            View::Annotation(view) => self.fold_annotation(event, view),
            View::LlmUsage(view) => self.fold_usage(event, view),
            View::MediaRef(view) => self.fold_media(event, view),
            View::Unknown => self.counts.unknown_kinds += 1,
        }
        self.last = Some(event.clone());
    }

    /// Closes what is open, innermost first, and sums up; `None` for a run without events.
    pub(super) fn finish(mut self, spans: &mut Vec<SpanRecord>) -> Option<RunSummary> {
        for index in (0..self.slots.len()).rev() {
            self.close_unended(index, spans);
        }
        let (started_at, ended_at) = self.times?;
        let counts = &self.counts;
        let status = if counts.truncated_ops + counts.truncated_groups > 0 {
            Status::Truncated
        } else if counts.errors > 0 {
            Status::Error
        } else if counts.cancelled > 0 {
            Status::Cancelled
        } else {
            Status::Ok
        };
        Some(RunSummary {
            span_id: self.ids.run(),
            request_id: self.request_id,
            started_at,
            ended_at,
            status,
            events: counts.events,
            unknown_kinds: counts.unknown_kinds,
            ops: counts.ops,
            errors: counts.errors,
            cancelled: counts.cancelled,
            groups: counts.groups,
            truncated_ops: counts.truncated_ops,
            truncated_groups: counts.truncated_groups,
            usage: self.usage,
            anomalies: self.anomalies,
            metadata: self.metadata.into_json(),
        })
    }

    fn open_mut(&mut self, index: SpanIndex) -> Option<&mut Open> {
        self.slots.get_mut(index)?.open.as_deref_mut()
    }

    /// The open op that an event belongs to: the one that its `opener_id` names, or else the most
    /// recent with its name and ctx. Counts what cannot be found.
    fn owner(&mut self, event: &TraceEvent) -> Option<SpanIndex> {
        let found = match event.view().opener_id() {
            Some(id) => self.by_opener(&id),
            None => self.by_name(event),
        };
        match found {
            Some(index) => {
                if let Some(open) = self.open_mut(index) {
                    open.record.last_seen = open.record.last_seen.max(event.timestamp);
                }
            }
            None if event.kind != EventKind::OpEnd && event.kind != EventKind::GroupEnd => {
                self.anomalies.orphans += 1;
            }
            None => {}
        }
        found
    }

    fn by_opener(&mut self, id: &str) -> Option<SpanIndex> {
        let index = self.opener(id)?;
        self.slots[index].open.is_some().then_some(index)
    }

    /// The span that an event id opened, be it closed since; counts an id that opened none.
    fn opener(&mut self, id: &str) -> Option<SpanIndex> {
        let openers = self.openers.get_or_insert_with(|| {
            let ids = self.slots.iter().enumerate();
            ids.filter_map(|(index, slot)| Some((slot.start_event_id.clone()?, index)))
                .collect()
        });
        let found = openers.get(id).copied();
        self.anomalies.unknown_references += u64::from(found.is_none());
        found
    }

    fn by_name(&mut self, event: &TraceEvent) -> Option<SpanIndex> {
        let name = event.op_name.as_ref()?;
        let mut scope = Some(self.scopes.of(&event.ctx));
        while let Some(at) = scope {
            let executions = self.executions.get(&(name.clone(), at));
            if let Some(&index) = executions.and_then(|e| e.open.last()) {
                return Some(index);
            }
            // Only a yield's ctx carries the item's segment beyond the ctx of its op.
            scope = (event.kind == EventKind::OpYield)
                .then(|| self.scopes.get(at).parent)
                .flatten();
        }
        None
    }

    fn fold_yield(&mut self, event: &TraceEvent, view: OpYield<'_>) {
        let Some(index) = self.owner(event) else {
            return;
        };
        let scope = self.scopes.of(&event.ctx);
        let Some(open) = self.slots[index].open.as_deref_mut() else {
            return;
        };
        if self.scopes.is_inside(scope, open.scope) {
            self.scopes.get_mut(scope).introduced_by = Some(index);
        }
        let record = &mut open.record;
        let yields = &mut record.yields;
        yields.seen += 1;
        if let Some(idx) = view.idx.and_then(RawJson::as_i64) {
            yields.first_index = Some(yields.first_index.map_or(idx, |first| first.min(idx)));
            yields.last_index = Some(yields.last_index.map_or(idx, |last| last.max(idx)));
        }
        yields.first_at.get_or_insert(event.timestamp);
        yields.last_at = Some(event.timestamp);
        if let Some(old) = yields.last_value.take() {
            open.held -= old.len();
            self.held.release(old.len());
        }
        if let Some(value) = view.yielded.filter(|_| self.limits.content) {
            yields.last_value = self.held.keep(value, &mut record.content_dropped);
            open.held += yields.last_value.as_ref().map_or(0, |kept| kept.len());
        }
    }

    fn fold_annotation(&mut self, event: &TraceEvent, view: Annotation<'_>) {
        let target = if event.op_name.is_some() || view.opener_id.is_some() {
            match self.owner(event) {
                Some(index) => Some(index),
                None => return,
            }
        } else {
            self.open_groups.last().copied()
        };
        if let Some(open) = target.and_then(|index| self.open_mut(index)) {
            open.record.last_seen = open.record.last_seen.max(event.timestamp);
        }
        if !self.limits.content {
            return;
        }
        let mut dropped = 0;
        let note = self.keep_note(event, view, &mut dropped);
        let Some(open) = target.and_then(|index| self.slots[index].open.as_deref_mut()) else {
            match note {
                Some(note) => {
                    let freed = self.metadata.set(note);
                    self.held.release(freed);
                }
                None => self.anomalies.content_dropped += 1,
            }
            return;
        };
        open.record.content_dropped += dropped;
        let Some(note) = note else { return };
        open.held += note.key.len() + note.value.len();
        if open.record.is_op() {
            open.record.annotations.push(note);
        } else {
            let freed = open.metadata.set(note);
            open.held -= freed;
            self.held.release(freed);
        }
    }

    fn keep_note(
        &mut self,
        event: &TraceEvent,
        view: Annotation<'_>,
        dropped: &mut u64,
    ) -> Option<Note> {
        let key = view.key.and_then(RawJson::as_str).unwrap_or_default();
        let value = view.value.map_or("null", RawJson::text);
        let key = self.held.keep_text(&key, dropped)?;
        match self.held.keep_text(value, dropped) {
            Some(value) => Some(Note {
                key,
                value,
                at: event.timestamp,
            }),
            None => {
                self.held.release(key.len());
                None
            }
        }
    }

    fn fold_usage(&mut self, event: &TraceEvent, view: LlmUsage<'_>) {
        let call = usage_of(view);
        let owner = self.owner(event);
        let group = match owner {
            Some(index) => {
                if let Some(open) = self.open_mut(index) {
                    open.record.usage.add(&call);
                }
                self.slots[index].group
            }
            None => self.open_groups.last().copied(),
        };
        self.for_open_groups(group, |record| record.usage.add(&call));
        self.usage.add(&call);
    }

    fn fold_media(&mut self, event: &TraceEvent, view: MediaRef<'_>) {
        let Some(index) = self.owner(event) else {
            return;
        };
        if !self.limits.content {
            return;
        }
        let Some(open) = self.slots[index].open.as_deref_mut() else {
            return;
        };
        let mut keep = |value: Option<RawJson<'_>>| {
            let text = value.and_then(RawJson::as_str)?;
            self.held.keep_text(&text, &mut open.record.content_dropped)
        };
        let (handle, mime) = (keep(view.handle), keep(view.mime));
        open.held += handle.as_ref().map_or(0, |t| t.len()) + mime.as_ref().map_or(0, |t| t.len());
        open.record.media.push(Media {
            handle,
            mime,
            size_bytes: view.size_bytes.and_then(RawJson::as_i64),
        });
    }

    /// Applies a change to a group and every group around it that is still open.
    fn for_open_groups(
        &mut self,
        innermost: Option<SpanIndex>,
        mut change: impl FnMut(&mut SpanRecord),
    ) {
        let mut at = innermost;
        while let Some(index) = at {
            at = self.slots[index].group;
            if let Some(open) = self.open_mut(index) {
                change(&mut open.record);
            }
        }
    }

    fn group_ref(&self, group: Option<SpanIndex>) -> Option<GroupRef> {
        let index = group?;
        let name = self.group_names.get(&index)?.clone();
        Some(GroupRef {
            name,
            span_id: self.slots[index].span_id,
        })
    }
}

fn usage_of(view: LlmUsage<'_>) -> Usage {
    let tokens = |value: Option<RawJson<'_>>| value.and_then(RawJson::as_i64);
    let cost_usd = view.cost_usd.and_then(RawJson::as_f64);
    let model = view
        .model
        .and_then(RawJson::as_str)
        .map(|model| Text::new(&*model));
    Usage {
        calls: 1,
        calls_without_cost: u64::from(cost_usd.is_none()),
        prompt_tokens: tokens(view.prompt_tokens),
        completion_tokens: tokens(view.completion_tokens),
        total_tokens: tokens(view.total_tokens),
        cost_usd,
        models: model.into_iter().collect(),
    }
}
