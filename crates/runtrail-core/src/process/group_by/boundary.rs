//! Where groups begin and end.

use std::fmt;
use std::time::Duration;

use crate::event::{EventKind, TraceEvent};
use crate::process::SettingsError;
use crate::process::pattern::NamePattern;
use crate::process::value::ValuePath;
use crate::text::Text;
use crate::time::Timestamp;

/// Where a group ends and the next one begins.
#[derive(Debug)]
pub enum Boundary {
    /// A group begins with each event that matches; what comes before the first is in none.
    StartsAt(EventMatch),
    /// A group ends with each event that matches, and the next event begins another.
    EndsAt(EventMatch),
    /// A group ends before the first event whose key is another than the group's; an event that has
    /// no key belongs to the group that is open, if one is. The group's start carries the `key`.
    KeyChange(ValuePath),
    /// A group ends with the last of this many events that match.
    Every(u64, EventMatch),
    /// A group ends before the first event that is this long after the group's first one, or
    /// longer, by their timestamps.
    MaxDuration(Duration),
}

impl Boundary {
    pub(super) fn check(&self) -> Result<(), SettingsError> {
        match self {
            Self::Every(0, _) => Err(SettingsError::new("every", "must be at least 1")),
            Self::MaxDuration(Duration::ZERO) => {
                Err(SettingsError::new("max_duration", "must be more than 0"))
            }
            _ => Ok(()),
        }
    }

    pub(super) fn key(&self, event: &TraceEvent) -> Option<Text> {
        match self {
            Self::KeyChange(path) => path.of(event).map(Text::new),
            _ => None,
        }
    }

    pub(super) fn is_over(&self, started_at: Timestamp, now: Timestamp) -> bool {
        matches!(self, Self::MaxDuration(limit)
            if now.millis_since(started_at) >= limit.as_secs_f64() * 1e3)
    }

    pub(super) fn counts(&self, event: &TraceEvent) -> bool {
        matches!(self, Self::Every(_, what) if what.matches(event))
    }

    pub(super) fn ends_after(&self, event: &TraceEvent, counted: u64) -> bool {
        match self {
            Self::EndsAt(last) => last.matches(event),
            Self::Every(count, _) => counted >= *count,
            _ => false,
        }
    }
}

/// Which events are meant: those that meet every condition. Without one, all.
#[derive(Default)]
pub struct EventMatch {
    kind: Option<String>,
    op: Option<NamePattern>,
    test: Option<Box<Test>>,
}

type Test = dyn Fn(&TraceEvent) -> bool + Send;

impl EventMatch {
    /// Every event.
    pub fn any() -> Self {
        Self::default()
    }

    /// Events of a kind, named as on the wire.
    pub fn kind(kind: impl Into<String>) -> Self {
        Self {
            kind: Some(kind.into()),
            ..Self::default()
        }
    }

    /// Events that a function speaks for. It must decide by the event alone.
    pub fn when(test: impl Fn(&TraceEvent) -> bool + Send + 'static) -> Self {
        Self {
            test: Some(Box::new(test)),
            ..Self::default()
        }
    }

    /// Also asks for the op's name, in which `*` stands for any characters.
    pub fn op(mut self, pattern: &str) -> Self {
        self.op = Some(NamePattern::new(pattern));
        self
    }

    pub(super) fn matches(&self, event: &TraceEvent) -> bool {
        let is = |kind: &String| EventKind::as_str(&event.kind) == kind.as_str();
        let named = |pattern: &NamePattern| {
            let name = event.op_name.as_deref();
            name.is_some_and(|name| pattern.matches(name))
        };
        self.kind.as_ref().is_none_or(is)
            && self.op.as_ref().is_none_or(named)
            && self.test.as_ref().is_none_or(|test| test(event))
    }
}

impl fmt::Debug for EventMatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventMatch")
            .field("kind", &self.kind)
            .field("op", &self.op)
            .field("test", &self.test.is_some())
            .finish()
    }
}
