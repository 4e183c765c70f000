//! Rows of the events table.

use std::collections::BTreeMap;

use runtrail_core::event::{TraceEvent, View};
use runtrail_core::json::RawJson;

use super::scope::{Scope, Scopes};
use super::{ROW_OVERHEAD, RowBuilder};

/// Values that did not fit their column, by column; they stay in `payload`.
pub(crate) type Misfits = BTreeMap<String, u64>;

/// Makes rows of events, for one row group where they go straight to its columns.
#[derive(Default)]
pub(crate) struct EventRows {
    scopes: Scopes,
    /// What did not fit its column.
    pub(crate) misfits: Misfits,
}

impl EventRows {
    /// Appends an event; the order is the schema's.
    pub(crate) fn push(&mut self, rows: &mut RowBuilder, event: &TraceEvent) {
        let scope = self.scopes.of(&event.ctx);
        push_event(rows, event, scope, &mut self.misfits);
    }
}

/// Returns the bytes of values of an event's row, about: what a row group is cut by.
pub(crate) fn event_bytes(event: &TraceEvent) -> usize {
    event.text_bytes() + ROW_OVERHEAD
}

/// Appends an event. The payload fields that have columns of their own are 14, between `seq` and
/// `payload`; a kind of event has few of them.
fn push_event(rows: &mut RowBuilder, event: &TraceEvent, scope: &mut Scope, misfits: &mut Misfits) {
    rows.text(Some(&event.event_id));
    rows.text(Some(&event.request_id));
    rows.text(Some(event.kind.as_str()));
    rows.text(event.op_name.as_deref());
    rows.scope(scope);
    rows.time(Some(event.timestamp));
    rows.count(event.seq);
    let mut fit = Fit { rows, misfits };
    match event.view() {
        View::OpEnd(v) => {
            fit.text("status", v.status);
            fit.float("duration_ms", v.duration_ms);
            fit.rows.skip(1);
            fit.integer("yield_count", v.yield_count);
            fit.rows.skip(10);
        }
        View::OpYield(v) => {
            fit.rows.skip(2);
            fit.integer("yield_index", v.idx);
            fit.rows.skip(11);
        }
        View::Annotation(v) => {
            fit.rows.skip(4);
            fit.text("annotation_key", v.key);
            fit.rows.skip(9);
        }
        View::GroupStart(v) => {
            fit.rows.skip(5);
            fit.text("group_name", v.name);
            fit.rows.skip(8);
        }
        View::GroupEnd(v) => {
            fit.text("status", v.status);
            fit.rows.skip(4);
            fit.text("group_name", v.name);
            fit.rows.skip(8);
        }
        View::LlmUsage(v) => {
            fit.rows.skip(6);
            fit.text("llm_model", v.model);
            fit.integer("llm_prompt_tokens", v.prompt_tokens);
            fit.integer("llm_completion_tokens", v.completion_tokens);
            fit.integer("llm_total_tokens", v.total_tokens);
            fit.float("llm_cost_usd", v.cost_usd);
            fit.rows.skip(3);
        }
        View::MediaRef(v) => {
            fit.rows.skip(11);
            fit.text("media_handle", v.handle);
            fit.text("media_mime", v.mime);
            fit.integer("media_size_bytes", v.size_bytes);
        }
        View::OpStart(_) | View::Unknown => fit.rows.skip(14),
    }
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
