//! Leaving out exact repeats.

use std::collections::HashSet;

use runtrail_core::event::TraceEvent;
use runtrail_core::json::compact;

/// Finds repeats in an ordered stream, where they stand side by side: a repeat has the same run,
/// timestamp, seq and id as what it repeats.
#[derive(Debug, Default)]
pub(super) struct Dedup {
    /// Digests of the different contents at the last event's position, once there are two.
    contents: HashSet<[u8; 32]>,
}

impl Dedup {
    /// Whether an event repeats the one before it in the stream that was no repeat, or another
    /// that stood where that one does.
    pub(super) fn is_repeat(&mut self, last: &TraceEvent, event: &TraceEvent) -> bool {
        // Nearly always this decides, without a look at any text.
        let apart = last.seq != event.seq || last.timestamp != event.timestamp;
        if apart || last.cmp_position(event).is_ne() {
            self.contents.clear();
            return false;
        }
        if self.contents.is_empty() {
            self.contents.insert(content(last));
        }
        !self.contents.insert(content(event))
    }
}

/// Leaves out the repeats of a run's events, which are in order.
pub(super) fn without_repeats(run: Vec<TraceEvent>) -> Vec<TraceEvent> {
    let together =
        |pair: &[TraceEvent]| pair[0].seq == pair[1].seq && pair[0].timestamp == pair[1].timestamp;
    if !run.windows(2).any(together) {
        return run;
    }
    let mut dedup = Dedup::default();
    let mut kept: Vec<TraceEvent> = Vec::with_capacity(run.len());
    for event in run {
        let repeats = |last: &TraceEvent| dedup.is_repeat(last, &event);
        if !kept.last().is_some_and(repeats) {
            kept.push(event);
        }
    }
    kept
}

/// A digest of everything that the position does not tell; as for [`TraceEvent::is_repeat_of`], white space between tokens does not count.
fn content(event: &TraceEvent) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    let mut part = |bytes: &[u8]| {
        hasher.update(&(bytes.len() as u64).to_le_bytes());
        hasher.update(bytes);
    };
    part(event.kind.as_str().as_bytes());
    part(
        event
            .op_name
            .as_ref()
            .map_or(b"\xff", |name| name.as_bytes()),
    );
    for segment in event.ctx.segments() {
        part(segment.as_bytes());
    }
    part(compact(event.payload.text()).as_bytes());
    part(compact(event.extra.as_deref().unwrap_or_default()).as_bytes());
    hasher.finalize().into()
}
