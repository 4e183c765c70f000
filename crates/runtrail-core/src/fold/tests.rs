use super::*;
use crate::span::{Parent, SpanName};
use crate::wire::WireReader;

/// Folds lines of `kind op ctx seq payload` (ctx segments split by `/`, `-` for none) and shows the
/// spans as they close, one a line.
fn fold(stream: &str) -> String {
    let mut reader = WireReader::default();
    let (mut fold, mut spans) = (Fold::default(), Vec::new());
    for line in stream
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
    {
        let parts: Vec<_> = line.splitn(5, ' ').collect();
        let [kind, op, ctx, seq, payload] = parts[..] else {
            panic!("five parts: {line}")
        };
        let op = if op == "-" {
            "null".to_owned()
        } else {
            format!("{op:?}")
        };
        let ctx: Vec<_> = ctx.split('/').filter(|s| *s != "-").collect();
        let json = format!(
            r#"{{"event_id":"e{seq}","request_id":"r","kind":"{kind}","op_name":{op},"ctx":{ctx:?},"timestamp":"2026-11-21T01:00:{:02}Z","seq":{seq},"payload":{payload}}}"#,
            seq.parse::<u32>().unwrap()
        );
        fold.push(&reader.read(&json.as_str().into()).unwrap(), &mut spans);
    }
    let summary = fold.finish_run("r", &mut spans).unwrap();
    let mut shown: String = spans.iter().map(|span| show(span, &spans) + "\n").collect();
    for (kind, count) in summary
        .anomalies
        .by_kind()
        .iter()
        .filter(|(_, count)| *count > 0)
    {
        shown.push_str(&format!("! {kind} {count}\n"));
    }
    shown
        + &format!(
            "= {} ops {} errors {} groups {}\n",
            summary.status, summary.ops, summary.errors, summary.groups
        )
}

fn show(span: &SpanRecord, all: &[SpanRecord]) -> String {
    let parent = match span.parent {
        Parent::Run => "run".to_owned(),
        Parent::Op(id) | Parent::Group(id) => all
            .iter()
            .find(|s| s.span_id == id)
            .map_or("?".to_owned(), |s| s.label().to_string()),
    };
    let name = match &span.name {
        SpanName::Op {
            op_name,
            ctx,
            occurrence,
        } => format!("{op_name} {} #{occurrence}", ctx.path()),
        SpanName::Group { name, occurrence } => format!("[{name}] #{occurrence}"),
    };
    let group = span
        .group
        .as_ref()
        .map_or(String::new(), |g| format!(" in [{}]", g.name));
    let missing = span.missing.map_or(String::new(), |m| format!(" no {m:?}"));
    format!(
        "{name} < {parent} by {}{group} {}{missing}",
        span.parent_rule.as_str(),
        span.status
    )
}

fn check(stream: &str, wanted: &str) {
    let wanted: String = wanted
        .lines()
        .map(str::trim)
        .filter(|l| !l.is_empty())
        .map(|l| l.to_owned() + "\n")
        .collect();
    assert_eq!(fold(stream), wanted);
}

#[test]
fn a_generator_is_the_parent_of_what_runs_on_its_items() {
    check(
        r#"
        op_start gen main 0 {}
        op_yield gen main/[0] 1 {"idx":0,"yielded":1}
        op_end gen main 2 {"status":"ok"}
        op_start work main/[0] 3 {}
        op_start collect main/[0]/__collect__ 4 {}
        op_end collect main/[0]/__collect__ 5 {}
        op_end work main/[0] 6 {"status":"error","error":{"type":"E"}}
        "#,
        "
        gen main #0 < run by run ok
        collect main/[0]/__collect__ #0 < gen by yield ok
        work main/[0] #0 < gen by yield error
        = error ops 3 errors 1 groups 0
        ",
    );
}

#[test]
fn an_enclosing_ctx_comes_before_a_dotted_name_and_a_group() {
    check(
        r#"
        group_start - - 0 {"name":"turn"}
        op_start g main 1 {}
        op_start g.sub main 2 {}
        op_start g.sub.x main 3 {}
        op_start y main/loop_1 4 {}
        op_end y main/loop_1 5 {}
        op_end g.sub.x main 6 {}
        op_end g.sub main 7 {}
        op_end g main 8 {}
        group_end - - 9 {"name":"turn","status":"ok"}
        "#,
        "
        y main/loop_1 #0 < g.sub.x by ctx_prefix in [turn] ok
        g.sub.x main #0 < g.sub by name_prefix in [turn] ok
        g.sub main #0 < g by name_prefix in [turn] ok
        g main #0 < turn by group in [turn] ok
        [turn] #0 < run by run ok
        = ok ops 4 errors 0 groups 1
        ",
    );
}

