//! What the worker does, without its thread: records in, batches out, and the counts of both.

use super::books::{Handled, Loss, Processed};
use super::cause::DropCause;
use super::clock::Timeline;
use super::ledger::{Ledger, Truncated};
use super::recorded::Recorded;
use super::resolve::{Limits, Resolver, RunEnded, Taken};
use super::settings::Settings;
use crate::emit::record::KINDS;
use crate::event::{Ctx, TraceEvent};
use crate::export::{Batch, Paired, RunEnd};
use crate::process::{Chain, Discard};
use crate::text::Text;

/// The most names of truncated ops and groups that a report holds.
const MAX_NAMED: usize = 1000;

/// Records in, batches out.
pub(crate) struct Engine {
    resolver: Resolver,
    /// What comes after the records have become events; without processors they need not yet.
    tail: Option<Tail>,
    truncated: Vec<Truncated>,
}

/// What comes after the records have become events.
struct Tail {
    chain: Chain,
    ledger: Ledger,
    batch_events: usize,
    events: Vec<TraceEvent>,
    paired: Vec<Paired>,
    ended: Vec<RunEnd>,
    handled: Handled,
    truncated: Vec<Truncated>,
    /// Events that went into the chain, and that came out of it.
    chain_in: u64,
    chain_out: u64,
}

impl Engine {
    pub(crate) fn new(emitter: u64, settings: &Settings, chain: Chain, line: Timeline) -> Self {
        let limits = Limits {
            open: settings.max_open,
            runs: settings.max_runs,
            payload_bytes: settings.max_payload_bytes,
            batch_events: settings.batch_events,
        };
        let ledger = Ledger::new(settings.max_open);
        let (tail, ledger) = if chain.tallies().next().is_none() {
            (None, Some(ledger))
        } else {
            (Some(Tail::new(chain, ledger, settings.batch_events)), None)
        };
        Self {
            resolver: Resolver::new(emitter, limits, line, ledger),
            tail,
            truncated: Vec::new(),
        }
    }

    pub(crate) fn line_mut(&mut self) -> &mut Timeline {
        self.resolver.line_mut()
    }

    pub(crate) fn push(&mut self, taken: &mut Taken<'_>, ctx: Option<&Ctx>, shed: bool) {
        self.resolver.push(taken, ctx, shed);
    }

    pub(crate) fn lost(&mut self, loss: &Loss) {
        self.resolver.lost(loss);
    }

    pub(crate) fn end_handle(&mut self, handle: u64, ticks: u64) {
        self.resolver.end_handle(handle, ticks);
    }

    pub(crate) fn finish(&mut self, request_id: &Text) {
        self.resolver.finish(request_id);
    }

    /// Ends every run.
    pub(crate) fn finish_all(&mut self) {
        self.resolver.finish_all();
    }

    pub(crate) fn open_runs(&self) -> u64 {
        self.resolver.open_runs() as u64
    }

    pub(crate) fn ended_runs(&self) -> u64 {
        self.resolver.ended
    }

    /// Bytes of text that wait to be taken.
    pub(crate) fn buffered(&self) -> usize {
        self.resolver.buffered()
    }

    /// Takes what was closed because its run ended first.
    pub(crate) fn take_truncated(&mut self) -> Vec<Truncated> {
        std::mem::take(&mut self.truncated)
    }

    /// Hands out what came since the last call, in batches of about as many events as set; returns
    /// what became of the rest.
    pub(crate) fn take(&mut self, mut hand_out: impl FnMut(Batch)) -> Handled {
        let mut sheets = self.resolver.take();
        let mut named = std::mem::take(&mut sheets.truncated);
        let mut handled = sheets.handled;
        match &mut self.tail {
            None => {
                for mut sheet in sheets.full {
                    let ended = sheet.take_ended();
                    hand_out(Batch::recorded(sheet, ended));
                }
            }
            Some(tail) => {
                let mut ended = sheets.ended.into_iter().peekable();
                let events = sheets.full.iter().flat_map(Recorded::render);
                for (index, event) in events.enumerate() {
                    while let Some((_, run)) = ended.next_if(|(after, _)| *after <= index) {
                        tail.finish(run);
                    }
                    tail.process(event);
                    tail.hand_out_full(&mut hand_out);
                }
                for (_, run) in ended {
                    tail.finish(run);
                    tail.hand_out_full(&mut hand_out);
                }
                if !tail.events.is_empty() || !tail.ended.is_empty() {
                    hand_out(tail.cut());
                }
                named.append(&mut tail.truncated);
                let more = std::mem::take(&mut tail.handled);
                handled.merge(&more);
            }
        }
        let room = MAX_NAMED.saturating_sub(self.truncated.len());
        self.truncated.extend(named.into_iter().take(room));
        handled
    }

