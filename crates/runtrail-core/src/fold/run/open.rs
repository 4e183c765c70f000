//! Opening spans: occurrences, parents, drafts.

use super::{RunFold, Tables};
use crate::event::{GroupStart, OpStart, Status, TraceEvent};
use crate::fold::name::NameId;
use crate::fold::scope::ScopeId;
use crate::fold::slot::{Draft, Identity, Slot, SpanIndex, State};
use crate::json::RawJson;
use crate::span::{GroupRef, Note, Parent, ParentRule, SpanName, SpanRecord, Usage, Yields};
use crate::text::Text;
use crate::time::Timestamp;

/// Where a new span hangs.
#[derive(Clone, Copy)]
pub(super) struct Place {
    parent: Option<SpanIndex>,
    rule: ParentRule,
    pub(super) group: Option<SpanIndex>,
}

impl RunFold {
    pub(super) fn open_op(&mut self, event: &TraceEvent, view: OpStart<'_>) {
        let Some(index) = self.next_index() else {
            return;
        };
        let scope = self.tables.scopes.of(&event.ctx);
        let op_name = event.op_name.as_deref().unwrap_or_default();
        let name = self.tables.names.of(op_name, Some(scope));
        let place = self.place_op(op_name, scope, view.parent_id);
        let mut draft = self.open_draft(event, name, place, scope);
        if let (Some(draft), Some(inputs)) = (&mut draft, view.inputs) {
            let dropped = &mut draft.record.content_dropped;
            draft.record.inputs = self.held.share(&event.payload, inputs, dropped);
            draft.held = draft.record.inputs.as_ref().map_or(0, |kept| kept.len());
        }
        self.open(index, event, name, place, draft);
        let opened = &mut self.tables.scopes.here_mut(scope).open_op;
        self.tables.slots[index.get()].before_in_scope = opened.replace(index);
    }

    pub(super) fn open_group(&mut self, event: &TraceEvent, view: GroupStart<'_>) {
        let Some(index) = self.next_index() else {
            return;
        };
        let place = self.place_group(view.parent_id);
        let name = self.group_name(view.name);
        let scope = self.tables.scopes.of(&event.ctx);
        let mut draft = self.open_draft(event, name, place, scope);
        if let Some(draft) = draft.as_deref_mut().filter(|_| self.keeps_content()) {
            self.take_metadata(event, draft);
        }
        self.open(index, event, name, place, draft);
        self.tables.slots[index.get()].is_group = true;
        self.tables.open_groups.push(index);
    }

    fn take_metadata(&mut self, event: &TraceEvent, draft: &mut Draft) {
        for (key, value) in event.payload.raw().as_object().into_iter().flatten() {
            if key == "name" || key == "parent_id" {
                continue;
            }
            let bytes = key.len() + value.text().len();
            if self.held.admit(bytes, &mut draft.record.content_dropped) {
                let freed = draft.metadata.get_or_insert_default().set(Note {
                    key: Text::from(&*key),
                    value: Text::from(value.text()),
                    at: event.timestamp,
                });
                self.held.release(freed);
            }
        }
        draft.held = draft.metadata.as_ref().map_or(0, |kept| kept.held_bytes());
    }

    /// The index of the next span; `None`, counted, where too many are open.
    fn next_index(&mut self) -> Option<SpanIndex> {
        let next = SpanIndex::nth(self.tables.slots.len())
            .filter(|_| self.open_spans < self.limits.max_open_spans);
        self.anomalies.open_limit += u64::from(next.is_none());
        next
    }

    /// Adds a span that is open.
    fn open(
        &mut self,
        index: SpanIndex,
        event: &TraceEvent,
        name: NameId,
        place: Place,
        draft: Option<Box<Draft>>,
    ) {
        let Tables {
            slots,
            names,
            openers,
            fresh,
            ..
        } = &mut self.tables;
        openers.push(index, &event.event_id);
        if draft.is_some() {
            fresh.push(index);
        }
        slots.push(Slot {
            parent: place.parent,
            group: place.group,
            name,
            started_at: event.timestamp,
            before_in_name: names.get_mut(name).open.replace(index),
            before_in_scope: None,
            is_group: false,
            identity: draft.as_ref().map(|draft| Identity {
                span_id: draft.record.span_id,
                depth: draft.record.depth,
            }),
            state: draft.map_or(State::Counted, State::Drafted),
        });
        self.open_spans += 1;
    }

    pub(super) fn group_name(&mut self, name: Option<RawJson<'_>>) -> NameId {
        let name = name.and_then(RawJson::as_str).unwrap_or_default();
        self.tables.names.of(&name, None)
    }

    /// Finds the parent of an op, by the first rule that matches.
    pub(super) fn place_op(
        &mut self,
        name: &str,
        scope: ScopeId,
        parent_id: Option<RawJson<'_>>,
    ) -> Place {
        if let Some(place) = self.place_by_id(parent_id) {
            return place;
        }
        if !self.drafts_spans() {
            return Place::NOWHERE;
        }
        let group = self.tables.open_groups.last().copied();
        let found = None
            .or_else(|| self.yielding_op(scope).map(|op| (op, ParentRule::Yield)))
            .or_else(|| {
                self.enclosing_op(scope)
                    .map(|op| (op, ParentRule::CtxPrefix))
            })
            .or_else(|| {
                self.prefix_op(name, scope)
                    .map(|op| (op, ParentRule::NamePrefix))
            })
            .or_else(|| group.map(|group| (group, ParentRule::Group)));
        match found {
            Some((parent, rule)) => Place {
                parent: Some(parent),
                rule,
                group,
            },
            None => Place {
                group,
                ..Place::NOWHERE
            },
        }
    }

