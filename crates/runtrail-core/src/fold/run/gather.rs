//! What comes while a span is open: items, notes, usage, media.

use super::RunFold;
use crate::event::{Annotation, LlmUsage, MediaRef, OpYield, TraceEvent};
use crate::fold::slot::SpanIndex;
use crate::json::RawJson;
use crate::link::{Link, is_link_key};
use crate::span::{LlmCall, Media, Note, SpanRecord, Usage, YieldMoment};
use crate::text::Text;
use crate::time::Timestamp;

/// Links kept of one run: more than a person follows, and a hostile run must not grow the list.
const MAX_LINKS: usize = 1024;

impl RunFold {
    pub(super) fn fold_yield(&mut self, event: &TraceEvent, view: OpYield<'_>) {
        let Some(index) = self.owner(event, view.opener_id) else {
            return;
        };
        let keeps_content = self.keeps_content();
        let Some(draft) = self.tables.slots[index.get()].draft() else {
            return;
        };
        let scopes = &mut self.tables.scopes;
        let scope = scopes.of(&event.ctx);
        if scopes.is_inside(scope, draft.scope) {
            scopes.here_mut(scope).introduced_by = Some(index);
        }
        let yields = &mut draft.record.yields;
        yields.seen += 1;
        let index_of_item = view.idx.and_then(RawJson::as_i64);
        if let Some(idx) = index_of_item {
            yields.first_index = Some(yields.first_index.map_or(idx, |first| first.min(idx)));
            yields.last_index = Some(yields.last_index.map_or(idx, |last| last.max(idx)));
        }
        yields.first_at.get_or_insert(event.timestamp);
        yields.last_at = Some(event.timestamp);
        if keeps_content {
            let bytes = yields.moments.bytes_to_grow();
            if self.held.admit(bytes, &mut draft.record.content_dropped) {
                draft.held += bytes;
                yields.moments.push(YieldMoment {
                    index: index_of_item,
                    at: event.timestamp,
                });
            }
        }
        if let Some(old) = yields.last_value.take() {
            draft.held -= old.len();
            self.held.release(old.len());
        }
        if let Some(value) = view.yielded {
            let dropped = &mut draft.record.content_dropped;
            yields.last_value = self.held.share(&event.payload, value, dropped);
            draft.held += yields.last_value.as_ref().map_or(0, |kept| kept.len());
            self.refresh(index);
        }
    }

    /// Notes that a span's texts may share the chunk of the last event.
    pub(super) fn refresh(&mut self, index: SpanIndex) {
        if let Some(draft) = self.tables.slots[index.get()].draft()
            && !std::mem::replace(&mut draft.fresh, true)
        {
            self.tables.fresh.push(index);
        }
    }

    pub(super) fn fold_annotation(&mut self, event: &TraceEvent, view: Annotation<'_>) {
        if view.key.is_some_and(is_link_key)
            && let Some(link) = Link::of_event(event)
        {
            self.keep_link(link);
            return;
        }
        let target = if event.op_name.is_some() || view.opener_id.is_some() {
            match self.owner(event, view.opener_id) {
                Some(index) => Some(index),
                None => return,
            }
        } else {
            self.tables.open_groups.last().copied()
        };
        if let Some(draft) = target.and_then(|index| self.draft_mut(index)) {
            draft.record.last_seen = draft.record.last_seen.max(event.timestamp);
        }
        if !self.keeps_content() {
            return;
        }
        let mut dropped = 0;
        let note = self.keep_note(event, view, &mut dropped);
        let slots = &mut self.tables.slots;
        let Some(draft) = target.and_then(|index| slots[index.get()].draft()) else {
            match note {
                Some(note) => {
                    let freed = self.metadata.set(note);
                    self.held.release(freed);
                }
                None => self.anomalies.content_dropped += 1,
            }
            return;
        };
        draft.record.content_dropped += dropped;
        let Some(note) = note else { return };
        draft.held += note.key.len() + note.value.len();
        if draft.record.is_op() {
            draft.record.annotations.push(note);
        } else {
            let freed = draft.metadata.get_or_insert_default().set(note);
            draft.held -= freed;
            self.held.release(freed);
        }
    }

