//! Proptest strategies for streams of events.
//!
//! A run is generated as a list of steps, which a small machine plays: it knows what is open, so
//! that most steps make sense, and makes nonsense on purpose where the [`Shape`] allows it. Fewer
//! and simpler steps make a smaller run, which is what a failing test shrinks to.
//!
//! ```
//! use proptest::prelude::*;
//! use runtrail_testkit::{fold::fold_runs, strategies};
//!
//! proptest!(|(events in strategies::run("r1"))| {
//!     let runs = fold_runs(&events);
//!     prop_assert_eq!(runs[0].spans.len() as u64, runs[0].summary.ops + runs[0].summary.groups);
//! });
//! ```

mod play;
mod step;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use runtrail_core::event::TraceEvent;
use runtrail_core::export::{Batch, RunEnd};

use play::play;
use step::Step;

/// Whether the events of a run name each other (`parent_id`, `opener_id`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ids {
    /// None does, as in the archives of other engines.
    Never,
    /// All do, as Runtrail's emitter writes.
    Always,
    /// Some do.
    Sometimes,
}

/// What a generated run may look like.
#[derive(Debug, Clone, Copy)]
pub struct Shape {
    /// Whether events name each other.
    pub ids: Ids,
    /// Whether every opener is closed exactly once and nothing belongs nowhere.
    pub balanced: bool,
    /// The most steps; a step makes at most one event, and closing what is open makes more.
    pub max_steps: usize,
}

/// Generates a run of any shape: balanced or not, with ids or without.
///
/// The events are in their order. Nested dotted names, generators with items and collectors, loops,
/// interleaved groups of one name, notes, usage and media occur, and so do orphans, unknown kinds,
/// exact repeats and equal timestamps.
pub fn run(request_id: &str) -> impl Strategy<Value = Vec<TraceEvent>> + use<> {
    let request_id = request_id.to_owned();
    let ids = select(vec![Ids::Never, Ids::Always, Ids::Sometimes]);
    (ids, any::<bool>()).prop_flat_map(move |(ids, balanced)| {
        shaped_run(
            &request_id,
            Shape {
                ids,
                balanced,
                max_steps: 60,
            },
        )
    })
}

/// Generates a run in which everything is closed exactly once, as it leaves the pipeline.
pub fn balanced_run(request_id: &str) -> impl Strategy<Value = Vec<TraceEvent>> + use<> {
    let request_id = request_id.to_owned();
    let ids = select(vec![Ids::Never, Ids::Always]);
    ids.prop_flat_map(move |ids| {
        shaped_run(
            &request_id,
            Shape {
                ids,
                balanced: true,
                max_steps: 60,
            },
        )
    })
}

/// Generates a run of a given shape; it has at least one event.
pub fn shaped_run(
    request_id: &str,
    shape: Shape,
) -> impl Strategy<Value = Vec<TraceEvent>> + use<> {
    let request_id = request_id.to_owned();
    vec(Step::any(), 1..=shape.max_steps.max(1))
        .prop_map(move |steps| play(&request_id, shape, &steps))
}

/// Generates 1 to 4 runs, each with an id of its own.
pub fn runs() -> impl Strategy<Value = Vec<Vec<TraceEvent>>> {
    (1..=4_usize).prop_flat_map(|count| {
        (0..count)
            .map(|index| run(&format!("run-{index}")).boxed())
            .collect::<Vec<_>>()
    })
}

/// Generates every order of some events.
pub fn shuffled(events: Vec<TraceEvent>) -> impl Strategy<Value = Vec<TraceEvent>> {
    Just(events).prop_shuffle()
}

/// Generates the ways to interleave runs; each run keeps its own order.
pub fn interleaved(runs: Vec<Vec<TraceEvent>>) -> impl Strategy<Value = Vec<TraceEvent>> {
    let turns: Vec<usize> = runs
        .iter()
        .enumerate()
        .flat_map(|(run, events)| vec![run; events.len()])
        .collect();
    Just(turns).prop_shuffle().prop_map(move |turns| {
        let mut rest: Vec<_> = runs.iter().map(|events| events.iter()).collect();
        turns
            .into_iter()
            .filter_map(|run| rest[run].next().cloned())
            .collect()
    })
}

/// Generates the ways to split a stream into batches, empty ones among them. Each run is said to
/// end after its last event.
pub fn split_into_batches(events: Vec<TraceEvent>) -> impl Strategy<Value = Vec<Batch>> {
    vec(any::<Index>(), 0..8).prop_map(move |cuts| {
        let cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(events.len() + 1)).collect();
        batches_at(&events, &cuts)
    })
}

/// Splits a stream before the events at the given positions; a position that is given twice makes
/// an empty batch. Each run is said to end after its last event.
pub fn batches_at(events: &[TraceEvent], cuts: &[usize]) -> Vec<Batch> {
    let mut bounds: Vec<usize> = cuts.iter().map(|&cut| cut.min(events.len())).collect();
    bounds.extend([0, events.len()]);
    bounds.sort_unstable();
    bounds
        .windows(2)
        .map(|bound| {
            let (from, until) = (bound[0], bound[1]);
            let ends: Vec<RunEnd> = (from..until)
                .filter(|&at| is_last_of_its_run(events, at))
                .map(|at| RunEnd {
                    request_id: events[at].request_id.clone(),
                    after: at + 1 - from,
                })
                .collect();
            Batch::new(&events[from..until], ends)
        })
        .collect()
}

fn is_last_of_its_run(events: &[TraceEvent], at: usize) -> bool {
    !events[at + 1..]
        .iter()
        .any(|later| later.request_id == events[at].request_id)
}
