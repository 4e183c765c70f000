//! What holds of every run.

use proptest::prelude::*;
use proptest::sample::Index;
use runtrail_core::event::{EventKind, Payload, TraceEvent};
use runtrail_replay::{
    Cutoff, Projections, ReplayError, ReplayOptions, Replayed, Replayer, Snapshot, replay,
};
use runtrail_testkit::fold::fold_runs;
use runtrail_testkit::strategies::{run, shuffled};

fn at(events: &[TraceEvent], cutoff: &Cutoff) -> Replayed {
    replay(
        events.to_vec(),
        cutoff,
        Projections::all(),
        &ReplayOptions::default(),
    )
    .unwrap()
}

fn replayer() -> Replayer {
    Replayer::new(Projections::all(), ReplayOptions::default())
}

fn with_shuffled() -> impl Strategy<Value = (Vec<TraceEvent>, Vec<TraceEvent>)> {
    run("r").prop_flat_map(|events| {
        let mut doubled = events.clone();
        doubled.extend(events.iter().step_by(2).cloned());
        (Just(events), shuffled(doubled))
    })
}

proptest! {
    #[test]
    fn order_and_repeats_do_not_matter((clean, mixed) in with_shuffled(), seq in 0..40_u64) {
        for cutoff in [Cutoff::End, Cutoff::Seq(seq)] {
            let (one, other) = (at(&clean, &cutoff), at(&mixed, &cutoff));
            prop_assert_eq!(&one, &other);
            prop_assert_eq!(one.checksum().unwrap(), other.checksum().unwrap());
        }
    }

    #[test]
    fn a_snapshot_and_the_rest_are_the_whole(events in run("r"), cut in any::<Index>()) {
        let cut = cut.index(events.len() + 1);
        let mut first = replayer();
        for event in &events[..cut] {
            first.push(event).unwrap();
        }
        let moment = first.now().unwrap();
        let text = first.snapshot().unwrap();
        let text = Snapshot::from_text(text.as_str());
        let resumed = || Replayer::resume(&text, Projections::all(), ReplayOptions::default()).unwrap();
        let mut second = resumed();
        prop_assert_eq!(second.now().unwrap(), moment);
        prop_assert_eq!(second.snapshot().unwrap(), text.clone());
        for event in &events[cut..] {
            second.push(event).unwrap();
        }
        let whole = at(&events, &Cutoff::End);
        prop_assert_eq!(second.finish().unwrap(), whole);
    }

    #[test]
    fn the_end_is_what_the_fold_sums_up(events in run("r")) {
        let end = at(&events, &Cutoff::End).run;
        let summary = &fold_runs(&events)[0].summary;
        prop_assert_eq!(
            (end.ops, end.errors, end.groups, end.truncated_ops, end.truncated_groups),
            (summary.ops, summary.errors, summary.groups, summary.truncated_ops, summary.truncated_groups)
        );
        prop_assert_eq!(end.usage.total_tokens, summary.usage.total_tokens);
        prop_assert_eq!(end.usage.cost_usd, summary.usage.cost_usd);
        prop_assert_eq!((end.open_ops, end.open_groups), (0, 0));
        prop_assert!(end.status.is_terminal());
    }

    #[test]
    fn a_later_cutoff_never_knows_less(events in run("r"), one in 0..60_u64, more in 0..60_u64) {
        let (then, later) = (at(&events, &Cutoff::Seq(one)).run, at(&events, &Cutoff::Seq(one + more)).run);
        prop_assert!(then.events <= later.events && then.ops <= later.ops && then.status <= later.status);
    }

    #[test]
    fn another_run_is_another_checksum(events in run("r"), at_op in any::<Index>()) {
        let end = at(&events, &Cutoff::End).checksum().unwrap();
        let mut later = events.clone();
        later.last_mut().unwrap().seq += 1_000_000;
        prop_assert_ne!(&at(&later, &Cutoff::End).checksum().unwrap(), &end);
        let starts: Vec<_> = (0..events.len()).filter(|at| events[*at].kind == EventKind::OpStart).collect();
        if !starts.is_empty() {
            let mut other = events.clone();
            let op = &mut other[starts[at_op.index(starts.len())]];
            op.payload = Payload::new(&op.kind, r#"{"inputs":"never generated"}"#).unwrap();
            prop_assert_ne!(&at(&other, &Cutoff::End).checksum().unwrap(), &end);
        }
    }
}

#[test]
fn events_out_of_order_and_of_other_runs_are_refused_by_a_stream() {
    let one = runtrail_testkit::run::RunBuilder::new("r").push_all(3);
    let mut replayer = replayer();
    replayer.push(&one[1]).unwrap();
    assert!(matches!(
        replayer.push(&one[0]),
        Err(ReplayError::Late { .. })
    ));
    let mut foreign = one[2].clone();
    foreign.request_id = "s".into();
    assert!(matches!(
        replayer.push(&foreign),
        Err(ReplayError::ManyRuns(..))
    ));
}

/// A few events, for tests that need no more.
trait PushAll {
    fn push_all(self, count: usize) -> Vec<TraceEvent>;
}

impl PushAll for runtrail_testkit::run::RunBuilder {
    fn push_all(mut self, count: usize) -> Vec<TraceEvent> {
        for _ in 0..count {
            self.push("op_start", Some("a"), &[], "{}");
        }
        self.into_events()
    }
}
