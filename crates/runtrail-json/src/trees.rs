//! The exporter of trees.

mod hold;
mod sink;

use std::path::PathBuf;
use std::time::Instant;

use runtrail_core::export::{ExportError, SpanBatch, SpanExporter};
use runtrail_core::span::RunSummary;

use hold::Held;
use sink::Sink;

use crate::report::Report;
use crate::tree::RunTree;
use crate::write::TreeStyle;

/// What a [`Trees`] may hold of runs that have not ended, all of them together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TreeLimits {
    /// Bytes of spans. Beyond it the content of further spans (inputs, outputs, notes, items,
    /// media, error messages) is left out as far as it does not fit, and their nodes say so in
    /// `content_dropped`; the rest of a span, mostly less than 1 KiB, is kept all the same.
    pub max_held_bytes: usize,
    /// Spans. Further ones are left out, and their run says so in `spans_dropped`.
    pub max_held_spans: usize,
}

impl Default for TreeLimits {
    /// 256 MiB, so that exporting works on small machines; and a million spans, which come to
    /// more than half a GiB without any content, so that only broken streams meet this limit.
    fn default() -> Self {
        Self {
            max_held_bytes: 256 << 20,
            max_held_spans: 1_000_000,
        }
    }
}

/// What a [`Trees`] did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TreesCounts {
    /// The files, in the order in which they became visible.
    pub files: Vec<TreeFile>,
    /// Runs written. Those of a file of many runs count when they are in it, before it is visible.
    pub runs: u64,
    /// Ops in them.
    pub ops: u64,
    /// Groups in them.
    pub groups: u64,
    /// Runs that were truncated.
    pub truncated_runs: u64,
    /// Ops that were truncated.
    pub truncated_ops: u64,
    /// Groups that were truncated.
    pub truncated_groups: u64,
    /// Bytes of content that were left out because of [`TreeLimits::max_held_bytes`].
    pub content_dropped: u64,
    /// Spans that were left out because of [`TreeLimits::max_held_spans`].
    pub spans_dropped: u64,
}

/// A file of trees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TreeFile {
    /// Where it is.
    pub path: PathBuf,
    /// The runs in it.
    pub runs: u64,
    /// Its size.
    pub bytes: u64,
}

/// Reads what a [`Trees`] did.
pub type TreesReport = Report<TreesCounts>;

/// Writes each run as a tree, when it ends.
///
/// A [`SpanExporter`]: wrap it in [`Spans`](runtrail_core::export::Spans) to feed it events.
///
/// ```
/// use std::time::Instant;
/// use runtrail_core::export::{Batch, Exporter, Spans};
/// use runtrail_json::Trees;
/// use runtrail_testkit::run::RunBuilder;
///
/// let folder = tempfile::tempdir()?;
/// let trees = Trees::dir(folder.path());
/// let report = trees.report();
/// let mut exporter = Box::new(Spans::new(trees));
///
/// let mut run = RunBuilder::new("req-42");
/// run.push("op_start", Some("plan"), &["main"], "{}");
/// exporter.export(&Batch::new(run.into_events(), []))?;
/// exporter.close(Instant::now())?;
///
/// let counts = report.read();
/// assert_eq!((counts.runs, counts.truncated_ops), (1, 1));
/// let tree = std::fs::read_to_string(&counts.files[0].path)?;
/// assert!(tree.contains("the stream ended while 1 op was open"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Trees {
    sink: Sink,
    held: Held,
    report: TreesReport,
}

impl Trees {
    /// Writes a file a run into a folder, which is made where it does not exist.
    ///
    /// A file's name comes from the run's id; see [`file_name`](runtrail_core::name::file_name). It
    /// becomes visible, whole, when the run ends, in the place of a former file of that run.
    pub fn dir(path: impl Into<PathBuf>) -> Self {
        Self::to(Sink::dir(path.into()))
    }

    /// Writes one JSON Lines file, a run a line, in the order in which the runs end.
    ///
    /// It becomes visible, whole, at the close, in the place of a former one. An export without a
    /// run leaves things as they are.
    pub fn lines(path: impl Into<PathBuf>) -> Self {
        Self::to(Sink::lines(&path.into()))
    }

    fn to(sink: Sink) -> Self {
        Self {
            sink,
            held: Held::new(TreeLimits::default()),
            report: Report::default(),
        }
    }

    /// Sets how much may be held of unfinished runs.
    pub fn limits(mut self, limits: TreeLimits) -> Self {
        self.held = Held::new(limits);
        self
    }

    /// Sets the layout of a file a run, [`TreeStyle::Pretty`] where nothing is said; a file of many
    /// runs has one line each whatever is said here.
    pub fn style(mut self, style: TreeStyle) -> Self {
        self.sink.set_style(style);
        self
    }

    /// Returns a handle that reads what was done, also after the close.
    pub fn report(&self) -> TreesReport {
        self.report.clone()
    }

    fn write(&mut self, summary: &RunSummary) -> Result<(), ExportError> {
        let held = self.held.take(&summary.request_id);
        let tree =
            RunTree::build(summary.clone(), held.spans).with_spans_dropped(held.spans_dropped);
        let file = self.sink.write(&tree)?;
        self.report.update(|counts| {
            counts.files.extend(file);
            counts.runs += 1;
            counts.ops += summary.ops;
            counts.groups += summary.groups;
            counts.truncated_runs +=
                u64::from(summary.truncated_ops + summary.truncated_groups > 0);
            counts.truncated_ops += summary.truncated_ops;
            counts.truncated_groups += summary.truncated_groups;
            counts.content_dropped += held.content_dropped;
            counts.spans_dropped += held.spans_dropped;
        });
        Ok(())
    }
}

impl SpanExporter for Trees {
    fn name(&self) -> &'static str {
        "json"
    }

    fn export(&mut self, batch: &SpanBatch) -> Result<(), ExportError> {
        for span in batch.spans() {
            self.held.add(span);
        }
        for run in batch.runs() {
            self.write(run)?;
        }
        self.sink.settle()
    }

    /// Makes the trees written so far durable; runs that have not ended stay in memory.
    fn flush(&mut self, _deadline: Instant) -> Result<(), ExportError> {
        self.sink.flush()
    }

    fn close(self: Box<Self>, _deadline: Instant) -> Result<(), ExportError> {
        let Trees { sink, held, report } = *self;
        let last = sink.close()?;
        report.update(|counts| counts.files.extend(last));
        match held.runs() {
            0 => Ok(()),
            runs => Err(ExportError::permanent(format!(
                "{runs} runs were not written: nothing said that they ended"
            ))),
        }
    }
}
