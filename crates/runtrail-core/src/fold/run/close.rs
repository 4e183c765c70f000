//! Closing spans: pairing ends, sums for the groups around, what never ended.

use super::open::derived_start;
use super::{RunFold, Tables};
use crate::event::{GroupEnd, OpEnd, Status, TraceEvent};
use crate::fold::slot::{Draft, SpanIndex, State, first_open};
use crate::json::RawJson;
use crate::span::{MissingEnd, SpanError, SpanRecord};
use crate::text::Text;

impl RunFold {
    pub(super) fn close_op(
        &mut self,
        event: &TraceEvent,
        view: OpEnd<'_>,
        spans: &mut Vec<SpanRecord>,
    ) {
        let owner = self
            .owner(event, view.opener_id)
            .filter(|&index| !self.slot(index).is_group);
        let has_error = view.error.is_some_and(|error| !error.is_null());
        let status = self.status_of(view.status, has_error);
        self.count_op(status);
        if let Some(index) = owner {
            self.check_order(index, event);
            let group = self.slot(index).group;
            if let Some(mut draft) = self.take(index) {
                end_op(&mut draft.record, event, view, status);
                self.sum_up(&draft.record, group);
                spans.push(draft.record);
            }
            return;
        }
        self.anomalies.op_end_without_start += 1;
        if self.drafts_spans() {
            let (mut record, group) = self.op_without_start(event, view);
            end_op(&mut record, event, view, status);
            self.sum_up(&record, group);
            spans.push(record);
        }
    }

    pub(super) fn close_group(
        &mut self,
        event: &TraceEvent,
        view: GroupEnd<'_>,
        spans: &mut Vec<SpanRecord>,
    ) {
        let found = match view.opener_id.and_then(RawJson::as_str) {
            Some(id) => self
                .by_opener(&id)
                .filter(|&index| self.slot(index).is_group),
            None => {
                let name = view.name.and_then(RawJson::as_str).unwrap_or_default();
                self.tables.names.open(&name, None)
            }
        };
        let status = self.status_of(view.status, false);
        self.count_group(status);
        if let Some(index) = found {
            self.check_order(index, event);
            if let Some(mut draft) = self.take(index) {
                end(&mut draft.record, event, None, status);
                self.hand_out_group(*draft, spans);
            }
            return;
        }
        self.anomalies.group_end_without_start += 1;
        if self.drafts_spans() {
            let place = self.place_group(None);
            let name = self.group_name(view.name);
            let mut record = self.record(event, name, place);
            record.missing = Some(MissingEnd::Start);
            end(&mut record, event, None, status);
            spans.push(record);
        }
    }

    /// Closes a span that the stream never closed, if it is open.
    pub(super) fn close_unended(&mut self, index: SpanIndex, spans: &mut Vec<SpanRecord>) {
        let slot = self.slot(index);
        if !slot.is_open() {
            return;
        }
        let (is_group, group) = (slot.is_group, slot.group);
        let draft = self.take(index);
        if is_group {
            self.anomalies.group_start_without_end += 1;
            self.count_group(Status::Truncated);
            if let Some(mut draft) = draft {
                draft.record.missing = Some(MissingEnd::End);
                self.hand_out_group(*draft, spans);
            }
        } else {
            self.anomalies.op_start_without_end += 1;
            self.count_op(Status::Truncated);
            if let Some(mut draft) = draft {
                draft.record.missing = Some(MissingEnd::End);
                draft.record.yields.count = draft.record.yields.seen;
                self.sum_up(&draft.record, group);
                spans.push(draft.record);
            }
        }
    }

    /// Reads a status; one that is missing or unknown is told by whether an error is stated.
    fn status_of(&mut self, value: Option<RawJson<'_>>, has_error: bool) -> Status {
        let stated = value.filter(|value| !value.is_null());
        let known = match stated.map(RawJson::text) {
            Some("\"ok\"") => Some(Status::Ok),
            _ => stated
                .and_then(RawJson::as_str)
                .and_then(|name| Status::parse(&name)),
        };
        self.anomalies.unknown_status += u64::from(stated.is_some() && known.is_none());
        known.unwrap_or(if has_error { Status::Error } else { Status::Ok })
    }

    fn check_order(&mut self, index: SpanIndex, end: &TraceEvent) {
        let early = end.timestamp < self.slot(index).started_at;
        self.anomalies.end_before_start += u64::from(early);
    }

    fn count_op(&mut self, status: Status) {
        self.counts.ops += 1;
        self.counts.errors += u64::from(status == Status::Error);
        self.counts.cancelled += u64::from(status == Status::Cancelled);
        self.counts.truncated_ops += u64::from(status == Status::Truncated);
    }

