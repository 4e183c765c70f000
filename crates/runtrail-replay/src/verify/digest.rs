//! Digests of events.

use runtrail_core::event::TraceEvent;
use runtrail_core::text::Text;
use runtrail_core::time::Timestamp;
use sha2::{Digest as _, Sha256};

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

/// Everything that an event is, wherever it stands.
#[derive(Debug, Clone, Copy)]
pub struct EventContent<'e, C> {
    /// Its id.
    pub event_id: &'e str,
    /// Its run.
    pub request_id: &'e str,
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

/// Makes digests of events: SHA-256 over their parts, each after its length, so that no two different
/// events have the same text.
///
/// An event is a few hundred bytes, of which processors that have instructions for SHA-256 make a digest
/// in half the time that BLAKE3 takes, which gains only on longer texts.
#[derive(Debug, Default)]
pub struct EventDigester {
    bytes: Vec<u8>,
}

/// More is not kept from one event to the next.
const KEPT_BYTES: usize = 1 << 20;

impl EventDigester {
    /// Returns the digest of an event.
    pub fn event(&mut self, event: &TraceEvent) -> Digest {
        self.digest(EventContent {
            event_id: &event.event_id,
            request_id: &event.request_id,
            kind: event.kind.as_str(),
            op_name: event.op_name.as_deref(),
            ctx: event.ctx.segments().iter().map(Text::as_str),
            timestamp: event.timestamp,
            seq: event.seq,
            payload: event.payload.text(),
            extra: event.extra.as_deref(),
        })
    }

    /// Returns the digest of an event's content.
    pub fn digest<'c, C: Iterator<Item = &'c str>>(
        &mut self,
        event: EventContent<'_, C>,
    ) -> Digest {
        self.bytes.clear();
        self.part(event.event_id);
        self.part(event.request_id);
        self.part(event.kind);
        self.optional(event.op_name);
        for segment in event.ctx {
            self.optional(Some(segment));
        }
        self.optional(None);
        self.bytes
            .extend_from_slice(&event.timestamp.micros().to_le_bytes());
        self.bytes
            .extend_from_slice(&event.timestamp.nanos().to_le_bytes());
        self.number(event.seq);
        self.part(event.payload);
        self.optional(event.extra);
        let digest = Sha256::digest(&self.bytes).into();
        if self.bytes.capacity() > KEPT_BYTES {
            self.bytes = Vec::new();
        }
        digest
    }

    fn part(&mut self, text: &str) {
        self.number(text.len() as u64);
        self.bytes.extend_from_slice(text.as_bytes());
    }

    /// Takes a text that may be missing, or the next of a list, which ends with a missing one: 0 stands
    /// for it, and all lengths are one more.
    fn optional(&mut self, text: Option<&str>) {
        self.number(text.map_or(0, |text| text.len() as u64 + 1));
        self.bytes
            .extend_from_slice(text.unwrap_or_default().as_bytes());
    }

    /// Takes a number by seven bits at a time, the lowest first: most are small.
    fn number(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.bytes.push(number as u8 | 0x80);
            number >>= 7;
        }
        self.bytes.push(number as u8);
    }
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
            digester.event(&event)
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
}