    pub(super) fn place_group(&mut self, parent_id: Option<RawJson<'_>>) -> Place {
        if let Some(place) = self.place_by_id(parent_id) {
            return place;
        }
        match self.tables.open_groups.last() {
            Some(&group) => Place {
                parent: Some(group),
                rule: ParentRule::Group,
                group: Some(group),
            },
            None => Place::NOWHERE,
        }
    }

    fn place_by_id(&mut self, parent_id: Option<RawJson<'_>>) -> Option<Place> {
        let id = parent_id.and_then(RawJson::as_str)?;
        let parent = self.opener(&id)?;
        let slot = self.slot(parent);
        let group = if slot.is_group {
            Some(parent)
        } else {
            slot.group
        };
        Some(Place {
            parent: Some(parent),
            rule: ParentRule::ParentId,
            group,
        })
    }

    fn yielding_op(&self, scope: ScopeId) -> Option<SpanIndex> {
        let mut scopes = self.tables.scopes.upwards(scope);
        scopes.find_map(|here| here.introduced_by)
    }

    fn enclosing_op(&self, scope: ScopeId) -> Option<SpanIndex> {
        let mut around = self.tables.scopes.upwards(scope).skip(1);
        around.find_map(|here| here.open_op)
    }

    fn prefix_op(&self, name: &str, scope: ScopeId) -> Option<SpanIndex> {
        let Tables { scopes, names, .. } = &self.tables;
        // Mostly nothing else is open in the scope, which spares looking for the prefixes.
        scopes.here(scope).open_op?;
        let mut prefixes = name.rmatch_indices('.').map(|(dot, _)| &name[..dot]);
        prefixes.find_map(|prefix| names.open(prefix, Some(scope)))
    }

    /// Drafts the record of a span that opens, where spans are handed out.
    fn open_draft(
        &mut self,
        event: &TraceEvent,
        name: NameId,
        place: Place,
        scope: ScopeId,
    ) -> Option<Box<Draft>> {
        if !self.drafts_spans() {
            return None;
        }
        let mut draft = Box::new(Draft {
            record: self.record(event, name, place),
            scope,
            metadata: None,
            held: 0,
            fresh: true,
        });
        // An id of another chunk than the payload's would not be let go of in time.
        let shares_chunk = event.event_id.shares_chunk(event.payload.text());
        draft.record.start_event_id = Some(if shares_chunk {
            event.event_id.clone()
        } else {
            event.event_id.detached()
        });
        Some(draft)
    }

    /// Starts the record of a span from the event that opens it, or that closes it where it has no
    /// opener.
    pub(super) fn record(&mut self, event: &TraceEvent, name: NameId, place: Place) -> SpanRecord {
        let of_name = self.tables.names.get_mut(name);
        let occurrence = of_name.next_occurrence();
        let (text, is_op) = (of_name.text.clone(), of_name.scope.is_some());
        let (span_id, name) = if is_op {
            let name = SpanName::Op {
                op_name: text,
                ctx: event.ctx.clone(),
                occurrence,
            };
            (self.ids.op(&of_name.text, &event.ctx, occurrence), name)
        } else {
            let name = SpanName::Group {
                name: text,
                occurrence,
            };
            (self.ids.group(&of_name.text, occurrence), name)
        };
        let (parent, depth) = self.parent_ref(place.parent);
        SpanRecord {
            request_id: self.request_id.clone(),
            span_id,
            name,
            parent,
            parent_rule: place.rule,
            group: self.group_ref(place.group),
            depth,
            started_at: event.timestamp,
            ended_at: None,
            last_seen: event.timestamp,
            duration_ms: None,
            status: Status::Truncated,
            missing: None,
            error: None,
            yields: Yields::default(),
            usage: Usage::default(),
            llm_calls: Vec::new(),
            ops: 0,
            errors: 0,
            inputs: None,
            outputs: None,
            annotations: Vec::new(),
            metadata: None,
            media: Vec::new(),
            content_dropped: 0,
            start_event_id: None,
            end_event_id: None,
            seq: event.seq,
            end_seq: None,
        }
    }

    /// The parent, and how deep in it a span is.
    fn parent_ref(&self, parent: Option<SpanIndex>) -> (Parent, u32) {
        let Some(slot) = parent.map(|parent| self.slot(parent)) else {
            return (Parent::Run, 1);
        };
        match slot.identity {
            Some(Identity { span_id, depth }) if slot.is_group => {
                (Parent::Group(span_id), depth + 1)
            }
            Some(Identity { span_id, depth }) => (Parent::Op(span_id), depth + 1),
            None => (Parent::Run, 1),
        }
    }

    fn group_ref(&self, group: Option<SpanIndex>) -> Option<GroupRef> {
        let slot = self.slot(group?);
        Some(GroupRef {
            name: self.tables.names.get(slot.name).text.clone(),
            span_id: slot.identity?.span_id,
        })
    }
}

impl Place {
    const NOWHERE: Self = Self {
        parent: None,
        rule: ParentRule::Run,
        group: None,
    };
}

/// When a span that only ended must have begun.
pub(super) fn derived_start(ended_at: Timestamp, duration_ms: Option<f64>) -> Timestamp {
    duration_ms.map_or(ended_at, |millis| ended_at.minus_millis(millis))
}
