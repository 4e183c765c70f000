//! Who is whose parent, and when runs begin and end.

use runtrail_core::emit;
use runtrail_core::event::Ctx;
use tracing::{Level, info, info_span, span};

use super::support::{check, recorded};

/// The tree without what each op was given and gave back.
fn lines(tree: &str) -> String {
    let kept = tree.lines().filter(|line| {
        let line = line.trim_start();
        !line.starts_with("in: ") && !line.starts_with("out: ")
    });
    kept.collect::<Vec<_>>().join("\n") + "\n"
}

#[test]
fn parents_are_those_that_were_stated_not_those_that_were_entered_last() {
    let found = recorded(|_| {
        let a = info_span!("a", runtrail.run = "r");
        let b = info_span!(parent: &a, "b");
        let c = info_span!(parent: &a, "c");
        let _in = b.enter();
        info_span!(parent: &c, "of c").in_scope(|| info_span!("of it").in_scope(|| ()));
        info_span!("of b").in_scope(|| ());
        info!(parent: &c, "to c");
    });
    check(
        &lines(&found),
        "\
run r ok 0ms: 13 events, 6 ops
  op a  #0 ok 0ms by run
    op b  #0 ok 0ms by parent_id
      op of b  #0 ok 0ms by parent_id
    op c  #0 ok 0ms by parent_id
      note event: {\"level\":\"INFO\",\"target\":\"it::it::parents\",\"message\":\"to c\"}
      op of c  #0 ok 0ms by parent_id
        op of it  #0 ok 0ms by parent_id
",
    );
}

#[test]
fn a_span_that_is_entered_again_is_one_op() {
    let found = recorded(|_| {
        let span = info_span!("a", runtrail.run = "r");
        for _ in 0..3 {
            span.in_scope(|| span.in_scope(|| ()));
        }
        // Left in another order than entered.
        let b = info_span!(parent: &span, "b");
        let (one, other) = (span.enter(), b.enter());
        drop(one);
        info_span!("of b").in_scope(|| ());
        drop(other);
    });
    check(
        &lines(&found),
        "\
run r ok 0ms: 6 events, 3 ops
  op a  #0 ok 0ms by run
    op b  #0 ok 0ms by parent_id
      op of b  #0 ok 0ms by parent_id
",
    );
}

#[test]
fn children_on_other_threads_have_their_parent_also_when_it_is_let_go_first() {
    let found = recorded(|_| {
        let parent = info_span!("a", runtrail.run = "r");
        let dispatch = tracing::dispatcher::get_default(Clone::clone);
        let threads: Vec<_> = (0..4)
            .map(|_| {
                let (child, dispatch) = (info_span!(parent: &parent, "b"), dispatch.clone());
                std::thread::spawn(move || {
                    tracing::dispatcher::with_default(&dispatch, || {
                        child.in_scope(|| info_span!("c").in_scope(|| ()));
                        // Its parent is closed by the subscriber that is there when it goes.
                        drop(child);
                    });
                })
            })
            .collect();
        drop(parent);
        for thread in threads {
            thread.join().unwrap();
        }
    });
    assert_eq!(found.matches("    op b ").count(), 4, "{found}");
    assert_eq!(found.matches("      op c ").count(), 4, "{found}");
    assert!(
        found.starts_with("run r ok 0ms: 18 events, 9 ops\n  op a "),
        "{found}"
    );
}

#[test]
fn each_span_without_a_parent_is_a_run() {
    let found = recorded(|_| {
        for _ in 0..2 {
            info_span!("job").in_scope(|| ());
        }
        let outer = info_span!("outer", runtrail.run = "r");
        let _in = outer.enter();
        info_span!(parent: None, "apart").in_scope(|| ());
        info_span!("other", runtrail.run = "named").in_scope(|| ());
    });
    let runs: Vec<&str> = found
        .lines()
        .filter(|line| line.starts_with("run "))
        .collect();
    assert_eq!(runs.len(), 5, "{found}");
    assert!(
        runs[0].starts_with("run job-") && runs[1].starts_with("run job-"),
        "{found}"
    );
    assert!(runs[0] != runs[1]);
    assert!(runs[2].starts_with("run apart-") && runs[3].starts_with("run named "));
}

#[test]
fn spans_that_a_filter_leaves_out_are_passed_over() {
    use tracing_subscriber::prelude::*;
    let found = recorded(|trail| {
        let layer = runtrail_tracing::layer(trail.clone());
        let filter = tracing_subscriber::filter::filter_fn(|m| *m.level() <= Level::INFO);
        let subscriber = tracing_subscriber::registry().with(layer.with_filter(filter));
        tracing::subscriber::with_default(subscriber, || {
            info_span!("a", runtrail.run = "r").in_scope(|| {
                span!(Level::DEBUG, "left out").in_scope(|| {
                    info_span!("b").in_scope(|| ());
                });
            });
        });
    });
    assert!(
        found.contains("  op a  #0 ok 0ms by run\n    in: {}\n    out: null\n    op b "),
        "{found}"
    );
}

#[test]
fn spans_in_an_op_of_the_pipelines_own_belong_to_it() {
    let found = recorded(|trail| {
        let run = trail.run("own");
        let op = run.op("main", &Ctx::default(), || ());
        {
            let _in = op.enter();
            info_span!("library").in_scope(|| {
                // The op that code is in is still the outer one: spans do not change it.
                emit::annotate("k", || 1);
            });
        }
        op.end_ok(|| ());
    });
    check(
        &lines(&found),
        "\
run own ok 0ms: 5 events, 2 ops
  op main  #0 ok 0ms by run
    note k: 1
    op library  #0 ok 0ms by parent_id
",
    );
}

#[test]
fn what_is_not_recorded_begins_no_run_further_in() {
    let found = recorded(|_| {
        let off = runtrail_core::pipeline::Pipeline::disabled();
        let subscriber = {
            use tracing_subscriber::prelude::*;
            tracing_subscriber::registry().with(runtrail_tracing::layer(off.handle()))
        };
        tracing::subscriber::with_default(subscriber, || {
            info_span!("a").in_scope(|| info_span!("b").in_scope(|| info!("nothing")));
        });
    });
    assert_eq!(found, "");
}

#[test]
fn following_another_span_is_noted() {
    let found = recorded(|_| {
        let before = info_span!("before", runtrail.run = "r");
        let after = info_span!(parent: &before, "after");
        after.follows_from(&before);
    });
    assert!(found.contains("note follows_from: \"before\""), "{found}");
}
