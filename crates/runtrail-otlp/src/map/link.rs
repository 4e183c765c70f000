//! What started a run: links to the spans that did, and events for what has no span.

use runtrail_core::id::{SpanIds, TraceId};
use runtrail_core::json::RawJson;
use runtrail_core::link::{Link as Trigger, Source};
use runtrail_core::span::RunSummary;
use runtrail_core::text::Text;
use runtrail_otlp_wire::model::{Attr, Event, Link};

use super::attrs::Attrs;
use super::{MapLimits, Place, TraceContext, time};
use crate::names::{self, link, runtrail};

/// Links to the span that the run was started in, and to the runs that triggered it; also how many
/// had no room.
pub(super) fn links<'a>(
    place: &Place<'_>,
    run: &'a RunSummary,
    metadata: Option<RawJson<'_>>,
    parent: Option<TraceContext>,
) -> (Vec<Link<'a>>, u32) {
    let started_in = metadata
        .and_then(|notes| notes.get(names::note::TRACEPARENT)?.as_str())
        .and_then(|text| TraceContext::parse(&text).ok())
        .filter(|context| Some(*context) != parent)
        .map(|context| Link {
            trace_id: context.trace_id,
            span_id: context.span_id,
            attributes: vec![Attr::new(runtrail::LINK, link::TRACEPARENT)],
            ..Link::default()
        });
    let triggers = run.links.iter();
    let triggers = triggers.filter_map(|trigger| trigger_link(place, trigger));
    within(
        started_in.into_iter().chain(triggers),
        place.settings.limits.links,
    )
}

/// Events for what triggered the run and is no run: the clock, an event from nowhere, another
/// system. A link needs a span to point to, and there is none; also how many had no room.
pub(super) fn events<'a>(place: &Place<'_>, run: &'a RunSummary) -> (Vec<Event<'a>>, u32) {
    let limits = place.settings.limits;
    let elsewhere = run.links.iter();
    let elsewhere = elsewhere.filter(|trigger| trigger.source.request_id().is_none());
    let events = elsewhere.map(|trigger| {
        let (attributes, dropped_attributes_count) = describe(trigger, limits);
        Event {
            time_nanos: time::nanos(trigger.at),
            name: runtrail::LINK.into(),
            attributes,
            dropped_attributes_count,
        }
    });
    within(events, limits.events)
}

fn within<T>(all: impl Iterator<Item = T>, limit: usize) -> (Vec<T>, u32) {
    let mut all = all;
    let kept = all.by_ref().take(limit).collect();
    (kept, u32::try_from(all.count()).unwrap_or(u32::MAX))
}

/// A link to the root of the run that satisfied a condition, or whose event did.
fn trigger_link<'a>(place: &Place<'_>, trigger: &'a Trigger) -> Option<Link<'a>> {
    let from = trigger.source.request_id()?;
    let settings = place.settings;
    let (attributes, dropped_attributes_count) = describe(trigger, settings.limits);
    Some(Link {
        trace_id: TraceId::of_run(&settings.namespace, from).to_bytes(),
        span_id: SpanIds::of_run(&settings.namespace, from).run().to_bytes(),
        attributes,
        dropped_attributes_count,
        ..Link::default()
    })
}

fn describe(trigger: &Trigger, limits: MapLimits) -> (Vec<Attr<'_>>, u32) {
    let mut attrs = Attrs::new(limits);
    attrs.push(runtrail::LINK, link::TRIGGER);
    attrs.push(runtrail::LINK_SOURCE, trigger.source.kind());
    let source = &trigger.source;
    attrs.push_some(runtrail::LINK_RUN_ID, source.request_id().map(Text::as_str));
    attrs.push_some(runtrail::LINK_EVENT_ID, source.event_id().map(Text::as_str));
    if let Source::Other { id, .. } = source {
        attrs.push(runtrail::LINK_FROM_ID, id.as_str());
    }
    attrs.push_some(
        runtrail::LINK_TRIGGER_RUN_ID,
        trigger.trigger_run_id.as_ref().map(Text::as_str),
    );
    attrs.push_some(
        runtrail::LINK_TRIGGER_ID,
        trigger.trigger_id.as_ref().map(Text::as_str),
    );
    attrs.push_some(
        runtrail::LINK_CONDITION_ID,
        trigger.condition_id.as_ref().map(Text::as_str),
    );
    attrs.push(runtrail::LINK_AT, trigger.at.to_string());
    attrs.finish()
}
