//! OpenTelemetry spans as events.
//!
//! A span that Runtrail wrote becomes the events that it was made of, as far as it tells them:
//! starts, ends, notes, usage, items, media, under the same names. A span of another program becomes an
//! op with the span's name; its run is the trace, its usage what the GenAI and OpenInference
//! names say, its other attributes notes.
//!
//! Events name each other (`parent_id`, `opener_id`), so that pairs and parents do not depend on
//! the order in which spans of one moment come.
//!
//! Three things do not come back as they were, because spans do not hold them: of an op that yielded
//! more than 128 items the first and the last 64 (its end still tells how many they were); the values
//! of items but for the last, and what was not sent or was cut; and an op that ran on a generator's item
//! inside another group than the generator is in the generator's group, as everything below it is.

mod attrs;
mod write;

use runtrail_core::event::{Ctx, EventKind, Payload, TraceEvent};
use runtrail_core::json::RawJson;
use runtrail_core::link::{LINK_KEY, Link};
use runtrail_core::text::Text;
use runtrail_core::time::Timestamp;
use runtrail_otlp_wire::model::{Event, Span, Value};

use attrs::Attrs;
use write::Object;

/// Events in the making.
#[derive(Debug, Default)]
pub(crate) struct Events {
    pub(crate) list: Vec<TraceEvent>,
}

/// What the events of a span have in common.
struct Origin {
    request_id: Text,
    op_name: Option<Text>,
    ctx: Ctx,
    id: [u8; 8],
    /// What the ids of its events begin with, so that calls of one moment come in their order.
    before: String,
    depth: Option<i64>,
    seq: u64,
    /// That of the event that closed it; what is known to have come before that, and no more, has it too.
    end_seq: u64,
}

impl Events {
    /// Adds the events of a span.
    pub(crate) fn add(&mut self, span: &Span<'_>) {
        let attrs = Attrs::of(span);
        match attrs.text("runtrail.span.type") {
            Some("run") => self.add_run(span, &attrs),
            Some("group") => self.add_group(span, &attrs),
            Some("llm") => self.add_call(span, &attrs),
            _ => self.add_op(span, &attrs),
        }
    }

    /// A run has no events of its own: what its span says that others do not is its links and notes. They
    /// come after everything, where no group is open that they could be taken for notes on.
    fn add_run(&mut self, span: &Span<'_>, attrs: &Attrs<'_>) {
        let origin = Origin {
            end_seq: u64::MAX,
            ..Origin::of(span, attrs, None)
        };
        let links = span.links.iter().map(Attrs::of_link);
        // What started the run and is no run has no span to link to: it is an event.
        let others = span.events.iter();
        let others = others.filter(|event| event.name == LINK_KEY);
        let links = links.chain(others.map(Attrs::of_event));
        let notes = links.filter_map(|said| link_note(&said));
        for (count, payload) in notes.enumerate() {
            self.push(
                &origin,
                EventKind::Annotation,
                &format!("l{count:05}"),
                span.end_nanos,
                payload,
            );
        }
        for (count, (key, value)) in attrs.notes().enumerate() {
            let mut payload = Object::default();
            payload.text("key", key).value("value", value);
            self.push(
                &origin,
                EventKind::Annotation,
                &format!("n{count:05}"),
                span.end_nanos,
                payload,
            );
        }
    }

    fn add_group(&mut self, span: &Span<'_>, attrs: &Attrs<'_>) {
        let origin = Origin::of(span, attrs, None);
        let name = attrs.text("runtrail.group.name").unwrap_or(&span.name);
        let mut opener = Object::default();
        opener.text("name", name).parent(span, attrs);
        for (key, value) in attrs.notes() {
            opener.value(key, value);
        }
        if attrs.text("runtrail.missing") != Some("start") {
            self.push(
                &origin,
                EventKind::GroupStart,
                "0",
                span.start_nanos,
                opener,
            );
        }
        if attrs.text("runtrail.missing") != Some("end") {
            let mut end = Object::default();
            end.text("name", name)
                .text("status", attrs.status(span))
                .opener(origin.id, attrs);
            self.push(&origin, EventKind::GroupEnd, "9", span.end_nanos, end);
        }
    }

