//! What goes through a ring: one thing that a thread recorded, not yet an event.

use crate::event::{Ctx, EventKind, TraceEvent};

/// Bytes of a ring's cell: a line of the cache.
pub(crate) const CELL: usize = 64;
/// What a ring is made of. A record is one cell or several, the first of which begins with its header.
pub(crate) type Cell = [u8; CELL];
/// The most cells of one record. Three attributes of usual size fit; what does not is handed over
/// beside the cells.
pub(crate) const CELLS: usize = 3;
/// Bytes of a header.
pub(crate) const HEADER: usize = 40;
/// Bytes of names and payload that a record's own cells hold.
#[cfg(test)]
pub(crate) const INLINE: usize = CELLS * CELL - HEADER;

/// What a record is. The first eight are event kinds, in the order of [`EventKind::KNOWN`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Kind {
    OpStart,
    OpEnd,
    OpYield,
    Annotation,
    GroupStart,
    GroupEnd,
    LlmUsage,
    MediaRef,
    /// An event that the engine made itself.
    Raw,
    /// A run handle was made; the payload is the run's id.
    RunStart,
    /// A run handle was dropped.
    RunEnd,
    /// A run was finished by hand; the payload is the run's id.
    RunFinish,
}

/// How many kinds are counted apart: the known ones, and all others together.
pub(crate) const KINDS: usize = EventKind::KNOWN.len() + 1;

impl Kind {
    pub(crate) fn of(kind: &EventKind) -> usize {
        EventKind::KNOWN
            .iter()
            .position(|known| known == kind)
            .unwrap_or(KINDS - 1)
    }

    /// The kind with a number; the last one where there is none.
    fn from_u8(number: u8) -> Self {
        const ALL: [Kind; 12] = [
            Kind::OpStart,
            Kind::OpEnd,
            Kind::OpYield,
            Kind::Annotation,
            Kind::GroupStart,
            Kind::GroupEnd,
            Kind::LlmUsage,
            Kind::MediaRef,
            Kind::Raw,
            Kind::RunStart,
            Kind::RunEnd,
            Kind::RunFinish,
        ];
        ALL.get(usize::from(number))
            .copied()
            .unwrap_or(Self::RunEnd)
    }

    /// Whether the record stands for an event, and is counted as one.
    pub(crate) fn is_event(self) -> bool {
        !matches!(self, Self::RunStart | Self::RunEnd | Self::RunFinish)
    }

    pub(crate) fn event_kind(self) -> Option<EventKind> {
        Some(match self {
            Self::OpStart => EventKind::OpStart,
            Self::OpEnd => EventKind::OpEnd,
            Self::OpYield => EventKind::OpYield,
            Self::Annotation => EventKind::Annotation,
            Self::GroupStart => EventKind::GroupStart,
            Self::GroupEnd => EventKind::GroupEnd,
            Self::LlmUsage => EventKind::LlmUsage,
            Self::MediaRef => EventKind::MediaRef,
            Self::Raw | Self::RunStart | Self::RunEnd | Self::RunFinish => return None,
        })
    }
}

/// How an op or a group ended, as one byte.
pub(crate) mod end {
    pub(crate) const OK: u8 = 0;
    pub(crate) const ERROR: u8 = 1;
    pub(crate) const CANCELLED: u8 = 2;
}

/// What stands at the beginning of every record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    /// Of the fast clock; the worker turns it into a time.
    pub(crate) ticks: u64,
    /// The run handle's number.
    pub(crate) run: u64,
    /// The opener's key: its own on an opener, the one it belongs to on everything else.
    pub(crate) key: u64,
    /// An opener's parent, a yield's index, or an end's number of yields.
    pub(crate) extra: u64,
    /// Bytes of names and payload in the record's cells.
    pub(crate) len: u8,
    pub(crate) kind: Kind,
    /// The kind that it is counted under.
    pub(crate) counted: u8,
    pub(crate) status: u8,
    /// An opener's path, by its place among those that the ring's thread keeps, from 1; 0 for none.
    pub(crate) ctx: u8,
    /// How many things it has [beside](Beside) the cells.
    pub(crate) beside: u8,
}

/// What a record has beside its cells, in the order in which it is handed over.
pub(crate) enum Beside {
    Ctx(Ctx),
    Payload(Box<[u8]>),
    Event(Box<TraceEvent>),
}

