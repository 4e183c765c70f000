//! The projections `ops` and `groups`: each span's state.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::ops::Range;

use runtrail_core::event::{Ctx, TraceEvent};
use runtrail_core::id::{SpanId, SpanIds};
use runtrail_core::json::{Canonical, push_number, push_string};
use runtrail_core::span::{MissingEnd, ParentRule, SpanName, SpanRecord};
use runtrail_core::text::Text;
use runtrail_core::time::Timestamp;
use serde::Deserialize;

use super::{Moment, Projection, ProjectionError, Shown};
use crate::canonical::{Checksum, checksum_of_canonical, push_hex};
use crate::status::{Conflict, Status, StatusMachine};

/// Spans of a run that are held; a run with more is limited.
const MAX_SPANS: usize = 2_000_000;

/// The state of an op or a group, as the projections `ops` and `groups` show it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct SpanState {
    /// An end that came after the one that holds, and says something else.
    #[serde(default)]
    pub conflict: Option<Conflict>,
    /// A checksum of what the user put in: inputs, outputs, notes, media, the last item, metadata.
    pub content: Option<Checksum>,
    /// What its calls of LLMs cost, or those of all that ran in a group.
    pub cost_usd: Option<f64>,
    /// The scope that an op ran in.
    pub ctx: Option<Ctx>,
    /// How deep in the run it is.
    pub depth: u32,
    /// How long it took, in milliseconds.
    pub duration_ms: Option<f64>,
    /// The event that closed it.
    pub end_event_id: Option<Text>,
    /// The `seq` of the event that closed it.
    pub end_seq: Option<u64>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// Its error's message.
    pub error_message: Option<Text>,
    /// The type of its error.
    pub error_type: Option<Text>,
    /// Ops that failed in a group.
    pub errors: u64,
    /// The innermost group that it ran in.
    pub group_span_id: Option<SpanId>,
    /// Its calls of LLMs, or those of all that ran in a group.
    pub llm_calls: u64,
    /// Which of its ends is missing from the stream: `start` or `end`.
    pub missing: Option<MissingEnd>,
    /// Its name.
    pub name: Text,
    /// Its number among those of its name and scope.
    pub occurrence: u64,
    /// Ops that ended in a group.
    pub ops: u64,
    /// Why the span that it ran in is its parent.
    pub parent_rule: ParentRule,
    /// The span that it ran in; `None` for a child of the run.
    pub parent_span_id: Option<SpanId>,
    /// The `seq` of its first event.
    pub seq: u64,
    /// The event that opened it.
    pub start_event_id: Option<Text>,
    /// When it began.
    pub started_at: Timestamp,
    /// How it goes.
    pub status: Status,
    /// Tokens of its calls of LLMs.
    pub total_tokens: Option<i64>,
    /// Items that an op yielded.
    pub yield_count: u64,
}

/// What is written of a [`SpanState`], where it stands.
struct Written<'s> {
    content: Option<Checksum>,
    cost_usd: Option<f64>,
    ctx: Option<&'s Ctx>,
    depth: u32,
    duration_ms: Option<f64>,
    end_event_id: Option<&'s Text>,
    end_seq: Option<u64>,
    ended_at: Option<Timestamp>,
    error_message: Option<&'s Text>,
    error_type: Option<&'s Text>,
    errors: u64,
    group_span_id: Option<SpanId>,
    llm_calls: u64,
    missing: Option<MissingEnd>,
    name: &'s Text,
    occurrence: u64,
    ops: u64,
    parent_rule: ParentRule,
    parent_span_id: Option<SpanId>,
    seq: u64,
    start_event_id: Option<&'s Text>,
    started_at: Timestamp,
    status: Status,
    total_tokens: Option<i64>,
    yield_count: u64,
}

