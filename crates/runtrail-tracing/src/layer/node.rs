//! What an open span stands for.

use runtrail_core::emit::{Group, LlmUsage, Op, Run};
use serde::Serialize;
use tracing::{Level, Metadata};

use super::no_ctx;
use crate::fields::{Fields, Usage};
use crate::value::{Object, Value};

/// What stands in a run for a span.
#[derive(Debug)]
pub(super) enum Place {
    Op(Op),
    Group(Group),
}

/// What is known of a span that is open.
#[derive(Debug)]
pub(super) struct Node {
    place: Place,
    /// The run, on the span that began it. Spans close after those in them, so it ends last.
    run: Option<Run>,
    usage: Usage,
    error: Option<String>,
    later: Option<Box<Fields>>,
}

impl Node {
    pub(super) fn new(place: Place, run: Option<Run>, fields: Fields) -> Self {
        Self {
            place,
            run,
            usage: fields.usage,
            error: fields.error,
            later: None,
        }
    }

    /// Opens a span in what another one stands for.
    pub(super) fn within(outer: &Place, name: &'static str, fields: Fields) -> Self {
        let place = match (outer, &fields.group) {
            (Place::Op(op), None) => Place::Op(op.op(name, || &fields.rest)),
            (Place::Group(group), None) => Place::Op(group.op(name, no_ctx(), || &fields.rest)),
            (Place::Op(op), Some(group)) => Place::Group(op.group(called(group, name))),
            (Place::Group(outer), Some(group)) => Place::Group(outer.group(called(group, name))),
        };
        Self::opened(place, None, fields)
    }

    /// Opens a span at the top of a run.
    pub(super) fn of_run(run: Run, name: &'static str, fields: Fields) -> Self {
        let place = match &fields.group {
            None => Place::Op(run.op(name, no_ctx(), || &fields.rest)),
            Some(group) => Place::Group(run.group(called(group, name))),
        };
        Self::opened(place, Some(run), fields)
    }

    fn opened(place: Place, run: Option<Run>, fields: Fields) -> Self {
        if let Place::Group(group) = &place {
            tell(group, &fields.rest);
        }
        Self::new(place, run, fields)
    }

    pub(super) fn place(&self) -> &Place {
        &self.place
    }

    pub(super) fn is_recorded(&self) -> bool {
        match &self.place {
            Place::Op(op) => op.is_recorded(),
            Place::Group(group) => group.is_recorded(),
        }
    }

    /// Takes fields that were recorded after the span began.
    pub(super) fn absorb(&mut self, fields: Fields) {
        match &mut self.later {
            Some(later) => later.absorb(fields),
            None => self.later = Some(Box::new(fields)),
        }
    }

    pub(super) fn annotate<V: Serialize>(&self, key: &str, value: impl FnOnce() -> V) {
        match &self.place {
            Place::Op(op) => op.annotate(key, value),
            Place::Group(group) => group.annotate(key, value),
        }
    }

    /// Records an event.
    pub(super) fn happened(&mut self, metadata: &Metadata<'_>, fields: Fields) {
        if fields.usage.is_some() {
            self.llm_usage(fields.usage.as_llm(&self.usage));
        }
        if *metadata.level() == Level::ERROR && self.error.is_none() {
            // The first that is said is nearest to why.
            let message = fields.message.clone().or_else(|| fields.error.clone());
            self.error = Some(message.unwrap_or_else(|| metadata.name().to_owned()));
        }
        self.annotate("event", || note(metadata, fields));
    }

    fn llm_usage(&self, usage: LlmUsage<'_>) {
        match &self.place {
            Place::Op(op) => op.llm_usage(usage),
            // A group sums up what is used in it, and uses nothing itself.
            Place::Group(group) => {
                let op = group.op("llm", no_ctx(), || ());
                op.llm_usage(usage);
                op.end_ok(|| ());
            }
        }
    }

    /// Ends what the span stands for: the span was closed.
    pub(super) fn end(mut self) {
        let mut outputs = None;
        let mut error = self.error.take();
        if let Some(later) = self.later.take() {
            self.usage.absorb(later.usage);
            error = error.or(later.error);
            outputs = Some(later.rest);
        }
        if self.usage.is_some() {
            self.llm_usage(self.usage.as_llm(&self.usage));
        }
        match (self.place, error) {
            (Place::Op(op), Some(message)) => {
                // An error has no outputs, and what was recorded is no less true.
                if let Some(outputs) = outputs.filter(|outputs| !outputs.0.is_empty()) {
                    op.annotate("outputs", || outputs);
                }
                op.end_error("error", message);
            }
            (Place::Op(op), None) => op.end_ok(|| outputs),
            (Place::Group(group), error) => {
                if let Some(outputs) = outputs {
                    tell(&group, &outputs);
                }
                match error {
                    Some(_) => group.end_error(),
                    None => drop(group),
                }
            }
        }
        drop(self.run);
    }
}

/// Notes fields on a group.
fn tell(group: &Group, fields: &Object) {
    for (name, value) in &fields.0 {
        group.annotate(name, || value);
    }
}

/// An event as the value of a note.
fn note(metadata: &Metadata<'_>, fields: Fields) -> Object {
    let text = |text: &str| Value::Text(text.to_owned());
    let mut note = vec![
        ("level", text(metadata.level().as_str())),
        ("target", text(metadata.target())),
    ];
    if let Some(message) = fields.message {
        note.push(("message", Value::Text(message)));
    }
    note.extend(fields.rest.0);
    Object(note)
}

/// The name of a group that may leave it to its span.
fn called<'a>(group: &'a str, span: &'a str) -> &'a str {
    if group.is_empty() { span } else { group }
}
