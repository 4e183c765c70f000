//! Trees: order, shape, words, depth.

use std::collections::BTreeSet;
use std::io;
use std::path::Path;

use proptest::prelude::*;
use runtrail_core::span::{Parent, RunSummary, SpanRecord};
use runtrail_json::{RunTree, TreeStyle, Visit, write_tree};
use runtrail_testkit::fold::{FoldedRun, fold_runs};
use runtrail_testkit::golden::assert_golden;
use runtrail_testkit::run::RunBuilder;
use runtrail_testkit::strategies::{self, Ids, Shape};

fn folded(run: RunBuilder) -> FoldedRun {
    fold_runs(&run.into_events()).remove(0)
}

fn tree(run: RunBuilder) -> RunTree {
    let FoldedRun { spans, summary } = folded(run);
    RunTree::build(summary, spans)
}

fn written(tree: &RunTree, style: TreeStyle) -> String {
    let mut out = Vec::new();
    write_tree(tree, &mut out, style).unwrap();
    String::from_utf8(out).unwrap()
}

/// The names of a tree's spans, indented by depth.
fn outline(tree: &RunTree) -> Vec<String> {
    let entered = tree.walk().filter_map(|visit| match visit {
        Visit::Enter(node, depth) => Some(format!("{}{}", " ".repeat(depth), node.span().label())),
        Visit::Leave(_) => None,
    });
    entered.collect()
}

