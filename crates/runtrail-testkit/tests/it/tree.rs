//! The indented text.

use runtrail_testkit::fold::fold_runs;
use runtrail_testkit::run::RunBuilder;
use runtrail_testkit::tree::tree_text;

#[test]
fn a_run_reads_like_a_trace() {
    let mut run = RunBuilder::new("r\u{1b}1");
    run.push("group_start", None, &[], r#"{"name":"turn","user":"u"}"#);
    run.push("op_start", Some("gen"), &["main"], r#"{"inputs":{"n":2}}"#);
    run.push(
        "op_yield",
        Some("gen"),
        &["main", "[0]"],
        r#"{"yielded":"a","idx":0}"#,
    );
    run.push("op_start", Some("work"), &["main", "[0]"], "{}");
    let usage =
        r#"{"model":"m","prompt_tokens":3,"completion_tokens":4,"total_tokens":7,"cost_usd":null}"#;
    run.push("llm_usage", Some("work"), &["main", "[0]"], usage);
    run.push(
        "annotation",
        Some("work"),
        &["main", "[0]"],
        r#"{"key":"k","value":{"a": 1}}"#,
    );
    run.push(
        "media_ref",
        Some("work"),
        &["main", "[0]"],
        r#"{"handle":"h","mime":"image/png","size_bytes":9}"#,
    );
    run.push(
        "op_end",
        Some("work"),
        &["main", "[0]"],
        r#"{"status":"error","error":{"type":"E","message":"m"}}"#,
    );
    run.push(
        "op_end",
        Some("gen"),
        &["main"],
        r#"{"outputs":"xx","yield_count":1,"duration_ms":6.5}"#,
    );
    run.push("op_end", Some("lost"), &["main"], "{}");
    let folded = fold_runs(run.events());
    assert_eq!(
        tree_text(&folded[0].spans, &folded[0].summary),
        "\
run r\\u{1b}1 truncated 9ms: 10 events, 3 ops, 1 groups, 1 errors, 1 truncated groups, 1 calls 3+4=7 tokens no cost m
  ! op_end_without_start 1
  ! group_start_without_end 1
  group turn #0 truncated by run, no End, 3 ops, 1 errors, 1 calls 3+4=7 tokens no cost m
    metadata: {\"user\":\"u\"}
    op gen main #0 ok 6.5ms by group in [turn], yields 1 of 1 [0..=0]
      in: {\"n\":2}
      out: \"xx\"
      last item: \"a\"
      op work main/[0] #0 error 4ms by yield in [turn], 1 calls 3+4=7 tokens no cost m
        error: E: m
        note k: {\"a\": 1}
        media: image/png, 9 bytes
    op lost main #0 ok by group in [turn], no Start
"
    );
}

#[test]
fn spans_without_their_parents_are_shown_too() {
    let mut run = RunBuilder::new("r1");
    for name in ["a", "a.b", "a.b.c"] {
        run.push("op_start", Some(name), &[], "{}");
    }
    let mut folded = fold_runs(run.events());
    let run = &mut folded[0];
    run.spans.retain(|span| span.label() != "a.b");
    let shown = tree_text(&run.spans, &run.summary);
    assert!(shown.contains("is missing:\n    op a.b.c"), "{shown}");

    let own = run.spans[0].span_id;
    run.spans[0].parent = runtrail_core::span::Parent::Op(own);
    let shown = tree_text(&run.spans, &run.summary);
    assert!(shown.contains("nothing leads to:\n    op a.b.c"), "{shown}");
}
