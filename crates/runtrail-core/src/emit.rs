//! Recording what a program does: runs, and the ops and groups in them.
//!
//! A [`Run`] comes from a [`Pipeline`](crate::pipeline::Pipeline). [`Op`] and [`Group`] are guards:
//! what is opened is closed, also on an early return or a panic.
//!
//! ```
//! use std::time::Duration;
//! use runtrail_core::emit::LlmUsage;
//! use runtrail_core::event::Ctx;
//! use runtrail_core::pipeline::Pipeline;
//! # use runtrail_testkit::capture::Capture;
//! # let exporter = Capture::default();
//!
//! let trail = Pipeline::builder().exporter(exporter).start()?;
//! let run = trail.run("req-42");
//! let ctx = Ctx::new(["main"]);
//! {
//!     let _turn = run.group("turn-1");
//!     let op = run.op("main.fetch", &ctx, || ("https://example.org", 3));
//!     op.annotate("cache", || "miss");
//!     op.llm_usage(LlmUsage { prompt_tokens: Some(812), ..LlmUsage::of("large-2") });
//!     op.end_ok(|| "<html>");
//! }
//! drop(run);
//! let report = trail.shutdown(Duration::from_secs(5));
//! assert_eq!(report.stats.exporters[0].delivered, 6);
//! assert!(report.is_complete(), "{report}");
//! # Ok::<(), runtrail_core::pipeline::StartError>(())
//! ```
//!
//! # Payloads
//!
//! Inputs, outputs, items and notes are anything that serde can serialize, given by a closure that
//! runs only where the run is recorded. A struct with `#[derive(Serialize)]`, a tuple, a `&str`
//! cost no allocation as long as they take no more than about a hundred bytes; a
//! `serde_json::value::RawValue` is taken as it stands. A value that fails to serialize, nests
//! deeper than 120 levels, or brings its payload over 64 MiB leaves a note in its place, and so does a map with
//! keys that JSON has not.
//!
//! # Where code is
//!
//! The op that code is *in* gets what deeper code records by [`annotate`], [`llm_usage`], [`op()`].
//! Synchronous code [enters](Op::enter) an op; a future runs [in it](InOp::in_op), across await
//! points and threads; a task that is spawned says so by [`InOp::in_current_op`].
//!
//! # Guarantees
//!
//! Recording never blocks (unless [asked to](crate::pipeline::Overflow::Block)), never fails and
//! never panics of itself. Where nothing is recorded it is one branch. Where there is no room, a
//! whole op with all that belongs to it is absent rather than torn, and
//! [counted](crate::pipeline::Stats).

pub(crate) mod at;
pub(crate) mod encode;
mod group;
pub(crate) mod local;
mod op;
pub(crate) mod record;
pub(crate) mod render;
mod run;
mod scope;
mod usage;

pub use group::Group;
pub use op::Op;
pub use run::Run;
pub use scope::{Entered, InOp, Scope, Scoped, annotate, group, llm_usage, op, outside_any_op};
pub use usage::LlmUsage;