#[test]
fn a_tree_says_all_that_is_known() {
    let mut run = RunBuilder::new("r1");
    run.push("annotation", None, &[], r#"{"key":"user","value":"u-1"}"#);
    run.push("group_start", None, &[], r#"{"name":"turn","n":1}"#);
    run.push(
        "op_start",
        Some("gen"),
        &["main"],
        r#"{"inputs":{"n": 12345678901234567890123, "n": 1.10}}"#,
    );
    run.push(
        "op_yield",
        Some("gen"),
        &["main", "[0]"],
        r#"{"yielded":"a","idx":7}"#,
    );
    run.push("op_start", Some("work"), &["main", "[0]"], "{}");
    run.push(
        "llm_usage",
        Some("work"),
        &["main", "[0]"],
        r#"{"model":"m","prompt_tokens":3}"#,
    );
    run.push(
        "annotation",
        Some("work"),
        &["main", "[0]"],
        r#"{"key":"k","value":[1,  2]}"#,
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
        r#"{"status":"error","error":{"type":"E","message":"m \"q\""}}"#,
    );
    run.push(
        "op_end",
        Some("lost"),
        &["main"],
        r#"{"outputs":null,"duration_ms":1.5}"#,
    );
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/tree.json");
    assert_golden(&path, &(written(&tree(run), TreeStyle::Pretty) + "\n"));
}

#[test]
fn one_line_holds_no_line_break_whatever_the_values_hold() {
    let mut run = RunBuilder::new("r\n1");
    run.push(
        "op_start",
        Some("x"),
        &[],
        "{\"inputs\": {\r\n \"a b\\n\" : [ 1,\n 2 ]\n}}",
    );
    let line = written(&tree(run), TreeStyle::OneLine);
    assert!(!line.contains(['\n', '\r']), "{line}");
    assert!(line.contains(r#""inputs":{"a b\n":[1,2]}"#), "{line}");
}

#[test]
fn what_was_left_open_is_said_in_words() {
    let said = |build: fn(&mut RunBuilder)| {
        let mut run = RunBuilder::new("r1");
        build(&mut run);
        runtrail_json::run_status_text(tree(run).summary())
    };
    let text = said(|run| {
        run.push("op_start", Some("x"), &[], "{}");
        run.push("op_start", Some("y"), &[], "{}");
        run.push("group_start", None, &[], r#"{"name":"g"}"#);
    });
    let wanted = "the stream ended while 2 ops and 1 group were open (shutdown or lost tail); not a failure of the ops";
    assert_eq!(text.as_deref(), Some(wanted));
    let text = said(|run| {
        run.push("op_start", Some("x"), &[], "{}");
    });
    let wanted =
        "the stream ended while 1 op was open (shutdown or lost tail); not a failure of the op";
    assert_eq!(text.as_deref(), Some(wanted));
    let text = said(|run| {
        run.push("op_end", Some("x"), &[], "{}");
    });
    assert_eq!(text, None);
}

#[test]
fn scopes_are_the_prefixes_that_never_ran() {
    let mut run = RunBuilder::new("r1");
    for name in ["nested.sub.i.d", "nested.sub", "plain", "nested.sub.j.k.z"] {
        run.push("op_start", Some(name), &[], "{}");
    }
    run.push("group_start", None, &[], r#"{"name":"a.b"}"#);
    let tree = tree(run);
    let shown: BTreeSet<String> = tree
        .walk()
        .filter_map(|visit| match visit {
            Visit::Enter(node, _) => Some(format!(
                "{} {:?}",
                node.leaf(),
                node.scopes().collect::<Vec<_>>()
            )),
            Visit::Leave(_) => None,
        })
        .collect();
    let wanted = [
        "a.b []",
        r#"d ["nested.sub.i"]"#,
        "plain []",
        r#"sub ["nested"]"#,
        r#"z ["nested.sub.j", "nested.sub.j.k"]"#,
    ];
    assert_eq!(shown, BTreeSet::from(wanted.map(str::to_owned)));
}

#[test]
fn a_span_without_its_parent_hangs_below_the_run() {
    let mut run = RunBuilder::new("r1");
    for name in ["a", "a.b", "a.b.c"] {
        run.push("op_start", Some(name), &[], "{}");
    }
    let FoldedRun { mut spans, summary } = folded(run);
    spans.retain(|span| span.label() != "a.b");
    assert_eq!(outline(&RunTree::build(summary, spans)), ["a", "a.b.c"]);
}

#[test]
fn a_cycle_is_cut_where_it_is_met() {
    let mut run = RunBuilder::new("r1");
    for name in ["a", "a.b", "a.b.c", "d", "a.b.c.e"] {
        run.push("op_start", Some(name), &[], "{}");
    }
    let FoldedRun { mut spans, summary } = folded(run);
    let id = |spans: &[SpanRecord], name| {
        spans
            .iter()
            .find(|span| span.label() == name)
            .unwrap()
            .span_id
    };
    let (c, d) = (id(&spans, "a.b.c"), id(&spans, "d"));
    for span in &mut spans {
        match span.label().as_str() {
            "a" => span.parent = Parent::Op(c),
            "d" => span.parent = Parent::Op(d),
            _ => {}
        }
    }
    let shown = outline(&RunTree::build(summary, spans));
    assert_eq!(shown, ["a.b", " a.b.c", "  a", "  a.b.c.e", "d"]);
}

/// A chain of ops, each the child of the one before.
fn chain(length: usize) -> (RunSummary, Vec<SpanRecord>) {
    let mut run = RunBuilder::new("deep");
    let mut parent = run.push("op_start", Some("x"), &[], "{}");
    for _ in 1..length {
        parent = run.push(
            "op_start",
            Some("x"),
            &[],
            &format!(r#"{{"parent_id":"{parent}"}}"#),
        );
    }
    let FoldedRun { spans, summary } = folded(run);
    (summary, spans)
}

#[test]
fn depth_costs_no_stack() {
    const DEEP: usize = 100_000;
    let (summary, spans) = chain(DEEP);
    // A thread's stack is small, so that recursion would show.
    let deep = std::thread::Builder::new()
        .stack_size(256 << 10)
        .spawn(move || {
            let tree = RunTree::build(summary, spans);
            let deepest = tree.walk().filter_map(|visit| match visit {
                Visit::Enter(_, depth) => Some(depth),
                Visit::Leave(_) => None,
            });
            assert_eq!(deepest.max(), Some(DEEP - 1));
            write_tree(&tree, &mut io::sink(), TreeStyle::OneLine).unwrap();
            drop(tree.clone());
        });
    deep.unwrap().join().unwrap();
}

#[test]
fn indentation_stops_growing() {
    let (summary, spans) = chain(200);
    let text = written(&RunTree::build(summary, spans), TreeStyle::Pretty);
    let deepest = text
        .lines()
        .map(|line| line.len() - line.trim_start().len())
        .max();
    assert_eq!(deepest, Some(128));
}

proptest! {
    #[test]
    fn a_tree_holds_every_span_once_below_its_parent(events in strategies::run("r")) {
        let FoldedRun { spans, summary } = fold_runs(&events).remove(0);
        let tree = RunTree::build(summary, spans.clone());
        let mut above = Vec::new();
        let mut seen = BTreeSet::new();
        for visit in tree.walk() {
            match visit {
                Visit::Enter(node, depth) => {
                    prop_assert_eq!(depth, above.len());
                    prop_assert_eq!(node.span().parent_span_id(), above.last().copied());
                    prop_assert!(seen.insert(node.span().span_id));
                    let starts: Vec<_> = node.children().map(|child| (child.span().started_at, child.span().seq)).collect();
                    prop_assert!(starts.is_sorted());
                    above.push(node.span().span_id);
                }
                Visit::Leave(node) => prop_assert_eq!(above.pop(), Some(node.span().span_id)),
            }
        }
        prop_assert_eq!(seen.len(), spans.len());
    }

    #[test]
    fn both_styles_are_valid_json_and_say_the_same(
        // Readers go no deeper than 128 levels, which are 62 spans.
        events in strategies::shaped_run("r", Shape { ids: Ids::Sometimes, balanced: false, max_steps: 50 })
    ) {
        let FoldedRun { spans, summary } = fold_runs(&events).remove(0);
        let tree = RunTree::build(summary, spans);
        let [pretty, line] = [TreeStyle::Pretty, TreeStyle::OneLine].map(|style| {
            // A generated value holds 1e400, which is JSON, but no double.
            let text = written(&tree, style).replace("1e400", "1e40");
            serde_json::from_str::<serde_json::Value>(&text).map_err(|e| format!("{e}: {text}"))
        });
        prop_assert!(pretty.is_ok(), "{:?}", pretty);
        prop_assert_eq!(pretty.ok(), line.ok());
    }
}
