//! OTLP trace messages, written and read as protobuf and as JSON.
//!
//! The messages of [`model`] borrow what they hold, so that a span is written without copying its
//! values. [`protobuf`] and [`json`] write and read them. What is written is read by every OTLP
//! receiver; tests decode it with `opentelemetry-proto`.
//!
//! ```
//! use runtrail_otlp_wire::model::{Attr, Request, Span};
//! use runtrail_otlp_wire::{json, protobuf};
//!
//! let span = Span {
//!     trace_id: [1; 16],
//!     span_id: [2; 8],
//!     name: "plan".into(),
//!     start_nanos: 1,
//!     end_nanos: 2,
//!     attributes: vec![Attr::new("tokens", 12_i64)],
//!     ..Span::default()
//! };
//! let line = json::request(&Request::of_spans(vec![span.clone()]));
//! assert!(line.contains(r#"{"key":"tokens","value":{"intValue":"12"}}"#));
//!
//! let mut bytes = Vec::new();
//! protobuf::write_span(&span, &mut bytes);
//! assert_eq!(protobuf::read_span(&bytes)?, span);
//! # Ok::<(), runtrail_otlp_wire::WireError>(())
//! ```
//!
//! Reading is tolerant where OTLP asks for it: unknown fields are passed over, 64-bit integers may
//! be numbers or strings, and ids may be upper-case. It fails, and never panics, on what is torn,
//! and on values nested deeper than [`MAX_DEPTH`].

pub mod json;
pub mod model;
pub mod protobuf;

/// How deep a value may be nested when it is read.
pub const MAX_DEPTH: usize = 64;

/// Why a message could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WireError {
    /// The bytes end within a field.
    #[error("the message is cut off")]
    CutOff,
    /// A field has a number, a type or a value that it cannot have.
    #[error("the message is not a protobuf message of its kind: {0}")]
    Malformed(&'static str),
    /// A value is nested too deep.
    #[error("a value is nested deeper than {MAX_DEPTH} levels")]
    TooDeep,
    /// The text is not OTLP/JSON.
    #[error("not OTLP/JSON: {0}")]
    Json(String),
}
