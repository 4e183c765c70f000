//! Building a tree without recursion.

use std::collections::HashMap;

use runtrail_core::id::SpanId;
use runtrail_core::span::{RunSummary, SpanRecord};

use super::RunTree;

/// Builds the tree of a run.
pub(super) fn build(summary: RunSummary, mut spans: Vec<SpanRecord>) -> RunTree {
    spans.sort_by_key(|span| (span.started_at, span.seq, span.span_id));
    let mut parents = parents(&spans);
    cut_cycles(&mut parents);

    // Children are counted, then given their places, then filled in: in the order of the spans,
    // which is the order that they are to have.
    let run = spans.len();
    let mut counts = vec![0; run + 1];
    for parent in &parents {
        counts[parent.unwrap_or(run)] += 1;
    }
    let mut ranges = Vec::with_capacity(run + 1);
    let mut end = 0;
    for count in counts {
        ranges.push(end..end);
        end += count;
    }
    let mut children = vec![0; run];
    for (index, parent) in parents.iter().enumerate() {
        let range = &mut ranges[parent.unwrap_or(run)];
        children[range.end] = index;
        range.end += 1;
    }
    let ops = spans
        .iter()
        .filter(|span| span.is_op())
        .map(|span| span.label().clone())
        .collect();
    RunTree {
        summary,
        spans,
        children,
        ranges,
        ops,
        spans_dropped: 0,
    }
}

/// The index of each span's parent; `None` for the run.
fn parents(spans: &[SpanRecord]) -> Vec<Option<usize>> {
    let mut by_id: HashMap<SpanId, usize> = HashMap::with_capacity(spans.len());
    for (index, span) in spans.iter().enumerate() {
        by_id.entry(span.span_id).or_insert(index);
    }
    spans
        .iter()
        .map(|span| by_id.get(&span.parent_span_id()?).copied())
        .collect()
}

/// Hangs a span of every cycle below the run. The fold makes none, but a caller might.
fn cut_cycles(parents: &mut [Option<usize>]) {
    /// Which walk passed a span first.
    const NONE: usize = usize::MAX;
    let mut passed_by = vec![NONE; parents.len()];
    for walk in 0..parents.len() {
        let mut at = walk;
        while passed_by[at] == NONE {
            passed_by[at] = walk;
            match parents[at] {
                // Back on the way of this very walk: a cycle.
                Some(parent) if passed_by[parent] == walk => parents[at] = None,
                Some(parent) => at = parent,
                None => {}
            }
        }
    }
}
