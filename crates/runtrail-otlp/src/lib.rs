//! Runtrail runs as OpenTelemetry spans, in any backend that takes OTLP.
//!
//! - [`Otlp`] sends spans: over HTTP as protobuf or JSON, or over gRPC with the feature `grpc`.
//! - [`OtlpLines`] writes them to a file as OTLP/JSON Lines, with no network at all.
//! - `SdkBridge` (feature `sdk`) hands them to a span exporter of `opentelemetry_sdk`.
//! - `observe` (feature `metrics`) lets a meter of OpenTelemetry observe a live pipeline.
//! - [`map`] is the mapping alone, [`names`] every name that it writes.
//!
//! # Start
//!
//! ```
//! use std::time::Instant;
//! use runtrail_core::export::{Batch, Exporter};
//! use runtrail_otlp::OtlpLines;
//! use runtrail_testkit::run::RunBuilder;
//!
//! let folder = tempfile::tempdir()?;
//! let lines = OtlpLines::file(folder.path().join("spans.jsonl")).service_name("demo");
//! let mut exporter = Box::new(lines.into_exporter());
//!
//! let mut run = RunBuilder::new("req-42");
//! run.push("op_start", Some("main.plan"), &["main"], "{}");
//! run.push("op_end", Some("main.plan"), &["main"], r#"{"status":"ok"}"#);
//! exporter.export(&Batch::new(run.into_events(), []))?;
//! exporter.close(Instant::now())?;
//!
//! let line = std::fs::read_to_string(folder.path().join("spans.jsonl"))?;
//! assert!(line.contains(r#""name":"main.plan""#));
//! assert!(line.contains(r#""name":"invoke_workflow main""#));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A program that sends takes its settings from the environment, as OpenTelemetry defines it:
//!
//! ```no_run
//! # #[cfg(feature = "http")] {
//! use runtrail_otlp::Otlp;
//!
//! let otlp = Otlp::from_env()?;
//! let report = otlp.report();
//! let exporter = otlp.into_exporter();
//! # drop(exporter);
//! # drop(report);
//! # }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What a run becomes
//!
//! One trace with one root, `invoke_workflow NAME`; below it a span for each op and each group.
//! An op that reports one LLM call is the span of that call, `chat MODEL`; one that reports several
//! has a child for each. Names come from OpenTelemetry's GenAI conventions and from OpenInference,
//! both on every span, because backends read one or the other.
//!
//! Ids follow from the namespace, the run's id, and what the span is: sending a run again
//! changes nothing in a store that is keyed by ids.
//!
//! What started a run is a link of its root: to the span that a `traceparent` names, and to the root of
//! each run that triggered it. A trigger that is no run, such as the clock, has no span to link to
//! and is an event of the root.
//!
//! What ops were given and gave back is not sent unless asked for ([`Content`](map::Content)).
//!
//! # Delivery
//!
//! Every span that is sent is accepted, rejected, or given up: the three always add up to the spans
//! that were mapped ([`Counts`]). Requests are bounded by bytes and by spans; what a server finds too
//! large is halved. Servers that are busy or away are tried again, with waits that double, or as
//! long as they ask for. What is given up goes to a file of [`DeadLetters`] if one is named, and
//! is an error otherwise.
//!
//! # Failure
//!
//! An error says which endpoint and why, never a header, a key, or a URL's query. A deadline
//! that passes is an error; what was in flight may have arrived, and sending it again does no harm.

mod around;
mod collected;
mod file;
pub mod map;
pub mod names;
mod report;
mod send;
mod variables;

#[cfg(feature = "http")]
mod config;
#[cfg(feature = "http")]
mod otlp;
#[cfg(feature = "http")]
mod transport;

#[cfg(feature = "sdk")]
mod bridge;
#[cfg(feature = "metrics")]
mod metrics;

#[cfg(feature = "sdk")]
pub use bridge::SdkBridge;
#[cfg(feature = "http")]
pub use config::{Compression, ConfigError, Protocol};
pub use file::OtlpLines;
#[cfg(feature = "metrics")]
pub use metrics::observe;
#[cfg(feature = "http")]
pub use otlp::{Otlp, OtlpBuilder};
pub use report::{Counts, OtlpReport};
#[cfg(feature = "http")]
pub use send::{DeadLetters, Relayed, SendSettings, relay_lines};

/// The version that is told to receivers.
const VERSION: &str = env!("CARGO_PKG_VERSION");
