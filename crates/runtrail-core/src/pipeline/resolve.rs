//! Records numbered: the run's `seq`, times, and what each belongs to.
//!
//! Records come in the order of their times over all rings. What they say stays as it was recorded;
//! see [`Recorded`].

mod places;
mod run;

use places::Places;
use run::{Open, RunState, Runs};

use super::books::{Handled, Loss};
use super::cause::DropCause;
use super::clock::Timeline;
use super::ledger::{Ledger, Truncated};
use super::recorded::{Content, Entry, IdPrefix, NO_SEQ, NONE, Recorded};
use crate::emit::record::{Beside, Header, Kind, Waiting, is_precious, is_precious_kind};
use crate::emit::render::Compact;
use crate::event::{Ctx, TraceEvent};
use crate::text::Text;

/// Maps of foreign keys: seeded at random, and several times as fast as the default.
pub(super) type Map<K, V> = std::collections::HashMap<K, V, foldhash::fast::RandomState>;

/// As [`Map`], without values.
type Set<K> = std::collections::HashSet<K, foldhash::fast::RandomState>;

/// The number that handles of runs beyond the limit have.
const OVER_LIMIT: usize = usize::MAX;

/// Numbers of engines' own events from here on are not followed: one near the end of all numbers would
/// leave none for what the pipeline makes itself, and ids must not repeat.
const FOLLOWED: u64 = u64::MAX / 2;

/// A run that is over, and what the ends of what is still open in it need.
#[derive(Debug)]
pub(crate) struct RunEnded {
    pub(crate) request_id: Text,
    pub(crate) ids: IdPrefix,
    pub(crate) next_seq: u64,
    pub(crate) nanos: i64,
}

/// What a resolver may hold at most.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) open: usize,
    pub(crate) runs: usize,
    pub(crate) payload_bytes: usize,
    pub(crate) batch_events: usize,
}

/// A record as it waits in its ring.
pub(crate) struct Taken<'a> {
    pub(crate) header: Header,
    pub(crate) cells: Waiting<'a>,
    /// Where its header stands.
    pub(crate) at: usize,
    pub(crate) payload: Option<Box<[u8]>>,
    pub(crate) event: Option<Box<TraceEvent>>,
}

impl Taken<'_> {
    /// Takes what came beside the cells.
    pub(crate) fn put(&mut self, beside: Beside) {
        match beside {
            Beside::Payload(payload) => self.payload = Some(payload),
            Beside::Event(event) => self.event = Some(event),
            Beside::Ctx(_) => {}
        }
    }
}

/// Numbers records.
pub(crate) struct Resolver {
    emitter: u64,
    limits: Limits,
    line: Timeline,
    /// A run that was begun by several handles is one.
    runs: Runs,
    handles: Map<u64, usize>,
    last: Option<(u64, usize)>,
    by_id: Map<Text, usize>,
    places: Places,
    no_ctx: Ctx,
    sheet: Recorded,
    full: Vec<Recorded>,
    /// The ledger, where no processor stands between it and the records. It then follows only runs
    /// whose engine made events itself, and what is open when a run ends.
    ledger: Option<Ledger>,
    /// Otherwise, the runs that ended in the sheet, and after how many of its events.
    ended_runs: Vec<(usize, RunEnded)>,
    truncated: Vec<Truncated>,
    handled: Handled,
    pub(crate) ended: u64,
}

impl Resolver {
    pub(crate) fn new(
        emitter: u64,
        limits: Limits,
        line: Timeline,
        ledger: Option<Ledger>,
    ) -> Self {
        Self {
            emitter,
            limits,
            line,
            runs: Runs::default(),
            handles: Map::default(),
            last: None,
            by_id: Map::default(),
            places: Places::default(),
            no_ctx: Ctx::default(),
            sheet: Recorded::new(limits.payload_bytes),
            full: Vec::new(),
            ledger,
            ended_runs: Vec::new(),
            truncated: Vec::new(),
            handled: Handled::default(),
            ended: 0,
        }
    }

    pub(crate) fn line_mut(&mut self) -> &mut Timeline {
        &mut self.line
    }

    pub(crate) fn open_runs(&self) -> usize {
        self.runs.len()
    }

    /// Bytes of payload that wait to be taken.
    pub(crate) fn buffered(&self) -> usize {
        self.sheet.buffered()
    }

