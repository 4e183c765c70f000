//! Groups and summaries that a reader of the recorded runs would expect.

use runtrail_core::event::{EventKind, TraceEvent};
use runtrail_core::process::{
    Aggregate, AggregateSettings, Boundary, EventMatch, GroupBy, GroupBySettings, Reducer, Stat,
    ValuePath,
};
use runtrail_testkit::golden::engine_samples;
use runtrail_testkit::run::RunBuilder;

use super::process::{given, tree};

/// A recorded run without the groups and summaries that its engine put in.
pub(super) fn bare(scenario: &str) -> Vec<TraceEvent> {
    let sample = engine_samples()
        .into_iter()
        .find(|sample| sample.scenario == scenario)
        .unwrap();
    let bare = sample.events.into_iter().filter(|event| {
        event.op_name.is_some()
            && !matches!(event.kind, EventKind::GroupStart | EventKind::GroupEnd)
    });
    bare.collect()
}

fn group_by(group: &str, boundary: Boundary) -> Box<GroupBy> {
    let mut settings = GroupBySettings::new(boundary);
    settings.group = group.to_owned();
    Box::new(GroupBy::new(settings).unwrap())
}

fn shown(events: &[TraceEvent]) -> Vec<String> {
    let shown = |event: &TraceEvent| {
        let payload = match event.kind {
            EventKind::GroupStart | EventKind::GroupEnd | EventKind::Annotation => {
                event.payload.text().to_string()
            }
            _ => event.op_name.as_deref().unwrap_or_default().to_owned(),
        };
        format!("{} {} {payload}", event.seq, event.kind)
    };
    events.iter().map(shown).collect()
}

