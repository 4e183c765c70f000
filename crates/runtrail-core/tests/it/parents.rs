//! Parents exist, and following them ends at the run.

use std::collections::HashMap;

use proptest::prelude::*;
use runtrail_core::id::SpanId;
use runtrail_core::span::{Parent, ParentRule, SpanRecord};
use runtrail_testkit::fold::fold_runs;
use runtrail_testkit::strategies;

/// Follows the parents of a span to the run and returns how many there are, the run included.
fn ancestors(
    span: &SpanRecord,
    by_id: &HashMap<SpanId, &SpanRecord>,
) -> Result<u32, TestCaseError> {
    let (mut at, mut steps) = (span, 1);
    while let Some(parent) = at.parent_span_id() {
        let found = by_id.get(&parent);
        prop_assert!(
            found.is_some(),
            "{} has a parent that is no span of the run",
            at.label()
        );
        steps += 1;
        prop_assert!(
            steps <= by_id.len() as u32 + 1,
            "the parents of {} form a cycle",
            span.label()
        );
        at = found.unwrap();
    }
    Ok(steps)
}

proptest! {
    #[test]
    fn parents_exist_and_lead_to_the_run(events in strategies::run("r")) {
        let run = fold_runs(&events).remove(0);
        let by_id: HashMap<_, _> = run.spans.iter().map(|span| (span.span_id, span)).collect();
        for span in &run.spans {
            prop_assert_eq!(span.depth, ancestors(span, &by_id)?);
            prop_assert_eq!(span.parent == Parent::Run, span.parent_rule == ParentRule::Run);
        }
    }

    #[test]
    fn a_parent_is_of_the_kind_that_it_is_said_to_be(events in strategies::run("r")) {
        let run = fold_runs(&events).remove(0);
        let by_id: HashMap<_, _> = run.spans.iter().map(|span| (span.span_id, span)).collect();
        for span in &run.spans {
            match span.parent {
                Parent::Run => {}
                Parent::Op(id) => prop_assert!(by_id[&id].is_op()),
                Parent::Group(id) => prop_assert!(!by_id[&id].is_op()),
            }
            if let Some(group) = &span.group {
                prop_assert!(!by_id[&group.span_id].is_op());
                prop_assert_eq!(by_id[&group.span_id].label(), &group.name);
            }
        }
    }

    #[test]
    fn a_child_does_not_start_before_its_parent(events in strategies::run("r")) {
        let run = fold_runs(&events).remove(0);
        let by_id: HashMap<_, _> = run.spans.iter().map(|span| (span.span_id, span)).collect();
        // The start of a span that only ended is derived from its duration, and proves nothing.
        for span in run.spans.iter().filter(|span| span.start_event_id.is_some()) {
            if let Some(parent) = span.parent_span_id() {
                prop_assert!(by_id[&parent].started_at <= span.started_at);
            }
        }
    }
}