    /// Returns how often a processor panicked.
    pub(crate) fn panics(&self) -> u64 {
        self.tail.as_ref().map_or(0, |tail| tail.chain.panics())
    }

    /// Returns what processors did since the start.
    pub(crate) fn processed(&self) -> Processed {
        self.tail.as_ref().map(Tail::processed).unwrap_or_default()
    }
}

/// The end of a run, where that many events before it are in another batch.
fn moved_back(mut run: RunEnd, events: usize) -> RunEnd {
    run.after -= events;
    run
}

impl Tail {
    fn new(chain: Chain, ledger: Ledger, batch_events: usize) -> Self {
        Self {
            chain,
            ledger,
            batch_events,
            events: Vec::new(),
            paired: Vec::new(),
            ended: Vec::new(),
            handled: Handled::default(),
            truncated: Vec::new(),
            chain_in: 0,
            chain_out: 0,
        }
    }

    /// Takes an event through the processors.
    fn process(&mut self, event: TraceEvent) {
        self.chain_in += 1;
        self.run(|chain, mut sink| chain.process(event, &mut sink));
    }

    /// Ends a run: in the processors first, which may hold some of it.
    fn finish(&mut self, run: RunEnded) {
        self.run(|chain, mut sink| chain.finish(&run.request_id, &mut sink));
        self.close(run);
    }

    /// Runs the processors; what they give goes to the ledger.
    fn run(&mut self, run: impl FnOnce(&mut Chain, &mut dyn FnMut(TraceEvent))) {
        let (events, ledger, handled) = (&mut self.events, &mut self.ledger, &mut self.handled);
        let (chain, chain_out) = (&mut self.chain, &mut self.chain_out);
        let paired = &mut self.paired;
        let mut sink = |event: TraceEvent| {
            *chain_out += 1;
            match ledger.admit(&event) {
                Ok(opener_id) => {
                    let index = events.len();
                    paired.extend(opener_id.map(|opener_id| Paired { index, opener_id }));
                    events.push(event);
                }
                Err(cause) => handled.dropped.event(cause, &event),
            }
        };
        run(chain, &mut sink);
    }

    /// Closes what is open in a run that is over.
    fn close(&mut self, run: RunEnded) {
        let before = self.events.len();
        let mut named = self.ledger.finish(&run, &mut self.events);
        let closed = (self.events.len() - before) as u64;
        self.handled.made += closed;
        self.handled.truncated += closed;
        self.truncated.append(&mut named);
        // Exporters know nothing of a run whose id is a secret, and are not to hear of its end.
        if self.chain.shows(&run.request_id) {
            self.ended.push(RunEnd {
                request_id: run.request_id,
                after: self.events.len(),
            });
        }
    }

    /// Hands out whole batches; a processor may have given many at once.
    fn hand_out_full(&mut self, hand_out: &mut impl FnMut(Batch)) {
        if self.events.len() < self.batch_events {
            return;
        }
        let whole = self.events.len() - self.events.len() % self.batch_events;
        // The list keeps its memory, and each batch gets exactly what it needs.
        let mut given = self.events.drain(..whole);
        let mut ended = std::mem::take(&mut self.ended).into_iter().peekable();
        for from in (0..whole).step_by(self.batch_events) {
            let events: Vec<_> = given.by_ref().take(self.batch_events).collect();
            let to = from + events.len();
            let of_batch = std::iter::from_fn(|| ended.next_if(|run| run.after <= to));
            let of_batch: Vec<RunEnd> = of_batch.map(|run| moved_back(run, from)).collect();
            hand_out(Batch::new(events, of_batch));
        }
        self.ended = ended.map(|run| moved_back(run, whole)).collect();
    }

    /// Cuts a batch of what is left.
    fn cut(&mut self) -> Batch {
        let events: Vec<TraceEvent> = self.events.drain(..).collect();
        let ended = std::mem::take(&mut self.ended);
        Batch::new(events, ended).with_paired(std::mem::take(&mut self.paired))
    }

    fn processed(&self) -> Processed {
        let mut sum = Processed {
            held: self.chain.held(),
            ..Processed::default()
        };
        for (_, _, tally) in self.chain.tallies() {
            sum.made += tally.made;
            for discard in Discard::ALL {
                match DropCause::of(discard) {
                    None => sum.sampled_out += tally.discarded(discard),
                    Some(cause) => {
                        for kind in 0..KINDS {
                            let count = tally.discarded_of(discard, kind);
                            sum.dropped.add(cause, kind, count);
                        }
                    }
                }
            }
        }
        let gone = self.chain_out + sum.held + sum.sampled_out + sum.dropped.total();
        let lost = (self.chain_in + sum.made).saturating_sub(gone);
        sum.dropped.add(DropCause::ProcessorLost, KINDS - 1, lost);
        sum
    }
}
