//! Events that wait as they came, to become rows where they are encoded.

use std::ops::Range;

use runtrail_core::event::TraceEvent;
use runtrail_core::export::Batch;
use runtrail_core::text::Text;

/// Events side by side in a batch.
struct Piece {
    /// Tells batches apart.
    number: u64,
    batch: Batch,
    range: Range<usize>,
}

impl Piece {
    fn events(&self) -> &[TraceEvent] {
        self.batch
            .events()
            .get(self.range.clone())
            .unwrap_or_default()
    }
}

/// Events of one partition, in the batches that they came in.
#[derive(Default)]
pub(crate) struct FreshEvents {
    pieces: Vec<Piece>,
    rows: usize,
    memory: usize,
    /// How many bytes had been pushed into all partitions when the first of these was.
    since: u64,
}

impl FreshEvents {
    /// Adds an event of a batch. `clock` counts the bytes that are pushed into all partitions.
    pub(crate) fn push(&mut self, event: BatchEvent<'_>, clock: u64) {
        if self.pieces.is_empty() {
            self.since = clock;
        }
        self.rows += 1;
        self.memory += event.memory();
        let BatchEvent {
            number,
            batch,
            index,
            ..
        } = event;
        match self.pieces.last_mut() {
            Some(last) if last.number == number && last.range.end == index => last.range.end += 1,
            _ => self.pieces.push(Piece {
                number,
                batch: batch.clone(),
                range: index..index + 1,
            }),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }

    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    /// Returns what the events take in memory, about.
    pub(crate) fn memory(&self) -> usize {
        self.memory
    }

    /// Returns how many bytes the events may keep alive beside themselves, at most: text is read
    /// and handed out in larger pieces, which hold what has been pushed elsewhere since.
    pub(crate) fn kept_alive(&self, clock: u64) -> u64 {
        let pushed = if self.is_empty() {
            0
        } else {
            clock - self.since
        };
        pushed.saturating_sub(self.memory as u64)
    }

    /// Returns the events, in the order they came in.
    pub(crate) fn events(&self) -> impl Iterator<Item = &TraceEvent> {
        self.pieces.iter().flat_map(Piece::events)
    }

    /// Returns the events in the table's order, or `None` where more than whole runs would have to
    /// change places.
    pub(crate) fn in_order(&self) -> Option<impl Iterator<Item = &TraceEvent>> {
        let mut stretches: Vec<&[TraceEvent]> = Vec::new();
        for piece in &self.pieces {
            stretches.extend(piece.events().chunk_by(|a, b| a.request_id == b.request_id));
        }
        let rising = |a: &TraceEvent, b: &TraceEvent| (a.timestamp, a.seq) <= (b.timestamp, b.seq);
        // Stable: what a batch's end cut in two stays together.
        stretches.sort_by(|a, b| run_of(a).cmp(&run_of(b)));
        let ordered = stretches
            .iter()
            .all(|stretch| stretch.is_sorted_by(rising))
            && stretches.windows(2).all(|pair| {
                run_of(pair[0]) != run_of(pair[1])
                    || matches!((pair[0].last(), pair[1].first()), (Some(a), Some(b)) if rising(a, b))
            });
        ordered.then(|| stretches.into_iter().flatten())
    }
}

fn run_of(stretch: &[TraceEvent]) -> Option<&Text> {
    stretch.first().map(|event| &event.request_id)
}

/// An event in its batch.
#[derive(Clone, Copy)]
pub(crate) struct BatchEvent<'a> {
    /// The number of the batch, which tells it from others.
    pub(crate) number: u64,
    pub(crate) batch: &'a Batch,
    pub(crate) index: usize,
    /// The bytes of its row's values.
    pub(crate) bytes: usize,
}

impl BatchEvent<'_> {
    pub(crate) fn memory(&self) -> usize {
        self.bytes + size_of::<TraceEvent>()
    }
}
