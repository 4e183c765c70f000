//! Runtrail for programs that record their runs: configuration, processors and exporters in one place.
//!
//! # Start
//!
//! ```
//! # #[cfg(feature = "json")] {
//! use runtrail::Config;
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
//! let config = Config::builder().text("runtrail.toml", toml).load()?;
//! let parts = config.open()?;
//! assert_eq!(parts.processors[0].name(), "redact");
//! assert_eq!(parts.exporters[0].name(), "json");
//! # }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Concepts
//!
//! - [`Config`] is what a file, the environment and the program say together; the page
//!   `docs/configuration.md` lists all of it.
//! - [`Parts`] is what it comes to: processors, exporters with their wrappers, and a [`Stop`] that
//!   ends what waits.
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
//! | `parquet` | the exporter `parquet` |
//! | `otlp` | the exporters `otlp` and `otlp-json` |
//! | `grpc`, `zstd` | gRPC and Zstandard for `otlp` |

mod config;
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
#[cfg(feature = "otlp")]
pub use runtrail_otlp as otlp;
#[cfg(feature = "parquet")]
pub use runtrail_parquet as parquet;