    /// Keeps a link also where content is not: it says who belongs to whom, not what was said.
    fn keep_link(&mut self, link: Link) {
        let mut dropped = 0;
        let has_room = self.links.len() < MAX_LINKS;
        if has_room && self.held.admit(link.text_bytes(), &mut dropped) {
            self.links.push(link);
        } else {
            self.anomalies.content_dropped += 1;
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

    pub(super) fn fold_usage(&mut self, event: &TraceEvent, view: LlmUsage<'_>) {
        let call = usage_of(view);
        let owner = self.owner(event, view.opener_id);
        let group = match owner {
            Some(index) => {
                if let Some(draft) = self.draft_mut(index) {
                    draft.record.usage.add(&call);
                }
                self.slot(index).group
            }
            None => self.tables.open_groups.last().copied(),
        };
        if self.keeps_content() {
            self.keep_call(owner, one_call(&call, event.timestamp));
        }
        self.for_open_groups(group, |record| record.usage.add(&call));
        self.usage.add(&call);
    }

    fn keep_call(&mut self, owner: Option<SpanIndex>, call: LlmCall) {
        let bytes = size_of::<LlmCall>() + call.model.as_ref().map_or(0, |model| model.len());
        let slots = &mut self.tables.slots;
        if let Some(draft) = owner.and_then(|index| slots[index.get()].draft()) {
            let dropped = &mut draft.record.content_dropped;
            if self.held.admit(bytes, dropped) {
                draft.held += bytes;
                draft.record.llm_calls.push(call);
            }
        } else if self.held.admit(bytes, &mut 0) {
            self.stray_calls.push(call);
        } else {
            self.anomalies.content_dropped += 1;
        }
    }

    pub(super) fn fold_media(&mut self, event: &TraceEvent, view: MediaRef<'_>) {
        let Some(index) = self.owner(event, view.opener_id) else {
            return;
        };
        if !self.keeps_content() {
            return;
        }
        let Some(draft) = self.tables.slots[index.get()].draft() else {
            return;
        };
        let mut keep = |value: Option<RawJson<'_>>| {
            let text = value.and_then(RawJson::as_str)?;
            let dropped = &mut draft.record.content_dropped;
            self.held.keep_text(&text, dropped)
        };
        let (handle, mime) = (keep(view.handle), keep(view.mime));
        draft.held += handle.as_ref().map_or(0, |t| t.len()) + mime.as_ref().map_or(0, |t| t.len());
        draft.record.media.push(Media {
            handle,
            mime,
            size_bytes: view.size_bytes.and_then(RawJson::as_i64),
            at: event.timestamp,
        });
    }

    /// Applies a change to a group and every group around it that is still open.
    pub(super) fn for_open_groups(
        &mut self,
        innermost: Option<SpanIndex>,
        mut change: impl FnMut(&mut SpanRecord),
    ) {
        let mut at = innermost;
        while let Some(index) = at {
            let slot = &mut self.tables.slots[index.get()];
            at = slot.group;
            if let Some(draft) = slot.draft() {
                change(&mut draft.record);
            }
        }
    }
}

fn one_call(call: &Usage, at: Timestamp) -> LlmCall {
    LlmCall {
        at,
        model: call.models.first().cloned(),
        prompt_tokens: call.prompt_tokens,
        completion_tokens: call.completion_tokens,
        total_tokens: call.total_tokens,
        cost_usd: call.cost_usd,
    }
}

fn usage_of(view: LlmUsage<'_>) -> Usage {
    let tokens = |value: Option<RawJson<'_>>| value.and_then(RawJson::as_i64);
    let cost_usd = view.cost_usd.and_then(RawJson::as_f64);
    let model = view
        .model
        .and_then(RawJson::as_str)
        .map(|model| Text::from(&*model));
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
