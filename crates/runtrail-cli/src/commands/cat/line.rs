//! An event as one line for people.

use std::fmt::Write as _;

use runtrail_core::event::{TraceEvent, View};
use runtrail_core::json::RawJson;
use runtrail_core::printable::Printable;

use crate::glyph::{Glyphs, State};
use crate::human::{self, Clock};
use crate::width;

/// Columns for what an event says where the terminal does not say how many it has.
const WHAT: usize = 120;

/// Columns for the id of a run, among the events of many.
const RUN: usize = 20;

/// How lines are made.
#[derive(Debug, Clone, Copy)]
pub(super) struct Line {
    pub(super) clock: Clock,
    pub(super) glyphs: Glyphs,
    pub(super) columns: Option<usize>,
    /// Whether lines name their run.
    pub(super) run: bool,
}

impl Line {
    /// Returns the line, without its end.
    pub(super) fn render(self, event: &TraceEvent) -> String {
        let mut line = self.clock.milli(event.timestamp);
        if self.run {
            let run = Printable(&event.request_id).to_string();
            let _ = write!(line, "  {}", width::cut(&run, RUN, self.glyphs.ellipsis()));
        }
        let _ = write!(line, "  {:<11}", Printable(event.kind.as_str()).to_string());
        if let Some(name) = &event.op_name {
            let _ = write!(line, "  {}", Printable(name));
            let scope = event.ctx.segments().get(1..).unwrap_or_default();
            for segment in scope {
                let _ = write!(line, " {}", Printable(segment));
            }
        }
        let room = self
            .columns
            .map_or(WHAT, |columns| columns.saturating_sub(width::of(&line) + 2));
        let what = what(event, room, self.glyphs);
        let state = match event.view() {
            View::OpEnd(end) => end
                .status
                .and_then(RawJson::as_str)
                .filter(|status| status != "ok"),
            _ => None,
        };
        match state {
            _ if what.is_empty() => line,
            Some(_) => format!("{line}  {}", self.glyphs.paint(State::Error, &what)),
            None => format!("{line}  {}", self.glyphs.dim(&what)),
        }
    }
}

/// Says what an event carries, in at most so many columns.
pub(super) fn what(event: &TraceEvent, room: usize, glyphs: Glyphs) -> String {
    let text = |value: Option<RawJson<'_>>| {
        value
            .and_then(RawJson::as_str)
            .unwrap_or_default()
            .into_owned()
    };
    let raw = |value: Option<RawJson<'_>>| {
        value
            .map_or("", RawJson::text)
            .chars()
            .take(room + 1)
            .collect::<String>()
    };
    let what = match event.view() {
        View::OpStart(start) => raw(start.inputs),
        View::OpEnd(end) => {
            let took = end
                .duration_ms
                .and_then(RawJson::as_f64)
                .map(human::duration)
                .unwrap_or_default();
            let error = end.error_info().map(|error| {
                let (kind, message) = (
                    error.kind.unwrap_or_default(),
                    error.message.unwrap_or_default(),
                );
                if kind.is_empty() {
                    message.into_owned()
                } else {
                    format!("{kind}: {message}")
                }
            });
            let rest = error.unwrap_or_else(|| raw(end.outputs));
            join(&[text(end.status), took, rest])
        }
        View::OpYield(item) => join(&[raw(item.idx), raw(item.yielded)]),
        View::Annotation(note) => format!("{} = {}", text(note.key), raw(note.value)),
        View::GroupStart(group) => text(group.name),
        View::GroupEnd(group) => join(&[text(group.name), text(group.status)]),
        View::LlmUsage(usage) => {
            let tokens = usage
                .total_tokens
                .and_then(RawJson::as_i64)
                .and_then(|tokens| u64::try_from(tokens).ok());
            let tokens = tokens
                .map(|tokens| format!("{} tok", human::count(tokens)))
                .unwrap_or_default();
            let cost = usage.cost_usd.and_then(RawJson::as_f64).map(human::dollars);
            join(&[
                text(usage.model),
                tokens,
                cost.unwrap_or_else(|| glyphs.unknown().to_owned()),
            ])
        }
        View::MediaRef(media) => join(&[text(media.mime), text(media.handle)]),
        View::Unknown => event.payload.text().chars().take(room + 1).collect(),
    };
    width::cut(&Printable(&what).to_string(), room, glyphs.ellipsis())
}

fn join(parts: &[String]) -> String {
    let parts: Vec<&str> = parts
        .iter()
        .map(String::as_str)
        .filter(|part| !part.is_empty())
        .collect();
    parts.join("  ")
}
