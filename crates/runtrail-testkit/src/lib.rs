//! Generators, capturing exporters and the exporter conformance suite for Runtrail.
//!
//! For tests only: a crate names it under `[dev-dependencies]`. Functions that check something
//! panic with a readable message.
//!
//! - [`conformance`]: what every exporter that writes below a folder must do.
//! - [`strategies`]: proptest strategies for streams of events, orderly and odd.
//! - [`run`]: a run's events made by hand, one call each.
//! - [`fold`] and [`tree`]: the spans of a stream, and a run's spans as indented text.
//! - [`capture`]: exporters that keep what they are handed.
//! - `host` (feature `host`): the runtimes that a pipeline may live in, and the ways in which it ends.
//! - `otlp` (feature `otlp`): a receiver of spans with scripted answers.
//! - [`time`]: a timer whose waits are over at once.
//! - [`trouble`]: exporters and processors that hang, fail and panic on demand.
//! - [`golden`]: recorded runs, and files to compare output with.
//!
//! ```
//! use runtrail_testkit::{fold::fold_runs, run::RunBuilder, tree::tree_text};
//!
//! let mut run = RunBuilder::new("r1");
//! run.push("op_start", Some("plan"), &["main"], "{}");
//! run.push("op_start", Some("plan.fetch"), &["main"], "{}");
//! run.push("op_end", Some("plan.fetch"), &["main"], r#"{"status":"error","error":"no route"}"#);
//! run.push("op_end", Some("plan"), &["main"], r#"{"status":"ok"}"#);
//! let runs = fold_runs(&run.into_events());
//! assert_eq!(tree_text(&runs[0].spans, &runs[0].summary), "\
//! run r1 error 3ms: 4 events, 2 ops, 1 errors
//!   op plan main #0 ok 3ms by run
//!     op plan.fetch main #0 error 1ms by name_prefix
//!       error: no route
//! ");
//! ```

pub mod capture;
pub mod conformance;

pub mod fold;
pub mod golden;
#[cfg(feature = "host")]
pub mod host;
#[cfg(feature = "otlp")]
pub mod otlp;
pub mod run;
pub mod strategies;
pub mod time;
pub mod tree;
pub mod trouble;