#[test]
fn groups_of_other_names_stay_open_when_one_closes() {
    check(
        r#"
        group_start - - 0 {"name":"a"}
        group_start - - 1 {"name":"b"}
        group_end - - 2 {"name":"a","status":"ok"}
        op_start x main 3 {}
        op_end x main 4 {}
        group_end - - 5 {"name":"b","status":"error"}
        "#,
        "
        [a] #0 < run by run ok
        x main #0 < b by group in [b] ok
        [b] #0 < a by group in [a] error
        = ok ops 1 errors 0 groups 2
        ",
    );
}

#[test]
fn ids_pair_exactly_where_names_cannot() {
    check(
        r#"
        op_start x main 0 {}
        op_start x main 1 {"parent_id":"e0"}
        op_end x main 2 {"opener_id":"e0","status":"cancelled"}
        op_end x main 3 {"opener_id":"e1"}
        op_end x main 4 {"opener_id":"lost"}
        "#,
        "
        x main #0 < run by run cancelled
        x main #1 < x by parent_id ok
        x main #2 < run by run ok no Start
        ! op_end_without_start 1
        ! unknown_references 1
        = cancelled ops 3 errors 0 groups 0
        ",
    );
}

#[test]
fn what_never_ended_is_closed_innermost_first() {
    check(
        r#"
        group_start - - 0 {"name":"outer"}
        op_start a main 1 {}
        group_start - - 2 {"name":"inner"}
        op_start a.b main 3 {}
        op_yield nobody main 4 {}
        op_end c main 5 {"duration_ms":2000}
        "#,
        "
        c main #0 < inner by group in [inner] ok no Start
        a.b main #0 < a by name_prefix in [inner] truncated no End
        [inner] #0 < outer by group in [outer] truncated no End
        a main #0 < outer by group in [outer] truncated no End
        [outer] #0 < run by run truncated no End
        ! op_end_without_start 1
        ! op_start_without_end 2
        ! group_start_without_end 2
        ! orphans 1
        = truncated ops 3 errors 0 groups 2
        ",
    );
}

