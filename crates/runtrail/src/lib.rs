//! Runtrail for programs that record their runs: configuration, processors and exporters in one place.
//!
//! # Start
//!
//! ```
//! # #[cfg(feature = "json")] {
//! use std::time::Duration;
//! use runtrail::Config;
//! use runtrail::core::event::Ctx;
//!
//! let folder = tempfile::tempdir()?;
//! # let path = folder.path().display();
//! let toml = format!(r#"
//! [[processors]]
//! name = "redact"
//!
//! [[exporters]]
//! name = "json"
//! path = "{path}/runs"
//! "#);
//! // A program names a file, `.file("runtrail.toml")`, and takes its environment in, `.environment()`.
//! let trail = Config::builder().text("runtrail.toml", toml).load()?.start()?;
//!
//! let run = trail.run("req-42");
//! let op = run.op("login", &Ctx::default(), || "ada");
//! op.end_ok(|| "welcome");
//! drop(run);
//!
//! let report = trail.shutdown(Duration::from_secs(5));
//! assert!(report.is_complete(), "{report}");
//! # assert_eq!(std::fs::read_dir(folder.path().join("runs"))?.count(), 1);
//! # }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Concepts
//!
//! - [`Trail`] records; [`Trail::start`] and [`Trail::trees`] are the shortest ways to one.
//! - [`Config`] is what a file, the environment and the program say together; the page
//!   `docs/configuration.md` lists all of it.
//! - [`Parts`] is what it comes to, for programs that put their pipeline together themselves.
//!
//! # Guarantees
//!
//! - Every mistake of a configuration is found at once, each with its file, line and column and, where
//!   a name is nearly right, the right one.
//! - Nothing is opened, written or connected to before [`Config::open`].
//! - No value of a configuration is in an error or in `Debug` output, since it may be a secret;
//!   names and keys are.
//!
//! # Features
//!
//! | feature | what |
//! |---|---|
//! | `json` (default) | the exporters `json` and `jsonl`, and dead letters |
//! | `parquet` | the exporter `parquet`, with a journal that says what the pipeline left out |
//! | `media` | the table `media`: a folder for the bytes of media |
//! | `otlp` | the exporters `otlp` and `otlp-json` |
//! | `grpc`, `zstd` | gRPC and Zstandard for `otlp` |

mod config;
#[cfg(feature = "parquet")]
mod journal;
mod pause;
mod trail;

pub use config::{
    Config, ConfigBuilder, ConfigErrors, ExporterPlan, OpenError, OpenErrors, PROCESSOR_NAMES,
    Parts, Place, Problem, exporter_names,
};
pub use pause::{Pause, Stop};
pub use trail::{StartError, Trail};

pub use runtrail_core as core;
#[cfg(feature = "json")]
pub use runtrail_json as json;
#[cfg(feature = "media")]
pub use runtrail_media as media;
#[cfg(feature = "otlp")]
pub use runtrail_otlp as otlp;
#[cfg(feature = "parquet")]
pub use runtrail_parquet as parquet;
