//! Runtrail's event model, wire format, fold and exporter contracts.
//!
//! A *run* of a workflow or an agent is one flat stream of [events](event::TraceEvent). The
//! [fold](fold::Fold) turns the stream into [spans](span::SpanRecord): closed ops and groups, each
//! with its parent. [Exporters](export::Exporter) take events or spans somewhere; none of them
//! pairs events or finds parents on its own.
//!
//! # Start
//!
//! ```
//! use runtrail_core::{event::View, wire::WireReader};
//!
//! let line = r#"{"event_id":"r1-4","request_id":"r1","kind":"op_end","op_name":"main.fetch",
//!     "ctx":["main","[0]"],"timestamp":"2026-11-21T01:36:21.419755Z","seq":4,
//!     "payload":{"outputs":{"s":1.10},"status":"ok","duration_ms":0.076}}"#;
//! let event = WireReader::default().read(&line.into())?;
//! assert_eq!(event.op_name.as_deref(), Some("main.fetch"));
//! let View::OpEnd(end) = event.view() else { unreachable!() };
//! assert_eq!(end.outputs.map(|o| o.text()), Some(r#"{"s":1.10}"#));
//! # Ok::<(), runtrail_core::wire::WireError>(())
//! ```
//!
//! # Concepts
//!
//! | word | meaning |
//! |---|---|
//! | event | one [`TraceEvent`](event::TraceEvent), one JSON object |
//! | run | all events with one `request_id` |
//! | op | one execution of a named step, from `op_start` to `op_end` |
//! | ctx | the path of scopes an op ran in, root first |
//! | group | a named stretch of a run, from `group_start` to `group_end` |
//! | span | a closed op or group |
//! | link | what started a run, noted in its own stream ([`link`]) |
//!
//! # Guarantees
//!
//! - A payload's text is never parsed and rendered again: numbers of any size, key order and
//!   repeated keys survive byte for byte. The exception is what JSON does not allow and Python
//!   writes (`NaN`, the infinities, lone surrogates), which is replaced and counted.
//! - Unknown kinds, top-level fields and payload keys are kept.
//! - Events have one total [order](event::TraceEvent), and `Eq`, `Ord` and `Hash` agree with it.
//! - The fold cannot fail, and gives the same spans for any split of a stream into batches.
//! - No input panics, recurses without bound, or is held without a limit.
//!
//! # Failure
//!
//! [`WireError`](wire::WireError) says what is wrong with a value, where, and by
//! [`hint`](wire::WireErrorKind::hint) what to do. [`ExportError`](export::ExportError) says
//! whether trying again can help. What the fold cannot pair is in
//! [`Anomalies`](span::Anomalies).

pub mod emit;
pub mod event;
pub mod export;
pub mod fold;
pub mod id;
pub mod json;
pub mod link;
pub mod name;
pub mod pipeline;
pub mod printable;
pub mod process;
pub mod schema;
pub mod span;
mod sync;
pub mod text;
pub mod time;
pub mod wire;
