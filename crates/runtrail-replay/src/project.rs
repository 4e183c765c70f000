//! What is made of a run's events.

mod links;
mod spans;
mod usage;

use runtrail_core::event::TraceEvent;
use runtrail_core::json::Canonical;
use runtrail_core::span::{RunSummary, SpanRecord};

use crate::state::RunState;
pub use spans::SpanState;

/// One view of a run, built event by event.
///
/// It is given events in their order and without repeats, and each span when the fold closes it: after
/// the event that closed it, or at the end of the run. It must hold nothing but what follows from these,
/// so that equal runs give equal views.
pub trait Projection: Send {
    /// Returns its name, which no other projection of the replay has.
    fn name(&self) -> &str;

    /// Returns the version of what it saves; a snapshot of another one is refused.
    fn version(&self) -> u32;

    /// Takes the next event.
    fn event(&mut self, event: &TraceEvent);

    /// Takes a span that has closed.
    fn closed(&mut self, span: &SpanRecord);

    /// Returns what it shows at a moment. It is not changed by it.
    fn view(&self, moment: &Moment<'_>) -> Result<Shown, ProjectionError>;

    /// Returns what it has gathered, as text, to go on from.
    fn save(&self) -> Result<String, ProjectionError>;

    /// Takes over what [`Projection::save`] gave, before any event is taken.
    fn restore(&mut self, state: &str) -> Result<(), ProjectionError>;

    /// Says what it left out because of a limit.
    fn limited(&self) -> Option<String>;
}

/// What a projection shows: one JSON value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    text: String,
    is_canonical: bool,
}

impl Shown {
    /// Takes a value's text. It is looked at when it is used.
    pub fn json(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            is_canonical: false,
        }
    }

    /// Takes a text that was written in canonical form.
    fn canonical(text: String) -> Self {
        Self {
            text,
            is_canonical: true,
        }
    }

    /// Returns the value in canonical form; `None` where the text is no JSON value.
    pub(crate) fn into_canonical(self) -> Option<String> {
        if self.is_canonical {
            return Some(self.text);
        }
        let mut canonical = String::with_capacity(self.text.len());
        let done = Canonical::default().push(&mut canonical, &self.text);
        done.then_some(canonical)
    }
}

/// A moment of a run.
#[derive(Debug)]
pub struct Moment<'m> {
    /// The run.
    pub run: &'m RunState,
    /// What the fold says of it.
    pub summary: Option<&'m RunSummary>,
    /// The spans that are open, in the order of their starts.
    pub open: &'m [&'m SpanRecord],
}

/// Why a projection failed.
#[derive(Debug, thiserror::Error)]
#[error("the projection {name}: {why}")]
pub struct ProjectionError {
    name: String,
    why: String,
}

impl ProjectionError {
    /// Says which projection failed, and why.
    pub fn new(name: impl Into<String>, why: impl std::fmt::Display) -> Self {
        Self {
            name: name.into(),
            why: why.to_string(),
        }
    }
}

/// The projections of a replay.
///
/// | name | shows |
/// |---|---|
/// | `run` | counts, times, status, the current op, the last event, anomalies |
/// | `ops` | each op by its span id: status, times, parent, usage, a checksum of its content |
/// | `groups` | each group, likewise |
/// | `links` | what started the run |
/// | `usage` | tokens and cost, in all and by model |
#[derive(Default)]
pub struct Projections(pub(crate) Vec<Box<dyn Projection>>);

impl Projections {
    /// The names of the built-in ones.
    pub const NAMES: [&'static str; 5] = ["run", "ops", "groups", "links", "usage"];

    /// Takes all that are built in.
    pub fn all() -> Self {
        Self::NAMES.iter().fold(Self::default(), |all, name| {
            all.named(name).unwrap_or_default()
        })
    }

    /// Adds a built-in one; `None` where there is none of that name. One that is there stays.
    pub fn named(self, name: &str) -> Option<Self> {
        Some(self.with(match name {
            "run" => Box::new(Run),
            "ops" => Box::new(spans::Spans::ops()),
            "groups" => Box::new(spans::Spans::groups()),
            "links" => Box::new(links::Links),
            "usage" => Box::new(usage::ByModel::default()),
            _ => return None,
        }))
    }

    /// Adds any projection, unless one of its name is there.
    pub fn with(mut self, projection: Box<dyn Projection>) -> Self {
        if !self.0.iter().any(|known| known.name() == projection.name()) {
            self.0.push(projection);
        }
        self
    }
}

impl std::fmt::Debug for Projections {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list()
            .entries(self.0.iter().map(|projection| projection.name()))
            .finish()
    }
}

/// Renders a state of this crate.
fn to_json<T: serde::Serialize>(name: &str, state: &T) -> Result<String, ProjectionError> {
    serde_json::to_string(state).map_err(|error| ProjectionError::new(name, error))
}

/// The projection `run`: all of it is known to the replay itself.
struct Run;

impl Projection for Run {
    fn name(&self) -> &'static str {
        "run"
    }

    fn version(&self) -> u32 {
        1
    }

    fn event(&mut self, _event: &TraceEvent) {}

    fn closed(&mut self, _span: &SpanRecord) {}

    fn view(&self, moment: &Moment<'_>) -> Result<Shown, ProjectionError> {
        to_json(self.name(), moment.run).map(Shown::json)
    }

    fn save(&self) -> Result<String, ProjectionError> {
        Ok(String::new())
    }

    fn restore(&mut self, _state: &str) -> Result<(), ProjectionError> {
        Ok(())
    }

    fn limited(&self) -> Option<String> {
        None
    }
}
