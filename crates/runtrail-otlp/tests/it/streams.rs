//! Laws of the mapping over any stream: shuffled, doubled, cut.

use std::collections::{BTreeMap, BTreeSet};

use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use proptest::prelude::*;
use runtrail_core::event::TraceEvent;
use runtrail_otlp::map::{Content, MapLimits, MapSettings, Overlay};
use runtrail_testkit::strategies;

use super::support::mapped;

/// Any settings: all content and none, names of backends' own, limits that leave room for next to nothing.
fn settings() -> impl Strategy<Value = MapSettings> {
    settings_with(prop_oneof![Just(MapLimits::default()), small_limits()])
}

fn settings_with(limits: impl Strategy<Value = MapLimits>) -> impl Strategy<Value = MapSettings> {
    let overlays = prop::sample::subsequence(
        vec![Overlay::Langfuse, Overlay::Mlflow, Overlay::Langsmith],
        0..=3,
    );
    let content = (any::<bool>(), any::<bool>());
    let content = content.prop_map(|(inputs, outputs)| Content { inputs, outputs });
    (overlays, content, limits).prop_map(|(overlays, content, limits)| MapSettings {
        namespace: String::new(),
        content,
        overlays,
        limits,
    })
}

fn small_limits() -> impl Strategy<Value = MapLimits> {
    // The words that the mapping itself writes are not cut, and none is longer than 16 bytes.
    let small = (
        16..60_usize,
        0..40_usize,
        0..30_usize,
        0..6_usize,
        0..3_usize,
    );
    small.prop_map(
        |(value_bytes, message_bytes, attributes, events, links)| MapLimits {
            value_bytes,
            message_bytes,
            attributes,
            events,
            links,
            ..MapLimits::default()
        },
    )
}

fn by_id(spans: &[Span]) -> BTreeMap<(&[u8], &[u8]), &Span> {
    spans
        .iter()
        .map(|span| ((&span.trace_id[..], &span.span_id[..]), span))
        .collect()
}

fn texts(attributes: &[KeyValue]) -> impl Iterator<Item = &str> {
    let values = attributes
        .iter()
        .filter_map(|attr| attr.value.as_ref()?.value.as_ref());
    values.flat_map(|value| match value {
        Value::StringValue(text) => vec![text.as_str()],
        Value::ArrayValue(list) => {
            let texts = list.values.iter().filter_map(|one| match &one.value {
                Some(Value::StringValue(text)) => Some(text.as_str()),
                _ => None,
            });
            texts.collect()
        }
        _ => Vec::new(),
    })
}

fn check_limits(span: &Span, limits: &MapLimits) -> Result<(), TestCaseError> {
    prop_assert!(span.attributes.len() <= limits.attributes);
    prop_assert!(span.events.len() <= limits.events);
    prop_assert!(span.links.len() <= limits.links);
    let of_events = span
        .events
        .iter()
        .flat_map(|event| texts(&event.attributes));
    let of_links = span.links.iter().flat_map(|link| texts(&link.attributes));
    for text in texts(&span.attributes).chain(of_events).chain(of_links) {
        prop_assert!(text.len() <= limits.value_bytes, "{text}");
    }
    let message = span.status.as_ref().map_or("", |status| &status.message);
    prop_assert!(message.len() <= limits.message_bytes, "{message}");
    Ok(())
}

fn check(
    events: &[TraceEvent],
    spans: &[Span],
    settings: &MapSettings,
) -> Result<(), TestCaseError> {
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
        check_limits(span, &settings.limits)?;
    }
    let runs: BTreeSet<_> = events.iter().map(|event| &event.request_id).collect();
    prop_assert_eq!(roots.len(), runs.len());
    prop_assert!(roots.values().all(|count| *count == 1));
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn any_stream_gives_whole_traces(runs in strategies::runs(), settings in settings()) {
        let events = runs.concat();
        check(&events, &mapped(&events, &settings), &settings)?;
    }

    #[test]
    fn order_and_repeats_change_nothing(
        (events, shuffled) in strategies::runs().prop_flat_map(|runs| {
            let events = runs.concat();
            let doubled = [&events[..], &events[..events.len() / 2]].concat();
            (Just(events), strategies::shuffled(doubled))
        }),
        settings in settings_with(Just(MapLimits::default())),
    ) {
        let mut before = mapped(&events, &settings);
        let mut after = mapped(&shuffled, &settings);
        // That there were repeats is told, and is all that they change.
        for span in before.iter_mut().chain(&mut after) {
            span.attributes.retain(|attr| attr.key != "runtrail.anomalies.duplicates");
        }
        // Each span as a whole; in which order they come is nobody's promise.
        let after = by_id(&after);
        prop_assert_eq!(before.len(), after.len());
        for (id, span) in by_id(&before) {
            prop_assert_eq!(Some(&span), after.get(&id));
        }
    }

    #[test]
    fn a_cut_stream_gives_whole_traces_with_the_same_ids(
        events in strategies::balanced_run("r"),
        cut in any::<prop::sample::Index>(),
        settings in settings(),
    ) {
        let whole = mapped(&events, &settings);
        let cut = &events[..=cut.index(events.len())];
        let part = mapped(cut, &settings);
        check(cut, &part, &settings)?;
        let (whole, part) = (by_id(&whole), by_id(&part));
        // A cut op that reported one call of several is that call's span, and has no child yet.
        prop_assert!(part.keys().all(|id| whole.contains_key(id)));
    }
}
