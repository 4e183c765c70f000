//! The spans of a stream.

use std::collections::HashSet;

use runtrail_core::event::TraceEvent;
use runtrail_core::fold::Fold;
use runtrail_core::span::{RunSummary, SpanRecord};

/// What the fold made of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct FoldedRun {
    /// The spans, in the order they closed.
    pub spans: Vec<SpanRecord>,
    /// The run.
    pub summary: RunSummary,
}

/// Folds a stream of any number of runs, in any order, and gives the runs by first appearance.
pub fn fold_runs(events: &[TraceEvent]) -> Vec<FoldedRun> {
    let mut ordered = events.to_vec();
    ordered.sort();
    let mut fold = Fold::default();
    let mut spans = Vec::new();
    for event in &ordered {
        fold.push(event, &mut spans);
    }
    let mut seen = HashSet::new();
    let first_of_each = events
        .iter()
        .map(|event| &event.request_id)
        .filter(|id| seen.insert((*id).clone()));
    first_of_each
        .filter_map(|request_id| {
            let summary = fold.finish_run(request_id, &mut spans)?;
            let own = spans
                .extract_if(.., |span| span.request_id == *request_id)
                .collect();
            Some(FoldedRun {
                spans: own,
                summary,
            })
        })
        .collect()
}
