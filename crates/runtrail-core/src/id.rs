//! Identifiers that are derived, so that the same run always has the same ones.
//!
//! ```text
//! trace_id = first 16 bytes of BLAKE3 derive-key "runtrail otlp trace_id v1" over lp(namespace) lp(request_id)
//! span_id  = first  8 bytes of BLAKE3 derive-key "runtrail otlp span_id v1"
//!            over lp(namespace) lp(request_id) lp(tag) lp(part)…
//! ```
//! `lp(x)` is the length of `x` as 8 little-endian bytes, then `x`. Parts are text, but for
//! occurrences and indexes, which are 8 little-endian bytes. An id that would be all zero ends in 1 instead,
//! since OpenTelemetry reads zero as "no id".

use std::fmt;
use std::sync::LazyLock;

use blake3::hazmat::{ContextKey, HasherExt, hash_derive_key_context};

use crate::event::Ctx;

// A context is hashed to a key before anything else is, and is the same for every id.
static TRACE_KEY: LazyLock<ContextKey> =
    LazyLock::new(|| hash_derive_key_context("runtrail otlp trace_id v1"));
static SPAN_KEY: LazyLock<ContextKey> =
    LazyLock::new(|| hash_derive_key_context("runtrail otlp span_id v1"));

/// Identifies a span within all runs of a namespace; shown as 16 hex digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SpanId([u8; 8]);

/// Identifies a run as an OpenTelemetry trace; shown as 32 hex digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TraceId([u8; 16]);

impl SpanId {
    /// Returns the id's bytes.
    pub fn to_bytes(self) -> [u8; 8] {
        self.0
    }
}

impl TraceId {
    /// Derives the id of a run.
    pub fn of_run(namespace: &str, request_id: &str) -> Self {
        let mut message = Message::default();
        message.part(namespace);
        message.part(request_id);
        Self(message.head(&TRACE_KEY))
    }

    /// Returns the id's bytes.
    pub fn to_bytes(self) -> [u8; 16] {
        self.0
    }
}

/// Derives the span ids of one run.
#[derive(Debug, Clone)]
pub struct SpanIds {
    /// What all ids of the run are derived from, and then the tag of an op: most spans are ops.
    prefix: Box<[u8]>,
}

/// The length and the tag.
const OP_TAG: &[u8] = b"\x02\0\0\0\0\0\0\0op";

impl SpanIds {
    /// Prepares the ids of a run's spans.
    pub fn of_run(namespace: &str, request_id: &str) -> Self {
        let len = 16 + namespace.len() + request_id.len() + OP_TAG.len();
        let mut prefix = Vec::with_capacity(len);
        for part in [namespace, request_id] {
            prefix.extend_from_slice(&(part.len() as u64).to_le_bytes());
            prefix.extend_from_slice(part.as_bytes());
        }
        prefix.extend_from_slice(OP_TAG);
        Self {
            prefix: prefix.into(),
        }
    }

    /// Returns the id of the run's own span.
    pub fn run(&self) -> SpanId {
        SpanId(self.tagged("run").head(&SPAN_KEY))
    }

    /// Returns the id of an op: the `occurrence`-th, from 0, of its name and path.
    pub fn op(&self, op_name: &str, ctx: &Ctx, occurrence: u64) -> SpanId {
        let mut message = Message::default();
        message.bytes(&self.prefix);
        message.op(op_name, ctx, occurrence);
        SpanId(message.head(&SPAN_KEY))
    }

    /// Returns the id of an op's call of an LLM: its `index`-th, from 0.
    pub fn llm(&self, op_name: &str, ctx: &Ctx, occurrence: u64, index: u64) -> SpanId {
        let mut message = self.tagged("llm");
        message.op(op_name, ctx, occurrence);
        message.count(index);
        SpanId(message.head(&SPAN_KEY))
    }

    /// Returns the id of a group: the `occurrence`-th, from 0, of its name.
    pub fn group(&self, name: &str, occurrence: u64) -> SpanId {
        let mut message = self.tagged("group");
        message.part(name);
        message.count(occurrence);
        SpanId(message.head(&SPAN_KEY))
    }

    fn tagged(&self, tag: &str) -> Message {
        let mut message = Message::default();
        message.bytes(&self.prefix[..self.prefix.len() - OP_TAG.len()]);
        message.part(tag);
        message
    }
}

/// What an id is derived from.
///
/// It is gathered before it is hashed: each call of the hasher costs more than a part of the usual
/// few bytes does, and the hasher is too large to be handed around.
struct Message {
    short: [u8; SHORT],
    len: usize,
    /// All of it, once it is not short any more.
    long: Vec<u8>,
}

/// Holds what ids are usually derived from, some 120 bytes.
const SHORT: usize = 256;

impl Default for Message {
    #[inline]
    fn default() -> Self {
        Self {
            short: [0; SHORT],
            len: 0,
            long: Vec::new(),
        }
    }
}