    /// Takes the next record, and the path that it names. One that is shed goes no further unless
    /// losing it would tear a subtree.
    pub(crate) fn push(&mut self, taken: &mut Taken<'_>, ctx: Option<&Ctx>, shed: bool) {
        let header = taken.header;
        match header.kind {
            Kind::RunStart => return self.begin_run(taken),
            Kind::RunEnd => return self.end_handle(header.run, header.ticks),
            Kind::RunFinish => return self.finish(&id_of(taken)),
            Kind::Raw => return self.push_event(taken, shed),
            _ => {}
        }
        let counted = usize::from(header.counted);
        let Some(number) = self.number_of(header.run) else {
            return self.handled.dropped.add(DropCause::Closed, counted, 1);
        };
        if shed && !is_precious_kind(header.kind) {
            self.remember_absent(number, &header);
            return self.shed(number, counted);
        }
        let Some(run) = self.runs.get_mut(number) else {
            return self.handled.dropped.add(DropCause::OpenLimit, counted, 1);
        };
        tell(run, &mut self.handled, &mut self.sheet);
        let ledger = self.ledger.as_mut().filter(|_| run.in_ledger);
        let maker = Maker {
            run,
            ledger,
            line: &self.line,
            places: &mut self.places,
            no_ctx: &self.no_ctx,
            max_open: self.limits.open,
            sheet: &mut self.sheet,
        };
        match maker.make(taken, ctx) {
            Ok(late) => self.handled.late += u64::from(late),
            Err(cause) => {
                self.handled.dropped.add(cause, counted, 1);
                self.remember_absent(number, &header);
            }
        }
        self.cut();
    }

    /// Takes note of a record that was dropped, where others may say that they were opened in it.
    fn remember_absent(&mut self, number: usize, header: &Header) {
        let Some(run) = self.runs.get_mut(number) else {
            return;
        };
        match header.kind {
            Kind::OpStart | Kind::GroupStart => run.absent.add(header.key, self.limits.open),
            Kind::OpEnd | Kind::GroupEnd => run.absent.end(header.key),
            _ => {}
        }
    }

    fn shed(&mut self, number: usize, counted: usize) {
        self.handled.dropped.add(DropCause::RingFull, counted, 1);
        self.note(number, DropCause::RingFull, counted, 1);
    }

    /// The run of a handle. Most records are of the run of the one before them.
    fn number_of(&mut self, handle: u64) -> Option<usize> {
        if let Some((last, number)) = self.last
            && last == handle
        {
            return Some(number);
        }
        let number = *self.handles.get(&handle)?;
        self.last = Some((handle, number));
        Some(number)
    }

    /// Takes note of events that were lost before they came here.
    pub(crate) fn lost(&mut self, loss: &Loss) {
        let number = match &loss.request_id {
            Some(id) => self.by_id.get(id).copied(),
            None => self.handles.get(&loss.run).copied(),
        };
        if let Some(number) = number {
            self.note(number, loss.cause, loss.kind, loss.count);
        }
    }

    fn note(&mut self, number: usize, cause: DropCause, kind: usize, count: u64) {
        if let Some(run) = self.runs.get_mut(number) {
            run.note(cause, kind, count);
        }
    }

    fn begin_run(&mut self, taken: &mut Taken<'_>) {
        let header = taken.header;
        let request_id = id_of(taken);
        let number = self.run_of(&request_id).unwrap_or(OVER_LIMIT);
        self.handles.insert(header.run, number);
        if let Some(run) = self.runs.get_mut(number) {
            run.handles += 1;
            run.times.at(&self.line, header.ticks);
        }
    }

    /// The open run of an id, begun where there is none; none beyond the limit.
    fn run_of(&mut self, request_id: &Text) -> Option<usize> {
        if let Some(number) = self.by_id.get(request_id) {
            return Some(*number);
        }
        if self.runs.len() >= self.limits.runs {
            return None;
        }
        // Ids are used again, by the same run and by others: each beginning has ids of its own.
        let prefix = IdPrefix::new(mix(self.emitter.wrapping_add(self.runs.begun())));
        let request_id = request_id.detached();
        let state = RunState::new(request_id.clone(), prefix, &self.line);
        let number = self.runs.insert(state);
        self.by_id.insert(request_id, number);
        Some(number)
    }

    /// Takes note that a handle is gone; with the last one the run is over.
    pub(crate) fn end_handle(&mut self, handle: u64, ticks: u64) {
        self.last = None;
        let Some(number) = self.handles.remove(&handle) else {
            return;
        };
        let Some(run) = self.runs.get_mut(number) else {
            return;
        };
        run.handles = run.handles.saturating_sub(1);
        if run.handles == 0 {
            run.times.at(&self.line, ticks);
            self.end_run(number);
        }
    }

    /// Ends a run by its id, whatever handles it has.
    pub(crate) fn finish(&mut self, request_id: &Text) {
        let Some(&number) = self.by_id.get(request_id) else {
            return;
        };
        let run = self.runs.get_mut(number);
        let handles = run.map_or(0, |run| run.handles);
        self.end_run(number);
        // Most runs that are finished by hand have none, and others may have many.
        if handles > 0 {
            self.handles.retain(|_, run| *run != number);
        }
    }

