//! Rows of the events table.

use std::collections::BTreeMap;

use runtrail_core::event::{Ctx, TraceEvent, View};
use runtrail_core::json::RawJson;
use runtrail_core::text::Text;

use super::{ROW_OVERHEAD, RowBuilder};

/// Values that did not fit their column, by column; they stay in `payload`.
pub(crate) type Misfits = BTreeMap<String, u64>;

/// The payload fields that have columns of their own.
#[derive(Default)]
struct Promoted<'a> {
    status: Option<RawJson<'a>>,
    duration_ms: Option<RawJson<'a>>,
    yield_index: Option<RawJson<'a>>,
    yield_count: Option<RawJson<'a>>,
    annotation_key: Option<RawJson<'a>>,
    group_name: Option<RawJson<'a>>,
    llm_model: Option<RawJson<'a>>,
    llm_prompt_tokens: Option<RawJson<'a>>,
    llm_completion_tokens: Option<RawJson<'a>>,
    llm_total_tokens: Option<RawJson<'a>>,
    llm_cost_usd: Option<RawJson<'a>>,
    media_handle: Option<RawJson<'a>>,
    media_mime: Option<RawJson<'a>>,
    media_size_bytes: Option<RawJson<'a>>,
}

impl<'a> Promoted<'a> {
    fn of(event: &'a TraceEvent) -> Self {
        let none = Self::default();
        match event.view() {
            View::OpEnd(v) => Self {
                status: v.status,
                duration_ms: v.duration_ms,
                yield_count: v.yield_count,
                ..none
            },
            View::OpYield(v) => Self {
                yield_index: v.idx,
                ..none
            },
            View::Annotation(v) => Self {
                annotation_key: v.key,
                ..none
            },
            View::GroupStart(v) => Self {
                group_name: v.name,
                ..none
            },
            View::GroupEnd(v) => Self {
                group_name: v.name,
                status: v.status,
                ..none
            },
            View::LlmUsage(v) => Self {
                llm_model: v.model,
                llm_prompt_tokens: v.prompt_tokens,
                llm_completion_tokens: v.completion_tokens,
                llm_total_tokens: v.total_tokens,
                llm_cost_usd: v.cost_usd,
                ..none
            },
            View::MediaRef(v) => Self {
                media_handle: v.handle,
                media_mime: v.mime,
                media_size_bytes: v.size_bytes,
                ..none
            },
            View::OpStart(_) | View::Unknown => none,
        }
    }
}

/// Makes rows of events.
#[derive(Default)]
pub(crate) struct EventRows {
    /// The latest path of scopes, and how it is shown: the next event's is mostly the same.
    ctx_path: (Ctx, String),
    /// What did not fit its column.
    pub(crate) misfits: Misfits,
}

impl EventRows {
    /// Appends an event; the order is the schema's.
    pub(crate) fn push(&mut self, rows: &mut RowBuilder, event: &TraceEvent) {
        if self.ctx_path.0 != event.ctx {
            self.ctx_path = (event.ctx.clone(), event.ctx.path());
        }
        push_event(rows, event, &self.ctx_path.1, &mut self.misfits);
    }
}

/// Returns the bytes of values of an event's row, about: what a row group is cut by.
pub(crate) fn event_bytes(event: &TraceEvent) -> usize {
    event.text_bytes() + ROW_OVERHEAD
}

fn push_event(rows: &mut RowBuilder, event: &TraceEvent, ctx_path: &str, misfits: &mut Misfits) {
    rows.text(Some(&event.event_id));
    rows.text(Some(&event.request_id));
    rows.text(Some(event.kind.as_str()));
    rows.text(event.op_name.as_deref());
    rows.texts(event.ctx.segments().iter().map(Text::as_str));
    rows.text(Some(ctx_path));
    rows.time(Some(event.timestamp));
    rows.count(event.seq);
    let promoted = Promoted::of(event);
    let mut fit = Fit { rows, misfits };
    fit.text("status", promoted.status);
    fit.float("duration_ms", promoted.duration_ms);
    fit.integer("yield_index", promoted.yield_index);
    fit.integer("yield_count", promoted.yield_count);
    fit.text("annotation_key", promoted.annotation_key);
    fit.text("group_name", promoted.group_name);
    fit.text("llm_model", promoted.llm_model);
    fit.integer("llm_prompt_tokens", promoted.llm_prompt_tokens);
    fit.integer("llm_completion_tokens", promoted.llm_completion_tokens);
    fit.integer("llm_total_tokens", promoted.llm_total_tokens);
    fit.float("llm_cost_usd", promoted.llm_cost_usd);
    fit.text("media_handle", promoted.media_handle);
    fit.text("media_mime", promoted.media_mime);
    fit.integer("media_size_bytes", promoted.media_size_bytes);
    rows.text(Some(event.payload.text()));
    rows.text(event.extra.as_deref());
}

/// Appends values where they fit their column, and counts where they do not.
struct Fit<'r> {
    rows: &'r mut RowBuilder,
    misfits: &'r mut Misfits,
}

impl Fit<'_> {
    fn text(&mut self, column: &str, value: Option<RawJson<'_>>) {
        let fitting = self.checked(column, value, RawJson::as_str);
        self.rows.text(fitting.as_deref());
    }

    fn integer(&mut self, column: &str, value: Option<RawJson<'_>>) {
        let fitting = self.checked(column, value, RawJson::as_i64);
        self.rows.integer(fitting);
    }

    fn float(&mut self, column: &str, value: Option<RawJson<'_>>) {
        let fitting = self.checked(column, value, RawJson::as_f64);
        self.rows.float(fitting);
    }

    fn checked<'a, T>(
        &mut self,
        column: &str,
        value: Option<RawJson<'a>>,
        read: fn(RawJson<'a>) -> Option<T>,
    ) -> Option<T> {
        let value = value.filter(|value| !value.is_null())?;
        let fitting = read(value);
        if fitting.is_none() {
            *self.misfits.entry(column.to_owned()).or_default() += 1;
        }
        fitting
    }
}