impl<'s> Written<'s> {
    /// Returns the state of a span that the fold closed, or that is open.
    fn of(span: &'s SpanRecord, status: Status, content: &mut Content) -> Self {
        let (name, ctx, occurrence) = match &span.name {
            SpanName::Op {
                op_name,
                ctx,
                occurrence,
            } => (op_name, Some(ctx), *occurrence),
            SpanName::Group { name, occurrence } => (name, None, *occurrence),
        };
        let error = span.error.as_ref();
        Self {
            content: content.checksum_of(span),
            cost_usd: span.usage.cost_usd,
            ctx,
            depth: span.depth,
            duration_ms: span.duration_ms,
            end_event_id: span.end_event_id.as_ref(),
            end_seq: span.end_seq,
            ended_at: span.ended_at,
            error_message: error.and_then(|error| error.message.as_ref()),
            error_type: error.and_then(|error| error.kind.as_ref()),
            errors: span.errors,
            group_span_id: span.group.as_ref().map(|group| group.span_id),
            llm_calls: span.usage.calls,
            missing: span.missing,
            name,
            occurrence,
            ops: span.ops,
            parent_rule: span.parent_rule,
            parent_span_id: span.parent_span_id(),
            seq: span.seq,
            start_event_id: span.start_event_id.as_ref(),
            started_at: span.started_at,
            status,
            total_tokens: span.usage.total_tokens,
            yield_count: span.yields.count.max(span.yields.seen),
        }
    }

    fn of_state(state: &'s SpanState) -> Self {
        Self {
            content: state.content.clone(),
            cost_usd: state.cost_usd,
            ctx: state.ctx.as_ref(),
            depth: state.depth,
            duration_ms: state.duration_ms,
            end_event_id: state.end_event_id.as_ref(),
            end_seq: state.end_seq,
            ended_at: state.ended_at,
            error_message: state.error_message.as_ref(),
            error_type: state.error_type.as_ref(),
            errors: state.errors,
            group_span_id: state.group_span_id,
            llm_calls: state.llm_calls,
            missing: state.missing,
            name: &state.name,
            occurrence: state.occurrence,
            ops: state.ops,
            parent_rule: state.parent_rule,
            parent_span_id: state.parent_span_id,
            seq: state.seq,
            start_event_id: state.start_event_id.as_ref(),
            started_at: state.started_at,
            status: state.status,
            total_tokens: state.total_tokens,
            yield_count: state.yield_count,
        }
    }

    /// Writes it as canonical JSON, but for the bracket that opens it, and a conflict, which comes first.
    ///
    /// This is most of what a replay writes, and costs several times as much by way of a serializer.
    fn write(&self, out: &mut String) {
        let mut field = Fields(out);
        field.optional("\"content\":", self.content.as_ref(), Fields::checksum);
        field.optional(",\"cost_usd\":", self.cost_usd, Fields::double);
        field.optional(",\"ctx\":", self.ctx, Fields::ctx);
        field.count(",\"depth\":", u64::from(self.depth));
        field.optional(",\"duration_ms\":", self.duration_ms, Fields::double);
        field.optional(",\"end_event_id\":", self.end_event_id, Fields::text);
        field.optional(",\"end_seq\":", self.end_seq, Fields::number);
        field.optional(",\"ended_at\":", self.ended_at, Fields::time);
        field.optional(",\"error_message\":", self.error_message, Fields::text);
        field.optional(",\"error_type\":", self.error_type, Fields::text);
        field.count(",\"errors\":", self.errors);
        field.optional(",\"group_span_id\":", self.group_span_id, Fields::id);
        field.count(",\"llm_calls\":", self.llm_calls);
        field.optional(",\"missing\":", self.missing, Fields::missing);
        field.optional(",\"name\":", Some(self.name), Fields::text);
        field.count(",\"occurrence\":", self.occurrence);
        field.count(",\"ops\":", self.ops);
        field.optional(
            ",\"parent_rule\":",
            Some(self.parent_rule.as_str()),
            Fields::word,
        );
        field.optional(",\"parent_span_id\":", self.parent_span_id, Fields::id);
        field.count(",\"seq\":", self.seq);
        field.optional(",\"start_event_id\":", self.start_event_id, Fields::text);
        field.optional(",\"started_at\":", Some(self.started_at), Fields::time);
        field.optional(",\"status\":", Some(self.status.as_str()), Fields::word);
        field.optional(",\"total_tokens\":", self.total_tokens, Fields::integer);
        field.count(",\"yield_count\":", self.yield_count);
        out.push('}');
    }
}

