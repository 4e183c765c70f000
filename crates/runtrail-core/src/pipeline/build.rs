//! Putting a pipeline together.

use std::fmt;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Condvar, Mutex};
use std::{io, thread};

use super::books::Books;
use super::clock::{Clock, Timeline};
use super::engine::Engine;
use super::lane::Lane;
use super::media::{Media, MediaStore};
use super::settings::Settings;
use super::shared::{CLOSED, ENDING, Shared, deadline};
use super::ticket::Ticket;
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
        let chain = Chain::new(self.processors);
        let emitter = self.emitter_id.unwrap_or_else(random);
        let engine = Engine::new(emitter, &shared.settings, chain, Timeline::new(clock));
        let mut started = Started::new(shared);
        if let Err(error) = started.start(self.exporters, self.media_store, engine) {
            started.give_up();
            return Err(StartError::thread(error));
        }
        Ok(Pipeline {
            running: Some(Arc::new(Running {
                shared: started.shared,
                lanes: started.lanes,
                record_if: self.record_if,
                threads: Mutex::new(started.threads),
                ending: Mutex::new(Ending::No),
                ended: Condvar::new(),
            })),
        })
    }
}

/// The threads that a pipeline has so far.
struct Started {
    shared: Arc<Shared>,
    lanes: Arc<Vec<Lane>>,
    threads: Threads,
}

impl Started {
    fn new(shared: Arc<Shared>) -> Self {
        Self {
            shared,
            lanes: Arc::default(),
            threads: Threads::default(),
        }
    }

    fn start(
        &mut self,
        exporters: Vec<Box<dyn Exporter>>,
        media_store: Option<Box<dyn MediaStore>>,
        engine: Engine,
    ) -> io::Result<()> {
        self.start_lanes(exporters)?;
        if let Some(store) = media_store {
            let shared = Arc::clone(&self.shared);
            // It ends when the pipeline does; a store that is stuck then is left to itself.
            thread::Builder::new()
                .name("runtrail-media".into())
                .spawn(move || shared.media.run(&shared, store))?;
        }
        let worker = Worker::new(Arc::clone(&self.shared), engine, Arc::clone(&self.lanes));
        let worker = thread::Builder::new()
            .name("runtrail-worker".into())
            .spawn(move || worker.run())?;
        self.threads.worker = Some(worker);
        Ok(())
    }

    fn start_lanes(&mut self, exporters: Vec<Box<dyn Exporter>>) -> io::Result<()> {
        let count = exporters.len();
        let mut lanes = Vec::with_capacity(count);
        let mut result = Ok(());
        for (index, exporter) in exporters.into_iter().enumerate() {
            match Lane::start(index, exporter, &self.shared, count) {
                Ok((lane, thread)) => {
                    lanes.push(lane);
                    self.threads.lanes.push(thread);
                }
                Err(error) => {
                    result = Err(error);
                    break;
                }
            }
        }
        self.lanes = Arc::new(lanes);
        result
    }

    /// Ends what was started, where the rest does not start: exporters that have a thread are closed on
    /// it, within the time that dropping a pipeline may take.
    fn give_up(self) {
        let shared = &self.shared;
        shared
            .bell
            .state
            .fetch_or(ENDING | CLOSED, Ordering::AcqRel);
        shared.media.close(shared);
        let until = deadline(shared.settings.drop_deadline);
        let ticket = Arc::new(Ticket::new(self.lanes.len(), until));
        ticket.passed_on();
        for lane in self.lanes.iter() {
            lane.close(Arc::clone(&ticket));
        }
        let done = ticket.wait();
        for (thread, done) in self.threads.lanes.into_iter().zip(done.lanes) {
            if done.is_some() {
                // Its promise is the last thing that it keeps; a panic of its exporter it caught.
                drop(thread.join());
            }
        }
        // The common ring keeps what it belongs to alive.
        shared.close_rings();
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
    source: Option<io::Error>,
}

impl StartError {
    pub(super) fn settings(wrong: &[String]) -> Self {
        Self {
            message: format!("settings out of range: {}", wrong.join("; ")),
            source: None,
        }
    }

    fn thread(error: io::Error) -> Self {
        Self {
            message: "could not start a thread".into(),
            source: Some(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Sender, channel};
    use std::time::Instant;

    use super::*;
    use crate::export::{Batch, ExportError};

    /// Says when it is closed.
    struct Closes(Sender<()>);

    impl Exporter for Closes {
        fn name(&self) -> &'static str {
            "closes"
        }

        fn export(&mut self, _batch: &Batch) -> Result<(), ExportError> {
            Ok(())
        }

        fn flush(&mut self, _deadline: Instant) -> Result<(), ExportError> {
            Ok(())
        }

        fn close(self: Box<Self>, _deadline: Instant) -> Result<(), ExportError> {
            self.0.send(()).unwrap();
            Ok(())
        }
    }

    #[test]
    fn nothing_is_left_of_what_started_where_the_rest_did_not() {
        let (tells, told) = channel();
        let exporters: Vec<Box<dyn Exporter>> =
            vec![Box::new(Closes(tells.clone())), Box::new(Closes(tells))];
        let names = exporters.iter().map(|e| e.name().to_owned());
        let shared = Shared::new(
            Settings::default(),
            Clock::system(),
            Books::new(names),
            Media::new(false),
        );
        let left = Arc::downgrade(&shared);
        let mut started = Started::new(shared);
        started.start_lanes(exporters).unwrap();
        started.give_up();
        assert_eq!(told.iter().count(), 2);
        assert!(left.upgrade().is_none());
    }
}
