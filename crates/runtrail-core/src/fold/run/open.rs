//! Opening spans: parents, groups, occurrences.

use super::{Open, RunFold, Slot, SpanIndex};
use crate::event::Status;
use crate::event::{GroupStart, OpStart, TraceEvent};
use crate::fold::content::Metadata;
use crate::fold::scope::ScopeId;
use crate::id::SpanId;
use crate::json::RawJson;
use crate::span::{Note, Parent, ParentRule, SpanName, SpanRecord, Usage, Yields};
use crate::text::Text;
use crate::time::Timestamp;

/// Where a new span hangs.
pub(super) struct Place {
    parent: Option<SpanIndex>,
    rule: ParentRule,
    group: Option<SpanIndex>,
}

impl RunFold {
    pub(super) fn open_op(&mut self, event: &TraceEvent, view: OpStart<'_>) {
        if !self.admits_another() {
            return;
        }
        let scope = self.scopes.of(&event.ctx);
        let op_name = self.known_name(event, scope);
        let place = self.place_op(&op_name, scope, view.parent_id);
        let name = self.name_op(event, op_name.clone(), scope);
        let mut record = self.draft(event, name, &place);
        record.start_event_id = Some(event.event_id.detached());
        let inputs = view.inputs.filter(|_| self.limits.content);
        record.inputs =
            inputs.and_then(|inputs| self.held.keep(inputs, &mut record.content_dropped));
        let held = record.inputs.as_ref().map_or(0, |inputs| inputs.len());
        let index = self.open(record, &place, scope, Metadata::default(), held);
        self.scopes.get_mut(scope).open_ops.push(index);
        self.executions
            .entry((op_name, scope))
            .or_default()
            .open
            .push(index);
    }

    pub(super) fn open_group(&mut self, event: &TraceEvent, view: GroupStart<'_>) {
        if !self.admits_another() {
            return;
        }
        let place = self.place_group(view.parent_id);
        let name = self.name_group(view.name);
        let mut record = self.draft(event, name, &place);
        record.start_event_id = Some(event.event_id.detached());
        let mut metadata = Metadata::default();
        let fields = self
            .limits
            .content
            .then(|| event.payload.raw().as_object())
            .flatten();
        for (key, value) in fields.into_iter().flatten() {
            if key == "name" || key == "parent_id" {
                continue;
            }
            let kept = self.held.keep_text(
                &format!("{key}{}", value.text()),
                &mut record.content_dropped,
            );
            if kept.is_some() {
                let freed = metadata.set(Note {
                    key: Text::new(&*key),
                    value: Text::new(value.text()),
                    at: event.timestamp,
                });
                self.held.release(freed);
            }
        }
        let held = metadata.held_bytes();
        let scope = self.scopes.of(&event.ctx);
        let label = record.label().clone();
        let index = self.open(record, &place, scope, metadata, held);
        self.open_groups.push(index);
        self.groups
            .entry(label.clone())
            .or_default()
            .open
            .push(index);
        self.group_names.insert(index, label);
    }

    /// The op's name, shared with its earlier executions in the scope.
    pub(super) fn known_name(&self, event: &TraceEvent, scope: ScopeId) -> Text {
        let name = event.op_name.clone().unwrap_or_default();
        match self.executions.get_key_value(&(name.clone(), scope)) {
            Some(((known, _), _)) => known.clone(),
            None => name.detached(),
        }
    }

    fn admits_another(&mut self) -> bool {
        let admits = self.open_spans < self.limits.max_open_spans;
        self.anomalies.open_limit += u64::from(!admits);
        admits
    }

    fn open(
        &mut self,
        record: SpanRecord,
        place: &Place,
        scope: ScopeId,
        metadata: Metadata,
        held: usize,
    ) -> SpanIndex {
        let index = self.slots.len();
        if let (Some(id), Some(openers)) = (&record.start_event_id, &mut self.openers) {
            openers.insert(id.clone(), index);
        }
        self.slots.push(Slot {
            span_id: record.span_id,
            depth: record.depth,
            parent: place.parent,
            group: place.group,
            start_event_id: record.start_event_id.clone(),
            open: Some(Box::new(Open {
                record,
                scope,
                metadata,
                held,
            })),
        });
        self.open_spans += 1;
        index
    }

