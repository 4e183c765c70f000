//! Traces that began elsewhere.

use std::fmt;
use std::sync::Arc;

/// A span of another trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraceContext {
    /// The trace.
    pub trace_id: [u8; 16],
    /// The span.
    pub span_id: [u8; 8],
}

/// A `traceparent` could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a W3C traceparent, such as 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")]
pub struct TraceParentError;

impl TraceContext {
    /// Reads a W3C `traceparent`.
    pub fn parse(text: &str) -> Result<Self, TraceParentError> {
        let mut parts = text.trim().split('-');
        let mut next = || parts.next().ok_or(TraceParentError);
        let (version, trace, span, flags) = (next()?, next()?, next()?, next()?);
        // Version 255 is not one; version 0 has exactly four parts.
        let ends = parts.next().is_none();
        if !is_hex(version, 2) || version == "ff" || !is_hex(flags, 2) || (version == "00" && !ends)
        {
            return Err(TraceParentError);
        }
        let (trace_id, span_id) = (hex(trace)?, hex(span)?);
        if trace_id == [0; 16] || span_id == [0; 8] {
            return Err(TraceParentError);
        }
        Ok(Self { trace_id, span_id })
    }
}

fn is_hex(text: &str, length: usize) -> bool {
    let digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    text.len() == length && text.bytes().all(digit)
}

fn hex<const N: usize>(text: &str) -> Result<[u8; N], TraceParentError> {
    if !is_hex(text, 2 * N) {
        return Err(TraceParentError);
    }
    let mut id = [0; N];
    for (index, byte) in id.iter_mut().enumerate() {
        let digits = text.get(2 * index..2 * index + 2).ok_or(TraceParentError)?;
        *byte = u8::from_str_radix(digits, 16).map_err(|_| TraceParentError)?;
    }
    Ok(id)
}

type ParentOf = dyn Fn(&str) -> Option<TraceContext> + Send + Sync;

/// Which runs hang below a span of another trace; none where nothing was said.
#[derive(Clone, Default)]
pub(super) struct Parents(Option<Arc<ParentOf>>);

impl Parents {
    pub(super) fn new(
        parent_of: impl Fn(&str) -> Option<TraceContext> + Send + Sync + 'static,
    ) -> Self {
        Self(Some(Arc::new(parent_of)))
    }

    pub(super) fn of(&self, request_id: &str) -> Option<TraceContext> {
        self.0.as_ref().and_then(|parent_of| parent_of(request_id))
    }
}

impl fmt::Debug for Parents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "given" } else { "none" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_whole_traceparent_is_read() {
        let good = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let context = TraceContext::parse(good).unwrap();
        assert_eq!((context.trace_id[0], context.span_id[7]), (0x4b, 0xb7));
        assert!(TraceContext::parse(&format!("01{}-later", &good[2..])).is_ok());
        for bad in [
            "",
            "00",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-x",
            "00-ébf92f3577b34da6a3ce929d0e0e473-00f067aa0ba902b7-01",
        ] {
            assert_eq!(TraceContext::parse(bad), Err(TraceParentError), "{bad}");
        }
    }
}
