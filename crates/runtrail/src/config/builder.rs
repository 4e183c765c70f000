//! Putting a configuration together.

use std::fs;
use std::path::{Path, PathBuf};

use runtrail_core::export::Exporter;
use runtrail_core::process::{Processor, Sample, SampleSettings};
use toml::de::DeTable;

use super::Config;
use super::environment::Environment;
use super::exporters::{self, ExporterPlan};
use super::problem::{ConfigErrors, Place, Problem};
use super::processors;
use super::section::{Document, Section};

/// A file larger than this is no configuration.
const MAX_FILE_BYTES: u64 = 1 << 20;

/// Puts a [`Config`] together; see there for what goes before what.
#[derive(Default)]
pub struct ConfigBuilder {
    file: Option<PathBuf>,
    text: Option<(String, String)>,
    variables: Vec<(String, String)>,
    enabled: Option<bool>,
    processors: Vec<Box<dyn Processor>>,
    exporters: Vec<Box<dyn Exporter>>,
}

/// What a file says.
#[derive(Default)]
struct Said {
    enabled: Option<bool>,
    processors: Vec<Box<dyn Processor>>,
    exporters: Vec<ExporterPlan>,
}

impl ConfigBuilder {
    /// Takes in a file, in the place of the one that `RUNTRAIL_CONFIG` names.
    pub fn file(mut self, path: impl Into<PathBuf>) -> Self {
        self.file = Some(path.into());
        self
    }

    /// Takes in a file's text, in the place of any file; `name` is what messages call it.
    pub fn text(mut self, name: impl Into<String>, text: impl Into<String>) -> Self {
        self.text = Some((name.into(), text.into()));
        self
    }

    /// Takes in the process's environment.
    pub fn environment(self) -> Self {
        // What is not Unicode cannot be one of ours.
        let variables = std::env::vars_os().filter_map(|(name, value)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        });
        self.variables(variables)
    }

    /// Takes in variables as [`environment`](Self::environment) does, from wherever they come.
    pub fn variables(mut self, variables: impl IntoIterator<Item = (String, String)>) -> Self {
        self.variables.extend(variables);
        self
    }

    /// Says whether anything is to be recorded, whatever the others say.
    pub fn enabled(mut self, enabled: bool) -> Self {
        self.enabled = Some(enabled);
        self
    }

    /// Adds a processor behind those of the file.
    pub fn processor(mut self, processor: impl Processor) -> Self {
        self.processors.push(Box::new(processor));
        self
    }

    /// Adds an exporter to those that the others name.
    pub fn exporter(mut self, exporter: impl Exporter + 'static) -> Self {
        self.exporters.push(Box::new(exporter));
        self
    }

    /// Reads everything, and finds everything that is wrong. Nothing is opened yet.
    pub fn load(self) -> Result<Config, ConfigErrors> {
        let mut problems = Vec::new();
        let environment = Environment::read(&self.variables, &mut problems);
        let (name, text) = match (
            self.text,
            self.file.or(environment.config.map(PathBuf::from)),
        ) {
            (Some(text), _) => text,
            (None, Some(path)) => read_file(&path, &mut problems),
            (None, None) => (String::new(), String::new()),
        };
        let mut said = read_text(&name, &text, environment.sample_rate, &mut problems);
        said.processors.extend(self.processors);
        let sampled = said.processors.iter().any(|p| p.name() == Sample::NAME);
        if let Some(rate) = environment.sample_rate.filter(|_| !sampled) {
            let settings = SampleSettings {
                rate,
                ..SampleSettings::default()
            };
            // The rate was checked when it was read.
            if let Ok(sample) = Sample::new(&settings) {
                said.processors.insert(0, Box::new(sample));
            }
        }
        ConfigErrors::unless_any(problems)?;
        Ok(Config {
            enabled: self
                .enabled
                .or(environment.enabled)
                .or(said.enabled)
                .unwrap_or(true),
            processors: said.processors,
            plans: environment.exporters.unwrap_or(said.exporters),
            exporters: self.exporters,
        })
    }
}

/// Reads a file; where that fails its text is empty, and the reason is noted.
fn read_file(path: &Path, problems: &mut Vec<Problem>) -> (String, String) {
    let name = path.display().to_string();
    let size = fs::metadata(path).map(|found| found.len());
    let read = match size {
        Ok(size) if size > MAX_FILE_BYTES => Err("is larger than 1 MiB".to_owned()),
        _ => fs::read_to_string(path).map_err(|error| format!("cannot be read: {error}")),
    };
    let text = read.unwrap_or_else(|message| {
        let place = Place::File {
            path: name.clone(),
            line: 0,
            column: 0,
        };
        problems.push(Problem {
            place,
            message,
            help: None,
        });
        String::new()
    });
    (name, text)
}

fn read_text(
    name: &str,
    text: &str,
    sample_rate: Option<f64>,
    problems: &mut Vec<Problem>,
) -> Said {
    let mut document = Document::new(name, text);
    let (table, errors) = DeTable::parse_recoverable(text);
    for error in &errors {
        let span = error.span().unwrap_or(0..0);
        // The error's own text shows the line, which may hold a secret; its message does not.
        document.problem(&span, error.message().replace('\n', ", "), None);
    }
    let mut said = Said::default();
    // What could not be parsed is not there, and would be missed a second time.
    if errors.is_empty() {
        let mut section = Section::new(table.get_ref(), 0..0);
        said.enabled = section.boolean("enabled", &mut document);
        let of_file = section.tables("processors", &mut document).into_iter();
        said.processors = of_file
            .filter_map(|one| processors::read(one, sample_rate, &mut document))
            .collect();
        let of_file = section.tables("exporters", &mut document).into_iter();
        said.exporters = of_file
            .filter_map(|one| exporters::read(one, &mut document))
            .collect();
        section.finish(&mut document);
    }
    problems.append(&mut document.problems);
    said
}