    fn add_op(&mut self, span: &Span<'_>, attrs: &Attrs<'_>) {
        let name = attrs.text("runtrail.op.name").unwrap_or(&span.name);
        let origin = Origin::of(span, attrs, Some(name));
        if attrs.text("runtrail.missing") != Some("start") {
            let mut opener = Object::default();
            opener
                .json("inputs", attrs.content("input"))
                .parent(span, attrs);
            self.push(&origin, EventKind::OpStart, "0", span.start_nanos, opener);
        }
        self.add_happenings(span, attrs, &origin);
        if attrs.text("runtrail.missing") == Some("end") {
            return;
        }
        let mut end = Object::default();
        end.json("outputs", attrs.content("output"))
            .text("status", attrs.status(span));
        let duration = attrs.get("runtrail.duration_ms").and_then(Value::as_f64);
        let measured = span.end_nanos.saturating_sub(span.start_nanos) as f64 / 1e6;
        end.number("duration_ms", duration.unwrap_or(measured));
        if let Some(count) = attrs.get("runtrail.yield.count").and_then(Value::as_i64) {
            end.int("yield_count", count);
        }
        end.error(span, attrs).opener(origin.id, attrs);
        self.push(&origin, EventKind::OpEnd, "9", span.end_nanos, end);
    }

    /// What happened in an op: its items, notes, media, and its call of a model.
    fn add_happenings(&mut self, span: &Span<'_>, attrs: &Attrs<'_>, origin: &Origin) {
        let mut noted = false;
        for (number, event) in span.events.iter().enumerate() {
            let Some((kind, mut payload)) = happening(event) else {
                continue;
            };
            noted |= kind == EventKind::Annotation;
            payload.opener(origin.id, attrs);
            self.push(
                origin,
                kind,
                &format!("1-{number:05}"),
                event.time_nanos,
                payload,
            );
        }
        if let Some(usage) = write::usage(attrs) {
            let mut payload = usage;
            payload.opener(origin.id, attrs);
            self.push(origin, EventKind::LlmUsage, "2", span.end_nanos, payload);
        }
        if noted {
            return;
        }
        for (count, (key, value)) in attrs.notes().enumerate() {
            let mut payload = Object::default();
            payload
                .text("key", key)
                .value("value", value)
                .opener(origin.id, attrs);
            self.push(
                origin,
                EventKind::Annotation,
                &format!("3-{count:05}"),
                span.end_nanos,
                payload,
            );
        }
    }

    /// One of several calls: the usage of the op above it, or of the run.
    fn add_call(&mut self, span: &Span<'_>, attrs: &Attrs<'_>) {
        let Some(mut payload) = write::usage(attrs) else {
            return;
        };
        let index = attrs.get("runtrail.llm.index").and_then(Value::as_i64);
        let (depth, index) = (attrs.depth().unwrap_or(0), index.unwrap_or(0));
        let origin = Origin {
            before: format!("{depth:06}-{index:09}-"),
            ..Origin::of(span, attrs, None)
        };
        let of_run = attrs.text("runtrail.parent.rule") == Some("run");
        if let Some(parent) = span.parent_span_id.filter(|_| !of_run) {
            let depth = attrs.depth().map(|own| own - 1);
            payload.text("opener_id", &write::event_id(parent, depth, "0"));
        }
        self.push(&origin, EventKind::LlmUsage, "2", span.end_nanos, payload);
    }