    /// Names the next execution of an op in a scope.
    pub(super) fn name_op(
        &mut self,
        event: &TraceEvent,
        op_name: Text,
        scope: ScopeId,
    ) -> SpanName {
        let executions = self.executions.entry((op_name.clone(), scope)).or_default();
        let occurrence = executions.count;
        executions.count += 1;
        SpanName::Op {
            op_name,
            ctx: event.ctx.clone(),
            occurrence,
        }
    }

    /// Names the next group of a name.
    pub(super) fn name_group(&mut self, name: Option<RawJson<'_>>) -> SpanName {
        let name = Text::new(&*name.and_then(RawJson::as_str).unwrap_or_default());
        let groups = self.groups.entry(name.clone()).or_default();
        let occurrence = groups.count;
        groups.count += 1;
        SpanName::Group { name, occurrence }
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
        let group = self.open_groups.last().copied();
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
                parent: None,
                rule: ParentRule::Run,
                group,
            },
        }
    }

    fn place_group(&mut self, parent_id: Option<RawJson<'_>>) -> Place {
        if let Some(place) = self.place_by_id(parent_id) {
            return place;
        }
        let group = self.open_groups.last().copied();
        let rule = if group.is_some() {
            ParentRule::Group
        } else {
            ParentRule::Run
        };
        Place {
            parent: group,
            rule,
            group,
        }
    }

    pub(super) fn place_by_id(&mut self, parent_id: Option<RawJson<'_>>) -> Option<Place> {
        let id = parent_id.and_then(RawJson::as_str)?;
        let parent = self.opener(&id)?;
        let slot = &self.slots[parent];
        let is_group = self.group_names.contains_key(&parent);
        let group = if is_group { Some(parent) } else { slot.group };
        Some(Place {
            parent: Some(parent),
            rule: ParentRule::ParentId,
            group,
        })
    }

    fn yielding_op(&self, scope: ScopeId) -> Option<SpanIndex> {
        self.scopes
            .upwards(scope)
            .find_map(|scope| scope.introduced_by)
    }

    fn enclosing_op(&self, scope: ScopeId) -> Option<SpanIndex> {
        self.scopes
            .upwards(scope)
            .skip(1)
            .find_map(|scope| scope.open_ops.last().copied())
    }

    fn prefix_op(&self, name: &str, scope: ScopeId) -> Option<SpanIndex> {
        let prefixes = name.rmatch_indices('.').map(|(dot, _)| &name[..dot]);
        prefixes.into_iter().find_map(|prefix| {
            let executions = self.executions.get(&(Text::new(prefix), scope))?;
            executions.open.last().copied()
        })
    }

    /// Starts the record of a span from the event that opens it, or that closes it where it has no opener.
    pub(super) fn draft(&self, event: &TraceEvent, name: SpanName, place: &Place) -> SpanRecord {
        let parent = place.parent.map(|index| &self.slots[index]);
        SpanRecord {
            request_id: self.request_id.clone(),
            span_id: self.span_id(&name),
            name,
            parent: place
                .parent
                .map_or(Parent::Run, |index| self.parent_ref(index)),
            parent_rule: place.rule,
            group: self.group_ref(place.group),
            depth: parent.map_or(1, |slot| slot.depth + 1),
            started_at: event.timestamp,
            ended_at: None,
            last_seen: event.timestamp,
            duration_ms: None,
            status: Status::Truncated,
            missing: None,
            error: None,
            yields: Yields::default(),
            usage: Usage::default(),
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
        }
    }

    fn parent_ref(&self, index: SpanIndex) -> Parent {
        let span_id = self.slots[index].span_id;
        if self.group_names.contains_key(&index) {
            Parent::Group(span_id)
        } else {
            Parent::Op(span_id)
        }
    }

    fn span_id(&self, name: &SpanName) -> SpanId {
        match name {
            SpanName::Op {
                op_name,
                ctx,
                occurrence,
            } => self.ids.op(op_name, ctx, *occurrence),
            SpanName::Group { name, occurrence } => self.ids.group(name, *occurrence),
        }
    }
}

impl Place {
    pub(super) fn group(&self) -> Option<SpanIndex> {
        self.group
    }
}

/// When a span that only ended must have begun.
pub(super) fn derived_start(ended_at: Timestamp, duration_ms: Option<f64>) -> Timestamp {
    duration_ms.map_or(ended_at, |millis| ended_at.minus_millis(millis))
}
