//! Ops.

use runtrail_core::event::Ctx;
use runtrail_core::span::{MissingEnd, ParentRule, SpanRecord};
use runtrail_core::text::Text;
use runtrail_otlp_wire::model::{Attr, Event, Link, Span, Value, kind};

use super::attrs::{Attrs, fit};
use super::kind::Kind;
use super::llm::Figures;
use super::{MapLimits, Place, content, llm, note, overlay, status, time};
use crate::names::{self, link, openinference, runtrail, span_type};

/// Maps an op, and the calls that it made if they are several.
pub(super) fn map(
    place: &Place<'_>,
    record: &SpanRecord,
    name: (&Text, &Ctx, u64),
    out: &mut impl FnMut(Span<'_>),
) {
    let settings = place.settings;
    let limits = &settings.limits;
    let (start_nanos, end_nanos) = time::bounds(record);
    let step = Kind::of(record);
    let call = (record.usage.calls == 1).then(|| Figures::from(&record.usage));
    let mut attrs = Attrs::with_users(*limits, record.annotations.len());
    describe(record, name, &mut attrs);
    match call {
        Some(call) if step == Kind::Llm => {
            attrs.push(openinference::KIND, step.as_str());
            call.describe(&mut attrs);
        }
        Some(call) => {
            // A tool or an agent that reports one call of its own is both.
            attrs.push(openinference::KIND, step.as_str());
            call.describe(&mut attrs);
        }
        None => step.describe(name.0, &mut attrs),
    }
    let (span_status, exception) = status::of_op(record, end_nanos, limits, &mut attrs);
    if record.content_dropped > 0 {
        attrs.push(runtrail::CONTENT_DROPPED, record.content_dropped);
    }
    overlay::span(settings, step, call, &mut attrs);
    content::describe(record, settings.content, call.is_some(), &mut attrs);
    for noted in &record.annotations {
        attrs.set(note::key(&noted.key), note::value(&noted.value));
    }
    let (events, dropped_events_count) = events(record, exception, place);
    let (attributes, dropped_attributes_count) = attrs.finish();
    let op_name = if name.0.is_empty() { "op" } else { name.0 };
    out(Span {
        trace_id: place.trace_id,
        span_id: record.span_id.to_bytes(),
        parent_span_id: Some(place.parent_of(record)),
        name: call.map_or(op_name.into(), |call| call.name().into()),
        kind: if call.is_some() {
            kind::CLIENT
        } else {
            kind::INTERNAL
        },
        start_nanos,
        end_nanos,
        attributes,
        dropped_attributes_count,
        events,
        dropped_events_count,
        links: item_link(place, record, name.1)
            .into_iter()
            .take(limits.links)
            .collect(),
        status: span_status,
        ..Span::default()
    });
    if record.usage.calls > 1 {
        llm::children(place, record, name, out);
    }
}

fn describe<'a>(
    record: &'a SpanRecord,
    (op_name, ctx, occurrence): (&'a Text, &'a Ctx, u64),
    attrs: &mut Attrs<'a>,
) {
    attrs.push(runtrail::SPAN_TYPE, span_type::OP);
    attrs.push(runtrail::RUN_ID, &*record.request_id);
    attrs.push(runtrail::OP_NAME, &**op_name);
    let segments = ctx.segments().iter().map(|segment| Value::from(&**segment));
    attrs.push(runtrail::OP_CTX, Value::Array(segments.collect()));
    attrs.push(runtrail::OP_OCCURRENCE, occurrence);
    describe_common(record, attrs);
    if record.yields.count > 0 || record.yields.seen > 0 {
        attrs.push(runtrail::YIELD_COUNT, record.yields.count);
    }
}

/// What ops and groups have in common.
pub(super) fn describe_common<'a>(record: &'a SpanRecord, attrs: &mut Attrs<'a>) {
    attrs.push(runtrail::MAPPING_VERSION, names::MAPPING_VERSION);
    if let Some(group) = record.group.as_ref().filter(|_| record.is_op()) {
        attrs.push(runtrail::GROUP_NAME, &*group.name);
    }
    attrs.push(runtrail::PARENT_RULE, record.parent_rule.as_str());
    attrs.push(runtrail::SEQ, record.seq);
    attrs.push_some(runtrail::END_SEQ, record.end_seq);
    attrs.push(runtrail::DEPTH, u64::from(record.depth));
    attrs.push_some(
        runtrail::DURATION_MS,
        record.duration_ms.filter(|millis| millis.is_finite()),
    );
    let missing = record.missing.map(|end| match end {
        MissingEnd::Start => "start",
        MissingEnd::End => "end",
    });
    attrs.push_some(runtrail::MISSING, missing);
}

