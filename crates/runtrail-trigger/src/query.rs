//! What a store can be asked, and the pages of its answers.

mod limit;
mod page;

use std::fmt;
use std::str::FromStr;

use runtrail_core::text::Text;
use runtrail_core::time::Timestamp;

pub use limit::{Limit, LimitError};
pub use page::{EventPage, MarkerPage, Page, TriggerRunPage};

/// A stretch of time; both of its ends belong to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TimeRange {
    /// Its first moment; without one it has no beginning.
    pub from: Option<Timestamp>,
    /// Its last moment; without one it has no end.
    pub until: Option<Timestamp>,
}

impl TimeRange {
    /// Whether a moment lies in it.
    pub fn contains(&self, at: Timestamp) -> bool {
        self.from.is_none_or(|from| from <= at) && self.until.is_none_or(|until| at <= until)
    }
}

/// A place between two records: after the one with this time and id.
///
/// As text it is `TIME/ID`, and reads back so.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cursor {
    /// The time of the record that was last.
    pub timestamp: Timestamp,
    /// Its id: records of one time are in the order of their ids.
    pub id: Text,
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.timestamp, self.id)
    }
}

/// Why a text is not a [`Cursor`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected TIME/ID, as the page before says")]
pub struct CursorError;

impl FromStr for Cursor {
    type Err = CursorError;

    fn from_str(text: &str) -> Result<Self, CursorError> {
        let (time, id) = text.split_once('/').ok_or(CursorError)?;
        Ok(Self {
            timestamp: Timestamp::parse_with(time, Some(0)).map_err(|_| CursorError)?,
            id: id.into(),
        })
    }
}

/// Which markers are wanted, by what came of their events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum MarkerState {
    /// All of them.
    #[default]
    All,
    /// Those that any condition listens to, or that satisfied one.
    Matched,
    /// Those that no condition listens to.
    Unmatched,
    /// Those that triggered a run.
    Triggered,
    /// Those that triggered none.
    Untriggered,
}

impl MarkerState {
    /// All states, each with its name.
    pub const NAMES: [(Self, &'static str); 5] = [
        (Self::All, "all"),
        (Self::Matched, "matched"),
        (Self::Unmatched, "unmatched"),
        (Self::Triggered, "triggered"),
        (Self::Untriggered, "untriggered"),
    ];

    /// Whether an event with these flags is wanted.
    pub fn wants(self, matched: bool, triggered: bool) -> bool {
        match self {
            Self::All => true,
            Self::Matched => matched,
            Self::Unmatched => !matched,
            Self::Triggered => triggered,
            Self::Untriggered => !triggered,
        }
    }
}

/// A name that is none of [`MarkerState::NAMES`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is none of all, matched, unmatched, triggered and untriggered")]
pub struct UnknownState(pub String);

impl FromStr for MarkerState {
    type Err = UnknownState;

    fn from_str(name: &str) -> Result<Self, UnknownState> {
        let mut states = Self::NAMES.into_iter();
        let found = states.find(|(_, known)| *known == name);
        found
            .map(|(state, _)| state)
            .ok_or_else(|| UnknownState(name.to_owned()))
    }
}

/// Asks for markers, oldest first.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MarkerQuery {
    /// Which of them.
    pub state: MarkerState,
    /// When their events happened.
    pub range: TimeRange,
    /// Only what comes after this: the [`next`](Page::next) of the page before.
    pub after: Option<Cursor>,
    /// How many at most.
    pub limit: Limit,
}

/// Which events are wanted; what is `None` does not matter.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EventFilter {
    /// Of this code.
    pub code: Option<Text>,
    /// Emitted by this run.
    pub request_id: Option<Text>,
    /// Whether any condition listens to them or was satisfied by them.
    pub matched: Option<bool>,
    /// Whether they triggered a run.
    pub triggered: Option<bool>,
    /// When they happened.
    pub range: TimeRange,
}

/// Asks for events with all that they carry, newest first.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EventQuery {
    /// Which of them.
    pub filter: EventFilter,
    /// Only what comes after this, that is earlier: the [`next`](Page::next) of the page before.
    pub after: Option<Cursor>,
    /// How many at most. A page also ends when its payloads reach [`MAX_PAGE_BYTES`].
    pub limit: Limit,
}

/// A page of events ends with the one whose payload takes it to this size, 64 MiB.
pub const MAX_PAGE_BYTES: usize = 64 << 20;

/// Asks for trigger runs, newest plan first; what is `None` does not matter.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TriggerRunQuery {
    /// In which this event took part.
    pub event_id: Option<Text>,
    /// That started this run.
    pub request_id: Option<Text>,
    /// In which this run took part: it satisfied a condition, or emitted an event that did, as far
    /// as the participants say.
    pub source_request_id: Option<Text>,
    /// Of which this condition was satisfied.
    pub condition_id: Option<Text>,
    /// Of this trigger.
    pub trigger_id: Option<Text>,
    /// Whether they are still pending.
    pub pending: Option<bool>,
    /// When they were planned.
    pub range: TimeRange,
    /// Only what comes after this, that is earlier: the [`next`](Page::next) of the page before.
    pub after: Option<Cursor>,
    /// How many at most.
    pub limit: Limit,
}

/// Asks for links, in the order of their times.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LinkQuery {
    /// What started a run.
    To(Text),
    /// What a run started, by itself or by an event that it emitted.
    FromRun(Text),
    /// What an event started.
    FromEvent(Text),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_reads_back_whatever_its_id_is() {
        for id in ["", "a/b", "2026/1", "é\n"] {
            let cursor = Cursor {
                timestamp: Timestamp::from_parts(1_234_567, 89),
                id: id.into(),
            };
            assert_eq!(cursor.to_string().parse(), Ok(cursor));
        }
        for wrong in ["", "e1", "yesterday/e1", "/e1"] {
            assert_eq!(wrong.parse::<Cursor>(), Err(CursorError), "{wrong}");
        }
    }

    #[test]
    fn a_state_has_a_name_and_another_name_is_an_error() {
        for (state, name) in MarkerState::NAMES {
            assert_eq!(name.parse(), Ok(state));
        }
        let error = "Matched".parse::<MarkerState>().unwrap_err();
        assert!(
            error.to_string().starts_with("\"Matched\" is none of all"),
            "{error}"
        );
    }

    #[test]
    fn both_ends_of_a_range_belong_to_it() {
        let at = Timestamp::from_micros;
        let range = TimeRange {
            from: Some(at(2)),
            until: Some(at(4)),
        };
        let inside: Vec<i64> = (0..7)
            .filter(|micros| range.contains(at(*micros)))
            .collect();
        assert_eq!(inside, [2, 3, 4]);
    }
}
