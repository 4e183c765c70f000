//! What happens to the children of a span that is left out.

use std::borrow::Cow;
use std::collections::VecDeque;

use super::edit::with_field;
use super::runs::Map;
use crate::event::{TraceEvent, View};
use crate::json::{RawJson, push_string};
use crate::text::Text;

/// The event id of the opener that an opener says it was opened in.
pub(super) fn parent_id(event: &TraceEvent) -> Option<Cow<'_, str>> {
    match event.view() {
        View::OpStart(view) => view.parent_id,
        View::GroupStart(view) => view.parent_id,
        _ => None,
    }
    .and_then(RawJson::as_str)
}

/// The openers of a run that were left out, and who takes their place as a parent.
#[derive(Default)]
pub(super) struct Lift {
    left_out: Map<Text, Option<Text>>,
    order: VecDeque<Text>,
}

impl Lift {
    /// Notes that an opener is left out; openers of a run must come in their order.
    pub(super) fn leave_out(&mut self, opener: &TraceEvent, limit: usize) {
        let parent = parent_id(opener).and_then(|id| match self.left_out.get(&*id) {
            Some(lifted) => lifted.clone(),
            None => Some(Text::new(&*id)),
        });
        let id = opener.event_id.detached();
        if self.left_out.insert(id.clone(), parent).is_none() {
            self.order.push_back(id);
        }
        if self.order.len() > limit
            && let Some(oldest) = self.order.pop_front()
        {
            self.left_out.remove(&oldest);
        }
    }

    /// Whether an event says that it belongs to an opener that was left out.
    pub(super) fn owns(&self, event: &TraceEvent) -> bool {
        !self.left_out.is_empty()
            && event
                .view()
                .opener_id()
                .is_some_and(|id| self.left_out.contains_key(&*id))
    }

    /// Hangs an opener whose parent was left out on the nearest one above that was not.
    pub(super) fn lift(&self, mut event: TraceEvent) -> TraceEvent {
        if self.left_out.is_empty() {
            return event;
        }
        let Some(lifted) = parent_id(&event).and_then(|id| self.left_out.get(&*id)) else {
            return event;
        };
        let quoted = lifted.as_ref().map(|id| {
            let mut quoted = String::new();
            push_string(&mut quoted, id);
            quoted
        });
        event.payload = with_field(&event.kind, &event.payload, "parent_id", quoted.as_deref());
        event
    }
}
