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

use crate::event::Ctx;

const TRACE_CONTEXT: &str = "runtrail otlp trace_id v1";
const SPAN_CONTEXT: &str = "runtrail otlp span_id v1";

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
        let mut hasher = blake3::Hasher::new_derive_key(TRACE_CONTEXT);
        push_part(&mut hasher, namespace.as_bytes());
        push_part(&mut hasher, request_id.as_bytes());
        Self(head(&hasher))
    }

    /// Returns the id's bytes.
    pub fn to_bytes(self) -> [u8; 16] {
        self.0
    }
}

/// Derives the span ids of one run.
#[derive(Debug, Clone)]
pub struct SpanIds {
    prefix: blake3::Hasher,
}

impl SpanIds {
    /// Prepares the ids of a run's spans.
    pub fn of_run(namespace: &str, request_id: &str) -> Self {
        let mut prefix = blake3::Hasher::new_derive_key(SPAN_CONTEXT);
        push_part(&mut prefix, namespace.as_bytes());
        push_part(&mut prefix, request_id.as_bytes());
        Self { prefix }
    }

    /// Returns the id of the run's own span.
    pub fn run(&self) -> SpanId {
        self.derive("run", &[])
    }

    /// Returns the id of an op: the `occurrence`-th, from 0, of its name and path.
    pub fn op(&self, op_name: &str, ctx: &Ctx, occurrence: u64) -> SpanId {
        let mut hasher = self.tagged("op");
        push_op(&mut hasher, op_name, ctx, occurrence);
        SpanId(head(&hasher))
    }

    /// Returns the id of an op's call of an LLM: its `index`-th, from 0.
    pub fn llm(&self, op_name: &str, ctx: &Ctx, occurrence: u64, index: u64) -> SpanId {
        let mut hasher = self.tagged("llm");
        push_op(&mut hasher, op_name, ctx, occurrence);
        push_part(&mut hasher, &index.to_le_bytes());
        SpanId(head(&hasher))
    }

    /// Returns the id of a group: the `occurrence`-th, from 0, of its name.
    pub fn group(&self, name: &str, occurrence: u64) -> SpanId {
        self.derive("group", &[name.as_bytes(), &occurrence.to_le_bytes()])
    }

    fn derive(&self, tag: &str, parts: &[&[u8]]) -> SpanId {
        let mut hasher = self.tagged(tag);
        for part in parts {
            push_part(&mut hasher, part);
        }
        SpanId(head(&hasher))
    }

    fn tagged(&self, tag: &str) -> blake3::Hasher {
        let mut hasher = self.prefix.clone();
        push_part(&mut hasher, tag.as_bytes());
        hasher
    }
}

fn push_op(hasher: &mut blake3::Hasher, op_name: &str, ctx: &Ctx, occurrence: u64) {
    push_part(hasher, op_name.as_bytes());
    for segment in ctx.segments() {
        push_part(hasher, segment.as_bytes());
    }
    push_part(hasher, &occurrence.to_le_bytes());
}

fn push_part(hasher: &mut blake3::Hasher, part: &[u8]) {
    hasher.update(&(part.len() as u64).to_le_bytes());
    hasher.update(part);
}

fn head<const N: usize>(hasher: &blake3::Hasher) -> [u8; N] {
    let mut id = [0; N];
    hasher.finalize_xof().fill(&mut id);
    if id == [0; N] {
        id[N - 1] = 1;
    }
    id
}

macro_rules! shown_as_hex {
    ($id:ident) => {
        impl fmt::Display for $id {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }

        impl fmt::Debug for $id {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
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