/// Writes fields.
struct Fields<'o>(&'o mut String);

impl Fields<'_> {
    fn optional<T>(&mut self, key: &str, value: Option<T>, write: fn(&mut Self, T)) {
        self.0.push_str(key);
        match value {
            Some(value) => write(self, value),
            None => self.0.push_str("null"),
        }
    }

    fn count(&mut self, key: &str, count: u64) {
        self.0.push_str(key);
        self.number(count);
    }

    fn number(&mut self, number: u64) {
        self.0.push_str(itoa::Buffer::new().format(number));
    }

    fn integer(&mut self, number: i64) {
        self.0.push_str(itoa::Buffer::new().format(number));
    }

    fn double(&mut self, number: f64) {
        push_number(self.0, number);
    }

    fn text(&mut self, text: &Text) {
        push_string(self.0, text);
    }

    fn id(&mut self, id: SpanId) {
        self.0.push('"');
        push_hex(self.0, &id.to_bytes());
        self.0.push('"');
    }

    fn checksum(&mut self, checksum: &Checksum) {
        self.0.push('"');
        checksum.push_to(self.0);
        self.0.push('"');
    }

    fn time(&mut self, time: Timestamp) {
        self.0.push('"');
        time.push_to(self.0);
        self.0.push('"');
    }

    /// Writes a string that needs no escape.
    fn word(&mut self, word: &str) {
        self.0.push('"');
        self.0.push_str(word);
        self.0.push('"');
    }

    fn missing(&mut self, missing: MissingEnd) {
        self.word(match missing {
            MissingEnd::Start => "start",
            MissingEnd::End => "end",
        });
    }

    fn ctx(&mut self, ctx: &Ctx) {
        self.0.push('[');
        for (index, segment) in ctx.segments().iter().enumerate() {
            self.0.push_str(if index == 0 { "" } else { "," });
            push_string(self.0, segment);
        }
        self.0.push(']');
    }
}

/// Makes checksums of what users put in.
#[derive(Default)]
struct Content {
    /// One canonical object, as far as it is written.
    text: String,
    canonical: Canonical,
}

/// More is not kept from one span to the next.
const KEPT_BYTES: usize = 1 << 20;

impl Content {
    /// Returns the checksum of a span's content; `None` where it has none.
    fn checksum_of(&mut self, span: &SpanRecord) -> Option<Checksum> {
        self.text.clear();
        // The keys come in canonical order.
        if !span.annotations.is_empty() {
            self.key("annotations");
            for (at, note) in span.annotations.iter().enumerate() {
                let text = &mut self.text;
                text.push_str(if at == 0 { "[{\"at\":" } else { ",{\"at\":" });
                push_string(text, &note.at.to_string());
                text.push_str(",\"key\":");
                push_string(text, &note.key);
                text.push_str(",\"value\":");
                self.value(&note.value);
                self.text.push('}');
            }
            self.text.push(']');
        }
        self.field("inputs", span.inputs.as_deref());
        self.field("last_item", span.yields.last_value.as_deref());
        if !span.media.is_empty() {
            let media = serde_json::to_string(&span.media);
            self.field("media", Some(&media.unwrap_or_default()));
        }
        self.field("metadata", span.metadata.as_deref());
        self.field("outputs", span.outputs.as_deref());
        if self.text.is_empty() {
            return None;
        }
        self.text.push('}');
        let checksum = checksum_of_canonical(&self.text);
        if self.text.capacity() > KEPT_BYTES {
            *self = Self::default();
        }
        Some(checksum)
    }

    fn key(&mut self, name: &str) {
        let text = &mut self.text;
        text.push_str(if text.is_empty() { "{\"" } else { ",\"" });
        text.push_str(name);
        text.push_str("\":");
    }

    fn field(&mut self, name: &str, value: Option<&str>) {
        if let Some(value) = value {
            self.key(name);
            self.value(value);
        }
    }