impl Beside {
    /// Bytes that it takes of the budget.
    pub(crate) fn held(&self) -> usize {
        match self {
            Self::Ctx(ctx) => ctx.held(),
            Self::Payload(bytes) => bytes.len(),
            Self::Event(event) => held_by(event),
        }
    }
}

/// Bytes that an event takes of the budget.
pub(crate) fn held_by(event: &TraceEvent) -> usize {
    let kind = match &event.kind {
        EventKind::Unknown(name) => name.size(),
        _ => 0,
    };
    let path = size_of_val(event.ctx.segments());
    size_of::<TraceEvent>() + event.text_bytes() + path + kind
}

impl Header {
    pub(crate) fn new(kind: Kind) -> Self {
        Self {
            ticks: 0,
            run: 0,
            key: 0,
            extra: 0,
            len: 0,
            kind,
            counted: kind as u8,
            status: 0,
            ctx: 0,
            beside: 0,
        }
    }

    #[inline]
    pub(crate) fn write(&self, cell: &mut Cell) {
        let (words, rest) = cell.as_chunks_mut::<8>();
        if let [ticks, run, key, extra, small, ..] = words {
            *ticks = self.ticks.to_le_bytes();
            *run = self.run.to_le_bytes();
            *key = self.key.to_le_bytes();
            *extra = self.extra.to_le_bytes();
            *small = [
                self.kind as u8,
                self.counted,
                self.status,
                self.ctx,
                self.beside,
                self.len,
                0,
                0,
            ];
        }
        debug_assert!(rest.is_empty());
    }

    /// Reads what [`write`](Self::write) wrote.
    #[inline]
    pub(crate) fn read(cell: &Cell) -> Self {
        let (words, _) = cell.as_chunks::<8>();
        let word = |index: usize| words.get(index).copied().unwrap_or_default();
        let number = |index| u64::from_le_bytes(word(index));
        let [kind, counted, status, ctx, beside, len, ..] = word(4);
        Self {
            ticks: number(0),
            run: number(1),
            key: number(2),
            extra: number(3),
            len,
            kind: Kind::from_u8(kind),
            counted,
            status,
            ctx,
            beside,
        }
    }

    /// How many cells the record takes.
    #[inline]
    pub(crate) fn cells(&self) -> usize {
        (HEADER + usize::from(self.len)).div_ceil(CELL)
    }
}

/// Cells that wait in a ring: up to its end, and from its beginning.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Waiting<'a> {
    one: &'a [Cell],
    two: &'a [Cell],
}

impl<'a> Waiting<'a> {
    pub(crate) fn new((one, two): (&'a [Cell], &'a [Cell])) -> Self {
        Self { one, two }
    }

    /// Reads the header in a cell; `None` behind the last one.
    #[inline]
    pub(crate) fn header(&self, at: usize) -> Option<Header> {
        let cell = match at.checked_sub(self.one.len()) {
            None => self.one.get(at),
            Some(at) => self.two.get(at),
        };
        cell.map(Header::read)
    }

    /// Copies the payload of the record whose header stands in a cell.
    #[inline]
    pub(crate) fn copy_payload(&self, at: usize, header: &Header, out: &mut Vec<u8>) {
        let start = at * CELL + HEADER;
        let end = start + usize::from(header.len);
        let (one, two) = (self.one.as_flattened(), self.two.as_flattened());
        if let Some(bytes) = one.get(start..end) {
            out.extend_from_slice(bytes);
            return;
        }
        out.extend_from_slice(one.get(start..).unwrap_or_default());
        let range = start.saturating_sub(one.len())..end.saturating_sub(one.len());
        out.extend_from_slice(two.get(range).unwrap_or_default());
    }
}

/// Whether losing a record of this kind would tear a subtree or lose what cannot be told otherwise.
pub(crate) fn is_precious_kind(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::OpEnd
            | Kind::GroupEnd
            | Kind::LlmUsage
            | Kind::RunStart
            | Kind::RunEnd
            | Kind::RunFinish
    )
}

/// Whether an event closes something, says what an LLM call used, or tells of an error.
pub(crate) fn is_precious(event: &TraceEvent) -> bool {
    matches!(
        event.kind,
        EventKind::OpEnd | EventKind::GroupEnd | EventKind::LlmUsage
    )
}
