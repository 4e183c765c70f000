//! Which spans go together: a run's in one request where they fit.

#[cfg(feature = "http")]
use std::time::Duration;
use std::time::Instant;

use hashbrown::hash_map::EntryRef;
use runtrail_core::export::SpanBatch;
use runtrail_core::span::{RunSummary, SpanRecord};
use runtrail_otlp_wire::model::Span;

use super::{Form, Piece};
use crate::map::{Mapper, RunMap};

/// How much goes together.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CollectLimits {
    /// Bytes of spans in a piece.
    pub(crate) bytes: usize,
    /// Spans in a piece.
    pub(crate) spans: usize,
    /// Bytes held of runs that have not ended.
    pub(crate) held: usize,
    /// How long something is held; `None` for until it is full or over.
    #[cfg(feature = "http")]
    pub(crate) hold: Option<Duration>,
}

impl CollectLimits {
    fn are_exceeded_by(&self, piece: &Piece) -> bool {
        piece.bytes() > self.bytes || piece.spans() > self.spans
    }
}

/// Maps what the fold hands out and collects it into pieces.
#[derive(Debug)]
pub(crate) struct Collector {
    mapper: Mapper,
    limits: CollectLimits,
    form: Form,
    runs: RunMap<Held>,
    held: usize,
    /// Of runs that ended; the next piece.
    ready: Held,
    /// The room that spans had which are gone, for the next ones.
    spare: Option<Piece>,
    mapped: u64,
    /// Nothing has waited for longer than since then.
    oldest: Option<Instant>,
}

#[derive(Debug)]
struct Held {
    piece: Piece,
    since: Option<Instant>,
}

impl Held {
    fn new(piece: Piece) -> Self {
        Self { piece, since: None }
    }
}

/// How short values are made in a span that is too large for a request, one after the other.
pub(crate) const HARDER_CUTS: [usize; 2] = [4096, 256];

impl Collector {
    pub(crate) fn new(mapper: Mapper, limits: CollectLimits, form: Form) -> Self {
        Self {
            mapper,
            limits,
            form,
            runs: RunMap::default(),
            held: 0,
            ready: Held::new(Piece::new(form)),
            spare: None,
            mapped: 0,
            oldest: None,
        }
    }

    /// Returns how many spans were mapped.
    pub(crate) fn mapped(&self) -> u64 {
        self.mapped
    }

    /// Takes spans and the ends of runs; appends the pieces that are full.
    pub(crate) fn batch(&mut self, batch: &SpanBatch, now: Instant, full: &mut Vec<Piece>) {
        if let [run] = batch.runs()
            && !self.runs.contains_key(run.request_id.as_str())
            && batch
                .spans()
                .iter()
                .all(|span| span.request_id == run.request_id)
        {
            return self.whole_run(batch.spans(), run, now, full);
        }
        for span in batch.spans() {
            self.span(span, now, full);
        }
        for run in batch.runs() {
            self.run(run, now, full);
        }
    }

