//! OTLP as protobuf.
//!
//! Spans are written one by one, each as a field of `ScopeSpans`, so that a request is put together
//! from spans written earlier, cut anywhere between them, without writing any of them again.

mod fields;
mod read;
mod write;

pub use fields::{Field, Fields};
pub use read::{read_request, read_span};
pub use write::{Envelope, write_span, write_span_field};