    /// Writes a value; what is no JSON, which no event holds, counts as the text that it is.
    fn value(&mut self, value: &str) {
        if !self.canonical.push(&mut self.text, value) {
            self.text.push_str(value);
        }
    }
}

/// The spans of one kind, by their ids.
pub(super) struct Spans {
    name: &'static str,
    of_ops: bool,
    closed: BTreeMap<SpanId, Closed>,
    /// The states of the closed ones, as [`Written::write`] writes them.
    text: String,
    left_out: u64,
    content: Content,
}

/// A span that has closed: where its state is, and what may still become of its status.
#[derive(Debug)]
struct Closed {
    text: Range<usize>,
    status: StatusMachine,
}

#[derive(Deserialize)]
struct Saved {
    closed: BTreeMap<SpanId, SpanState>,
    left_out: u64,
}

impl Spans {
    pub(super) fn ops() -> Self {
        Self::new("ops", true)
    }

    pub(super) fn groups() -> Self {
        Self::new("groups", false)
    }

    fn new(name: &'static str, of_ops: bool) -> Self {
        Self {
            name,
            of_ops,
            closed: BTreeMap::new(),
            text: String::new(),
            left_out: 0,
            content: Content::default(),
        }
    }

    /// Keeps the state of a span that has closed, but for a conflict, which may still come.
    fn keep(&mut self, id: SpanId, state: &Written<'_>) {
        if self.text.is_empty() {
            self.text.reserve(FIRST_BYTES);
        }
        let start = self.text.len();
        state.write(&mut self.text);
        let mut status = StatusMachine::default();
        status.observe(Status::Running);
        status.observe(state.status);
        let text = start..self.text.len();
        self.closed.insert(id, Closed { text, status });
    }

    /// Notes that a second end came for a span that had ended: the fold hands it out as a span that only
    /// ended, the next of its name.
    fn note_conflict(&mut self, late: &SpanRecord) {
        let (SpanName::Op { occurrence, .. } | SpanName::Group { occurrence, .. }) = &late.name;
        let Some(before) = occurrence.checked_sub(1) else {
            return;
        };
        if late.missing != Some(MissingEnd::Start) {
            return;
        }
        let ids = SpanIds::of_run("", &late.request_id);
        let before = match &late.name {
            SpanName::Op { op_name, ctx, .. } => ids.op(op_name, ctx, before),
            SpanName::Group { name, .. } => ids.group(name, before),
        };
        if let Some(before) = self.closed.get_mut(&before) {
            before.status.observe(late.status.into());
        }
    }

    /// Writes the states of the closed spans and of these open ones, as one object.
    fn write(&self, open: &[&SpanRecord]) -> String {
        let mut open: Vec<_> = open.iter().filter(|s| s.is_op() == self.of_ops).collect();
        open.sort_unstable_by_key(|span| span.span_id);
        let mut open = open.into_iter().peekable();
        let mut out = String::with_capacity(self.text.len() + KEY_BYTES * self.closed.len() + 2);
        out.push('{');
        for (id, closed) in &self.closed {
            while let Some(span) = open.next_if(|span| span.span_id < *id) {
                write_open(&mut out, span);
            }
            write_key(&mut out, *id);
            if let Some(Conflict { kept, refused }) = closed.status.conflict() {
                let (kept, refused) = (kept.as_str(), refused.as_str());
                let conflict = format!("{{\"kept\":\"{kept}\",\"refused\":\"{refused}\"}}");
                out.push_str("\"conflict\":");
                out.push_str(&conflict);
                out.push(',');
            }
            out.push_str(self.text.get(closed.text.clone()).unwrap_or_default());
        }
        for span in open {
            write_open(&mut out, span);
        }
        out.push('}');
        out
    }

    fn failed(&self, why: impl Display) -> ProjectionError {
        ProjectionError::new(self.name, why)
    }
}

/// The states of a usual run: grown step by step to that, the text would be copied each time.
const FIRST_BYTES: usize = 16 << 10;
/// What stands before each state.
const KEY_BYTES: usize = ",\"0123456789abcdef\":{".len();

