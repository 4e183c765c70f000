//! The fold of one run.

mod close;
mod gather;
mod open;

use super::content::{HeldBytes, Metadata};
use super::name::Names;
use super::opener::Openers;
use super::scope::Scopes;
use super::slot::{Draft, Slot, SpanIndex};
use super::{Detail, FoldLimits};
use crate::event::{EventKind, Status, TraceEvent, View};
use crate::id::SpanIds;
use crate::json::RawJson;
use crate::link::Link;
use crate::span::{Anomalies, LlmCall, RunSummary, SpanRecord, Usage};
use crate::text::Text;
use crate::time::Timestamp;

/// The most spans of a run whose room is kept for the next one.
const SPARE_SPANS: usize = 4096;

/// The most names, and the most scopes, that are known from one run to the next.
const SPARE_NAMES: usize = 4096;

/// The most text in all of these.
const SPARE_BYTES: usize = 1 << 20;

#[derive(Debug, Clone, Copy, Default, serde::Serialize, serde::Deserialize)]
pub(super) struct Counts {
    events: u64,
    unknown_kinds: u64,
    ops: u64,
    errors: u64,
    cancelled: u64,
    groups: u64,
    truncated_ops: u64,
    truncated_groups: u64,
}

/// Lists and tables that grow with a run, and that the next run can use again.
#[derive(Debug, Default)]
pub(super) struct Tables {
    pub(super) slots: Vec<Slot>,
    pub(super) scopes: Scopes,
    pub(super) names: Names,
    pub(super) openers: Openers,
    /// The groups in the order of their starts; the last one is open, others may have closed.
    pub(super) open_groups: Vec<SpanIndex>,
    /// The spans whose texts may share the chunk of the last event.
    pub(super) fresh: Vec<SpanIndex>,
}

impl Tables {
    fn restart(&mut self) {
        self.slots.clear();
        self.scopes.restart();
        self.names.restart();
        self.openers.clear();
        self.open_groups.clear();
        self.fresh.clear();
    }
}

#[derive(Debug)]
pub(super) struct RunFold {
    request_id: Text,
    ids: SpanIds,
    pub(super) limits: FoldLimits,
    pub(super) tables: Tables,
    pub(super) open_spans: usize,
    pub(super) held: HeldBytes,
    pub(super) metadata: Metadata,
    pub(super) counts: Counts,
    pub(super) usage: Usage,
    pub(super) stray_calls: Vec<LlmCall>,
    pub(super) links: Vec<Link>,
    pub(super) anomalies: Anomalies,
    pub(super) times: Option<(Timestamp, Timestamp)>,
    pub(super) last: Option<TraceEvent>,
}

impl RunFold {
    pub(super) fn new(namespace: &str, request_id: Text, limits: FoldLimits) -> Self {
        Self {
            ids: SpanIds::of_run(namespace, &request_id),
            request_id,
            limits,
            tables: Tables::default(),
            open_spans: 0,
            held: HeldBytes::new(limits.max_held_bytes),
            metadata: Metadata::default(),
            counts: Counts::default(),
            usage: Usage::default(),
            stray_calls: Vec::new(),
            links: Vec::new(),
            anomalies: Anomalies::default(),
            times: None,
            last: None,
        }
    }

    /// Becomes the fold of another run, in the room that this one took.
    pub(super) fn restart(&mut self, namespace: &str, request_id: Text) {
        let mut tables = std::mem::take(&mut self.tables);
        tables.restart();
        *self = Self {
            tables,
            ..Self::new(namespace, request_id, self.limits)
        };
    }

    /// Whether it has grown so little that its room may be kept for the next run.
    pub(super) fn is_small(&self) -> bool {
        let Tables {
            slots,
            scopes,
            names,
            openers,
            ..
        } = &self.tables;
        slots.len() <= SPARE_SPANS
            && scopes.len() <= SPARE_NAMES
            && names.len() <= SPARE_NAMES
            && scopes.text_bytes() + names.text_bytes() + openers.text_bytes() <= SPARE_BYTES
    }

    #[inline]
    pub(super) fn request_id(&self) -> &Text {
        &self.request_id
    }

