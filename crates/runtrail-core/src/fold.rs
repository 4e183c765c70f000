//! The fold: the one place that pairs events and finds parents.
//!
//! Events of a run go in, in order; spans come out as they close, and a [`RunSummary`] at the end.
//! The fold has no clock and does no I/O, and it cannot fail: what it cannot pair it counts in
//! [`Anomalies`]. For any split of a stream into batches the spans are the same.
//!
//! A parent is decided when a span opens, by the first rule that matches ([`ParentRule`]): the
//! `parent_id` that the event states; the generator whose yield introduced the longest prefix of
//! the op's ctx; the open op in the nearest enclosing ctx; the open op in the same ctx whose name
//! is the longest dotted prefix of the op's; the innermost open group; the run.

mod content;
mod name;
mod opener;
mod run;
mod runs;
mod saved;
mod scope;
mod slot;

use run::RunFold;
use runs::Runs;
pub use saved::RestoreError;

use crate::event::TraceEvent;
use crate::span::{RunSummary, SpanRecord};
use crate::text::Text;

#[cfg(doc)]
use crate::span::{Anomalies, ParentRule};

/// Maps of foreign keys: seeded at random, and several times as fast as the default.
type Map<K, V> = std::collections::HashMap<K, V, Hashes>;

/// Tables of numbers that are found by the foreign keys they stand for.
type Table<T> = hashbrown::HashTable<T>;

type Hashes = foldhash::fast::RandomState;

/// How much the fold hands out, each with all that comes before it; what is not wanted costs
/// next to nothing.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
pub enum Detail {
    /// The summaries of runs, without their metadata; no spans.
    Summary,
    /// Spans, and in them no inputs, outputs, notes, metadata, items, media and single calls, which
    /// are not counted as left out.
    Spans,
    /// Spans and summaries in full.
    Content,
}

/// What the fold may hold per run. The events table of a lake holds what is left out here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct FoldLimits {
    /// Spans open at once in a run; further openers are counted and ignored.
    pub max_open_spans: usize,
    /// Bytes of content (inputs, notes, last items, single calls and yields) held for the open spans
    /// of a run; what comes on top is left out of its span and counted in [`SpanRecord::content_dropped`].
    pub max_held_bytes: usize,
    /// How much is handed out.
    pub detail: Detail,
}

impl Default for FoldLimits {
    fn default() -> Self {
        Self {
            max_open_spans: 1_000_000,
            max_held_bytes: 64 << 20,
            detail: Detail::Content,
        }
    }
}

/// Folds the events of any number of runs.
///
/// ```
/// use runtrail_core::{fold::Fold, wire::WireReader};
///
/// let mut reader = WireReader::default();
/// let mut fold = Fold::default();
/// let mut spans = Vec::new();
/// for line in [
///     r#"{"event_id":"1","request_id":"r","kind":"op_start","op_name":"plan","timestamp":"2026-11-21T01:00:00Z","seq":0}"#,
///     r#"{"event_id":"2","request_id":"r","kind":"op_end","op_name":"plan","timestamp":"2026-11-21T01:00:01Z","seq":1,"payload":{"status":"ok"}}"#,
/// ] {
///     fold.push(&reader.read(&line.into())?, &mut spans);
/// }
/// assert_eq!(spans[0].duration_ms, Some(1000.0));
/// let summary = fold.finish_run("r", &mut spans).expect("the run was seen");
/// assert_eq!(summary.ops, 1);
/// # Ok::<(), runtrail_core::wire::WireError>(())
/// ```
#[derive(Debug, Default)]
pub struct Fold {
    namespace: String,
    limits: FoldLimits,
    runs: Runs,
}

impl Fold {
    /// Makes a fold whose span ids belong to a namespace; the default namespace is empty.
    pub fn new(namespace: impl Into<String>, limits: FoldLimits) -> Self {
        Self {
            namespace: namespace.into(),
            limits,
            runs: Runs::default(),
        }
    }

    /// Takes the next event of its run and appends the spans that it closes.
    ///
    /// A run's events must come in their order ([`TraceEvent`]'s `Ord`); runs may interleave.
    pub fn push(&mut self, event: &TraceEvent, spans: &mut Vec<SpanRecord>) {
        let runs = &mut self.runs;
        if let Some(run) = runs.of(&event.request_id, &self.namespace, self.limits) {
            run.push(event, spans);
        }
    }

    /// Ends a run: closes what is open, innermost first, and sums it up.
    ///
    /// `None` where no event of the run was seen.
    pub fn finish_run(
        &mut self,
        request_id: &str,
        spans: &mut Vec<SpanRecord>,
    ) -> Option<RunSummary> {
        let mut run = self.runs.take(request_id)?;
        let summary = run.finish(spans);
        self.runs.keep(run);
        summary
    }

    /// Returns what a run has come to so far, with nothing closed: spans that are open count
    /// nowhere yet, and are no anomaly. `None` where no event of the run was seen.
    pub fn so_far(&self, request_id: &str) -> Option<RunSummary> {
        self.runs.find(request_id)?.so_far()
    }

    /// Returns what is known of the spans of a run that are open, in the order of their starts; none
    /// where no spans are wanted ([`Detail::Summary`]). A status means nothing yet.
    pub fn open_spans(&self, request_id: &str) -> impl Iterator<Item = &SpanRecord> {
        self.runs
            .find(request_id)
            .into_iter()
            .flat_map(RunFold::open_spans)
    }

    /// Whether anything of a run that is being folded is open: an op or a group.
    pub fn has_open_spans(&self, request_id: &str) -> bool {
        let run = self.runs.find(request_id);
        run.is_some_and(|run| run.open_spans > 0)
    }

    /// Returns the state of a run that is being folded, as JSON, to be continued elsewhere: what
    /// [`Fold::restore_run`] and then the rest of the run give is what this fold would have given.
    ///
    /// Its size grows with the spans of the run, and with the content of those that are open.
    pub fn save_run(&mut self, request_id: &str) -> Option<String> {
        self.runs.find_mut(request_id)?.save(&self.namespace)
    }

    /// Continues a run from a state that [`Fold::save_run`] gave, with the limits that it was saved
    /// with, and returns the run's id. A run of that id that is being folded is given up.
    ///
    /// The namespace must be this fold's. The text need not be trusted: what does not hold together
    /// is refused.
    pub fn restore_run(&mut self, state: &str) -> Result<Text, RestoreError> {
        let run = saved::restore(state, &self.namespace)?;
        let request_id = run.request_id().clone();
        self.runs.put(run);
        Ok(request_id)
    }

    /// Returns the runs that have not been finished, in the order of their ids.
    pub fn open_runs(&self) -> Vec<Text> {
        let mut runs: Vec<_> = self.runs.ids().cloned().collect();
        runs.sort_unstable();
        runs
    }
}

#[cfg(test)]
mod tests;
