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

/// The number of a batch of copies, which no other has.
const COPIES: u64 = u64::MAX;

/// Text that is copied together.
const COPY_BYTES: usize = 1 << 20;

/// Events of one partition, in the batches that they came in, or copied from them.
#[derive(Default)]
pub(crate) struct FreshEvents {
    pieces: Vec<Piece>,
    rows: usize,
    memory: usize,
    /// The pieces at the beginning that are copies, and the memory they take.
    copied: usize,
    copied_memory: usize,
    /// How many bytes had been pushed into all partitions when the first of the others was.
    since: u64,
}

impl FreshEvents {
    /// Adds an event of a batch. `clock` counts the bytes that are pushed into all partitions.
    pub(crate) fn push(&mut self, event: BatchEvent<'_>, clock: u64) {
        if self.pieces.len() == self.copied {
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
        if self.pieces.len() == self.copied {
            return 0;
        }
        let own = self.memory - self.copied_memory;
        (clock - self.since).saturating_sub(own as u64)
    }

    /// Copies the events, so that they keep nothing but themselves in memory.
    pub(crate) fn copy(&mut self) {
        for piece in self.pieces.split_off(self.copied) {
            let mut rest = piece.events();
            while !rest.is_empty() {
                let mut bytes = 0;
                let fits = |event: &&TraceEvent| {
                    bytes += event.text_bytes();
                    bytes <= COPY_BYTES
                };
                let count = rest.iter().take_while(fits).count().max(1);
                let (now, later) = rest.split_at(count);
                rest = later;
                self.pieces.push(Piece {
                    number: COPIES,
                    batch: Batch::new(TraceEvent::detached_together(now.iter()), Vec::new()),
                    range: 0..count,
                });
            }
        }
        self.copied = self.pieces.len();
        self.copied_memory = self.memory;
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

#[cfg(test)]
mod tests {
    use super::*;
    use runtrail_testkit::run::RunBuilder;

    #[test]
    fn copied_events_are_the_same_and_keep_nothing_else_alive() {
        let mut run = RunBuilder::new("r1");
        for n in 0..6 {
            run.push(
                "annotation",
                None,
                &["main"],
                &format!(r#"{{"key":"k{n}"}}"#),
            );
        }
        let events = run.into_events();
        let batch = Batch::new(events.clone(), Vec::new());
        let mut fresh = FreshEvents::default();
        let (mut clock, bytes) = (0, 100);
        for index in 0..6 {
            let event = BatchEvent {
                number: 3,
                batch: &batch,
                index,
                bytes,
            };
            fresh.push(event, clock);
            // As much again goes to another partition.
            clock += 2 * event.memory() as u64;
            let before = fresh.kept_alive(clock);
            if index % 2 == 1 {
                assert_eq!(before, 2 * event.memory() as u64);
                fresh.copy();
                assert_eq!(fresh.kept_alive(clock), 0);
            }
        }
        assert!(fresh.events().eq(&events));
        assert_eq!(fresh.in_order().map(Iterator::count), Some(6));
        assert_eq!((fresh.rows(), fresh.pieces.len()), (6, 3));
    }
}