#[test]
fn content_beyond_the_limit_is_left_out_and_counted() {
    let line = |seq: u32, kind: &str, payload: &str| {
        format!(
            r#"{{"event_id":"e{seq}","request_id":"r","kind":"{kind}","op_name":"x","timestamp":"2026-11-21T01:00:0{seq}Z","seq":{seq},"payload":{payload}}}"#
        )
    };
    let mut fold = Fold::new(
        "",
        FoldLimits {
            max_open_spans: 1,
            max_held_bytes: 8,
            detail: Detail::Content,
        },
    );
    let (mut reader, mut spans) = (WireReader::default(), Vec::new());
    for (seq, kind, payload) in [
        (0, "op_start", r#"{"inputs":"123456"}"#),
        (1, "annotation", r#"{"key":"k","value":1}"#),
        (2, "op_start", "{}"),
        (3, "op_end", "{}"),
    ] {
        fold.push(
            &reader
                .read(&line(seq, kind, payload).as_str().into())
                .unwrap(),
            &mut spans,
        );
    }
    let summary = fold.finish_run("r", &mut spans).unwrap();
    assert_eq!(spans[0].inputs.as_deref(), Some("\"123456\""));
    assert_eq!(
        (spans[0].annotations.len(), spans[0].content_dropped),
        (0, 1)
    );
    assert_eq!(
        (
            summary.anomalies.content_dropped,
            summary.anomalies.open_limit,
            summary.ops
        ),
        (1, 1, 1)
    );
}

/// What an open span holds must not keep the chunks of its events in memory.
#[test]
fn open_spans_let_go_of_chunks_that_were_read() {
    let line = |seq: u32, kind: &str, op: &str, payload: &str| {
        format!(
            r#"{{"event_id":"e{seq}","request_id":"r","kind":"{kind}","op_name":"{op}","timestamp":"2026-11-21T01:00:0{seq}Z","seq":{seq},"payload":{payload}}}"#
        )
    };
    let chunks = [
        line(0, "op_start", "long", r#"{"inputs":[1,2,3]}"#)
            + &line(1, "op_start", "short", r#"{"inputs":[4]}"#)
            + &line(2, "op_end", "short", "{}"),
        line(3, "op_yield", "long", r#"{"yielded":[5]}"#),
        line(4, "op_yield", "long", r#"{"yielded":[6]}"#),
        line(5, "annotation", "long", r#"{"key":"k","value":7}"#),
        line(6, "op_end", "long", "{}"),
    ];
    let (mut reader, mut fold, mut spans) = (WireReader::default(), Fold::default(), Vec::new());
    for chunk in chunks.map(Text::from) {
        let mut pos = 0;
        while let crate::wire::Read::Event { event, end, .. } = reader.read_at(&chunk, pos) {
            fold.push(&event, &mut spans);
            pos = end;
        }
    }
    let [short, long] = &spans[..] else {
        panic!("{spans:?}")
    };
    assert_eq!(short.inputs.as_deref(), Some("[4]"));
    let held = [
        long.inputs.as_ref(),
        long.yields.last_value.as_ref(),
        long.start_event_id.as_ref(),
    ];
    let held = held.map(|text| text.map(|text| (text.as_str(), text.chunk_len())));
    assert_eq!(
        held,
        [Some(("[1,2,3]", 7)), Some(("[6]", 3)), Some(("e0", 2))]
    );
}

#[test]
fn long_paths_and_many_are_told_apart() {
    let mut scopes = scope::Scopes::default();
    let ctxs: Vec<_> = (0..3000)
        .map(|index| {
            let long = if index % 2 == 0 { "" } else { &"x".repeat(300) };
            crate::event::Ctx::new(["main".to_owned(), format!("[{index}]{long}")])
        })
        .collect();
    let first: Vec<_> = ctxs.iter().map(|ctx| scopes.of(ctx)).collect();
    scopes.restart();
    let again: Vec<_> = ctxs.iter().map(|ctx| scopes.of(ctx)).collect();
    assert_eq!(first, again);
    assert_eq!(scopes.len(), ctxs.len() + 2);
}

/// What is kept of a finished run for the next is bounded by its text as well as by its number.
#[test]
fn a_finished_run_leaves_no_text_to_speak_of() {
    let mut fold = Fold::default();
    for length in [10, 2 << 20, 10] {
        let name = "n".repeat(length);
        let json = format!(
            r#"{{"event_id":"e","request_id":"r","kind":"op_start","op_name":"{name}","timestamp":"2026-11-21T01:00:00Z","seq":0}}"#
        );
        let event = WireReader::default().read(&json.as_str().into()).unwrap();
        fold.push(&event, &mut Vec::new());
        fold.finish_run("r", &mut Vec::new()).unwrap();
        assert_eq!(fold.runs.spare(), usize::from(length == 10), "{length}");
    }
}

#[test]
fn usage_adds_up_and_missing_cost_stays_missing() {
    let stream = |cost: &str| {
        let mut reader = WireReader::default();
        let (mut fold, mut spans) = (Fold::default(), Vec::new());
        for (seq, (kind, op, payload)) in [
            ("group_start", "null", "{\"name\":\"g\"}".to_owned()),
            ("op_start", "\"x\"", "{}".to_owned()),
            (
                "llm_usage",
                "\"x\"",
                format!("{{\"model\":\"m\",\"prompt_tokens\":3,\"cost_usd\":{cost}}}"),
            ),
            (
                "llm_usage",
                "\"other\"",
                "{\"model\":\"n\",\"prompt_tokens\":4}".to_owned(),
            ),
            ("op_end", "\"x\"", "{}".to_owned()),
            ("group_end", "null", "{\"name\":\"g\"}".to_owned()),
        ]
        .into_iter()
        .enumerate()
        {
            let json = format!(
                r#"{{"event_id":"e{seq}","request_id":"r","kind":"{kind}","op_name":{op},"timestamp":"2026-11-21T01:00:0{seq}Z","seq":{seq},"payload":{payload}}}"#
            );
            fold.push(&reader.read(&json.as_str().into()).unwrap(), &mut spans);
        }
        let summary = fold.finish_run("r", &mut spans).unwrap();
        (spans, summary)
    };
    let (spans, summary) = stream("null");
    assert_eq!(summary.usage.cost_usd, None);
    assert_eq!(summary.usage.prompt_tokens, Some(7));
    assert_eq!(summary.usage.completion_tokens, None);
    assert_eq!(
        (spans[0].usage.prompt_tokens, spans[1].usage.prompt_tokens),
        (Some(3), Some(7))
    );
    let (_, summary) = stream("0.25");
    assert_eq!(
        (
            summary.usage.cost_usd,
            summary.usage.calls,
            summary.usage.calls_without_cost
        ),
        (Some(0.25), 2, 1)
    );
    assert_eq!(summary.usage.models, ["m", "n"]);
}
