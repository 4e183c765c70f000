//! Laws of the mapping over any stream: shuffled, doubled, cut.

use std::collections::{BTreeMap, BTreeSet};

use opentelemetry_proto::tonic::trace::v1::Span;
use proptest::prelude::*;
use runtrail_core::event::TraceEvent;
use runtrail_otlp::map::{Content, MapSettings};
use runtrail_testkit::strategies;

use super::support::mapped;

fn settings() -> MapSettings {
    MapSettings {
        content: Content::ALL,
        ..MapSettings::default()
    }
}

fn by_id(spans: &[Span]) -> BTreeMap<(&[u8], &[u8]), &Span> {
    spans
        .iter()
        .map(|span| ((&span.trace_id[..], &span.span_id[..]), span))
        .collect()
}

fn check(events: &[TraceEvent], spans: &[Span]) -> Result<(), TestCaseError> {
    let ids = by_id(spans);
    prop_assert_eq!(ids.len(), spans.len(), "an id stands for two spans");
    let mut roots: BTreeMap<&[u8], usize> = BTreeMap::new();
    for span in spans {
        prop_assert!(span.trace_id.iter().any(|byte| *byte != 0));
        prop_assert!(span.span_id.iter().any(|byte| *byte != 0));
        prop_assert!(0 < span.start_time_unix_nano);
        prop_assert!(span.start_time_unix_nano <= span.end_time_unix_nano);
        if span.parent_span_id.is_empty() {
            *roots.entry(&span.trace_id).or_default() += 1;
        } else {
            let parent = (&span.trace_id[..], &span.parent_span_id[..]);
            prop_assert!(ids.contains_key(&parent), "no parent: {span:?}");
        }
        let keys: BTreeSet<_> = span.attributes.iter().map(|attr| &attr.key).collect();
        prop_assert_eq!(keys.len(), span.attributes.len(), "a key stands twice");
    }
    let runs: BTreeSet<_> = events.iter().map(|event| &event.request_id).collect();
    prop_assert_eq!(roots.len(), runs.len());
    prop_assert!(roots.values().all(|count| *count == 1));
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn any_stream_gives_whole_traces(runs in strategies::runs()) {
        let events = runs.concat();
        check(&events, &mapped(&events, &settings()))?;
    }

    #[test]
    fn order_and_repeats_change_nothing(
        (events, shuffled) in strategies::runs().prop_flat_map(|runs| {
            let events = runs.concat();
            let doubled = [&events[..], &events[..events.len() / 2]].concat();
            (Just(events), strategies::shuffled(doubled))
        })
    ) {
        let ids = |events: &[TraceEvent]| -> BTreeSet<(Vec<u8>, Vec<u8>, String)> {
            let spans = mapped(events, &settings());
            spans.into_iter().map(|span| (span.trace_id, span.span_id, span.name)).collect()
        };
        prop_assert_eq!(ids(&events), ids(&shuffled));
    }

    #[test]
    fn a_cut_stream_gives_whole_traces_with_the_same_ids(
        events in strategies::balanced_run("r"),
        cut in any::<prop::sample::Index>(),
    ) {
        let whole = mapped(&events, &settings());
        let cut = &events[..=cut.index(events.len())];
        let part = mapped(cut, &settings());
        check(cut, &part)?;
        let (whole, part) = (by_id(&whole), by_id(&part));
        // A cut op that reported one call of several is that call's span, and has no child yet.
        prop_assert!(part.keys().all(|id| whole.contains_key(id)));
    }
}