    /// Ends every run, in the order in which they began.
    pub(crate) fn finish_all(&mut self) {
        for number in self.runs.in_order() {
            self.end_run(number);
        }
        self.handles.clear();
    }

    fn end_run(&mut self, number: usize) {
        let Some(mut run) = self.runs.remove(number) else {
            return;
        };
        self.last = None;
        self.by_id.remove(&run.request_id);
        tell(&mut run, &mut self.handled, &mut self.sheet);
        self.ended += 1;
        let ended = RunEnded {
            nanos: run.times.last().unwrap_or_default(),
            ids: run.ids,
            next_seq: run.next_seq,
            request_id: run.request_id.clone(),
        };
        let Some(ledger) = &mut self.ledger else {
            self.ended_runs.push((self.sheet.len(), ended));
            return;
        };
        run.enter(ledger);
        let mut closers = Vec::new();
        let mut named = ledger.finish(&ended, &mut closers);
        self.handled.made += closers.len() as u64;
        self.handled.truncated += closers.len() as u64;
        self.truncated.append(&mut named);
        for closer in closers {
            self.sheet.push_event(closer);
        }
        self.sheet.end_run(ended.request_id);
        self.cut();
    }

    fn push_event(&mut self, taken: &mut Taken<'_>, shed: bool) {
        let Some(event) = taken.event.take() else {
            return;
        };
        let counted = usize::from(taken.header.counted);
        let Some(number) = self.run_of(&event.request_id) else {
            return self.handled.dropped.add(DropCause::OpenLimit, counted, 1);
        };
        if shed && !is_precious(&event) {
            return self.shed(number, counted);
        }
        let Some(run) = self.runs.get_mut(number) else {
            return;
        };
        tell(run, &mut self.handled, &mut self.sheet);
        let nanos = event.timestamp.micros().saturating_mul(1000);
        run.times
            .pass(nanos.saturating_add(i64::from(event.timestamp.nanos())));
        if event.seq < FOLLOWED {
            run.next_seq = run.next_seq.max(event.seq + 1);
        }
        if let Some(ledger) = &mut self.ledger {
            run.enter(ledger);
            match ledger.admit(&event) {
                Ok(None) => self.sheet.push_event(*event),
                Ok(Some(opener_id)) => self.sheet.push_paired(*event, opener_id),
                Err(cause) => return self.handled.dropped.add(cause, counted, 1),
            }
        } else {
            self.sheet.push_event(*event);
        }
        self.cut();
    }

    /// Ends the sheet where it is full. With processors the engine cuts behind them.
    #[inline]
    fn cut(&mut self) {
        if self.sheet.len() >= self.limits.batch_events && self.ledger.is_some() {
            self.full.push(self.sheet.take());
        }
    }

    /// Takes what came since the last call.
    pub(crate) fn take(&mut self) -> Sheets {
        let mut full = std::mem::take(&mut self.full);
        if !self.sheet.is_empty() || !self.ended_runs.is_empty() {
            full.push(self.sheet.take());
        }
        Sheets {
            full,
            ended: std::mem::take(&mut self.ended_runs),
            truncated: std::mem::take(&mut self.truncated),
            handled: std::mem::take(&mut self.handled),
        }
    }
}

/// The run's id in the record of one of its bounds.
fn id_of(taken: &mut Taken<'_>) -> Text {
    let mut bytes = taken.payload.take().map(Vec::from).unwrap_or_default();
    let header = taken.header;
    taken.cells.copy_payload(taken.at, &header, &mut bytes);
    let name = Compact(&bytes).name().unwrap_or_default();
    Text::new(String::from_utf8_lossy(name))
}

/// What a resolver made of records.
pub(crate) struct Sheets {
    pub(crate) full: Vec<Recorded>,
    /// With processors: the runs that ended, and after how many events of the one sheet.
    pub(crate) ended: Vec<(usize, RunEnded)>,
    pub(crate) truncated: Vec<Truncated>,
    pub(crate) handled: Handled,
}

/// Tells of what a run misses, before what comes next of it.
#[inline]
fn tell(run: &mut RunState, handled: &mut Handled, sheet: &mut Recorded) {
    if run.misses_something()
        && let Some(note) = run.tell()
    {
        handled.made += 1;
        sheet.push_event(note);
    }
}

/// Spreads a number over 64 bits, without loss.
fn mix(mut number: u64) -> u64 {
    number ^= number >> 30;
    number = number.wrapping_mul(0xbf58_476d_1ce4_e5b9);
    number ^= number >> 27;
    number = number.wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

/// Numbers one record.
struct Maker<'a> {
    run: &'a mut RunState,
    ledger: Option<&'a mut Ledger>,
    line: &'a Timeline,
    places: &'a mut Places,
    no_ctx: &'a Ctx,
    max_open: usize,
    sheet: &'a mut Recorded,
}

