//! What a configuration comes to.

use std::error::Error;
use std::fmt;
use std::path::PathBuf;

use runtrail_core::export::Exporter;
use runtrail_core::process::Processor;

use super::Config;
use crate::pause::{Pause, Stop};

/// What a configuration comes to, ready to be put to work.
pub struct Parts {
    /// The processors in their order, for [`Chain::new`](runtrail_core::process::Chain::new).
    pub processors: Vec<Box<dyn Processor>>,
    /// The exporters, opened, with their wrappers around them.
    pub exporters: Vec<Box<dyn Exporter>>,
    /// Ends the waits of exporters that try again or keep to a rate, so that they can be closed.
    pub stop: Stop,
}

impl fmt::Debug for Parts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let processors = self.processors.iter().map(|processor| processor.name());
        let exporters = self.exporters.iter().map(Exporter::name);
        f.debug_struct("Parts")
            .field("processors", &processors.collect::<Vec<_>>())
            .field("exporters", &exporters.collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}

/// An exporter that could not be opened.
#[derive(Debug, thiserror::Error)]
#[error("cannot open the exporter `{name}` at {}", path.display())]
pub struct OpenError {
    /// The exporter's name.
    pub name: &'static str,
    /// Where it was to write.
    pub path: PathBuf,
    /// Why.
    pub source: Box<dyn Error + Send + Sync>,
}

impl Config {
    /// Opens the exporters. A configuration that is not enabled comes to nothing.
    ///
    /// Where one cannot be opened those before it are dropped unused; nothing was exported.
    pub fn open(self) -> Result<Parts, OpenError> {
        let pause = Pause::default();
        let stop = pause.stop();
        if !self.enabled {
            return Ok(Parts {
                processors: Vec::new(),
                exporters: Vec::new(),
                stop,
            });
        }
        let mut exporters = Vec::with_capacity(self.plans.len() + self.exporters.len());
        for plan in self.plans {
            exporters.push(plan.open(&pause)?);
        }
        exporters.extend(self.exporters);
        Ok(Parts {
            processors: self.processors,
            exporters,
            stop,
        })
    }
}
