//! Closing spans: pairing ends, sums for the groups around, what never ended.

use super::open::derived_start;
use super::{Open, RunFold, Slot, SpanIndex};
use crate::event::{GroupEnd, OpEnd, Status, TraceEvent};
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
            .owner(event)
            .filter(|&index| !self.group_names.contains_key(&index));
        let duration_ms = view
            .duration_ms
            .and_then(RawJson::as_f64)
            .filter(|millis| *millis >= 0.0);
        let status = self.status_of(
            view.status,
            view.error.is_some_and(|error| !error.is_null()),
        );
        let (mut record, group) = match owner.and_then(|index| self.take_op(index)) {
            Some(taken) => taken,
            None => self.op_without_start(event, duration_ms),
        };
        self.end(&mut record, event, duration_ms);
        record.status = status;
        let outputs = view.outputs.filter(|_| self.limits.content);
        record.outputs = outputs.map(|outputs| event.payload.share(outputs));
        record.error = view.error_info().map(|error| SpanError {
            kind: error.kind.map(|kind| Text::new(&*kind)),
            message: error.message.map(|message| Text::new(&*message)),
        });
        let stated = view
            .yield_count
            .and_then(RawJson::as_i64)
            .and_then(|count| u64::try_from(count).ok());
        record.yields.count = stated.unwrap_or(record.yields.seen);
        self.hand_out_op(record, group, spans);
    }

    pub(super) fn close_group(
        &mut self,
        event: &TraceEvent,
        view: GroupEnd<'_>,
        spans: &mut Vec<SpanRecord>,
    ) {
        let name = view.name.and_then(RawJson::as_str).unwrap_or_default();
        let found = match event.view().opener_id() {
            Some(id) => self
                .by_opener(&id)
                .filter(|index| self.group_names.contains_key(index)),
            None => self
                .groups
                .get(&*name)
                .and_then(|groups| groups.open.last().copied()),
        };
        let status = self.status_of(view.status, false);
        let mut record = match found.and_then(|index| self.take_group(index)) {
            Some(record) => record,
            None => {
                self.anomalies.group_end_without_start += 1;
                let place = self.place_op("", 0, None);
                let name = self.name_group(view.name);
                let mut record = self.draft(event, name, &place);
                record.missing = Some(MissingEnd::Start);
                record
            }
        };
        self.end(&mut record, event, None);
        record.status = status;
        self.hand_out_group(record, spans);
    }

    /// Closes a span that the stream never closed, if it is open.
    pub(super) fn close_unended(&mut self, index: SpanIndex, spans: &mut Vec<SpanRecord>) {
        if self.slots[index].open.is_none() {
            return;
        }
        if self.group_names.contains_key(&index) {
            if let Some(mut record) = self.take_group(index) {
                self.anomalies.group_start_without_end += 1;
                record.missing = Some(MissingEnd::End);
                self.hand_out_group(record, spans);
            }
        } else if let Some((mut record, group)) = self.take_op(index) {
            self.anomalies.op_start_without_end += 1;
            record.missing = Some(MissingEnd::End);
            record.yields.count = record.yields.seen;
            self.hand_out_op(record, group, spans);
        }
    }

    /// Reads a status; one that is missing or unknown is told by whether an error is stated.
    fn status_of(&mut self, value: Option<RawJson<'_>>, has_error: bool) -> Status {
        let stated = value.filter(|value| !value.is_null());
        let known = stated
            .and_then(RawJson::as_str)
            .and_then(|name| Status::parse(&name));
        self.anomalies.unknown_status += u64::from(stated.is_some() && known.is_none());
        known.unwrap_or(if has_error { Status::Error } else { Status::Ok })
    }

    fn end(&mut self, record: &mut SpanRecord, event: &TraceEvent, duration_ms: Option<f64>) {
        self.anomalies.end_before_start += u64::from(event.timestamp < record.started_at);
        let ended_at = event.timestamp.max(record.started_at);
        record.ended_at = Some(ended_at);
        record.last_seen = record.last_seen.max(ended_at);
        record.duration_ms = duration_ms.or_else(|| {
            let whole = record.missing != Some(MissingEnd::Start);
            whole.then(|| ended_at.millis_since(record.started_at))
        });
        record.end_event_id = Some(event.event_id.clone());
        record.end_seq = Some(event.seq);
    }

    fn op_without_start(
        &mut self,
        event: &TraceEvent,
        duration_ms: Option<f64>,
    ) -> (SpanRecord, Option<SpanIndex>) {
        self.anomalies.op_end_without_start += 1;
        let scope = self.scopes.of(&event.ctx);
        let op_name = self.known_name(event, scope);
        let place = self.place_op(&op_name, scope, None);
        let name = self.name_op(event, op_name, scope);
        let mut record = self.draft(event, name, &place);
        record.missing = Some(MissingEnd::Start);
        record.started_at = derived_start(event.timestamp, duration_ms);
        (record, place.group())
    }

    /// Takes an op out of everything that is open.
    fn take_op(&mut self, index: SpanIndex) -> Option<(SpanRecord, Option<SpanIndex>)> {
        let open = self.take(index)?;
        let scope = open.scope;
        pop_closed(&mut self.scopes.get_mut(scope).open_ops, &self.slots);
        if let Some(executions) = self
            .executions
            .get_mut(&(open.record.label().clone(), scope))
        {
            pop_closed(&mut executions.open, &self.slots);
        }
        Some((open.record, self.slots[index].group))
    }

    /// Takes a group out of everything that is open.
    fn take_group(&mut self, index: SpanIndex) -> Option<SpanRecord> {
        let mut open = self.take(index)?;
        pop_closed(&mut self.open_groups, &self.slots);
        if let Some(groups) = self.groups.get_mut(open.record.label()) {
            pop_closed(&mut groups.open, &self.slots);
        }
        open.record.metadata = open.metadata.into_json();
        Some(open.record)
    }

    fn take(&mut self, index: SpanIndex) -> Option<Box<Open>> {
        let open = self.slots[index].open.take()?;
        self.open_spans -= 1;
        self.held.release(open.held);
        let last_seen = open.record.last_seen;
        if let Some(parent) = self.slots[index]
            .parent
            .and_then(|parent| self.open_mut(parent))
        {
            parent.record.last_seen = parent.record.last_seen.max(last_seen);
        }
        Some(open)
    }

    fn hand_out_op(
        &mut self,
        record: SpanRecord,
        group: Option<SpanIndex>,
        spans: &mut Vec<SpanRecord>,
    ) {
        let failed = u64::from(record.status == Status::Error);
        self.counts.ops += 1;
        self.counts.errors += failed;
        self.counts.cancelled += u64::from(record.status == Status::Cancelled);
        self.counts.truncated_ops += u64::from(record.status == Status::Truncated);
        self.anomalies.content_dropped += u64::from(record.content_dropped > 0);
        self.for_open_groups(group, |group| {
            group.ops += 1;
            group.errors += failed;
        });
        spans.push(record);
    }

    fn hand_out_group(&mut self, record: SpanRecord, spans: &mut Vec<SpanRecord>) {
        self.counts.groups += 1;
        self.counts.truncated_groups += u64::from(record.status == Status::Truncated);
        self.anomalies.content_dropped += u64::from(record.content_dropped > 0);
        spans.push(record);
    }
}

/// Removes the closed spans at the end of a list, so that its last one is open.
///
/// Others stay until they come to be at the end: nobody looks at them, and looking for one that
/// closes out of turn would cost a run of many open spans the square of their number.
fn pop_closed(list: &mut Vec<SpanIndex>, slots: &[Slot]) {
    while list.pop_if(|index| slots[*index].open.is_none()).is_some() {}
}
