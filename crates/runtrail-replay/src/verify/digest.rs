//! Digests of events.

use runtrail_core::event::TraceEvent;
use runtrail_core::text::Text;
use runtrail_core::time::Timestamp;
use sha2::{Digest as _, Sha256};

use super::sums::RunSum;

/// A digest of an event's or a run's content.
pub type Digest = [u8; 32];

/// What a run is known by: a digest of its id.
pub type RunKey = u128;

/// Returns what a run is known by.
pub fn run_key(request_id: &str) -> RunKey {
    let hash = blake3::hash(request_id.as_bytes());
    let mut key = [0; 16];
    key.copy_from_slice(&hash.as_bytes()[..16]);
    RunKey::from_le_bytes(key)
}

/// Everything that an event of a run is, wherever it stands.
#[derive(Debug, Clone, Copy)]
pub struct EventContent<'e, C> {
    /// Its id.
    pub event_id: &'e str,
    /// Its kind's name.
    pub kind: &'e str,
    /// The op that it speaks of.
    pub op_name: Option<&'e str>,
    /// The segments of its ctx.
    pub ctx: C,
    /// When it happened.
    pub timestamp: Timestamp,
    /// Its number within its run.
    pub seq: u64,
    /// What it carries, as text.
    pub payload: &'e str,
    /// Its unknown fields, as text.
    pub extra: Option<&'e str>,
}

/// Makes digests of events: of their parts, each after its length, so that no two different events have the
/// same text. The run stands in it by its key.
#[derive(Debug, Default)]
pub struct EventDigester {
    bytes: Vec<u8>,
}

/// More is not kept from one event to the next.
const KEPT_BYTES: usize = 1 << 20;

impl EventDigester {
    /// Returns the digest of an event of a run.
    pub fn event(&mut self, run: RunKey, event: &TraceEvent) -> Digest {
        self.digest(run, content_of(event))
    }

    /// Returns the digest of an event's content.
    pub fn digest<'c, C: Iterator<Item = &'c str>>(
        &mut self,
        run: RunKey,
        event: EventContent<'_, C>,
    ) -> Digest {
        self.bytes.clear();
        self.bytes.extend_from_slice(&run.to_le_bytes());
        encode(&mut self.bytes, event);
        let (blocks, rest) = self.bytes.split_at(in_blocks(&self.bytes));
        let hash = (!blocks.is_empty()).then(|| blake3::hash(blocks));
        let digest = digest_of(blocks.len(), hash, rest);
        if self.bytes.capacity() > KEPT_BYTES {
            self.bytes = Vec::new();
        }
        digest
    }
}

/// Makes one digest of all events of a run: of the texts of which [`EventDigester`] makes one digest each, one
/// after another. It takes a third of the time, and says nothing where the two sides of a comparison do not
/// come in the same order.
#[derive(Debug, Default)]
pub struct RunDigester {
    bytes: Vec<u8>,
    hasher: blake3::Hasher,
    hashed: usize,
    events: u64,
}

/// So much is hashed at a time: BLAKE3 hashes pieces of a long text side by side.
const HASHED_BYTES: usize = 64 << 10;

impl RunDigester {
    /// Takes the next event of the run.
    pub fn event(&mut self, event: &TraceEvent) {
        self.events += 1;
        // The key of the run is the same for all, and comes last.
        encode(&mut self.bytes, content_of(event));
        if self.bytes.len() >= HASHED_BYTES {
            let blocks = in_blocks(&self.bytes);
            self.hasher.update(&self.bytes[..blocks]);
            self.hashed += blocks;
            self.bytes.drain(..blocks);
            self.bytes.shrink_to(KEPT_BYTES);
        }
    }

    /// Ends the run, and returns its digest and how many events it had; the next event is another run's.
    pub fn finish(&mut self, run: RunKey) -> RunSum {
        self.bytes.extend_from_slice(&run.to_le_bytes());
        let (blocks, rest) = self.bytes.split_at(in_blocks(&self.bytes));
        let hash = match (self.hashed, blocks.len()) {
            (0, 0) => None,
            // Cheaper than by way of a hasher.
            (0, _) => Some(blake3::hash(blocks)),
            _ => Some(self.hasher.update(blocks).finalize()),
        };
        let digest = digest_of(self.hashed + blocks.len(), hash, rest);
        let sum = RunSum {
            events: self.events,
            ..RunSum::of(&digest)
        };
        if self.hashed > 0 {
            self.hasher.reset();
        }
        self.bytes.clear();
        (self.hashed, self.events) = (0, 0);
        sum
    }
}

/// A text's first bytes are hashed by BLAKE3 as far as they are a multiple of this: four of its chunks are
/// what every processor with vectors hashes side by side.
const BLOCK_BYTES: usize = 4096;

/// Returns how many bytes of a text are whole blocks.
fn in_blocks(text: &[u8]) -> usize {
    text.len() / BLOCK_BYTES * BLOCK_BYTES
}

/// Returns the digest of a text: SHA-256 over the length of its whole blocks, their BLAKE3, if there are any,
/// and the rest.
///
/// Each does what it is best at. Of the few hundred bytes that most events are, processors that have
/// instructions for SHA-256 make a digest in 0.4 of the time that BLAKE3 takes; of a long text BLAKE3 makes
/// one in a quarter of the time of SHA-256, but for what is left behind its last four chunks.
fn digest_of(blocks: usize, hash: Option<blake3::Hash>, rest: &[u8]) -> Digest {
    let mut hasher = Sha256::new_with_prefix((blocks as u64).to_le_bytes());
    if let Some(hash) = hash {
        hasher.update(hash.as_bytes());
    }
    hasher.update(rest);
    hasher.finalize().into()
}

