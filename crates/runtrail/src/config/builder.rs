//! Putting a configuration together.

use std::fs;
use std::path::{Path, PathBuf};

use runtrail_core::export::{Exporter, SpanExporter, Spans};
use runtrail_core::pipeline::{MediaStore, Settings};
use runtrail_core::process::{Processor, Sample, SampleSettings};
use toml::de::DeTable;

use super::environment::{self, Environment};
use super::exporters::{self, ExporterPlan};
use super::media;
use super::pipeline;
use super::problem::{ConfigErrors, Place, Problem};
use super::processors;
use super::section::{Document, Section};
use super::{Config, Placed, RecordIf};

/// A file larger than this is no configuration.
const MAX_FILE_BYTES: u64 = 1 << 20;

/// Puts a [`Config`] together; see there for what goes before what.
#[derive(Default)]
#[must_use = "nothing is read before `load`"]
pub struct ConfigBuilder {
    file: Option<PathBuf>,
    text: Option<(String, String)>,
    variables: Vec<(String, String)>,
    enabled: Option<bool>,
    processors: Vec<Box<dyn Processor>>,
    exporters: Vec<Box<dyn Exporter>>,
    otherwise: Vec<(String, String)>,
    changes: Vec<pipeline::Change>,
    record_if: Option<RecordIf>,
    media_store: Option<Box<dyn MediaStore>>,
}

/// What a file says.
#[derive(Default)]
struct Said {
    enabled: Option<Placed<bool>>,
    pipeline: pipeline::Said,
    processors: Vec<Placed<Box<dyn Processor>>>,
    exporters: Vec<ExporterPlan>,
    media_folder: Option<Placed<String>>,
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

    /// Takes in the process's environment: `RUNTRAIL_*`, and for exporters of spans `OTEL_*`.
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

    /// Adds an exporter of events to those that the others name.
    pub fn exporter(mut self, exporter: impl Exporter + 'static) -> Self {
        self.exporters.push(Box::new(exporter));
        self
    }

    /// Adds an exporter of spans, under the shared fold.
    pub fn span_exporter(self, exporter: impl SpanExporter + 'static) -> Self {
        self.exporter(Spans::new(exporter))
    }

    /// Names an exporter with its destination, as the environment would, for where nobody else
    /// names or adds any.
    pub fn otherwise(mut self, exporter: impl Into<String>, to: impl Into<String>) -> Self {
        self.otherwise.push((exporter.into(), to.into()));
        self
    }

    /// Sets where the bytes of media go, in the place of the file's folder.
    pub fn media_store(mut self, store: impl MediaStore + 'static) -> Self {
        self.media_store = Some(Box::new(store));
        self
    }

    /// Changes limits of the pipeline, after what the file and the environment say of them.
    pub fn settings(mut self, change: impl FnOnce(&mut Settings) + Send + 'static) -> Self {
        self.changes.push(Box::new(change));
        self
    }

    /// Records only runs that a function picks by their id; as
    /// [`Builder::record_if`](runtrail_core::pipeline::Builder::record_if).
    pub fn record_if(mut self, wanted: impl Fn(&str) -> bool + Send + Sync + 'static) -> Self {
        self.record_if = Some(Box::new(wanted));
        self
    }

    /// Reads everything, and finds everything that is wrong. Nothing is opened yet.
    pub fn load(self) -> Result<Config, ConfigErrors> {
        let mut problems = Vec::new();
        let environment = Environment::read(&self.variables, &mut problems);
        let named = environment.config.as_ref().map(PathBuf::from);
        let (name, text) = match (self.text, self.file.or(named)) {
            (Some(text), _) => text,
            (None, Some(path)) => read_file(&path, &mut problems),
            (None, None) => (String::new(), String::new()),
        };
        let mut said = read_text(&name, &text, environment.sample_rate, &mut problems);
        environment.over(&mut said.pipeline, &mut problems);
        for change in self.changes {
            said.pipeline.change(change);
        }
        said.pipeline.check(&mut problems);
        let in_code = self.processors.into_iter();
        said.processors
            .extend(in_code.map(|value| Placed::new(value, Place::Code)));
        sample(&mut said.processors, environment.sample_rate);
        let mut plans = environment.exporters.unwrap_or(said.exporters);
        if plans.is_empty() && self.exporters.is_empty() {
            plans = otherwise(&self.otherwise, &mut problems);
        }
        ConfigErrors::unless_any(problems)?;
        let of_environment = environment.enabled.map(|enabled| {
            let name = environment::ENABLED.to_owned();
            Placed::new(enabled, Place::Environment(name))
        });
        let in_code = self.enabled.map(|on| Placed::new(on, Place::Code));
        Ok(Config {
            enabled: in_code.or(of_environment).or(said.enabled),
            pipeline: said.pipeline,
            processors: said.processors,
            plans,
            exporters: self.exporters,
            variables: self.variables,
            record_if: self.record_if,
            media_folder: said.media_folder,
            media_store: self.media_store,
        })
    }
}

/// Puts the environment's sample in front, where the others have none.
fn sample(processors: &mut Vec<Placed<Box<dyn Processor>>>, rate: Option<f64>) {
    let sampled = processors.iter().any(|p| p.value.name() == Sample::NAME);
    let Some(rate) = rate.filter(|_| !sampled) else {
        return;
    };
    let settings = SampleSettings {
        rate,
        ..SampleSettings::default()
    };
    // The rate was checked when it was read.
    if let Ok(sample) = Sample::new(&settings) {
        let place = Place::Environment(environment::SAMPLE_RATE.to_owned());
        processors.insert(0, Placed::new(Box::new(sample), place));
    }
}

/// The exporters for where nobody names any.
fn otherwise(named: &[(String, String)], problems: &mut Vec<Problem>) -> Vec<ExporterPlan> {
    let plans = named.iter().filter_map(|(name, to)| {
        let plan = ExporterPlan::plain(name, to, Place::Code);
        plan.map_err(|(message, help)| {
            problems.push(Problem {
                place: Place::Code,
                message,
                help,
            });
        })
        .ok()
    });
    plans.collect()
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
        let enabled = section.boolean("enabled", &mut document);
        said.enabled =
            enabled.map(|on| Placed::new(on, document.place(&section.span_of("enabled"))));
        if let Some(table) = section.table("pipeline", &mut document) {
            said.pipeline.read(table, &mut document);
        }
        if let Some(table) = section.table("media", &mut document) {
            said.media_folder = media::read(table, &mut document);
        }
        for one in section.tables("processors", &mut document) {
            let place = document.place(&one.span());
            let processor = processors::read(one, sample_rate, &mut document);
            said.processors
                .extend(processor.map(|value| Placed::new(value, place)));
        }
        let of_file = section.tables("exporters", &mut document).into_iter();
        said.exporters = of_file
            .filter_map(|one| exporters::read(one, &mut document))
            .collect();
        section.finish(&mut document);
    }
    problems.append(&mut document.problems);
    said
}
