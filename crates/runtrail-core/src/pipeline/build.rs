//! Putting a pipeline together.

use std::fmt;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::{Arc, Condvar, Mutex};

use super::books::Books;
use super::clock::{Clock, Timeline};
use super::engine::Engine;
use super::lane::Lane;
use super::media::{Media, MediaStore};
use super::settings::Settings;
use super::shared::Shared;
use super::worker::Worker;
use super::{Ending, Pipeline, RecordIf, Running, Threads};
use crate::export::{Exporter, SpanExporter, Spans};
use crate::process::{Chain, Processor};

/// Puts a pipeline together; nothing happens before [`start`](Self::start).
#[derive(Default)]
#[must_use = "nothing happens before `start`"]
pub struct Builder {
    settings: Settings,
    exporters: Vec<Box<dyn Exporter>>,
    processors: Vec<Box<dyn Processor>>,
    clock: Option<Clock>,
    emitter_id: Option<u64>,
    record_if: Option<RecordIf>,
    media_store: Option<Box<dyn MediaStore>>,
}

impl Builder {
    /// Adds an exporter of events.
    pub fn exporter(self, exporter: impl Exporter + 'static) -> Self {
        self.boxed_exporter(Box::new(exporter))
    }

    /// Adds an exporter of spans, under the shared fold.
    pub fn span_exporter(self, exporter: impl SpanExporter + 'static) -> Self {
        self.exporter(Spans::new(exporter))
    }

    /// Adds an exporter of events that was made elsewhere.
    pub fn boxed_exporter(mut self, exporter: Box<dyn Exporter>) -> Self {
        self.exporters.push(exporter);
        self
    }

    /// Adds a processor after those that were added before.
    pub fn processor(self, processor: impl Processor + 'static) -> Self {
        self.boxed_processor(Box::new(processor))
    }

    /// Adds a processor that was made elsewhere.
    pub fn boxed_processor(mut self, processor: Box<dyn Processor>) -> Self {
        self.processors.push(processor);
        self
    }

    /// Sets where the bytes of [`Op::media`](crate::emit::Op::media) go.
    pub fn media_store(mut self, store: impl MediaStore + 'static) -> Self {
        self.media_store = Some(Box::new(store));
        self
    }

    /// Sets every limit.
    pub fn settings(mut self, settings: Settings) -> Self {
        self.settings = settings;
        self
    }

    /// Records only runs that a function picks by their id; the others cost one branch for each
    /// call, and nothing of them is counted.
    ///
    /// It is asked once for each run, on the thread that begins it. Errors of runs that are left out
    /// are lost; the processor that samples keeps them.
    pub fn record_if(mut self, wanted: impl Fn(&str) -> bool + Send + Sync + 'static) -> Self {
        self.record_if = Some(Arc::new(wanted));
        self
    }

    /// Sets the clock; the machine's otherwise.
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = Some(clock);
        self
    }

    /// Sets the number that event ids are derived from; random otherwise. Two pipelines with the
    /// same number write the same ids.
    pub fn emitter_id(mut self, id: u64) -> Self {
        self.emitter_id = Some(id);
        self
    }

    /// Checks the settings and starts the worker and a thread for each exporter.
    ///
    /// With no exporter the pipeline counts, and delivers nothing.
    pub fn start(self) -> Result<Pipeline, StartError> {
        self.settings.validate()?;
        let clock = self.clock.unwrap_or_else(Clock::system);
        let names = self.exporters.iter().map(|e| e.name().to_owned());
        let books = Books::new(names);
        let media = Media::new(self.media_store.is_some());
        let shared = Shared::new(self.settings, clock.clone(), books, media);
        let mut threads = Threads::default();
        let mut lanes = Vec::new();
        let count = self.exporters.len();
        for (index, exporter) in self.exporters.into_iter().enumerate() {
            let (lane, thread) =
                Lane::start(index, exporter, &shared, count).map_err(StartError::thread)?;
            lanes.push(lane);
            threads.lanes.push(thread);
        }
        if let Some(store) = self.media_store {
            let shared = Arc::clone(&shared);
            // It ends when the pipeline does; a store that is stuck then is left to itself.
            std::thread::Builder::new()
                .name("runtrail-media".into())
                .spawn(move || shared.media.run(&shared, store))
                .map_err(StartError::thread)?;
        }
        let lanes = Arc::new(lanes);
        let emitter = self.emitter_id.unwrap_or_else(random);
        let chain = Chain::new(self.processors);
        let engine = Engine::new(emitter, &shared.settings, chain, Timeline::new(clock));
        let worker = Worker::new(Arc::clone(&shared), engine, Arc::clone(&lanes));
        let worker = std::thread::Builder::new()
            .name("runtrail-worker".into())
            .spawn(move || worker.run())
            .map_err(StartError::thread)?;
        threads.worker = Some(worker);
        Ok(Pipeline {
            running: Some(Arc::new(Running {
                shared,
                lanes,
                record_if: self.record_if,
                threads: Mutex::new(threads),
                ending: Mutex::new(Ending::No),
                ended: Condvar::new(),
            })),
        })
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.exporters.iter().map(Exporter::name).collect();
        f.debug_struct("Builder")
            .field("exporters", &names)
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

/// A number that no other process is likely to have: the standard library seeds its hashers from
/// the operating system.
fn random() -> u64 {
    let mut hasher = RandomState::new().build_hasher();
    hasher.write_u32(std::process::id());
    hasher.finish()
}

/// Why a pipeline did not start.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct StartError {
    message: String,
    source: Option<std::io::Error>,
}

impl StartError {
    pub(super) fn settings(wrong: &[String]) -> Self {
        Self {
            message: format!("settings out of range: {}", wrong.join("; ")),
            source: None,
        }
    }

    fn thread(error: std::io::Error) -> Self {
        Self {
            message: "could not start a thread".into(),
            source: Some(error),
        }
    }
}
