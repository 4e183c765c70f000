//! What goes through a ring: one thing that a thread recorded, not yet an event.

use crate::event::{Ctx, EventKind, TraceEvent};

/// Bytes of names and payload that a record holds itself. Three attributes of usual size fit; a
/// larger buffer would make every push copy more.
pub(crate) const INLINE: usize = 128;

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
    /// A run handle was dropped, or the run was finished by hand.
    RunEnd,
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

    /// Whether the record stands for an event, and is counted as one.
    pub(crate) fn is_event(self) -> bool {
        !matches!(self, Self::RunStart | Self::RunEnd)
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
            Self::Raw | Self::RunStart | Self::RunEnd => return None,
        })
    }
}

/// How an op or a group ended, as one byte.
pub(crate) mod end {
    pub(crate) const OK: u8 = 0;
    pub(crate) const ERROR: u8 = 1;
    pub(crate) const CANCELLED: u8 = 2;
}

/// One thing that a thread recorded.
pub(crate) struct Record {
    /// Of the fast clock; the worker turns it into a time.
    pub(crate) ticks: u64,
    /// The run handle's number.
    pub(crate) run: u64,
    /// The opener's key: its own on an opener, the one it belongs to on everything else.
    pub(crate) key: u64,
    /// An opener's parent, a yield's index, or an end's number of yields.
    pub(crate) extra: u64,
    pub(crate) ctx: Option<Ctx>,
    /// The payload where it does not fit `inline`.
    pub(crate) spilled: Option<Box<[u8]>>,
    pub(crate) raw: Option<Box<TraceEvent>>,
    pub(crate) kind: Kind,
    /// The kind that it is counted under.
    pub(crate) counted: u8,
    pub(crate) status: u8,
    pub(crate) len: u8,
    pub(crate) inline: [u8; INLINE],
}

impl Record {
    #[inline]
    pub(crate) fn new(kind: Kind) -> Self {
        Self {
            ticks: 0,
            run: 0,
            key: 0,
            extra: 0,
            ctx: None,
            spilled: None,
            raw: None,
            kind,
            counted: kind as u8,
            status: 0,
            len: 0,
            inline: [0; INLINE],
        }
    }

    /// Takes everything out, to be put into a ring.
    #[inline]
    pub(crate) fn take(&mut self) -> Self {
        Self {
            ticks: self.ticks,
            run: self.run,
            key: self.key,
            extra: self.extra,
            ctx: self.ctx.take(),
            spilled: self.spilled.take(),
            raw: self.raw.take(),
            kind: self.kind,
            counted: self.counted,
            status: self.status,
            len: self.len,
            inline: self.inline,
        }
    }

    /// The names and the payload, as [`Draft`](super::encode::Draft) wrote them.
    pub(crate) fn bytes(&self) -> &[u8] {
        match &self.spilled {
            Some(bytes) => bytes,
            None => self.inline.get(..usize::from(self.len)).unwrap_or_default(),
        }
    }

    /// Bytes held outside the record itself.
    pub(crate) fn held(&self) -> usize {
        let raw = self
            .raw
            .as_ref()
            .map_or(0, |event| size_of::<TraceEvent>() + event.text_bytes());
        raw + self.spilled.as_ref().map_or(0, |bytes| bytes.len())
    }

    /// Whether losing it would tear a subtree or lose what cannot be told otherwise.
    pub(crate) fn is_precious(&self) -> bool {
        match self.kind {
            Kind::OpEnd | Kind::GroupEnd | Kind::LlmUsage | Kind::RunStart | Kind::RunEnd => true,
            Kind::Raw => self.raw.as_ref().is_some_and(|event| is_precious(event)),
            _ => false,
        }
    }
}

/// Whether an event closes something, says what an LLM call used, or tells of an error.
pub(crate) fn is_precious(event: &TraceEvent) -> bool {
    matches!(
        event.kind,
        EventKind::OpEnd | EventKind::GroupEnd | EventKind::LlmUsage
    )
}