    /// Takes all of a run at once. It is written where it goes if there is room, and comes to the same
    /// pieces as one that is taken span by span.
    fn whole_run(
        &mut self,
        spans: &[SpanRecord],
        summary: &RunSummary,
        now: Instant,
        full: &mut Vec<Piece>,
    ) {
        let limits = self.limits;
        let start = self.ready.piece.spans();
        let (ready, mapped) = (&mut self.ready.piece, &mut self.mapped);
        let mut own: Option<Piece> = None;
        let mut take = |span: Span<'_>| {
            *mapped += 1;
            if let Some(run) = &mut own {
                run.push(&span);
                keep_within(run, limits, full);
                return;
            }
            ready.push(&span);
            if limits.are_exceeded_by(ready) {
                let mut run = ready.split_off(start);
                keep_within(&mut run, limits, full);
                own = Some(run);
            }
        };
        self.mapper.rest_of_run(spans, summary, &mut take);
        match own {
            Some(run) => self.ready_with(&run, now, full),
            None => {
                self.ready.since.get_or_insert(now);
                self.oldest.get_or_insert(now);
                if self.ready.piece.spans() >= limits.spans {
                    self.take_ready(full);
                }
            }
        }
    }

    /// Takes a span of a run that goes on; appends the pieces that are full.
    fn span(&mut self, record: &SpanRecord, now: Instant, full: &mut Vec<Piece>) {
        let Self {
            mapper,
            limits,
            form,
            runs,
            spare,
            mapped,
            oldest,
            ..
        } = self;
        let run = match runs.entry_ref(record.request_id.as_str()) {
            EntryRef::Occupied(run) => run.into_mut(),
            EntryRef::Vacant(new) => {
                let piece = spare.take().unwrap_or_else(|| Piece::new(*form));
                new.insert_with_key(record.request_id.detached(), Held::new(piece))
            }
        };
        let before = run.piece.bytes();
        mapper.span(record, |span| {
            *mapped += 1;
            run.piece.push(&span);
            keep_within(&mut run.piece, *limits, full);
        });
        run.since.get_or_insert(now);
        oldest.get_or_insert(now);
        self.held = self.held + run.piece.bytes() - before;
        if self.held > self.limits.held {
            self.release_all(now, full);
        }
    }

    /// Takes the end of a run; appends the pieces that are full.
    fn run(&mut self, summary: &RunSummary, now: Instant, full: &mut Vec<Piece>) {
        let run = self.runs.remove(summary.request_id.as_str());
        let mut run = run.map_or_else(|| Piece::new(self.form), |run| run.piece);
        self.held -= run.bytes();
        let (limits, mapped) = (self.limits, &mut self.mapped);
        self.mapper.run(summary, |span| {
            *mapped += 1;
            run.push(&span);
            keep_within(&mut run, limits, full);
        });
        self.ready_with(&run, now, full);
        run.clear();
        self.spare.get_or_insert(run);
    }

    /// When something has waited long enough, at the earliest; `None` where nothing waits.
    #[cfg(feature = "http")]
    pub(crate) fn due(&self) -> Option<Instant> {
        self.oldest?.checked_add(self.limits.hold?)
    }

    /// Appends what has waited long enough.
    #[cfg(feature = "http")]
    pub(crate) fn overdue(&mut self, now: Instant, full: &mut Vec<Piece>) {
        let Some(hold) = self.limits.hold else { return };
        let is_old = |held: &Held| {
            held.since
                .is_some_and(|since| now.saturating_duration_since(since) >= hold)
        };
        // Looking at every run that is open takes its time.
        if self.due().is_none_or(|due| due > now) {
            return;
        }
        let old: Vec<_> = self.runs.extract_if(|_, run| is_old(run)).collect();
        for (_, run) in old {
            self.held -= run.piece.bytes();
            self.ready_with(&run.piece, now, full);
        }
        if is_old(&self.ready) {
            self.take_ready(full);
        }
        let waiting = self.runs.values().chain([&self.ready]);
        self.oldest = waiting.filter_map(|held| held.since).min();
    }

    /// Appends everything, also of runs that go on.
    pub(crate) fn drain(&mut self, now: Instant, full: &mut Vec<Piece>) {
        self.release_all(now, full);
        self.take_ready(full);
        self.oldest = None;
    }

    /// Appends what is there of runs that ended.
    pub(crate) fn take_ready(&mut self, full: &mut Vec<Piece>) {
        if !self.ready.piece.is_empty() {
            let empty = Held::new(self.empty_piece());
            full.push(std::mem::replace(&mut self.ready, empty).piece);
        }
    }

    /// Takes back a piece that was delivered, for the room that it has.
    #[cfg(feature = "http")]
    pub(crate) fn give_back(&mut self, mut piece: Piece) {
        piece.clear();
        self.spare = Some(piece);
    }

    fn empty_piece(&mut self) -> Piece {
        self.spare.take().unwrap_or_else(|| Piece::new(self.form))
    }

    fn release_all(&mut self, now: Instant, full: &mut Vec<Piece>) {
        let mut runs: Vec<_> = std::mem::take(&mut self.runs).into_iter().collect();
        self.held = 0;
        // In an order that does not depend on how the map is seeded.
        runs.sort_by(|(one, _), (other, _)| one.cmp(other));
        for (_, run) in runs {
            self.ready_with(&run.piece, now, full);
        }
    }

    fn ready_with(&mut self, piece: &Piece, now: Instant, full: &mut Vec<Piece>) {
        if piece.is_empty() {
            return;
        }
        let ready = &mut self.ready.piece;
        if ready.bytes() + piece.bytes() > self.limits.bytes
            || ready.spans() + piece.spans() > self.limits.spans
        {
            self.take_ready(full);
        }
        self.ready.piece.append(piece);
        self.ready.since.get_or_insert(now);
        self.oldest.get_or_insert(now);
        if self.ready.piece.spans() >= self.limits.spans {
            self.take_ready(full);
        }
    }
}

/// Cuts a piece that its last span made too large.
fn keep_within(piece: &mut Piece, limits: CollectLimits, full: &mut Vec<Piece>) {
    if !limits.are_exceeded_by(piece) {
        return;
    }
    let Some(mut last) = piece.pop() else { return };
    for max in HARDER_CUTS {
        if last.bytes() > limits.bytes {
            last = last.shrunk(0, max).unwrap_or(last);
        }
    }
    if piece.bytes() + last.bytes() > limits.bytes || piece.spans() >= limits.spans {
        if !piece.is_empty() {
            full.push(piece.take());
        }
        *piece = last;
    } else {
        piece.append(&last);
    }
}
