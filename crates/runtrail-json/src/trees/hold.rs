//! Spans of runs that have not ended, within limits.

use std::collections::HashMap;

use runtrail_core::span::SpanRecord;
use runtrail_core::text::Text;

use super::TreeLimits;

/// The spans of all unfinished runs.
#[derive(Debug)]
pub(super) struct Held {
    limits: TreeLimits,
    runs: HashMap<Text, HeldRun>,
    bytes: usize,
    spans: usize,
}

/// What is held of one run.
#[derive(Debug, Default)]
pub(super) struct HeldRun {
    pub(super) spans: Vec<SpanRecord>,
    pub(super) spans_dropped: u64,
    pub(super) content_dropped: u64,
    bytes: usize,
}

impl Held {
    pub(super) fn new(limits: TreeLimits) -> Self {
        Self {
            limits,
            runs: HashMap::new(),
            bytes: 0,
            spans: 0,
        }
    }

    /// Returns the number of unfinished runs.
    pub(super) fn runs(&self) -> usize {
        self.runs.len()
    }

    /// Adds a span, as much of it as the limits allow.
    pub(super) fn add(&mut self, span: &SpanRecord) {
        if !self.runs.contains_key(&span.request_id) {
            self.runs
                .insert(span.request_id.detached(), HeldRun::default());
        }
        let Some(run) = self.runs.get_mut(&span.request_id) else {
            return;
        };
        if self.spans >= self.limits.max_held_spans {
            run.spans_dropped += 1;
            return;
        }
        let own = own_bytes(span);
        let mut room = Room {
            left: self.limits.max_held_bytes.saturating_sub(self.bytes + own),
            used: 0,
            dropped: 0,
        };
        let span = room.fit(span);
        run.bytes += own + room.used;
        run.content_dropped += room.dropped;
        run.spans.push(span);
        self.bytes += own + room.used;
        self.spans += 1;
    }

    /// Takes a run out.
    pub(super) fn take(&mut self, request_id: &str) -> HeldRun {
        let run = self.runs.remove(request_id).unwrap_or_default();
        self.bytes -= run.bytes;
        self.spans -= run.spans.len();
        run
    }
}

/// What a span costs without its content.
fn own_bytes(span: &SpanRecord) -> usize {
    let ids = [&span.start_event_id, &span.end_event_id];
    let ids: usize = ids.into_iter().flatten().map(|id| id.len()).sum();
    size_of::<SpanRecord>() + span.label().len() + ids
}

/// The room that is left for the content of a span.
struct Room {
    left: usize,
    used: usize,
    dropped: u64,
}

impl Room {
    /// Copies a span with the content that there is room for; what says the most is asked first.
    fn fit(&mut self, span: &SpanRecord) -> SpanRecord {
        let mut kept = span.clone();
        // These may share the chunk of their event, which would stay in memory with them.
        for id in [&mut kept.start_event_id, &mut kept.end_event_id] {
            *id = id.take().map(|id| id.detached());
        }
        if let Some(error) = &mut kept.error {
            self.keep(&mut error.kind);
            self.keep(&mut error.message);
        }
        self.keep(&mut kept.metadata);
        kept.annotations
            .retain(|note| self.has_room(note.key.len() + note.value.len()));
        kept.media.retain(|media| {
            let texts = [&media.handle, &media.mime];
            self.has_room(
                size_of_val(media)
                    + texts
                        .into_iter()
                        .flatten()
                        .map(|text| text.len())
                        .sum::<usize>(),
            )
        });
        self.keep(&mut kept.yields.last_value);
        self.keep(&mut kept.inputs);
        self.keep(&mut kept.outputs);
        kept.content_dropped += self.dropped;
        kept
    }

    /// Keeps a text if there is room; then it lets go of the chunk that it came in.
    fn keep(&mut self, text: &mut Option<Text>) {
        *text = text
            .take()
            .filter(|text| self.has_room(text.len()))
            .map(|text| text.detached());
    }

    fn has_room(&mut self, bytes: usize) -> bool {
        let fits = bytes <= self.left;
        if fits {
            self.left -= bytes;
            self.used += bytes;
        } else {
            self.dropped += bytes as u64;
        }
        fits
    }
}
