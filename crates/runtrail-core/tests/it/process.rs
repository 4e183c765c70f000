//! Processors one by one.

use runtrail_core::event::TraceEvent;
use runtrail_core::process::{
    Aggregate, AggregateSettings, Chain, Dedup, DedupSettings, Discard, DropEmpty,
    DropEmptySettings, DropKinds, DropKindsSettings, DropOps, Enrich, EnrichSettings, HoldLimits,
    KeepOps, OpFilterSettings, Processor, Reducer, Sample, SampleSettings, Stat, StateLimits,
    WhenFull,
};
use runtrail_testkit::fold::fold_runs;
use runtrail_testkit::run::RunBuilder;
use runtrail_testkit::tree::tree_text;

/// Gives a run to processors, ends it, and returns what came out.
pub(super) fn given(processors: Vec<Box<dyn Processor>>, events: &[TraceEvent]) -> Vec<TraceEvent> {
    let mut chain = Chain::new(processors);
    finished(&mut chain, events)
}

fn finished(chain: &mut Chain, events: &[TraceEvent]) -> Vec<TraceEvent> {
    let mut out = Vec::new();
    for event in events {
        chain.process(event.clone(), &mut |event| out.push(event));
    }
    if let Some(event) = events.first() {
        chain.finish(&event.request_id, &mut |event| out.push(event));
    }
    assert_eq!((chain.imbalance(), chain.held()), (0, 0));
    out
}

pub(super) fn tree(events: &[TraceEvent]) -> String {
    let runs = fold_runs(events);
    let shown = runs.iter().map(|run| tree_text(&run.spans, &run.summary));
    shown.collect()
}

