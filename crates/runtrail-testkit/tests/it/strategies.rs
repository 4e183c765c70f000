//! The generated streams are what they say they are.

use std::collections::BTreeSet;

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use runtrail_core::event::{EventKind, TraceEvent};
use runtrail_core::export::Batch;
use runtrail_testkit::fold::{FoldedRun, fold_runs};
use runtrail_testkit::strategies;

proptest! {
    #[test]
    fn a_run_is_in_its_order(events in strategies::run("r")) {
        let mut sorted = events.clone();
        sorted.sort();
        prop_assert_eq!(events, sorted);
    }

    #[test]
    fn a_balanced_run_has_no_anomaly_of_pairing(events in strategies::balanced_run("r")) {
        let folded = fold_runs(&events);
        prop_assert_eq!(folded[0].summary.anomalies.total(), 0, "{:?}", folded[0].summary.anomalies);
        let stated = events.iter().filter(|e| e.payload.text().contains(r#""status":"truncated""#)).count();
        prop_assert_eq!(folded[0].summary.truncated_groups + folded[0].summary.truncated_ops, stated as u64);
    }

    #[test]
    fn interleaving_keeps_each_run_s_order(
        (runs, stream) in strategies::runs().prop_flat_map(|runs| (Just(runs.clone()), strategies::interleaved(runs)))
    ) {
        for run in runs {
            let own: Vec<_> = stream.iter().filter(|e| e.request_id == run[0].request_id).cloned().collect();
            prop_assert_eq!(own, run);
        }
    }

    #[test]
    fn batches_hold_the_stream_and_end_each_run_once(
        (stream, batches) in strategies::runs()
            .prop_flat_map(strategies::interleaved)
            .prop_flat_map(|stream| (Just(stream.clone()), strategies::split_into_batches(stream)))
    ) {
        let events: Vec<_> = batches.iter().flat_map(Batch::events).cloned().collect();
        prop_assert_eq!(&events, &stream);
        let ended: Vec<_> = batches.iter().flat_map(Batch::ended).map(|end| end.request_id.clone()).collect();
        let runs: BTreeSet<_> = stream.iter().map(|event| event.request_id.clone()).collect();
        prop_assert_eq!(ended.len(), runs.len());
        prop_assert_eq!(ended.into_iter().collect::<BTreeSet<_>>(), runs);
    }
}

/// What the generated runs must hold, beside every kind of event.
const WANTED: [&str; 21] = [
    "kind op_pause",
    "by parent_id",
    "by yield",
    "by ctx_prefix",
    "by name_prefix",
    "by group",
    "by run",
    "status ok",
    "status error",
    "status cancelled",
    "status truncated",
    "op_end_without_start",
    "op_start_without_end",
    "group_end_without_start",
    "group_start_without_end",
    "orphans",
    "duplicates",
    "unknown_references",
    "unknown_status",
    "equal times",
    "shared moment",
];

/// Names what a run holds.
fn features(events: &[TraceEvent]) -> BTreeSet<String> {
    let FoldedRun { spans, summary } = fold_runs(events).remove(0);
    let mut found = BTreeSet::new();
    let anomalies = summary.anomalies.by_kind();
    found.extend(
        anomalies
            .iter()
            .filter(|(_, count)| *count > 0)
            .map(|(kind, _)| (*kind).to_owned()),
    );
    for span in &spans {
        found.insert(format!("by {}", span.parent_rule.as_str()));
        found.insert(format!("status {}", span.status));
    }
    found.extend(events.iter().map(|event| format!("kind {}", event.kind)));
    for pair in events
        .windows(2)
        .filter(|pair| pair[0].timestamp == pair[1].timestamp)
    {
        found.insert("equal times".to_owned());
        if pair[0].seq == pair[1].seq && pair[0].event_id != pair[1].event_id {
            found.insert("shared moment".to_owned());
        }
    }
    found
}

/// A generator that never makes the odd things would make every property hold.
#[test]
fn generated_runs_hold_everything_that_matters() {
    let mut runner = TestRunner::deterministic();
    let mut found = BTreeSet::new();
    for _ in 0..400 {
        found.extend(features(
            &strategies::run("r")
                .new_tree(&mut runner)
                .unwrap()
                .current(),
        ));
    }
    let kinds = EventKind::KNOWN.iter().map(|kind| format!("kind {kind}"));
    let wanted = kinds.chain(WANTED.map(str::to_owned));
    let missing: Vec<_> = wanted.filter(|what| !found.contains(what)).collect();
    assert_eq!(missing, Vec::<String>::new());
}
