//! Recording, from a configuration to the end of the program.

use std::time::{Duration, Instant};

use runtrail_core::emit::Run;
use runtrail_core::event::TraceEvent;
use runtrail_core::pipeline::{self, FlushReport, Handle, Pipeline, ShutdownReport, Stats};

use crate::config::{Config, ConfigErrors, OpenErrors, Parts};
use crate::pause::Stop;

/// Records runs as a configuration says.
///
/// ```
/// # #[cfg(feature = "json")] {
/// use std::time::Duration;
/// use runtrail::Trail;
/// use runtrail::core::event::Ctx;
///
/// # let folder = tempfile::tempdir()?;
/// # let runs = folder.path().join("runs").display().to_string();
/// let trail = Trail::trees(&runs)?;
/// let run = trail.run("req-42");
/// run.op("main", &Ctx::default(), || "question").end_ok(|| "answer");
/// drop(run);
/// let report = trail.shutdown(Duration::from_secs(5));
/// assert!(report.is_complete(), "{report}");
/// # }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// Dropping it shuts it down, within [`Settings::drop_deadline`](pipeline::Settings), with a
/// warning.
#[derive(Debug)]
#[must_use = "dropping it ends the recording"]
pub struct Trail {
    pipeline: Pipeline,
    stop: Stop,
    drop_deadline: Duration,
    /// The one that started it: a forked child's copy has no threads to be told to stop.
    process: u32,
}

/// Why nothing is recorded.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The configuration is wrong; everything that is.
    #[error(transparent)]
    Config(#[from] ConfigErrors),
    /// Exporters could not be opened; all that could not.
    #[error(transparent)]
    Open(#[from] OpenErrors),
    /// A thread could not be started.
    #[error(transparent)]
    Pipeline(#[from] pipeline::StartError),
}

impl Trail {
    /// Records as the file that `RUNTRAIL_CONFIG` names and the rest of the environment say.
    ///
    /// Where they name no exporter, events are counted and go nowhere.
    pub fn start() -> Result<Self, StartError> {
        Config::load()?.start()
    }

    /// Records a tree of each run into a folder, unless the environment says otherwise.
    #[cfg(feature = "json")]
    pub fn trees(folder: impl Into<String>) -> Result<Self, StartError> {
        let builder = Config::builder().environment();
        builder.otherwise("json", folder).load()?.start()
    }

    /// As [`Pipeline::run`].
    pub fn run(&self, request_id: &str) -> Run {
        self.pipeline.run(request_id)
    }

    /// As [`Pipeline::emit`].
    pub fn emit(&self, event: TraceEvent) {
        self.pipeline.emit(event);
    }

    /// As [`Pipeline::finish_run`].
    pub fn finish_run(&self, request_id: &str) {
        self.pipeline.finish_run(request_id);
    }

    /// As [`Pipeline::handle`].
    pub fn handle(&self) -> Handle {
        self.pipeline.handle()
    }

    /// As [`Pipeline::stats`].
    pub fn stats(&self) -> Stats {
        self.pipeline.stats()
    }

    /// As [`Pipeline::flush`].
    pub fn flush(&self, limit: Duration) -> FlushReport {
        self.pipeline.flush(limit)
    }

    /// As [`Pipeline::shutdown`]. When three quarters of the limit are over, wrappers wait no more,
    /// neither for another attempt nor for a rate, so that exporters get to their end.
    pub fn shutdown(&self, limit: Duration) -> ShutdownReport {
        self.stop_within(limit);
        self.pipeline.shutdown(limit)
    }

    fn stop_within(&self, limit: Duration) {
        // In a forked child the lock may be held by a thread that is not there.
        if std::process::id() != self.process {
            return;
        }
        // A limit that is too long to say is as good as none.
        if let Some(at) = Instant::now().checked_add(limit.saturating_sub(limit / 4)) {
            self.stop.stop_at(at);
        }
    }
}

impl Drop for Trail {
    fn drop(&mut self) {
        // The pipeline is dropped after this, and shuts itself down where nobody did.
        self.stop_within(self.drop_deadline);
    }
}

impl Config {
    /// Opens the exporters and starts to record. Says by `tracing`, target `runtrail`, in one line
    /// where events go and who said so.
    pub fn start(self) -> Result<Trail, StartError> {
        self.open()?.start()
    }
}

impl Parts {
    /// Starts to record; see [`Config::start`].
    pub fn start(self) -> Result<Trail, StartError> {
        let drop_deadline = self.settings.drop_deadline;
        let pipeline = if self.enabled {
            let mut builder = Pipeline::builder().settings(self.settings);
            for processor in self.processors {
                builder = builder.boxed_processor(processor);
            }
            for exporter in self.exporters {
                builder = builder.boxed_exporter(exporter);
            }
            if let Some(store) = self.media_store {
                builder = builder.media_store(store);
            }
            if let Some(wanted) = self.record_if {
                builder = builder.record_if(wanted);
            }
            builder.start()?
        } else {
            Pipeline::disabled()
        };
        #[cfg(feature = "parquet")]
        for (exporter, within) in &self.within {
            within.tell(pipeline.handle(), *exporter);
        }
        tracing::info!(target: "runtrail", "{}", self.explanation);
        Ok(Trail {
            pipeline,
            stop: self.stop,
            drop_deadline,
            process: std::process::id(),
        })
    }
}
