//! What events take in memory, and how little they can.

use crate::event::{EventKind, TraceEvent};
use crate::export::{Paired, RunEnd};
use crate::text::Text;

/// What a chunk takes beside its text.
const CHUNK: usize = 64;

/// Chunks that are remembered: neighbours share theirs.
const RECENT: usize = 4;

/// Bytes of an event that lies beside another one in a chunk of their own: itself, its texts, and of
/// its run's id and its path what the one before it does not have.
pub(super) fn cost(event: &TraceEvent, before: Option<&TraceEvent>) -> usize {
    let texts: usize = event.texts().map(Text::size).sum();
    let has_run = before.is_some_and(|before| before.request_id == event.request_id);
    let request_id = if has_run { 0 } else { event.request_id.size() };
    beside_chunk(event, before) + texts + request_id
}

/// Bytes of the end of a run, whose id lies by itself.
pub(super) fn end_cost(end: &RunEnd) -> usize {
    size_of::<RunEnd>() + CHUNK + end.request_id.size()
}

/// Bytes of an end's opener, whose id lies by itself.
pub(super) fn pair_cost(paired: &Paired) -> usize {
    size_of::<Paired>() + CHUNK + paired.opener_id.size()
}

/// Bytes of what is in no chunk that events share.
fn beside_chunk(event: &TraceEvent, before: Option<&TraceEvent>) -> usize {
    let has_path = before.is_some_and(|before| before.ctx.same_allocation(&event.ctx));
    let path = if has_path { 0 } else { event.ctx.held() };
    let kind = match &event.kind {
        EventKind::Unknown(name) => name.chunk_len(),
        _ => 0,
    };
    size_of::<TraceEvent>() + path + kind
}

/// Bytes of events, packed and as they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Held {
    /// What they would take in a chunk of their own.
    pub(super) packed: usize,
    /// What they keep in memory: their chunks as a whole.
    pub(super) kept: usize,
}

impl Held {
    pub(super) fn of(events: &[TraceEvent]) -> Self {
        let mut held = Self { packed: 0, kept: 0 };
        let mut chunks: [Option<&Text>; RECENT] = [None; RECENT];
        let mut next = 0;
        let mut before = None;
        for event in events {
            held.packed += cost(event, before);
            held.kept += beside_chunk(event, before);
            before = Some(event);
            for text in event.texts().chain([&event.request_id]) {
                let mut known = chunks.iter().flatten();
                if !known.any(|chunk| chunk.shares_chunk(text)) {
                    held.kept += text.chunk_len();
                    chunks[next % RECENT] = Some(text);
                    next += 1;
                }
            }
        }
        held
    }

    /// Whether they keep much that is not theirs.
    pub(super) fn is_loose(self) -> bool {
        self.kept > 2 * self.packed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Ctx, Payload};
    use crate::time::Timestamp;

    fn events(chunk: &Text) -> Vec<TraceEvent> {
        let event = |at: usize| TraceEvent {
            event_id: chunk.slice(at..at + 4),
            request_id: chunk.slice(0..4),
            kind: EventKind::Annotation,
            op_name: None,
            ctx: Ctx::default(),
            timestamp: Timestamp::from_parts(0, 0),
            seq: 0,
            payload: Payload::empty(),
            extra: None,
        };
        vec![event(4), event(8)]
    }

    #[test]
    fn a_chunk_is_counted_once_and_as_a_whole() {
        let chunk = Text::new("x".repeat(5000));
        let events = events(&chunk);
        let held = Held::of(&events);
        let structs = 2 * size_of::<TraceEvent>();
        let payload = 2 * events[0].payload.text().size();
        assert_eq!(held.packed, structs + 4 + 4 + 4 + payload);
        assert!((structs + 5000..structs + 5100).contains(&held.kept));
        assert!(held.is_loose());
        let packed = Held::of(&TraceEvent::detached_together(events.iter()));
        assert_eq!(packed.packed, held.packed);
        assert_eq!(
            packed.kept, held.packed,
            "what was estimated is what it takes"
        );
    }
}
