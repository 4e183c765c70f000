//! The groups of a run that are open, paired as the fold pairs them.

use crate::event::{TraceEvent, View};
use crate::json::RawJson;
use crate::text::Text;

/// Groups are looked for one by one, so that more than this at once are not tracked.
const MAX_OPEN: usize = 10_000;

/// The open groups, outermost first.
#[derive(Default)]
pub(super) struct Groups {
    open: Vec<Group>,
}

pub(super) struct Group {
    pub(super) id: Text,
    name: Text,
}

impl Groups {
    pub(super) fn depth(&self) -> usize {
        self.open.len()
    }

    pub(super) fn innermost(&self) -> Option<&Text> {
        self.open.last().map(|group| &group.id)
    }

    pub(super) fn contains(&self, id: &str) -> bool {
        self.open.iter().any(|group| group.id == *id)
    }

    /// Takes a `group_start`; whether there was room.
    pub(super) fn start(&mut self, event: &TraceEvent, max_open: usize) -> bool {
        let View::GroupStart(view) = event.view() else {
            return true;
        };
        let room = self.open.len() < max_open.min(MAX_OPEN);
        if room {
            self.open.push(Group {
                id: event.event_id.detached(),
                name: name_of(view.name),
            });
        }
        room
    }

    /// Finds the group that a `group_end` closes, by its place from the outermost.
    pub(super) fn closed_by(&self, event: &TraceEvent) -> Option<usize> {
        let View::GroupEnd(view) = event.view() else {
            return None;
        };
        match event.view().opener_id() {
            Some(id) => self.open.iter().rposition(|group| group.id == *id),
            None => {
                let name = name_of(view.name);
                self.open.iter().rposition(|group| group.name == name)
            }
        }
    }

    pub(super) fn close(&mut self, at: usize) -> Group {
        self.open.remove(at)
    }
}

fn name_of(name: Option<RawJson<'_>>) -> Text {
    Text::new(&*name.and_then(RawJson::as_str).unwrap_or_default())
}