fn nested(ids: bool) -> Vec<TraceEvent> {
    let mut run = RunBuilder::new("r");
    let say = |key: &str, id: &str| {
        if ids {
            format!(r#"{{"{key}":"{id}"}}"#)
        } else {
            "{}".to_owned()
        }
    };
    let main = run.push("op_start", Some("main"), &[], "{}");
    let probe = run.push(
        "op_start",
        Some("debug.probe"),
        &["main"],
        &say("parent_id", &main),
    );
    let deep = run.push(
        "op_start",
        Some("debug.deep"),
        &["main", "x"],
        &say("parent_id", &probe),
    );
    let fetch = run.push(
        "op_start",
        Some("fetch"),
        &["main", "x", "y"],
        &say("parent_id", &deep),
    );
    run.push(
        "annotation",
        Some("debug.deep"),
        &["main", "x"],
        &say("opener_id", &deep),
    );
    run.push(
        "op_end",
        Some("fetch"),
        &["main", "x", "y"],
        &say("opener_id", &fetch),
    );
    run.push(
        "op_end",
        Some("debug.deep"),
        &["main", "x"],
        &say("opener_id", &deep),
    );
    run.push(
        "op_end",
        Some("debug.probe"),
        &["main"],
        &say("opener_id", &probe),
    );
    run.push("op_end", Some("main"), &[], &say("opener_id", &main));
    run.into_events()
}

#[test]
fn what_ran_in_a_left_out_op_hangs_on_the_next_one_above() {
    for ids in [true, false] {
        let filter = DropOps::new(&OpFilterSettings::of(["debug.*"])).unwrap();
        let shown = tree(&given(vec![Box::new(filter)], &nested(ids)));
        let rule = if ids { "parent_id" } else { "ctx_prefix" };
        assert_eq!(
            shown,
            format!(
                "run r ok 8ms: 4 events, 2 ops\n  op main (root) #0 ok 8ms by run\n    op fetch main/x/y #0 ok 2ms by {rule}\n"
            )
            .replace(" (root)", shown_root(&shown))
        );
    }
}

/// The tree's own word for an empty ctx.
fn shown_root(shown: &str) -> &str {
    let at = shown.find("op main").map_or(0, |at| at + "op main".len());
    &shown[at..at + shown[at..].find(" #").unwrap_or(0)]
}

#[test]
fn keeping_is_the_opposite_of_leaving_out() {
    let keep = KeepOps::new(&OpFilterSettings::of(["main", "fetch"])).unwrap();
    let drop = DropOps::new(&OpFilterSettings::of(["debug.*"])).unwrap();
    let run = nested(true);
    assert_eq!(
        given(vec![Box::new(keep)], &run),
        given(vec![Box::new(drop)], &run)
    );
}

#[test]
fn a_parent_that_is_left_out_with_all_above_it_is_forgotten() {
    let drop = DropOps::new(&OpFilterSettings::of(["main", "debug.*"])).unwrap();
    let left = given(vec![Box::new(drop)], &nested(true));
    assert_eq!(left[0].payload.text().as_str(), "{}");
    assert_eq!(fold_runs(&left)[0].summary.anomalies.total(), 0);
}

#[test]
fn one_half_of_a_pair_means_both() {
    let left = |kind: &str| {
        let settings = DropKindsSettings {
            kinds: vec![kind.into()],
            ..DropKindsSettings::default()
        };
        let mut run = RunBuilder::new("r");
        let group = run.push("group_start", None, &[], r#"{"name":"g"}"#);
        let op = run.push(
            "op_start",
            Some("a"),
            &[],
            &format!(r#"{{"parent_id":"{group}"}}"#),
        );
        run.push(
            "llm_usage",
            Some("a"),
            &[],
            &format!(r#"{{"opener_id":"{op}"}}"#),
        );
        run.push(
            "annotation",
            None,
            &[],
            &format!(r#"{{"key":"k","opener_id":"{group}"}}"#),
        );
        run.push("annotation", None, &[], r#"{"key":"k"}"#);
        run.push(
            "op_end",
            Some("a"),
            &[],
            &format!(r#"{{"opener_id":"{op}"}}"#),
        );
        run.push(
            "group_end",
            None,
            &[],
            &format!(r#"{{"opener_id":"{group}"}}"#),
        );
        run.push("annotation", None, &[], r#"{"key":"run"}"#);
        let processor = DropKinds::new(&settings).unwrap();
        let left = given(vec![Box::new(processor)], &run.into_events());
        let kinds: Vec<String> = left.iter().map(|event| event.kind.to_string()).collect();
        kinds.join(" ")
    };
    assert_eq!(
        left("op_end"),
        "group_start annotation annotation group_end annotation"
    );
    assert_eq!(left("op_start"), left("op_end"));
    assert_eq!(left("group_end"), "op_start llm_usage op_end annotation");
    assert_eq!(left("llm_usage").matches("op_").count(), 2);
}

#[test]
fn an_op_is_empty_only_if_nothing_speaks_for_it() {
    let left = |events: &[(&str, &str, &str)]| {
        let mut run = RunBuilder::new("r");
        for (kind, op, payload) in events {
            run.push(kind, Some(op), &["main"], payload);
        }
        let processor = DropEmpty::new(DropEmptySettings::default()).unwrap();
        given(vec![Box::new(processor)], &run.into_events()).len()
    };
    let op = |end: &'static str| left(&[("op_start", "a", "{}"), ("op_end", "a", end)]);
    for empty in [
        "{}",
        r#"{"status":"ok","outputs":null}"#,
        r#"{"outputs":{ }}"#,
        r#"{"outputs":""}"#,
        r#"{"outputs":[],"yield_count":1,"error":null}"#,
    ] {
        assert_eq!(op(empty), 0, "{empty}");
    }
    for telling in [
        r#"{"status":"error"}"#,
        r#"{"status":"cancelled"}"#,
        r#"{"status":"truncated"}"#,
        r#"{"status":"paused"}"#,
        r#"{"error":"x"}"#,
        r#"{"outputs":" "}"#,
        r#"{"outputs":0}"#,
        r#"{"outputs":[0]}"#,
        r#"{"yield_count":3}"#,
    ] {
        assert_eq!(op(telling), 2, "{telling}");
    }
    let inside = [
        ("op_start", "a", "{}"),
        ("op_start", "a.b", "{}"),
        ("op_end", "a.b", "{}"),
        ("op_end", "a", "{}"),
    ];
    assert_eq!(left(&inside), 2);
    assert_eq!(left(&[inside[0], ("annotation", "a", "{}"), inside[3]]), 3);
    assert_eq!(left(&inside[..1]), 1);
}

#[test]
fn a_full_hold_lets_the_oldest_op_through() {
    let settings = DropEmptySettings {
        hold: HoldLimits {
            max_events: 3,
            max_bytes: 1 << 20,
        },
        ..DropEmptySettings::default()
    };
    let mut run = RunBuilder::new("r");
    run.push("op_start", Some("long"), &["a"], "{}");
    for _ in 0..3 {
        run.push("op_start", Some("short"), &["b"], "{}");
        run.push("op_end", Some("short"), &["b"], "{}");
    }
    run.push("op_end", Some("long"), &["a"], "{}");
    let mut chain = Chain::new(vec![Box::new(DropEmpty::new(settings).unwrap())]);
    let left = finished(&mut chain, &run.into_events());
    assert_eq!(left.len(), 2);
    let limited: u64 = chain.tallies().map(|(_, _, tally)| tally.limited).sum();
    assert_eq!(limited, 1);
}

fn sampled(when_full: WhenFull, max_events: usize, events: &[TraceEvent]) -> (usize, u64, u64) {
    let settings = SampleSettings {
        rate: 0.0,
        when_full,
        hold: HoldLimits {
            max_events,
            max_bytes: 1 << 20,
        },
        ..SampleSettings::default()
    };
    let mut chain = Chain::new(vec![Box::new(Sample::new(&settings).unwrap())]);
    let left = finished(&mut chain, events).len();
    let overflow = |(_, _, tally): (&str, u64, &runtrail_core::process::Tally)| {
        (tally.discarded(Discard::Overflow), tally.limited)
    };
    let (overflow, limited) = chain.tallies().map(overflow).next().unwrap();
    (left, overflow, limited)
}

#[test]
fn a_run_that_began_beyond_the_limit_is_kept_to_its_end() {
    let settings = SampleSettings {
        rate: 0.0,
        max_runs: 1,
        ..SampleSettings::default()
    };
    let mut chain = Chain::new(vec![Box::new(Sample::new(&settings).unwrap())]);
    let mut out = Vec::new();
    let runs = ["waits", "kept", "forgotten", "later"].map(|id| {
        let mut run = RunBuilder::new(id);
        run.push("op_start", Some("main"), &[], "{}");
        run.push("op_end", Some("main"), &[], r#"{"status":"ok"}"#);
        run.into_events()
    });
    for run in &runs[..3] {
        chain.process(run[0].clone(), &mut |event| out.push(event.event_id));
    }
    for run in &runs {
        let first = usize::from(run[0].request_id != "later");
        for event in &run[first..] {
            chain.process(event.clone(), &mut |event| out.push(event.event_id));
        }
        chain.finish(&run[0].request_id, &mut |event| out.push(event.event_id));
    }
    let kept = [
        "kept-00000",
        "forgotten-00000",
        "kept-00001",
        "forgotten-00001",
    ];
    assert_eq!(out, kept);
    let (_, _, tally) = chain.tallies().next().unwrap();
    assert_eq!(tally.discarded(Discard::SampledOut), 4);
    assert_eq!((chain.imbalance(), chain.held()), (0, 0));
}

#[test]
fn a_full_buffer_does_what_it_was_told_and_says_so() {
    let mut run = RunBuilder::new("r");
    for _ in 0..5 {
        run.push("op_start", Some("a"), &[], "{}");
        run.push("op_end", Some("a"), &[], "{}");
    }
    let run = run.into_events();
    assert_eq!(sampled(WhenFull::Keep, 10, &run), (0, 0, 0));
    assert_eq!(sampled(WhenFull::Keep, 9, &run), (10, 0, 1));
    assert_eq!(sampled(WhenFull::Discard, 9, &run), (0, 10, 1));
    // An op that is open at the end is no clean run.
    assert_eq!(sampled(WhenFull::Keep, 10, &run[..9]), (9, 0, 0));
}

#[test]
fn samples_are_the_same_on_every_machine_and_share_a_parent() {
    let sample = |rate, separator: Option<&str>| {
        let settings = SampleSettings {
            rate,
            parent_separator: separator.map(str::to_owned),
            ..SampleSettings::default()
        };
        Sample::new(&settings).unwrap()
    };
    let third = sample(1.0 / 3.0, None);
    let kept: Vec<usize> = (0..20)
        .filter(|n| third.is_sampled(&format!("run-{n}")))
        .collect();
    // Pinned: another sample after an update would tear what was sampled before.
    assert_eq!(kept, PINNED);
    let share = (0..3000)
        .filter(|n| third.is_sampled(&n.to_string()))
        .count();
    assert!((900..1100).contains(&share), "{share}");
    let family = sample(0.5, Some("/"));
    for parent in 0..50 {
        let of_parent = family.is_sampled(&format!("{parent}"));
        assert!((0..5).all(|n| family.is_sampled(&format!("{parent}/{n}")) == of_parent));
    }
    let (none, all) = (sample(0.0, None), sample(1.0, None));
    assert!((0..100).all(|n| all.is_sampled(&n.to_string()) && !none.is_sampled(&n.to_string())));
}

const PINNED: &[usize] = &[4, 5, 8, 9, 10, 11, 14, 15, 18, 19];

#[test]
fn only_exact_repeats_are_left_out_within_the_window() {
    let mut run = RunBuilder::new("r");
    run.push("op_start", Some("a"), &[], r#"{"n": 1}"#);
    run.push("op_end", Some("a"), &[], "{}");
    let mut events = run.into_events();
    let mut spaced = events[0].clone();
    spaced.payload = runtrail_core::event::Payload::new(&spaced.kind, r#"{ "n":1 }"#).unwrap();
    let mut changed = events[0].clone();
    changed.payload = runtrail_core::event::Payload::new(&changed.kind, r#"{"n": 2}"#).unwrap();
    events.extend([spaced, changed, events[0].clone()]);
    let left = |max_per_run, max_events| {
        let settings = DedupSettings {
            max_per_run,
            max_events,
            ..DedupSettings::default()
        };
        given(vec![Box::new(Dedup::new(settings).unwrap())], &events).len()
    };
    assert_eq!(left(10, 10), 3);
    assert_eq!(left(1, 10), 5);
    assert_eq!(left(10, 1), 5);
}

#[test]
fn fields_are_added_where_they_are_missing() {
    let settings = EnrichSettings {
        fields: vec![("a".into(), "1".into()), ("b".into(), "[2]".into())],
        kinds: vec!["op_end".into()],
        ops: vec!["x*".into()],
    };
    let mut run = RunBuilder::new("r");
    run.push("op_start", Some("x1"), &[], "{}");
    run.push("op_end", Some("y"), &[], "{}");
    run.push("op_end", Some("x1"), &[], "{}");
    run.push("op_end", Some("x2"), &[], "{}");
    let mut events = run.into_events();
    events[3].extra = Some(r#"{ "b": 1.10 }"#.into());
    let left = given(vec![Box::new(Enrich::new(&settings).unwrap())], &events);
    let extra: Vec<_> = left.iter().map(|event| event.extra.as_deref()).collect();
    let both = Some(r#"{"a":1,"b":[2]}"#);
    assert_eq!(extra, [None, None, both, Some(r#"{ "b": 1.10,"a":1 }"#)]);
}

#[test]
fn settings_that_mean_nothing_are_refused() {
    let none: [&str; 0] = [];
    assert!(DropOps::new(&OpFilterSettings::of(none)).is_err());
    assert!(DropKinds::new(&DropKindsSettings::default()).is_err());
    let rate = |rate| {
        Sample::new(&SampleSettings {
            rate,
            ..SampleSettings::default()
        })
    };
    assert!(rate(1.5).is_err() && rate(f64::NAN).is_err());
    let fields = |name: &str, value: &str| {
        Enrich::new(&EnrichSettings {
            fields: vec![(name.into(), value.into())],
            ..EnrichSettings::default()
        })
    };
    assert!(fields("seq", "1").is_err());
    let error = fields("key", "hunter2").err().unwrap();
    assert!(!error.to_string().contains("hunter2"));
    let mut settings = AggregateSettings::of("x");
    settings.reducers = vec![Reducer::new(Stat::Sum, "a..b", "x")];
    assert!(Aggregate::new(&settings).is_err());
}

#[test]
fn more_runs_than_can_be_remembered_pass() {
    let settings = DropEmptySettings {
        limits: StateLimits {
            max_runs: 1,
            ..StateLimits::default()
        },
        ..DropEmptySettings::default()
    };
    let mut chain = Chain::new(vec![Box::new(DropEmpty::new(settings).unwrap())]);
    let mut left = Vec::new();
    for id in ["a", "b"] {
        let mut run = RunBuilder::new(id);
        run.push("op_start", Some("x"), &[], "{}");
        run.push("op_end", Some("x"), &[], "{}");
        for event in run.into_events() {
            chain.process(event, &mut |event| left.push(event.request_id));
        }
    }
    assert_eq!(left, ["b", "b"]);
}