    fn push(
        &mut self,
        origin: &Origin,
        kind: EventKind,
        suffix: &str,
        nanos: u64,
        payload: Object,
    ) {
        let Some(payload) = Payload::new(&kind, payload.finish()) else {
            return;
        };
        self.list.push(TraceEvent {
            event_id: Text::new(
                origin.before.clone() + &write::event_id(origin.id, origin.depth, suffix),
            ),
            request_id: origin.request_id.clone(),
            kind,
            op_name: origin.op_name.clone(),
            ctx: origin.ctx.clone(),
            timestamp: timestamp(nanos),
            seq: if suffix.starts_with(['0', '1']) {
                origin.seq
            } else {
                origin.end_seq
            },
            payload,
            extra: None,
        });
    }
}

/// The note that a link to what triggered the run was made of; `None` for any other.
fn link_note(said: &Attrs<'_>) -> Option<Object> {
    if said.text("runtrail.link") != Some("trigger") {
        return None;
    }
    let mut value = Object::default();
    for (key, name) in [
        ("source", "runtrail.link.source"),
        ("from_event_id", "runtrail.link.event_id"),
        ("from_request_id", "runtrail.link.run_id"),
        ("from_id", "runtrail.link.from_id"),
        ("trigger_run_id", "runtrail.link.trigger_run_id"),
        ("trigger_id", "runtrail.link.trigger_id"),
        ("condition_id", "runtrail.link.condition_id"),
        ("at", "runtrail.link.at"),
    ] {
        if let Some(text) = said.text(name) {
            value.text(key, text);
        }
    }
    let value = value.finish();
    Link::read(RawJson::parse(&value)?)?;
    let mut payload = Object::default();
    payload.text("key", LINK_KEY).json("value", Some(&value));
    Some(payload)
}

/// What an event of a span was made of; `None` for one that was not made of an event.
fn happening(event: &Event<'_>) -> Option<(EventKind, Object)> {
    let said = Attrs::of_event(event);
    let mut payload = Object::default();
    let kind = match &*event.name {
        "runtrail.yield" => {
            payload.json("yielded", said.text("runtrail.yield.value"));
            if let Some(index) = said.get("runtrail.yield.index").and_then(Value::as_i64) {
                payload.int("idx", index);
            }
            EventKind::OpYield
        }
        "runtrail.annotation" => {
            payload.text(
                "key",
                said.text("runtrail.annotation.key").unwrap_or_default(),
            );
            if let Some(value) = said.get("runtrail.annotation.value") {
                payload.value("value", value);
            }
            EventKind::Annotation
        }
        "runtrail.media" => {
            for (key, name) in [
                ("handle", "runtrail.media.handle"),
                ("mime", "runtrail.media.mime"),
            ] {
                if let Some(text) = said.text(name) {
                    payload.text(key, text);
                }
            }
            if let Some(size) = said
                .get("runtrail.media.size_bytes")
                .and_then(Value::as_i64)
            {
                payload.int("size_bytes", size);
            }
            EventKind::MediaRef
        }
        _ => return None,
    };
    Some((kind, payload))
}

impl Origin {
    fn of(span: &Span<'_>, attrs: &Attrs<'_>, op_name: Option<&str>) -> Self {
        let run = attrs.text("runtrail.run.id").map(Text::new);
        let number = |key| u64::try_from(attrs.get(key)?.as_i64()?).ok();
        let seq = number("runtrail.seq");
        Self {
            request_id: run.unwrap_or_else(|| Text::new(write::hex(&span.trace_id))),
            op_name: op_name.map(Text::new),
            ctx: attrs.ctx(),
            id: span.span_id,
            before: String::new(),
            depth: attrs.depth(),
            seq: seq.unwrap_or(0),
            end_seq: number("runtrail.end_seq").or(seq).unwrap_or(0),
        }
    }
}

fn timestamp(nanos: u64) -> Timestamp {
    let micros = i64::try_from(nanos / 1000).unwrap_or(i64::MAX);
    Timestamp::from_parts(micros, (nanos % 1000) as u16)
}
