//! Processors one after another.

use super::{Output, Processor, Tally};
use crate::event::TraceEvent;
use crate::text::Text;

/// Runs processors one after another; each takes what the one before it gave.
#[derive(Default)]
pub struct Chain {
    links: Vec<Link>,
}

struct Link {
    processor: Box<dyn Processor>,
    taken: u64,
    out: Output,
}

impl Chain {
    /// Makes a chain; the first processor takes the stream as it came.
    pub fn new(processors: Vec<Box<dyn Processor>>) -> Self {
        let link = |processor| Link {
            processor,
            taken: 0,
            out: Output::default(),
        };
        Self {
            links: processors.into_iter().map(link).collect(),
        }
    }

    /// Takes an event, and gives what comes out at the end of the chain to `sink`.
    pub fn process(&mut self, event: TraceEvent, sink: &mut impl FnMut(TraceEvent)) {
        pass(&mut self.links, event, sink);
    }

    /// Ends a run: each processor gives what it holds of it to the next, before that one ends it too.
    pub fn finish(&mut self, request_id: &Text, sink: &mut impl FnMut(TraceEvent)) {
        for index in 0..self.links.len() {
            let (done, rest) = self.links.split_at_mut(index + 1);
            let Some(link) = done.last_mut() else { return };
            link.processor.finish(request_id, &mut link.out);
            for event in link.out.drain() {
                pass(rest, event, sink);
            }
        }
    }

    /// Returns how many events the chain holds back.
    pub fn held(&self) -> u64 {
        self.links.iter().map(|link| link.processor.held()).sum()
    }

    /// Returns each processor's name, how many events it took, and what became of them.
    pub fn tallies(&self) -> impl Iterator<Item = (&str, u64, &Tally)> {
        self.links
            .iter()
            .map(|link| (link.processor.name(), link.taken, link.out.tally()))
    }

    /// Returns by how many events the chain's books are out; anything but 0 is a processor's mistake.
    pub fn imbalance(&self) -> i64 {
        self.links
            .iter()
            .map(|link| {
                let tally = link.out.tally();
                let gone = tally.forwarded + tally.discarded_in_all() + link.processor.held();
                link.taken as i64 - gone as i64
            })
            .sum()
    }
}

fn pass(links: &mut [Link], event: TraceEvent, sink: &mut impl FnMut(TraceEvent)) {
    let Some((link, rest)) = links.split_first_mut() else {
        sink(event);
        return;
    };
    link.taken += 1;
    link.processor.process(event, &mut link.out);
    for event in link.out.drain() {
        pass(rest, event, sink);
    }
}