fn content_of(event: &TraceEvent) -> EventContent<'_, impl Iterator<Item = &str>> {
    EventContent {
        event_id: &event.event_id,
        kind: event.kind.as_str(),
        op_name: event.op_name.as_deref(),
        ctx: event.ctx.segments().iter().map(Text::as_str),
        timestamp: event.timestamp,
        seq: event.seq,
        payload: event.payload.text(),
        extra: event.extra.as_deref(),
    }
}

/// Appends the text that a digest is made of, but for the run.
fn encode<'c, C: Iterator<Item = &'c str>>(bytes: &mut Vec<u8>, event: EventContent<'_, C>) {
    part(bytes, event.event_id);
    part(bytes, event.kind);
    optional(bytes, event.op_name);
    for segment in event.ctx {
        optional(bytes, Some(segment));
    }
    optional(bytes, None);
    bytes.extend_from_slice(&event.timestamp.micros().to_le_bytes());
    bytes.extend_from_slice(&event.timestamp.nanos().to_le_bytes());
    push_number(bytes, event.seq);
    part(bytes, event.payload);
    optional(bytes, event.extra);
}

fn part(bytes: &mut Vec<u8>, text: &str) {
    push_number(bytes, text.len() as u64);
    bytes.extend_from_slice(text.as_bytes());
}

/// Takes a text that may be missing, or the next of a list, which ends with a missing one: 0 stands for
/// it, and all lengths are one more.
fn optional(bytes: &mut Vec<u8>, text: Option<&str>) {
    push_number(bytes, text.map_or(0, |text| text.len() as u64 + 1));
    bytes.extend_from_slice(text.unwrap_or_default().as_bytes());
}

/// Takes a number by seven bits at a time, the lowest first: most are small.
fn push_number(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

#[cfg(test)]
mod tests {
    use super::*;
    use runtrail_core::wire::WireReader;

    #[test]
    fn every_part_of_an_event_counts() {
        let line = r#"{"event_id":"e","request_id":"r","kind":"pause","op_name":"o","ctx":["a","b"],"timestamp":"2026-11-21T01:00:00.000000001Z","seq":1,"payload":{"a":1},"host":"h"}"#;
        let mut digester = EventDigester::default();
        let mut digest = |line: &str| {
            let event = WireReader::default().read(&line.into()).unwrap();
            digester.event(run_key(&event.request_id), &event)
        };
        let mut seen = std::collections::HashSet::from([digest(line)]);
        for (from, to) in [
            ("\"e\"", "\"f\""),
            ("\"r\"", "\"s\""),
            ("pause", "paus"),
            ("\"o\"", "null"),
            ("\"o\"", "\"\""),
            (r#"["a","b"]"#, r#"["ab"]"#),
            (r#"["a","b"]"#, r#"["a"]"#),
            ("001Z", "002Z"),
            ("01:00:00", "01:00:01"),
            ("\"seq\":1", "\"seq\":2"),
            ("\"seq\":1", "\"seq\":129"),
            (r#"{"a":1}"#, r#"{"a": 1}"#),
            (r#","host":"h""#, ""),
        ] {
            assert!(line.contains(from), "{from}");
            assert!(
                seen.insert(digest(&line.replacen(from, to, 1))),
                "{from} {to}"
            );
        }
        assert_ne!(run_key("a"), run_key("b"));
    }

    #[test]
    fn a_run_has_one_digest_however_long_it_is_and_its_order_counts() {
        let event = |seq: usize, bytes: usize| {
            let payload = "x".repeat(bytes);
            let line = format!(
                r#"{{"event_id":"e{seq}","request_id":"r","kind":"annotation","timestamp":"2026-11-21T01:00:00Z","seq":{seq},"payload":{{"value":"{payload}"}}}}"#
            );
            WireReader::default().read(&line.as_str().into()).unwrap()
        };
        let mut digester = RunDigester::default();
        let mut digest_in = |run: RunKey, events: &[TraceEvent]| {
            for event in events {
                digester.event(event);
            }
            digester.finish(run)
        };
        let key = run_key("r");
        for bytes in [10, BLOCK_BYTES, HASHED_BYTES / 2, 2 * KEPT_BYTES] {
            let events: Vec<_> = (0..5).map(|seq| event(seq, bytes)).collect();
            let all = digest_in(key, &events);
            let mut text = Vec::new();
            for event in &events {
                encode(&mut text, content_of(event));
            }
            text.extend_from_slice(&key.to_le_bytes());
            let (blocks, rest) = text.split_at(in_blocks(&text));
            let hash = (!blocks.is_empty()).then(|| blake3::hash(blocks));
            let whole = RunSum::of(&digest_of(blocks.len(), hash, rest));
            assert_eq!((all.events, all.sum), (5, whole.sum));
            assert_ne!(digest_in(run_key("s"), &events), all);
            let mut digest = |events: &[TraceEvent]| digest_in(key, events);
            let swapped: Vec<_> = [1, 0, 2, 3, 4].map(|at| events[at].clone()).into();
            assert_ne!(digest(&swapped), all);
            assert_ne!(digest(&events[1..]), all);
            assert_eq!(digest(&events), all, "what came before counts");
        }
    }
}
