//! What is known of each span of a run.

use std::num::NonZeroU32;

use super::content::Metadata;
use super::name::NameId;
use super::scope::ScopeId;
use crate::id::SpanId;
use crate::span::SpanRecord;
use crate::time::Timestamp;

/// Names a span of the run, in the order of their starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(super) struct SpanIndex(NonZeroU32);

impl SpanIndex {
    /// Names the `n`-th span, from 0; `None` from about 4 thousand million on.
    pub(super) fn nth(n: usize) -> Option<Self> {
        NonZeroU32::new(u32::try_from(n).ok()?.wrapping_add(1)).map(Self)
    }

    #[inline]
    pub(super) fn get(self) -> usize {
        self.0.get() as usize - 1
    }
}

/// A span of the run, open or closed: what later spans need to know of it.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
pub(super) struct Slot {
    pub(super) parent: Option<SpanIndex>,
    pub(super) group: Option<SpanIndex>,
    pub(super) name: NameId,
    pub(super) started_at: Timestamp,
    /// The span of its name that opened before it, and was open then.
    pub(super) before_in_name: Option<SpanIndex>,
    /// The op of its scope that opened before it, and was open then.
    pub(super) before_in_scope: Option<SpanIndex>,
    pub(super) is_group: bool,
    /// Who it is, where spans are handed out.
    pub(super) identity: Option<Identity>,
    pub(super) state: State,
}

#[derive(Debug, Clone, Copy, serde::Serialize, serde::Deserialize)]
pub(super) struct Identity {
    pub(super) span_id: SpanId,
    pub(super) depth: u32,
}

#[derive(Debug, serde::Serialize, serde::Deserialize)]
pub(super) enum State {
    /// Open, and only counted.
    Counted,
    /// Open, and to be handed out.
    Drafted(Box<Draft>),
    Closed,
}

/// What is held of a span until it closes.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
pub(super) struct Draft {
    pub(super) record: SpanRecord,
    pub(super) scope: ScopeId,
    /// Of a group.
    pub(super) metadata: Option<Box<Metadata>>,
    /// The bytes of content in it.
    pub(super) held: usize,
    /// Whether its texts may share the chunk of the run's last event.
    pub(super) fresh: bool,
}

impl Slot {
    #[inline]
    pub(super) fn is_open(&self) -> bool {
        !matches!(self.state, State::Closed)
    }

    pub(super) fn draft_ref(&self) -> Option<&Draft> {
        match &self.state {
            State::Drafted(draft) => Some(draft),
            State::Counted | State::Closed => None,
        }
    }

    #[inline]
    pub(super) fn draft(&mut self) -> Option<&mut Draft> {
        match &mut self.state {
            State::Drafted(draft) => Some(draft),
            State::Counted | State::Closed => None,
        }
    }
}

impl Draft {
    /// Copies its texts out of the chunk that they came in.
    pub(super) fn settle(&mut self) {
        let record = &mut self.record;
        let texts = [
            &mut record.start_event_id,
            &mut record.inputs,
            &mut record.yields.last_value,
        ];
        for text in texts.into_iter().flatten() {
            *text = text.detached();
        }
        self.fresh = false;
    }
}

/// Follows a chain to the first span that is open.
///
/// A span that closes out of turn stays in its chains until it comes to be their first: nobody
/// looks at it there, and looking for it would cost a run of many open spans the square of their
/// number.
#[inline]
pub(super) fn first_open(
    slots: &[Slot],
    mut first: Option<SpanIndex>,
    before: impl Fn(&Slot) -> Option<SpanIndex>,
) -> Option<SpanIndex> {
    while let Some(index) = first {
        let slot = &slots[index.get()];
        if slot.is_open() {
            break;
        }
        first = before(slot);
    }
    first
}
