//! A golden file for every row of the mapping.

use std::path::Path;

use runtrail_otlp::map::{Content, MapLimits, MapSettings, Mapper, Overlay, TraceContext};
use runtrail_otlp_wire::json;
use runtrail_testkit::fold::{FoldedRun, fold_runs};
use runtrail_testkit::golden::assert_golden;
use runtrail_testkit::run::RunBuilder;

use super::support::{attrs, decoded, mapped};

fn check(row: &str, run: RunBuilder, settings: MapSettings) {
    check_with(row, run, Mapper::new(settings));
}

fn check_with(row: &str, run: RunBuilder, mapper: Mapper) {
    check_folded(row, fold_runs(&run.into_events()), mapper);
}

fn check_folded(row: &str, runs: Vec<FoldedRun>, mut mapper: Mapper) {
    let mut text = String::new();
    for run in runs {
        let mut write = |span: runtrail_otlp_wire::model::Span<'_>| {
            decoded(&span);
            text += &json::span(&span);
            text.push('\n');
        };
        for span in &run.spans {
            mapper.span(span, &mut write);
        }
        mapper.run(&run.summary, &mut write);
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/golden/{row}.jsonl"));
    assert_golden(&path, &text);
}

const CTX: &[&str] = &["main"];

fn with_content() -> MapSettings {
    MapSettings {
        content: Content::ALL,
        ..MapSettings::default()
    }
}