/// What a record belongs to.
#[derive(Debug, Clone, Copy, Default)]
struct Owner {
    seq: u64,
    began: i64,
    place: u32,
}

/// What the last record of a run belonged to, which most others belong to as well.
#[derive(Debug, Default)]
struct Recent {
    key: u64,
    sheet: u64,
    owner: Owner,
}

impl Maker<'_> {
    /// Puts the record into the sheet; returns whether it was late.
    fn make(mut self, taken: &mut Taken<'_>, ctx: Option<&Ctx>) -> Result<bool, DropCause> {
        let header = taken.header;
        let is_opener = matches!(header.kind, Kind::OpStart | Kind::GroupStart);
        if is_opener && self.run.is_absent(header.extra) {
            return Err(DropCause::Subtree);
        }
        if is_opener && self.run.open.len() >= self.max_open {
            return Err(DropCause::OpenLimit);
        }
        let owner = if is_opener {
            None
        } else {
            self.owner(&header)?
        };
        let (nanos, late) = self.run.times.at(self.line, header.ticks);
        let seq = self.run.next_seq;
        let content = self.content(taken);
        let owner = match owner {
            Some(owner) => owner,
            None if is_opener => match self.open(&header, ctx, content, nanos, seq) {
                Ok(owner) => owner,
                Err(cause) => {
                    // Only an entry of the sheet says what its bytes belong to.
                    self.sheet.take_back(content);
                    return Err(cause);
                }
            },
            None => Owner {
                seq: NO_SEQ,
                began: nanos,
                place: NONE,
            },
        };
        self.run.next_seq += 1;
        let run = &mut *self.run;
        let run = self.sheet.run(&run.request_id, run.ids, &mut run.stamp);
        self.sheet.push(Entry {
            nanos,
            seq,
            owner: owner.seq,
            began: owner.began,
            extra: header.extra,
            content,
            run,
            place: owner.place,
            kind: header.kind,
            status: header.status,
        });
        Ok(late)
    }

    /// What a record belongs to, which came before it; an error where that was dropped or has ended.
    fn owner(&mut self, header: &Header) -> Result<Option<Owner>, DropCause> {
        if matches!(header.kind, Kind::OpEnd | Kind::GroupEnd) {
            let open = self.run.open.remove(&header.key);
            let open = open.ok_or(DropCause::Subtree)?;
            self.run.recent = Recent::default();
            if let Some(ledger) = &mut self.ledger {
                ledger.end(&self.run.request_id, &self.run.ids.id(open.seq))?;
            }
            return Ok(Some(Owner {
                seq: open.seq,
                began: open.nanos,
                place: self.sheet.place(&open.place),
            }));
        }
        if header.key == 0 {
            return Ok(None);
        }
        let recent = &self.run.recent;
        if (recent.key, recent.sheet) == (header.key, self.sheet.number()) {
            return Ok(Some(recent.owner));
        }
        let open = self.run.open.get(&header.key);
        let open = open.ok_or(DropCause::Subtree)?;
        let owner = Owner {
            seq: open.seq,
            began: open.nanos,
            place: self.sheet.place(&open.place),
        };
        self.run.recent = Recent {
            key: header.key,
            sheet: self.sheet.number(),
            owner,
        };
        Ok(Some(owner))
    }

    fn content(&mut self, taken: &mut Taken<'_>) -> Content {
        if let Some(payload) = taken.payload.take() {
            return self.sheet.push_large(payload);
        }
        let bytes = &mut self.sheet.bytes;
        let start = bytes.len() as u32;
        taken.cells.copy_payload(taken.at, &taken.header, bytes);
        Content::Bytes {
            start,
            len: u32::from(taken.header.len),
        }
    }

    fn open(
        &mut self,
        header: &Header,
        ctx: Option<&Ctx>,
        content: Content,
        nanos: i64,
        seq: u64,
    ) -> Result<Owner, DropCause> {
        let name = Compact(self.sheet.content(content)).name();
        let parent = self.run.open.get(&header.extra);
        let ctx = ctx
            .or_else(|| parent.map(|parent| &parent.place.ctx))
            .unwrap_or(self.no_ctx);
        let is_group = header.kind == Kind::GroupStart;
        let place = self.places.find(name.unwrap_or_default(), ctx, is_group);
        let parent = parent.map_or(NO_SEQ, |parent| parent.seq);
        if let Some(ledger) = &mut self.ledger {
            ledger.open(&self.run.request_id, &self.run.ids.id(seq), &place)?;
        }
        let index = self.sheet.place(&place);
        let open = Open { seq, nanos, place };
        self.run.open.insert(header.key, open);
        Ok(Owner {
            seq: parent,
            began: nanos,
            place: index,
        })
    }
}