fn write_open(out: &mut String, span: &SpanRecord) {
    write_key(out, span.span_id);
    Written::of(span, Status::Running, &mut Content::default()).write(out);
}

/// Writes the key of the next field of an object, and what opens its value.
fn write_key(out: &mut String, id: SpanId) {
    out.push_str(if out.ends_with('{') { "\"" } else { ",\"" });
    push_hex(out, &id.to_bytes());
    out.push_str("\":{");
}

impl Projection for Spans {
    fn name(&self) -> &'static str {
        self.name
    }

    fn version(&self) -> u32 {
        1
    }

    fn event(&mut self, _event: &TraceEvent) {}

    fn closed(&mut self, span: &SpanRecord) {
        if span.is_op() != self.of_ops {
            return;
        }
        if self.closed.len() >= MAX_SPANS {
            self.left_out += 1;
            return;
        }
        self.note_conflict(span);
        let state = Written::of(span, span.status.into(), &mut self.content);
        self.keep(span.span_id, &state);
    }

    fn view(&self, moment: &Moment<'_>) -> Result<Shown, ProjectionError> {
        Ok(Shown::canonical(self.write(moment.open)))
    }

    fn save(&self) -> Result<String, ProjectionError> {
        let (closed, left_out) = (self.write(&[]), self.left_out);
        Ok(format!("{{\"closed\":{closed},\"left_out\":{left_out}}}"))
    }

    fn restore(&mut self, state: &str) -> Result<(), ProjectionError> {
        let saved: Saved = serde_json::from_str(state).map_err(|error| self.failed(error))?;
        self.left_out = saved.left_out;
        for (id, mut state) in saved.closed {
            let conflict = state.conflict.take();
            self.keep(id, &Written::of_state(&state));
            if let (Some(conflict), Some(closed)) = (conflict, self.closed.get_mut(&id)) {
                closed.status.observe(conflict.refused);
            }
        }
        Ok(())
    }

    fn limited(&self) -> Option<String> {
        (self.left_out > 0).then(|| format!("{} {} beyond {MAX_SPANS}", self.left_out, self.name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use runtrail_core::json::{RawJson, canonical};
    use runtrail_testkit::fold::fold_runs;
    use runtrail_testkit::strategies::run;

    proptest::proptest! {
        #[test]
        fn states_are_written_in_canonical_form_and_read_as_they_were(events in run("r")) {
            for mut spans in [Spans::ops(), Spans::groups()] {
                let run = fold_runs(&events).remove(0);
                run.spans.iter().for_each(|span| spans.closed(span));
                let text = spans.write(&[]);
                proptest::prop_assert_eq!(&canonical(RawJson::parse(&text).unwrap()), &text);
                let states: BTreeMap<SpanId, SpanState> = serde_json::from_str(&text).unwrap();
                let own = run.spans.iter().filter(|span| span.is_op() == spans.of_ops);
                let mut content = Content::default();
                let mut count = 0;
                for span in own {
                    count += 1;
                    let state = &states[&span.span_id];
                    let (mut read, mut written) = (String::new(), String::new());
                    Written::of_state(state).write(&mut read);
                    Written::of(span, span.status.into(), &mut content).write(&mut written);
                    proptest::prop_assert_eq!(read, written);
                    proptest::prop_assert_eq!(
                        (state.seq, state.end_seq, state.started_at, state.ended_at, state.depth),
                        (span.seq, span.end_seq, span.started_at, span.ended_at, span.depth)
                    );
                    proptest::prop_assert_eq!(
                        (&state.start_event_id, &state.end_event_id, state.parent_span_id),
                        (&span.start_event_id, &span.end_event_id, span.parent_span_id())
                    );
                    proptest::prop_assert_eq!(
                        (state.duration_ms, state.total_tokens, state.parent_rule, state.missing),
                        (span.duration_ms, span.usage.total_tokens, span.parent_rule, span.missing)
                    );
                }
                proptest::prop_assert_eq!(states.len(), count);
            }
        }
    }
}
