//! What a program is told to record, and where to.

mod builder;
mod environment;
mod explain;
mod exporters;
mod media;
mod parts;
mod pipeline;
mod problem;
mod processors;
mod section;
mod units;

use std::fmt;

pub use builder::ConfigBuilder;
pub use exporters::{ExporterPlan, exporter_names};
pub use parts::{OpenError, OpenErrors, Parts};
pub use problem::{ConfigErrors, Place, Problem};
pub use processors::PROCESSOR_NAMES;

use runtrail_core::export::Exporter;
use runtrail_core::pipeline::{MediaStore, Settings};
use runtrail_core::process::Processor;

/// Picks runs by their ids.
type RecordIf = Box<dyn Fn(&str) -> bool + Send + Sync>;

/// Something, and who said it.
struct Placed<T> {
    value: T,
    place: Place,
}

impl<T> Placed<T> {
    fn new(value: T, place: Place) -> Self {
        Self { value, place }
    }
}

/// What a file, the environment and the program say together.
///
/// Of one setting the program's word ([`ConfigBuilder`]) goes before the environment's
/// (`RUNTRAIL_PIPELINE_…`), that before the file's, and that before the default. A list counts as one
/// setting, except that what a program adds is added to the list that the others agree on.
pub struct Config {
    enabled: Option<Placed<bool>>,
    pipeline: pipeline::Said,
    processors: Vec<Placed<Box<dyn Processor>>>,
    plans: Vec<ExporterPlan>,
    exporters: Vec<Box<dyn Exporter>>,
    variables: Vec<(String, String)>,
    record_if: Option<RecordIf>,
    media_folder: Option<Placed<String>>,
    media_store: Option<Box<dyn MediaStore>>,
}

impl Config {
    /// Begins a configuration that takes in nothing yet.
    pub fn builder() -> ConfigBuilder {
        ConfigBuilder::default()
    }

    /// Reads the file that `RUNTRAIL_CONFIG` names, if it does, and the rest of the environment.
    pub fn load() -> Result<Self, ConfigErrors> {
        Self::builder().environment().load()
    }

    /// Whether anything is to be recorded.
    pub fn is_enabled(&self) -> bool {
        self.enabled.as_ref().is_none_or(|enabled| enabled.value)
    }

    /// Returns the limits of the pipeline.
    pub fn settings(&self) -> &Settings {
        &self.pipeline.settings
    }

    /// Returns the names of the processors, in their order.
    pub fn processor_names(&self) -> impl Iterator<Item = &str> {
        self.processors
            .iter()
            .map(|processor| processor.value.name())
    }

    /// Returns the exporters that are to be opened; those that the program added itself are not
    /// among them.
    pub fn exporters(&self) -> &[ExporterPlan] {
        &self.plans
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("enabled", &self.is_enabled())
            .field("settings", self.settings())
            .field("processors", &self.processor_names().collect::<Vec<_>>())
            .field("exporters", &self.plans)
            .finish_non_exhaustive()
    }
}