impl Message {
    #[inline]
    fn part(&mut self, part: &str) {
        self.number(part.len() as u64);
        self.bytes(part.as_bytes());
    }

    #[inline]
    fn op(&mut self, op_name: &str, ctx: &Ctx, occurrence: u64) {
        self.part(op_name);
        for segment in ctx.segments() {
            self.part(segment);
        }
        self.count(occurrence);
    }

    #[inline]
    fn count(&mut self, count: u64) {
        self.number(8);
        self.number(count);
    }

    #[inline]
    fn number(&mut self, number: u64) {
        self.bytes(&number.to_le_bytes());
    }

    #[inline]
    fn bytes(&mut self, bytes: &[u8]) {
        let end = self.len + bytes.len();
        if let Some(room) = self.short.get_mut(self.len..end) {
            room.copy_from_slice(bytes);
        } else {
            if self.long.is_empty() {
                self.long.extend_from_slice(&self.short[..self.len]);
            }
            self.long.extend_from_slice(bytes);
        }
        self.len = end;
    }

    fn head<const N: usize>(&self, key: &ContextKey) -> [u8; N] {
        let whole = self.short.get(..self.len).unwrap_or(&self.long);
        let mut hasher = blake3::Hasher::new_from_context_key(key);
        let hash = hasher.update(whole).finalize();
        let mut id = [0; N];
        id.copy_from_slice(&hash.as_bytes()[..N]);
        if id == [0; N] {
            id[N - 1] = 1;
        }
        id
    }
}

const HEX: &[u8; 16] = b"0123456789abcdef";

macro_rules! shown_as_hex {
    ($id:ident) => {
        impl fmt::Display for $id {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                // A lake holds several of these a row: formatted byte by byte they cost a tenth of it.
                let mut digits = [0; 2 * size_of::<Self>()];
                for (pair, byte) in digits.chunks_exact_mut(2).zip(self.0) {
                    pair[0] = HEX[usize::from(byte >> 4)];
                    pair[1] = HEX[usize::from(byte & 0xf)];
                }
                f.write_str(std::str::from_utf8(&digits).unwrap_or_default())
            }
        }

        impl fmt::Debug for $id {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl<'de> serde::Deserialize<'de> for $id {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                let digit = |at: usize| text.get(at..at + 2);
                let mut bytes = Self([0; _]).0;
                let whole = text.len() == 2 * bytes.len();
                for (at, byte) in bytes.iter_mut().enumerate() {
                    let read = digit(2 * at).and_then(|d| u8::from_str_radix(d, 16).ok());
                    *byte = read
                        .filter(|_| whole)
                        .ok_or_else(|| serde::de::Error::custom("not an id in hex"))?;
                }
                Ok(Self(bytes))
            }
        }

        impl serde::Serialize for $id {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
    };
}

shown_as_hex!(SpanId);
shown_as_hex!(TraceId);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_pinned() {
        // Exported lakes and tracing backends hold these: a change here breaks every join by id.
        let ids = SpanIds::of_run("", "r1");
        assert_eq!(
            TraceId::of_run("", "r1").to_string(),
            "45a2f3fbbb1f70363d688a97651b9bc5"
        );
        assert_eq!(ids.run().to_string(), "843a8e349e684532");
        assert_eq!(
            ids.op("main.fetch", &Ctx::new(["main", "[0]"]), 0)
                .to_string(),
            "93c00c256fbd0844"
        );
        assert_eq!(ids.group("turn-0", 0).to_string(), "aaf93c22a50863da");
        assert_eq!(
            ids.llm("main.fetch", &Ctx::new(["main", "[0]"]), 0, 1)
                .to_string(),
            "cc5e0847138d50c4"
        );
    }

    #[test]
    fn long_parts_are_hashed_as_short_ones_are() {
        let (long, rest) = ("n".repeat(SHORT), "x".repeat(SHORT - 1));
        let ctx = Ctx::new([&*long, "main", &*rest]);
        let id = SpanIds::of_run("", "r1").op(&long, &ctx, 7);
        let mut hasher = blake3::Hasher::new_derive_key("runtrail otlp span_id v1");
        let occurrence = 7_u64.to_le_bytes();
        for part in ["", "r1", "op", &*long, &*long, "main", &*rest] {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part.as_bytes());
        }
        hasher.update(&8_u64.to_le_bytes()).update(&occurrence);
        assert_eq!(id.to_bytes(), hasher.finalize().as_bytes()[..8]);
    }

    #[test]
    fn parts_do_not_run_together() {
        let ids = SpanIds::of_run("", "r1");
        let one = ids.op("a", &Ctx::new(["b", "c"]), 0);
        assert_ne!(one, ids.op("a", &Ctx::new(["bc"]), 0));
        assert_ne!(one, ids.op("ab", &Ctx::new(["c"]), 0));
        assert_ne!(ids.op("a", &Ctx::default(), 0), ids.group("a", 0));
        assert_ne!(
            SpanIds::of_run("a", "b").run(),
            SpanIds::of_run("", "ab").run()
        );
    }
}