    fn count_group(&mut self, status: Status) {
        self.counts.groups += 1;
        self.counts.truncated_groups += u64::from(status == Status::Truncated);
    }

    fn op_without_start(
        &mut self,
        event: &TraceEvent,
        view: OpEnd<'_>,
    ) -> (SpanRecord, Option<SpanIndex>) {
        let scope = self.tables.scopes.of(&event.ctx);
        let op_name = event.op_name.as_deref().unwrap_or_default();
        let name = self.tables.names.of(op_name, Some(scope));
        let place = self.place_op(op_name, scope, None);
        let mut record = self.record(event, name, place);
        record.missing = Some(MissingEnd::Start);
        record.started_at = derived_start(event.timestamp, duration_of(view));
        (record, place.group)
    }

    /// Takes a span out of everything that is open, and what is drafted of it.
    fn take(&mut self, index: SpanIndex) -> Option<Box<Draft>> {
        let Tables {
            slots,
            names,
            scopes,
            open_groups,
            fresh,
            ..
        } = &mut self.tables;
        let slot = &mut slots[index.get()];
        let (state, parent) = (
            std::mem::replace(&mut slot.state, State::Closed),
            slot.parent,
        );
        self.open_spans -= 1;
        let name = names.get_mut(slot.name);
        name.open = first_open(slots, name.open, |slot| slot.before_in_name);
        match name.scope {
            Some(scope) => {
                let here = scopes.here_mut(scope);
                here.open_op = first_open(slots, here.open_op, |slot| slot.before_in_scope);
            }
            None => pop_closed(open_groups, |index| slots[index.get()].is_open()),
        }
        let State::Drafted(draft) = state else {
            return None;
        };
        pop_closed(fresh, |index| slots[index.get()].is_open());
        self.held.release(draft.held);
        if let Some(parent) = parent.and_then(|parent| slots[parent.get()].draft()) {
            parent.record.last_seen = parent.record.last_seen.max(draft.record.last_seen);
        }
        Some(draft)
    }

    /// Adds an op that ended to the groups that it ran in.
    fn sum_up(&mut self, record: &SpanRecord, group: Option<SpanIndex>) {
        let failed = u64::from(record.status == Status::Error);
        self.anomalies.content_dropped += u64::from(record.content_dropped > 0);
        self.for_open_groups(group, |group| {
            group.ops += 1;
            group.errors += failed;
        });
    }

    fn hand_out_group(&mut self, draft: Draft, spans: &mut Vec<SpanRecord>) {
        let mut record = draft.record;
        record.metadata = draft.metadata.and_then(|metadata| metadata.to_json());
        self.anomalies.content_dropped += u64::from(record.content_dropped > 0);
        spans.push(record);
    }
}

fn duration_of(view: OpEnd<'_>) -> Option<f64> {
    view.duration_ms
        .and_then(RawJson::as_f64)
        .filter(|millis| *millis >= 0.0)
}

fn end_op(record: &mut SpanRecord, event: &TraceEvent, view: OpEnd<'_>, status: Status) {
    end(record, event, duration_of(view), status);
    record.outputs = view.outputs.map(|outputs| event.payload.share(outputs));
    record.error = view.error_info().map(|error| SpanError {
        kind: error.kind.map(|kind| Text::from(&*kind)),
        message: error.message.map(|message| Text::from(&*message)),
    });
    let stated = view
        .yield_count
        .and_then(RawJson::as_i64)
        .and_then(|count| u64::try_from(count).ok());
    record.yields.count = stated.unwrap_or(record.yields.seen);
}

fn end(record: &mut SpanRecord, event: &TraceEvent, duration_ms: Option<f64>, status: Status) {
    let ended_at = event.timestamp.max(record.started_at);
    record.ended_at = Some(ended_at);
    record.last_seen = record.last_seen.max(ended_at);
    record.duration_ms = duration_ms.or_else(|| {
        let whole = record.missing != Some(MissingEnd::Start);
        whole.then(|| ended_at.millis_since(record.started_at))
    });
    record.end_event_id = Some(event.event_id.clone());
    record.end_seq = Some(event.seq);
    record.status = status;
}

/// Removes the closed spans at the end of a list, so that its last one is open.
///
/// Others stay until they come to be at the end, for the reason that [`first_open`] gives.
fn pop_closed(list: &mut Vec<SpanIndex>, is_open: impl Fn(SpanIndex) -> bool) {
    while list.pop_if(|index| !is_open(*index)).is_some() {}
}
