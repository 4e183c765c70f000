//! What becomes of spans, fields and events.

use std::fmt;

use runtrail_tracing::Limits;
use tracing::field::Empty;
use tracing::{error, info, info_span, warn};

use super::support::{check, recorded, recorded_by};

#[test]
fn spans_are_ops_with_inputs_outputs_and_notes() {
    let found = recorded(|_| {
        let outer = info_span!(
            "answer",
            runtrail.run = "req-1",
            question = "why",
            n = 3,
            rows = Empty
        );
        let _in = outer.enter();
        outer.record("rows", 7);
        outer.record("rows", 8);
        info_span!("inner", ratio = 0.5, yes = true, list = ?[1, 2]).in_scope(|| {
            info!(took_ms = 4, "looked up");
        });
    });
    check(
        &found,
        "\
run req-1 ok 0ms: 5 events, 2 ops
  op answer  #0 ok 0ms by run
    in: {\"question\":\"why\",\"n\":3}
    out: {\"rows\":8}
    op inner  #0 ok 0ms by parent_id
      in: {\"ratio\":0.5,\"yes\":true,\"list\":\"[1, 2]\"}
      out: null
      note event: {\"level\":\"INFO\",\"target\":\"it::it::mapping\",\"message\":\"looked up\",\"took_m… (77 bytes)
",
    );
}

#[test]
fn groups_are_named_by_their_field_or_their_span() {
    let found = recorded(|_| {
        let run = info_span!("agent", runtrail.run = "req-1");
        let _in = run.enter();
        let turn = info_span!(
            "turn",
            runtrail.group = "turn 1",
            topic = "x",
            tokens = Empty
        );
        turn.in_scope(|| {
            info_span!("step", runtrail.group = true).in_scope(|| {
                info_span!("work", runtrail.group = false).in_scope(|| ());
            });
        });
        turn.record("tokens", 5);
    });
    check(
        &found,
        "\
run req-1 ok 0ms: 10 events, 2 ops, 2 groups
  op agent  #0 ok 0ms by run
    in: {}
    out: null
    group turn 1 #0 ok 0ms by parent_id, 1 ops, 0 errors
      metadata: {\"topic\":\"x\",\"tokens\":5}
      group step #0 ok 0ms by parent_id in [turn 1], 1 ops, 0 errors
        op work  #0 ok 0ms by parent_id in [step]
          in: {}
          out: null
",
    );
}

#[test]
fn usage_of_fields_and_of_events_is_counted_once_each() {
    let found = recorded(|_| {
        let span = info_span!(
            "chat",
            runtrail.run = "req-1",
            gen_ai.request.model = "large",
            gen_ai.usage.input_tokens = 10,
            gen_ai.usage.output_tokens = Empty,
            gen_ai.usage.cost = Empty,
            gen_ai.response.model = Empty,
        );
        span.record("gen_ai.usage.output_tokens", 2);
        span.record("gen_ai.usage.cost", 0.25);
        span.record("gen_ai.response.model", "large-2");
        drop(span);
        let stream = info_span!(
            "stream",
            runtrail.run = "req-2",
            gen_ai.request.model = "small"
        );
        stream.in_scope(|| {
            info!(
                gen_ai.usage.input_tokens = "5",
                gen_ai.usage.output_tokens = 1.0
            );
            info!(
                gen_ai.usage.total_tokens = 6,
                gen_ai.response.model = "other"
            );
            // A model alone is no usage, and a broken count is none.
            info!(gen_ai.response.model = "other");
            info!(gen_ai.usage.input_tokens = -1);
        });
    });
    assert!(
        found.contains("op chat  #0 ok 0ms by run, 1 calls 10+2=? tokens $0.25 large-2\n"),
        "{found}"
    );
    assert!(
        found.contains("op stream  #0 ok 0ms by run, 2 calls 5+1=6 tokens no cost small+other\n"),
        "{found}"
    );
}

#[test]
fn usage_said_in_a_group_is_the_groups_sum() {
    let found = recorded(|_| {
        info_span!(
            "turn",
            runtrail.run = "r",
            runtrail.group = true,
            gen_ai.usage.input_tokens = 4
        )
        .in_scope(|| ());
    });
    assert!(
        found.contains("group turn #0 ok 0ms by run, 1 ops, 0 errors, 1 calls 4+?=? tokens"),
        "{found}"
    );
}

#[derive(Debug)]
struct NoRoute(Option<Box<NoRoute>>);

impl fmt::Display for NoRoute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no route")
    }
}

impl std::error::Error for NoRoute {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.as_deref().map(|source| source as _)
    }
}

#[test]
fn an_error_is_an_event_at_that_level_or_the_field_of_a_span() {
    let found = recorded(|_| {
        info_span!("run", runtrail.run = "r").in_scope(|| {
            info_span!("event").in_scope(|| {
                warn!(error = "will try again", "no luck");
                error!("first");
                error!("second");
            });
            info_span!("field", error = Empty, n = Empty).in_scope(|| {
                let error = NoRoute(Some(Box::new(NoRoute(None))));
                let span = tracing::Span::current();
                span.record("error", &error as &(dyn std::error::Error + 'static));
                span.record("n", 1);
            });
            info_span!("no", error = false).in_scope(|| warn!(error = "said"));
            info_span!("group", runtrail.group = true).in_scope(|| error!("broke"));
        });
    });
    for wanted in [
        "op run  #0 ok 0ms",
        "op event  #0 error 0ms by parent_id\n      error: error: first\n",
        "op field  #0 error 0ms by parent_id\n      error: error: no route: no route\n",
        "op no  #0 ok 0ms",
        "group group #0 error 0ms",
        "note outputs: {\"error\":\"no route: no route\",\"n\":1}",
    ] {
        assert!(found.contains(wanted), "{wanted}\n{found}");
    }
}

#[test]
fn what_a_span_may_hold_is_bounded() {
    let limits = Limits {
        fields: 3,
        value_bytes: 5,
        ..Limits::default()
    };
    let found = recorded_by(
        |layer| layer.limits(limits),
        |_| {
            let span = info_span!("s", runtrail.run = "r", a = "äöüß", b = ?"123456", c = "12345", d = 1, x = Empty);
            span.record("x", 9);
        },
    );
    check(
        &found,
        "\
run r ok 0ms: 2 events, 1 ops
  op s  #0 ok 0ms by run
    in: {\"a\":\"äö…\",\"b\":\"\\\"1234…\",\"c\":\"12345\"}
    out: {\"x\":9}
",
    );
}