/// The link of what runs on an item to the generator, with the item's index.
fn item_link(place: &Place<'_>, record: &SpanRecord, ctx: &Ctx) -> Option<Link<'static>> {
    let generator = (record.parent_rule == ParentRule::Yield)
        .then(|| record.parent_span_id())
        .flatten()?;
    let index = ctx.segments().iter().rev().find_map(|segment| {
        let inner = segment.strip_prefix('[')?.strip_suffix(']')?;
        inner.parse::<i64>().ok()
    });
    let index = index.map(|index| Attr::new(runtrail::YIELD_INDEX, index));
    Some(Link {
        trace_id: place.trace_id,
        span_id: generator.to_bytes(),
        attributes: [Attr::new(runtrail::LINK, link::YIELD)]
            .into_iter()
            .chain(index)
            .collect(),
        ..Link::default()
    })
}

/// The events of an op in order of time: notes, items, media, and its error first of all.
fn events<'a>(
    record: &'a SpanRecord,
    exception: Option<Event<'a>>,
    place: &Place<'_>,
) -> (Vec<Event<'a>>, u32) {
    let limits = &place.settings.limits;
    let mut events: Vec<Event<'a>> = exception.into_iter().take(limits.events).collect();
    let notes = record.annotations.iter().map(|noted| Event {
        time_nanos: time::nanos(noted.at),
        name: runtrail::ANNOTATION.into(),
        attributes: vec![
            Attr::new(
                runtrail::ANNOTATION_KEY,
                fit((&*noted.key).into(), limits.value_bytes),
            ),
            Attr::new(
                runtrail::ANNOTATION_VALUE,
                fit(note::value(&noted.value), limits.value_bytes),
            ),
        ],
        dropped_attributes_count: 0,
    });
    let room = |events: &[Event<'a>]| limits.events.saturating_sub(events.len());
    let left = room(&events);
    events.extend(notes.take(left));
    let left = room(&events);
    events.extend(
        record
            .media
            .iter()
            .take(left)
            .map(|media| media_event(media, limits)),
    );
    let moments = &record.yields.moments;
    let (known, left) = (moments.len(), room(&events));
    // Where there is no room for all, the first and the last are shown.
    let kept = moments
        .iter()
        .enumerate()
        .filter(|(at, _)| *at < left.div_ceil(2) || *at >= known.saturating_sub(left / 2));
    let last_value = record.yields.last_value.as_deref();
    let last_value = last_value.filter(|_| place.settings.content.outputs);
    events.extend(kept.take(left).map(|(at, moment)| {
        let index = moment
            .index
            .map(|index| Attr::new(runtrail::YIELD_INDEX, index));
        let value = last_value.filter(|_| at + 1 == known);
        let value = value
            .map(|json| Attr::new(runtrail::YIELD_VALUE, fit(json.into(), limits.value_bytes)));
        Event {
            time_nanos: time::nanos(moment.at),
            name: runtrail::YIELD.into(),
            attributes: index.into_iter().chain(value).collect(),
            dropped_attributes_count: 0,
        }
    }));
    let all = record.annotations.len() + record.media.len() + usize::from(record.error.is_some());
    let all = (all as u64).saturating_add(record.yields.seen.max(known as u64));
    let dropped = all.saturating_sub(events.len() as u64);
    events.sort_by_key(|event| event.time_nanos);
    (events, u32::try_from(dropped).unwrap_or(u32::MAX))
}

/// Media by reference: bytes in an attribute make some backends lose the span after a 200.
fn media_event<'a>(media: &'a runtrail_core::span::Media, limits: &MapLimits) -> Event<'a> {
    let text = |key: &'static str, text: Option<&'a Text>| {
        text.map(|text| Attr::new(key, fit((&**text).into(), limits.value_bytes)))
    };
    let size = media
        .size_bytes
        .map(|size| Attr::new(runtrail::MEDIA_SIZE, size));
    let known = [
        text(runtrail::MEDIA_HANDLE, media.handle.as_ref()),
        text(runtrail::MEDIA_MIME, media.mime.as_ref()),
        size,
    ];
    Event {
        time_nanos: time::nanos(media.at),
        name: runtrail::MEDIA.into(),
        attributes: known.into_iter().flatten().collect(),
        dropped_attributes_count: 0,
    }
}