    pub(super) fn push(&mut self, event: &TraceEvent, spans: &mut Vec<SpanRecord>) {
        if !self.remember(event) {
            self.anomalies.duplicates += 1;
            return;
        }
        self.counts.events += 1;
        let (first, last) = self.times.unwrap_or((event.timestamp, event.timestamp));
        self.times = Some((first.min(event.timestamp), last.max(event.timestamp)));
        let view = if self.keeps_content() {
            event.view()
        } else {
            View::without_content(&event.kind, &event.payload)
        };
        match view {
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
    }

    /// Closes what is open, innermost first, and sums up; `None` for a run without events.
    ///
    /// The run is over then: it can only be restarted.
    pub(super) fn finish(&mut self, spans: &mut Vec<SpanRecord>) -> Option<RunSummary> {
        if self.open_spans > 0 {
            let all = (0..self.tables.slots.len()).rev();
            for index in all.filter_map(SpanIndex::nth) {
                self.close_unended(index, spans);
            }
        }
        // A fold that waits for the next run must not keep a chunk of this one in memory.
        self.last = None;
        let mut summary = self.counted()?;
        summary.usage = std::mem::take(&mut self.usage);
        summary.stray_calls = std::mem::take(&mut self.stray_calls);
        summary.anomalies = std::mem::take(&mut self.anomalies);
        summary.metadata = std::mem::take(&mut self.metadata).to_json();
        summary.links = std::mem::take(&mut self.links);
        Some(summary)
    }

    /// What the run has come to, as far as it was seen.
    pub(super) fn so_far(&self) -> Option<RunSummary> {
        Some(RunSummary {
            usage: self.usage.clone(),
            stray_calls: self.stray_calls.clone(),
            anomalies: self.anomalies.clone(),
            metadata: self.metadata.to_json(),
            links: self.links.clone(),
            ..self.counted()?
        })
    }

    /// The spans that are open, where spans are handed out.
    pub(super) fn open_spans(&self) -> impl Iterator<Item = &SpanRecord> {
        let drafts = self.tables.slots.iter().filter_map(Slot::draft_ref);
        drafts.map(|draft| &draft.record)
    }

    /// The part of the summary that is numbers.
    fn counted(&self) -> Option<RunSummary> {
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
            request_id: self.request_id.clone(),
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
            usage: Usage::default(),
            stray_calls: Vec::new(),
            anomalies: Anomalies::default(),
            metadata: None,
            links: Vec::new(),
        })
    }

    fn drafts_spans(&self) -> bool {
        self.limits.detail >= Detail::Spans
    }

    fn keeps_content(&self) -> bool {
        self.limits.detail >= Detail::Content
    }

    /// Takes an event as the last one; `false` where it only repeats the one before it.
    fn remember(&mut self, event: &TraceEvent) -> bool {
        let Some(last) = &mut self.last else {
            self.last = Some(event.clone());
            return true;
        };
        // The cheap half first: hardly any two events of a run agree in it.
        let same_place = event.seq == last.seq && event.timestamp == last.timestamp;
        if same_place && event.is_repeat_of(last) {
            return false;
        }
        let shares_chunk = event.payload.text().shares_chunk(last.payload.text());
        last.clone_from(event);
        if !shares_chunk {
            self.settle();
        }
        true
    }

    /// Lets go of the chunk that the events came from so far: what is open keeps copies from now
    /// on, so that a run never keeps more than one chunk in memory.
    pub(super) fn settle(&mut self) {
        for index in self.tables.fresh.drain(..) {
            if let Some(draft) = self.tables.slots[index.get()].draft() {
                draft.settle();
            }
        }
    }

    fn slot(&self, index: SpanIndex) -> &Slot {
        &self.tables.slots[index.get()]
    }

    fn draft_mut(&mut self, index: SpanIndex) -> Option<&mut Draft> {
        self.tables.slots[index.get()].draft()
    }

    /// The open op that an event belongs to: the one that its `opener_id` names, or else the most
    /// recent with its name and ctx. Counts what cannot be found.
    fn owner(&mut self, event: &TraceEvent, opener_id: Option<RawJson<'_>>) -> Option<SpanIndex> {
        let found = match opener_id.and_then(RawJson::as_str) {
            Some(id) => self.by_opener(&id),
            None => self.by_name(event),
        };
        match found {
            Some(index) => {
                if let Some(draft) = self.draft_mut(index) {
                    draft.record.last_seen = draft.record.last_seen.max(event.timestamp);
                }
            }
            None if event.kind != EventKind::OpEnd => self.anomalies.orphans += 1,
            None => {}
        }
        found
    }

    fn by_opener(&mut self, id: &str) -> Option<SpanIndex> {
        let index = self.opener(id)?;
        self.slot(index).is_open().then_some(index)
    }

    /// The span that an event id opened, be it closed since; counts an id that opened none.
    fn opener(&mut self, id: &str) -> Option<SpanIndex> {
        let found = self.tables.openers.find(id);
        self.anomalies.unknown_references += u64::from(found.is_none());
        found
    }

    fn by_name(&mut self, event: &TraceEvent) -> Option<SpanIndex> {
        let op_name = event.op_name.as_ref()?;
        let Tables { scopes, names, .. } = &mut self.tables;
        let mut scope = Some(scopes.of(&event.ctx));
        while let Some(at) = scope {
            // A name is not even looked for in a scope where nothing is open.
            if scopes.here(at).open_op.is_some()
                && let Some(index) = names.open(op_name, scope)
            {
                return Some(index);
            }
            // Only a yield's ctx carries the item's segment beyond the ctx of its op.
            scope = scopes
                .parent(at)
                .filter(|_| event.kind == EventKind::OpYield);
        }
        None
    }
}
