//! What a configuration comes to.

use std::error::Error;
use std::fmt;

use runtrail_core::export::Exporter;
use runtrail_core::pipeline::{MediaStore, Settings};
use runtrail_core::process::Processor;

use super::explain::Explained;
use super::exporters::Around;
use super::{Config, Place, RecordIf, media};
use crate::pause::{Pause, Stop};

/// What a configuration comes to, ready to be put to work.
pub struct Parts {
    /// The processors in their order, for [`Chain::new`](runtrail_core::process::Chain::new).
    pub processors: Vec<Box<dyn Processor>>,
    /// The exporters, opened, with their wrappers around them.
    pub exporters: Vec<Box<dyn Exporter>>,
    /// Where the bytes of media go, if anywhere.
    pub media_store: Option<Box<dyn MediaStore>>,
    /// The limits of the pipeline.
    pub settings: Settings,
    /// Ends the waits of exporters that try again or keep to a rate, so that they can be closed.
    pub stop: Stop,
    /// Where events go and why, as one line; no secret is in it.
    pub explanation: String,
    pub(crate) enabled: bool,
    pub(crate) record_if: Option<RecordIf>,
    /// Exporters, by their places, that are to be told which pipeline they are in.
    #[cfg(feature = "parquet")]
    pub(crate) within: Vec<(usize, crate::journal::Within)>,
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
#[error("cannot open the exporter `{name}` for {to}")]
pub struct OpenError {
    /// The exporter's name.
    pub name: &'static str,
    /// Where it was to write or to send.
    pub to: String,
    /// Why.
    pub source: Box<dyn Error + Send + Sync>,
}

/// The exporters that could not be opened, all of them; never empty.
#[derive(Debug)]
pub struct OpenErrors(Vec<OpenError>);

impl OpenErrors {
    /// Returns each of them.
    pub fn errors(&self) -> &[OpenError] {
        &self.0
    }
}

impl fmt::Display for OpenErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            // Several have no one source, so each says its own here.
            write!(f, "{error}: {}", error.source)?;
        }
        Ok(())
    }
}

impl Error for OpenErrors {}

impl Config {
    /// Opens the exporters. A configuration that is not enabled comes to nothing.
    ///
    /// Where any cannot be opened the others are dropped unused; nothing was exported.
    pub fn open(self) -> Result<Parts, OpenErrors> {
        let pause = Pause::default();
        let enabled = self.is_enabled();
        let mut parts = Parts {
            processors: Vec::new(),
            exporters: Vec::new(),
            media_store: None,
            settings: self.pipeline.settings.clone(),
            stop: pause.stop(),
            explanation: String::new(),
            enabled,
            record_if: self.record_if,
            #[cfg(feature = "parquet")]
            within: Vec::new(),
        };
        let mut opened = Vec::new();
        let mut failed = Vec::new();
        if enabled {
            for plan in self.plans {
                #[cfg(feature = "parquet")]
                let within = crate::journal::Within::default();
                let around = Around {
                    pause: &pause,
                    variables: &self.variables,
                    #[cfg(feature = "parquet")]
                    within: &within,
                };
                match plan.open(around) {
                    Ok((exporter, to, place)) => {
                        opened.push((exporter.name().to_owned(), Some(to), place));
                        #[cfg(feature = "parquet")]
                        parts.within.push((parts.exporters.len(), within));
                        parts.exporters.push(exporter);
                    }
                    Err(error) => failed.push(error),
                }
            }
        }
        if !failed.is_empty() {
            return Err(OpenErrors(failed));
        }
        if enabled {
            for exporter in self.exporters {
                opened.push((exporter.name().to_owned(), None, Place::Code));
                parts.exporters.push(exporter);
            }
        }
        let off = self.enabled.filter(|enabled| !enabled.value);
        let off = off.map(|enabled| enabled.place);
        let media = match (&self.media_store, &self.media_folder) {
            (Some(store), _) => Some((store.name(), &Place::Code)),
            (None, Some(folder)) => Some((&*folder.value, &folder.place)),
            (None, None) => None,
        };
        let explained = Explained {
            off: off.as_ref(),
            exporters: &opened,
            media,
            processors: &self.processors,
            pipeline: &self.pipeline,
        };
        parts.explanation = explained.line();
        if enabled {
            parts.media_store = media::store(self.media_store, self.media_folder.as_ref());
            let processors = self.processors.into_iter();
            parts.processors = processors.map(|placed| placed.value).collect();
        }
        Ok(parts)
    }
}