#[test]
fn a_turn_ends_with_each_item() {
    let run = bare("group_by_yield");
    let boundary = Boundary::EndsAt(EventMatch::kind("op_yield").op("stream.it"));
    let out = shown(&given(vec![group_by("turn", boundary)], &run));
    let id = |n| format!(r#""opener_id":"grp-yield-1-{n}~turn-{n}""#);
    assert_eq!(
        out[..8],
        [
            r#"0 group_start {"name":"turn-0"}"#.to_owned(),
            "0 op_start stream.it".to_owned(),
            "1 op_yield stream.it".to_owned(),
            format!(r#"1 group_end {{"name":"turn-0","status":"ok",{}}}"#, id(0)),
            r#"2 group_start {"name":"turn-1"}"#.to_owned(),
            "2 op_yield stream.it".to_owned(),
            r#"2 group_end {"name":"turn-1","status":"ok","opener_id":"grp-yield-1-2~turn-1"}"#
                .to_owned(),
            r#"3 group_start {"name":"turn-2"}"#.to_owned(),
        ]
    );
    assert_eq!(out.len(), run.len() + 12);
    assert_eq!(out[16], r#"6 group_start {"name":"turn-5"}"#);
    // Nothing is open at the end of the run, so that its last group is whole.
    assert!(out[out.len() - 1].starts_with(r#"26 group_end {"name":"turn-5","status":"ok""#));
}

#[test]
fn a_group_is_summed_up_before_its_end() {
    let run = bare("group_aggregate");
    let mut settings = AggregateSettings::of("stream.t");
    settings.reducers = vec![
        Reducer::count("n"),
        Reducer::new(Stat::Sum, "duration_ms", "ms"),
        Reducer::new(Stat::Min, "outputs.y", "least"),
        Reducer::new(Stat::Max, "outputs.y", "most"),
        Reducer::new(Stat::Mean, "outputs.y", "mean"),
        Reducer::new(Stat::Last, "outputs", "last"),
    ];
    let whole = group_by(
        "group",
        Boundary::MaxDuration(std::time::Duration::from_secs(60)),
    );
    let aggregate = Box::new(Aggregate::new(&settings).unwrap());
    let out = given(vec![whole, aggregate], &run);
    let lines = shown(&out);
    let summary =
        r#"26 annotation {"key":"summary:stream.t","value":{"n":5,"ms":0.14127900044513808"#;
    assert!(
        lines[lines.len() - 2].starts_with(summary),
        "{}",
        lines[lines.len() - 2]
    );
    assert!(
        lines[lines.len() - 2].contains(r#""least":0,"most":32,"mean":12,"last":"#),
        "{}",
        lines[lines.len() - 2]
    );
    assert!(!lines.iter().any(|line| line.ends_with(" stream.t")));
    let tree = tree(&out);
    assert!(tree.starts_with("run grp-agg-1 ok"), "{tree}");
    assert!(tree.contains("group group-0 #0 ok"), "{tree}");
    assert!(
        tree.contains(r#"metadata: {"summary:stream.t":{"n":5,"#),
        "{tree}"
    );
}

#[test]
fn an_op_that_failed_cost_money_or_outlived_its_group_stays_seen() {
    let mut run = RunBuilder::new("r");
    run.push("group_start", None, &[], r#"{"name":"g"}"#);
    for (ctx, status) in [("a", "ok"), ("b", "error"), ("c", "cancelled"), ("d", "ok")] {
        run.push("op_start", Some("x"), &[ctx], "{}");
        if ctx == "d" {
            run.push("llm_usage", Some("x"), &[ctx], r#"{"cost_usd":1}"#);
        }
        run.push(
            "op_end",
            Some("x"),
            &[ctx],
            &format!(r#"{{"status":"{status}"}}"#),
        );
    }
    run.push("op_start", Some("x"), &["late"], "{}");
    run.push("group_end", None, &[], r#"{"name":"g"}"#);
    run.push("op_end", Some("x"), &["late"], "{}");
    run.push("op_start", Some("x"), &["outside"], "{}");
    run.push("op_end", Some("x"), &["outside"], "{}");
    let aggregate = Box::new(Aggregate::new(&AggregateSettings::of("x")).unwrap());
    let out = given(vec![aggregate], &run.into_events());
    let seen: Vec<String> = out
        .iter()
        .filter(|event| event.kind == EventKind::OpStart)
        .map(|event| event.ctx.path())
        .collect();
    assert_eq!(seen, ["b", "c", "d", "late", "outside"]);
    let tree = tree(&out);
    assert!(tree.contains(r#"{"summary:x":{"count":4,"#), "{tree}");
}

#[test]
fn every_boundary_parts_where_it_says() {
    let mut run = RunBuilder::new("r");
    for (op, key) in [("a", "1"), ("b", "1"), ("a", "2"), ("b", "2"), ("a", "1")] {
        run.push(
            "op_yield",
            Some(op),
            &[],
            &format!(r#"{{"k":{{"of":{key}}}}}"#),
        );
    }
    let run = run.into_events();
    let groups = |boundary| -> String {
        let out = given(vec![group_by("g", boundary)], &run);
        let mark = |event: &TraceEvent| match event.kind {
            EventKind::GroupStart => "(".to_owned(),
            EventKind::GroupEnd => ")".to_owned(),
            _ => event.op_name.as_deref().unwrap_or_default().to_owned(),
        };
        out.iter().map(mark).collect()
    };
    assert_eq!(
        groups(Boundary::StartsAt(EventMatch::any().op("b"))),
        "a(ba)(ba)"
    );
    assert_eq!(
        groups(Boundary::EndsAt(EventMatch::any().op("b"))),
        "(ab)(ab)(a)"
    );
    assert_eq!(
        groups(Boundary::KeyChange(ValuePath::new("k.of").unwrap())),
        "(ab)(ab)(a)"
    );
    assert_eq!(groups(Boundary::Every(2, EventMatch::any())), "(ab)(ab)(a)");
    assert_eq!(
        groups(Boundary::Every(2, EventMatch::any().op("a"))),
        "(aba)(ba)"
    );
    let millis = std::time::Duration::from_millis;
    assert_eq!(groups(Boundary::MaxDuration(millis(2))), "(ab)(ab)(a)");
    let second = |event: &TraceEvent| event.seq == 1;
    assert_eq!(
        groups(Boundary::StartsAt(EventMatch::when(second))),
        "a(baba)"
    );
}

#[test]
fn a_made_group_ends_with_the_one_around_it_and_tells_of_errors() {
    let mut run = RunBuilder::new("r");
    run.push("group_start", None, &[], r#"{"name":"outer"}"#);
    run.push("op_start", Some("x"), &[], "{}");
    run.push("op_end", Some("x"), &[], r#"{"status":"error"}"#);
    run.push("group_end", None, &[], r#"{"name":"outer"}"#);
    run.push("op_start", Some("y"), &[], "{}");
    let every = Boundary::Every(100, EventMatch::any());
    let out = given(vec![group_by("g", every)], &run.into_events());
    assert_eq!(
        shown(&out),
        [
            r#"0 group_start {"name":"outer"}"#,
            r#"1 group_start {"name":"g-0"}"#,
            "1 op_start x",
            "2 op_end x",
            r#"2 group_end {"name":"g-0","status":"error","opener_id":"r-00001~g-0"}"#,
            r#"3 group_end {"name":"outer"}"#,
            r#"4 group_start {"name":"g-1"}"#,
            // The op is open at the end of the run, and so is its group.
            "4 op_start y",
        ]
    );
}
