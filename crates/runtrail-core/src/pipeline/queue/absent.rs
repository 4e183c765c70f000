//! Openers that an exporter does not get, and what goes with them.

use std::collections::{HashMap, HashSet};

use crate::event::{EventKind, TraceEvent, View};
use crate::json::RawJson;
use crate::text::Text;

/// Openers that are absent, by their run.
///
/// Each leaves with its one end, at the latest with its run: there are no more than are open.
#[derive(Debug, Default)]
pub(super) struct Absent(HashMap<Text, HashSet<Text>>);

impl Absent {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a run has any.
    pub(super) fn has_some_of(&self, request_id: &Text) -> bool {
        self.0.contains_key(request_id)
    }

    /// Takes note of an event that is absent, where it is an opener.
    pub(super) fn add(&mut self, event: &TraceEvent) {
        if !matches!(event.kind, EventKind::OpStart | EventKind::GroupStart) {
            return;
        }
        let id = event.event_id.detached();
        match self.0.get_mut(&event.request_id) {
            Some(openers) => {
                openers.insert(id);
            }
            None => {
                let openers = HashSet::from([id]);
                self.0.insert(event.request_id.detached(), openers);
            }
        }
    }

    /// Whether what an event belongs to is absent; its end takes it off the list. `paired` is the opener
    /// of an end that names none.
    pub(super) fn has_owner_of(&mut self, event: &TraceEvent, paired: Option<&Text>) -> bool {
        if !matches!(event.kind, EventKind::OpEnd | EventKind::GroupEnd) {
            return self.lacks_owner_of(event, paired);
        }
        let Some(openers) = self.0.get_mut(&event.request_id) else {
            return false;
        };
        let was_absent = with_owner_of(event, paired, |id| openers.remove(id));
        if openers.is_empty() {
            self.0.remove(&event.request_id);
        }
        was_absent
    }

    /// Whether what an event belongs to is absent; the list stays as it is.
    pub(super) fn lacks_owner_of(&self, event: &TraceEvent, paired: Option<&Text>) -> bool {
        let openers = self.0.get(&event.request_id);
        openers.is_some_and(|openers| with_owner_of(event, paired, |id| openers.contains(id)))
    }

    /// Forgets those of a run that is over.
    pub(super) fn forget(&mut self, request_id: &Text) {
        self.0.remove(request_id);
    }
}

/// Asks something of the opener that an event belongs to; no where it belongs to none.
fn with_owner_of(
    event: &TraceEvent,
    paired: Option<&Text>,
    ask: impl FnOnce(&str) -> bool,
) -> bool {
    let view = event.view();
    let parent = match view {
        View::OpStart(view) => view.parent_id,
        View::GroupStart(view) => view.parent_id,
        _ => None,
    };
    let named = view.opener_id().or(parent.and_then(RawJson::as_str));
    let id = paired.map(Text::as_str).or(named.as_deref());
    id.is_some_and(ask)
}