#[test]
fn an_op_and_its_run() {
    let mut run = RunBuilder::new("r");
    run.push("annotation", None, &[], r#"{"key":"user","value":"u-1"}"#);
    run.push("op_start", Some("main.plan"), CTX, r#"{"inputs":{"a":1}}"#);
    run.push("op_start", Some("main.plan.fetch"), CTX, "{}");
    run.push(
        "op_end",
        Some("main.plan.fetch"),
        CTX,
        r#"{"status":"ok","duration_ms":0.5}"#,
    );
    run.push(
        "op_end",
        Some("main.plan"),
        CTX,
        r#"{"status":"ok","outputs":{"b":2}}"#,
    );
    check("op", run, MapSettings::default());
}

fn one_call() -> RunBuilder {
    let mut run = RunBuilder::new("r");
    let inputs = r#"{"inputs":{"messages":[{"role":"user","content":"hi"}]}}"#;
    run.push("op_start", Some("main.ask"), CTX, inputs);
    let usage = r#"{"model":"m-1","prompt_tokens":10,"completion_tokens":5,"total_tokens":15,"cost_usd":0.25}"#;
    run.push("llm_usage", Some("main.ask"), CTX, usage);
    run.push(
        "op_end",
        Some("main.ask"),
        CTX,
        r#"{"status":"ok","outputs":"hello"}"#,
    );
    run
}

#[test]
fn one_call_of_a_model() {
    check("llm", one_call(), MapSettings::default());
    check("content", one_call(), with_content());
    let settings = MapSettings {
        overlays: vec![Overlay::Langfuse, Overlay::Mlflow, Overlay::Langsmith],
        ..MapSettings::default()
    };
    check("overlays", one_call(), settings);
}

#[test]
fn several_calls_and_strays() {
    let mut run = RunBuilder::new("r");
    run.push("op_start", Some("main.ask"), CTX, "{}");
    for model in ["m-1", "m-2"] {
        let usage = format!(r#"{{"model":"{model}","prompt_tokens":10,"completion_tokens":5}}"#);
        run.push("llm_usage", Some("main.ask"), CTX, &usage);
    }
    run.push("op_end", Some("main.ask"), CTX, r#"{"status":"ok"}"#);
    run.push(
        "llm_usage",
        None,
        &[],
        r#"{"model":"m-3","prompt_tokens":1}"#,
    );
    check("llm-several", run, MapSettings::default());
}

#[test]
fn calls_beyond_the_budget_are_one_more() {
    let mut run = RunBuilder::new("r");
    run.push("op_start", Some("main.ask"), CTX, "{}");
    for _ in 0..3 {
        let usage = r#"{"model":"m","prompt_tokens":10,"cost_usd":0.5}"#;
        run.push("llm_usage", Some("main.ask"), CTX, usage);
    }
    run.push("op_end", Some("main.ask"), CTX, "{}");
    let mut folded = fold_runs(&run.into_events()).remove(0);
    folded.spans[0].llm_calls.truncate(1);
    let mut tokens = Vec::new();
    Mapper::new(MapSettings::default()).span(&folded.spans[0], |span| {
        let span = decoded(&span);
        let attrs = attrs(&span);
        let of = |key| attrs.get(key).cloned();
        tokens.push((
            of("gen_ai.usage.input_tokens"),
            of("llm.cost.total"),
            of("runtrail.llm.calls"),
        ));
    });
    let some = |text: &str| Some(text.to_owned());
    let wanted = [
        (None, None, None),
        (some("10"), some("0.5"), None),
        (some("20"), some("1"), some("2")),
    ];
    assert_eq!(tokens, wanted);
}

#[test]
fn groups_and_their_metadata() {
    let mut run = RunBuilder::new("r");
    run.push(
        "group_start",
        None,
        &[],
        r#"{"name":"turn","n":1,"0":"a number as a key"}"#,
    );
    run.push("group_start", None, &[], r#"{"name":"phase"}"#);
    run.push("op_start", Some("a"), CTX, "{}");
    run.push(
        "op_end",
        Some("a"),
        CTX,
        r#"{"status":"error","error":"no route"}"#,
    );
    run.push(
        "group_end",
        None,
        &[],
        r#"{"name":"phase","status":"error"}"#,
    );
    run.push("annotation", None, &[], r#"{"key":"note","value":[1,2]}"#);
    run.push("group_end", None, &[], r#"{"name":"turn","status":"ok"}"#);
    check("group", run, MapSettings::default());
}

#[test]
fn each_status() {
    let mut run = RunBuilder::new("r");
    for (name, end) in [
        ("s.ok", r#"{"status":"ok"}"#),
        (
            "s.error",
            r#"{"status":"error","error":{"type":"E","message":"went wrong"}}"#,
        ),
        ("s.bare", r#"{"status":"error"}"#),
        ("s.cancelled", r#"{"status":"cancelled"}"#),
        ("s.truncated", r#"{"status":"truncated"}"#),
    ] {
        run.push("op_start", Some(name), CTX, "{}");
        run.push("op_end", Some(name), CTX, end);
    }
    check("status", run, MapSettings::default());
}

#[test]
fn missing_ends() {
    let mut run = RunBuilder::new("r");
    run.push(
        "op_end",
        Some("m.no_start"),
        CTX,
        r#"{"status":"ok","duration_ms":2}"#,
    );
    run.push("op_start", Some("m.no_end"), CTX, "{}");
    run.push("op_start", Some("m.no_end.child"), CTX, "{}");
    run.push("op_end", Some("m.no_end.child"), CTX, r#"{"status":"ok"}"#);
    check("missing", run, MapSettings::default());
}

#[test]
fn a_generator_and_what_runs_on_its_items() {
    let mut run = RunBuilder::new("r");
    run.push("op_start", Some("g.gen"), CTX, "{}");
    for index in 0..2 {
        let segment = format!("[{index}]");
        let ctx = ["main", &segment];
        let yielded = format!(r#"{{"yielded":{{"n":{index}}},"idx":{index}}}"#);
        run.push("op_yield", Some("g.gen"), &ctx, &yielded);
        run.push("op_start", Some("g.work"), &ctx, "{}");
        run.push("op_end", Some("g.work"), &ctx, r#"{"status":"ok"}"#);
    }
    run.push(
        "op_end",
        Some("g.gen"),
        CTX,
        r#"{"status":"ok","yield_count":2}"#,
    );
    check("yield", run, with_content());
}

#[test]
fn notes_and_media() {
    let mut run = RunBuilder::new("r");
    run.push("op_start", Some("n.a"), CTX, "{}");
    for value in ["1", "2.5", "true", "\"text\"", "{\"a\":1}"] {
        run.push(
            "annotation",
            Some("n.a"),
            CTX,
            &format!(r#"{{"key":"k.0.x","value":{value}}}"#),
        );
    }
    run.push(
        "annotation",
        Some("n.a"),
        CTX,
        r#"{"key":"openinference.span.kind","value":"tool"}"#,
    );
    run.push(
        "media_ref",
        Some("n.a"),
        CTX,
        r#"{"handle":"h","mime":"image/png","size_bytes":9}"#,
    );
    run.push("op_end", Some("n.a"), CTX, r#"{"status":"ok"}"#);
    check("note", run, MapSettings::default());
}

#[test]
fn each_kind_of_step() {
    let mut run = RunBuilder::new("r");
    for kind in [
        "LLM",
        "CHAIN",
        "AGENT",
        "TOOL",
        "RETRIEVER",
        "EMBEDDING",
        "RERANKER",
        "GUARDRAIL",
        "EVALUATOR",
        "no such kind",
    ] {
        let name = format!("k.{kind}");
        run.push("op_start", Some(&name), CTX, "{}");
        let note = format!(r#"{{"key":"openinference.span.kind","value":"{kind}"}}"#);
        run.push("annotation", Some(&name), CTX, &note);
        run.push("op_end", Some(&name), CTX, r#"{"status":"ok"}"#);
    }
    // One that reports a call of its own is both: a call by its figures, a tool by its kind.
    run.push("op_start", Some("k.both"), CTX, "{}");
    let note = r#"{"key":"openinference.span.kind","value":"TOOL"}"#;
    run.push("annotation", Some("k.both"), CTX, note);
    let usage = r#"{"model":"m","prompt_tokens":1}"#;
    run.push("llm_usage", Some("k.both"), CTX, usage);
    run.push("op_end", Some("k.both"), CTX, r#"{"status":"ok"}"#);
    check("kinds", run, MapSettings::default());
}

#[test]
fn content_that_was_left_out_before_is_told_of() {
    let mut run = RunBuilder::new("r");
    run.push("op_start", Some("d.a"), CTX, "{}");
    run.push("op_end", Some("d.a"), CTX, r#"{"status":"ok"}"#);
    let mut runs = fold_runs(&run.into_events());
    runs[0].spans[0].content_dropped = 7;
    check_folded("dropped", runs, Mapper::new(MapSettings::default()));
}

#[test]
fn links_and_foreign_parents() {
    const HERE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let make = || {
        let mut run = RunBuilder::new("r");
        run.push(
            "annotation",
            None,
            &[],
            &format!(r#"{{"key":"traceparent","value":"{HERE}"}}"#),
        );
        // The clock and a file are no runs, and have no span to link to: they are events.
        for link in [
            r#"{"source":"run","from_request_id":"r-1","trigger_id":"on-end","at":"2026-11-21T01:00:00Z"}"#,
            r#"{"source":"event","from_event_id":"e","from_request_id":"r-2","trigger_run_id":"f","trigger_id":"on-order","condition_id":"c","at":"2026-11-21T01:00:00Z"}"#,
            r#"{"source":"clock","at":"2026-11-21T01:00:00Z"}"#,
            r#"{"source":"file","from_id":"/in/x","at":"2026-11-21T01:00:00Z"}"#,
        ] {
            let payload = format!(r#"{{"key":"runtrail.link","value":{link}}}"#);
            run.push("annotation", None, &[], &payload);
        }
        run.push("op_start", Some("l.a"), CTX, "{}");
        run.push("op_end", Some("l.a"), CTX, r#"{"status":"ok"}"#);
        run
    };
    check("links", make(), MapSettings::default());
    let mapper = Mapper::new(MapSettings::default());
    let mapper = mapper.parents(|run| (run == "r").then(|| TraceContext::parse(HERE).unwrap()));
    check_with("parent", make(), mapper);
}

#[test]
fn a_run_beyond_those_that_are_remembered_is_a_whole_trace_too() {
    let mut run = RunBuilder::new("r");
    run.push("op_start", Some("m.a"), CTX, "{}");
    run.push("op_end", Some("m.a"), CTX, r#"{"status":"ok"}"#);
    let run = fold_runs(&run.into_events()).remove(0);
    let settings = MapSettings {
        limits: MapLimits {
            open_runs: 0,
            ..MapLimits::default()
        },
        ..MapSettings::default()
    };
    let here = TraceContext {
        trace_id: [1; 16],
        span_id: [2; 8],
    };
    let mut mapper = Mapper::new(settings).parents(move |_| Some(here));
    let mut places = Vec::new();
    let mut note = |span: runtrail_otlp_wire::model::Span<'_>| {
        places.push((span.trace_id, span.parent_span_id, span.span_id));
    };
    mapper.span(&run.spans[0], &mut note);
    mapper.run(&run.summary, &mut note);
    let root = places[1].2;
    assert_eq!(places[0].1, Some(root));
    assert_eq!((places[0].0, places[1].0), (here.trace_id, here.trace_id));
    assert_eq!(places[1].1, Some(here.span_id));
}

#[test]
fn limits_are_kept_and_what_is_left_out_is_counted() {
    let mut run = RunBuilder::new("r");
    run.push(
        "op_start",
        Some("a"),
        CTX,
        &format!(r#"{{"inputs":"{}"}}"#, "é".repeat(500)),
    );
    for index in 0..200 {
        run.push("op_yield", Some("a"), CTX, &format!(r#"{{"idx":{index}}}"#));
    }
    for index in 0..200 {
        run.push(
            "annotation",
            Some("a"),
            CTX,
            &format!(r#"{{"key":"k{index}","value":1}}"#),
        );
    }
    let message = "m".repeat(3000);
    let end = format!(r#"{{"status":"error","error":{{"type":"E","message":"{message}"}}}}"#);
    run.push("op_end", Some("a"), CTX, &end);
    let settings = MapSettings {
        content: Content::ALL,
        limits: MapLimits {
            value_bytes: 100,
            ..MapLimits::default()
        },
        ..MapSettings::default()
    };
    let spans = mapped(&run.into_events(), &settings);
    let span = &spans[0];
    assert_eq!((span.attributes.len(), span.events.len()), (128, 128));
    // 200 notes of which some have no attribute, 401 events of which 128 are there.
    assert!(span.dropped_attributes_count > 80);
    assert_eq!(span.dropped_events_count, 401 - 128);
    let attrs = attrs(span);
    let input = &attrs["input.value"];
    assert!(
        input.len() <= 100 && input.ends_with("… [cut, 1002 bytes]"),
        "{input}"
    );
    assert!(attrs.contains_key("runtrail.status"));
    let message = &span.status.as_ref().unwrap().message;
    assert!(message.len() <= 1024 && message.ends_with("… [cut, 3000 bytes]"));
}
