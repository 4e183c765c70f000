//! Processors one after another.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::{Output, Processor, Redact, Tally};
use crate::event::TraceEvent;
use crate::text::Text;

/// Runs processors one after another; each takes what the one before it gave.
///
/// Redactors ([`Redact`]) come first, wherever they stand in the list, and take again every event
/// that a processor after them made, changed or held back: no event leaves the chain that they have
/// not seen as it leaves. Their counts include these second looks.
///
/// A processor that panics loses the event that it was at, since none goes around it, and what it holds of a run that it
/// was to finish stays there; the others go on. [`panics`](Self::panics) counts it.
#[derive(Default)]
pub struct Chain {
    redactors: Vec<Link>,
    links: Vec<Link>,
}

struct Link {
    processor: Box<dyn Processor>,
    taken: u64,
    out: Output,
    panics: u64,
}

impl Link {
    fn process(&mut self, event: TraceEvent) {
        self.taken += 1;
        self.guarded(|processor, out| processor.process(event, out));
    }

    fn finish(&mut self, request_id: &Text) {
        self.guarded(|processor, out| processor.finish(request_id, out));
    }

    /// Each processor is guarded on its own: what others hold or have given must not be lost with it.
    fn guarded(&mut self, run: impl FnOnce(&mut dyn Processor, &mut Output)) {
        let (processor, out) = (&mut *self.processor, &mut self.out);
        let ran = catch_unwind(AssertUnwindSafe(|| run(processor, out)));
        self.panics += u64::from(ran.is_err());
    }

    fn imbalance(&self) -> i64 {
        let tally = self.out.tally();
        let gone = tally.forwarded + tally.discarded_in_all() + self.processor.held();
        self.taken as i64 - gone as i64
    }
}

impl Chain {
    /// Makes a chain; the first processor takes the stream as the redactors leave it.
    pub fn new(processors: Vec<Box<dyn Processor>>) -> Self {
        let (redactors, others): (Vec<_>, Vec<_>) = processors
            .into_iter()
            .map(|processor| Link {
                processor,
                taken: 0,
                out: Output::default(),
                panics: 0,
            })
            .partition(|link| (&*link.processor as &dyn Any).is::<Redact>());
        Self {
            redactors,
            links: others,
        }
    }

    /// Takes an event, and gives what comes out at the end of the chain to `sink`.
    pub fn process(&mut self, event: TraceEvent, sink: &mut impl FnMut(TraceEvent)) {
        if let Some(event) = redacted(&mut self.redactors, event) {
            pass(&mut self.redactors, &mut self.links, event, sink);
        }
    }

    /// Ends a run: each processor gives what it holds of it to the next, before that one ends it too.
    pub fn finish(&mut self, request_id: &Text, sink: &mut impl FnMut(TraceEvent)) {
        for index in 0..self.links.len() {
            let (done, rest) = self.links.split_at_mut(index + 1);
            let Some(link) = done.last_mut() else { return };
            link.finish(request_id);
            for event in link.out.drain() {
                if let Some(event) = redacted(&mut self.redactors, event) {
                    pass(&mut self.redactors, rest, event, sink);
                }
            }
        }
    }

    /// Whether a run may be named to others; not where a redactor finds a secret in its id, in which
    /// case none of its events comes out either.
    pub fn shows(&self, request_id: &Text) -> bool {
        let mut redactors = self.redactors.iter().filter_map(|link| {
            let processor: &dyn Any = &*link.processor;
            processor.downcast_ref::<Redact>()
        });
        redactors.all(|redactor| redactor.shows(request_id))
    }

    /// Returns how many events the chain holds back.
    pub fn held(&self) -> u64 {
        self.all().map(|link| link.processor.held()).sum()
    }

    /// Returns how often a processor panicked.
    pub fn panics(&self) -> u64 {
        self.all().map(|link| link.panics).sum()
    }

    /// Returns each processor's name, how many events it took, and what became of them, in the order
    /// in which they take an event.
    pub fn tallies(&self) -> impl Iterator<Item = (&str, u64, &Tally)> {
        self.all()
            .map(|link| (link.processor.name(), link.taken, link.out.tally()))
    }

    /// Returns by how many events the processors' books are out, each counted for itself; anything
    /// but 0 is a processor's mistake.
    pub fn imbalance(&self) -> i64 {
        // One processor's surplus must not hide another's loss.
        self.all().map(|link| link.imbalance().abs()).sum()
    }

    fn all(&self) -> impl Iterator<Item = &Link> {
        self.redactors.iter().chain(&self.links)
    }
}

fn pass(
    redactors: &mut [Link],
    links: &mut [Link],
    event: TraceEvent,
    sink: &mut impl FnMut(TraceEvent),
) {
    let Some((link, rest)) = links.split_first_mut() else {
        sink(event);
        return;
    };
    // A clone is some reference counts; comparing with it costs less than looking for secrets again.
    let seen = (!redactors.is_empty()).then(|| event.clone());
    link.process(event);
    for event in link.out.drain() {
        let untouched = seen.as_ref().is_none_or(|seen| is_same(seen, &event));
        let event = if untouched {
            Some(event)
        } else {
            redacted(redactors, event)
        };
        if let Some(event) = event {
            pass(redactors, rest, event, sink);
        }
    }
}

/// Takes an event through all redactors; each gives one event or none.
fn redacted(redactors: &mut [Link], event: TraceEvent) -> Option<TraceEvent> {
    redactors.iter_mut().try_fold(event, |event, link| {
        link.process(event);
        link.out.drain().next()
    })
}

/// Whether two events share every text, so that what was found in one holds for the other.
fn is_same(one: &TraceEvent, other: &TraceEvent) -> bool {
    let same = |one: &Option<Text>, other: &Option<Text>| match (one, other) {
        (Some(one), Some(other)) => one.same_slice(other),
        (None, None) => true,
        _ => false,
    };
    one.payload.text().same_slice(other.payload.text())
        && one.event_id.same_slice(&other.event_id)
        && one.request_id.same_slice(&other.request_id)
        && one.ctx.same_allocation(&other.ctx)
        && one.kind == other.kind
        && same(&one.op_name, &other.op_name)
        && same(&one.extra, &other.extra)
}
