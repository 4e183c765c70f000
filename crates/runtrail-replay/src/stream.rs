//! Replaying: events in, state out.

use std::collections::{BTreeMap, BTreeSet};

use runtrail_core::event::TraceEvent;
use runtrail_core::fold::{Fold, FoldLimits};
use runtrail_core::json::push_string;
use runtrail_core::span::{RunSummary, SpanRecord};
use runtrail_core::text::Text;

use crate::canonical::{Checksum, Hasher};
use crate::cutoff::Cutoff;
use crate::error::{Limited, ReplayError};
use crate::project::{Moment, ProjectionError, Projections};
use crate::state::{LastEvent, RunState};
use crate::status::Status;
use crate::upcast::Upcasters;

/// How a run is replayed.
#[derive(Debug, Clone, Default)]
pub struct ReplayOptions {
    /// What the fold may hold; what it leaves out makes the replay limited.
    pub fold: FoldLimits,
    /// The steps that bring payloads to the current schema.
    pub upcasters: Upcasters,
}

/// A run as of a moment.
#[derive(Debug, Clone, PartialEq)]
pub struct Replayed {
    /// The run.
    pub run: RunState,
    /// What each projection shows, as canonical JSON, by its name.
    pub views: BTreeMap<String, String>,
    /// What was left out because of a limit; empty where nothing was.
    pub limits: Vec<String>,
    /// Which upcasters were there; `None` for none.
    pub upcasters: Option<String>,
}

impl Replayed {
    /// Returns the checksum of what the projections show.
    ///
    /// It depends on the content of the run and on which projections there are, not on where the run was
    /// read from. A limited replay has none.
    pub fn checksum(&self) -> Result<Checksum, Limited> {
        if !self.limits.is_empty() {
            return Err(Limited {
                reasons: self.limits.clone(),
            });
        }
        let upcasters = self.upcasters.as_deref().unwrap_or_default();
        let mut hasher = Hasher::default();
        hasher.text(&format!("{{\"upcasters\":\"{upcasters}\",\"views\":{{"));
        for (index, (name, view)) in self.views.iter().enumerate() {
            let mut key = String::from(if index == 0 { "" } else { "," });
            push_string(&mut key, name);
            key.push(':');
            hasher.text(&key);
            hasher.text(view);
        }
        hasher.text("}}");
        Ok(hasher.finish())
    }
}

/// Replays a run up to a cutoff. The order of the events does not matter, exact repeats count once.
pub fn replay(
    mut events: Vec<TraceEvent>,
    cutoff: &Cutoff,
    projections: Projections,
    options: &ReplayOptions,
) -> Result<Replayed, ReplayError> {
    events.sort_unstable();
    let mut repeats = Repeats::default();
    events.retain(|event| !repeats.is_repeat(event));
    let request_id = events.first().ok_or(ReplayError::Empty)?.request_id.clone();
    let until = cutoff.position(&events).ok_or_else(|| match cutoff {
        Cutoff::Event(id) => ReplayError::NoSuchEvent(id.clone()),
        _ => ReplayError::Empty,
    })?;
    let mut replayer = Replayer::new(projections, options.clone());
    replayer.request_id = Some(request_id);
    for event in &events[..until] {
        replayer.push(event)?;
    }
    if until == events.len() {
        replayer.finish()
    } else {
        replayer.now()
    }
}

/// Replays a run event by event, in their order.
pub struct Replayer {
    pub(crate) fold: Fold,
    pub(crate) projections: Projections,
    pub(crate) options: ReplayOptions,
    pub(crate) request_id: Option<Text>,
    pub(crate) repeats: Repeats,
    pub(crate) limits: BTreeSet<String>,
    spans: Vec<SpanRecord>,
}

impl Replayer {
    /// Begins a replay.
    pub fn new(projections: Projections, options: ReplayOptions) -> Self {
        Self {
            fold: Fold::new("", options.fold),
            projections,
            options,
            request_id: None,
            repeats: Repeats::default(),
            limits: BTreeSet::new(),
            spans: Vec::new(),
        }
    }

    /// Takes the next event of the run; an exact repeat changes nothing. Events must come in their order.
    pub fn push(&mut self, event: &TraceEvent) -> Result<(), ReplayError> {
        // The event before is mostly of the same chunk, where a run's id is known to be equal without a
        // look at it.
        let last = self.repeats.here.last().map(|last| &last.request_id);
        match last.or(self.request_id.as_ref()) {
            None => self.request_id = Some(event.request_id.detached()),
            Some(run) if *run != event.request_id => {
                return Err(ReplayError::ManyRuns(
                    run.to_string(),
                    event.request_id.to_string(),
                ));
            }
            Some(_) => {}
        }
        if self.repeats.is_late(event) {
            return Err(ReplayError::Late {
                event_id: event.event_id.to_string(),
            });
        }
        if self.repeats.is_repeat(event) {
            return Ok(());
        }
        let raised = if self.options.upcasters.is_empty() {
            None
        } else {
            let raised = self.options.upcasters.event(event);
            raised.map_err(|source| ReplayError::Upcast {
                event_id: event.event_id.to_string(),
                source,
            })?
        };
        let event = raised.as_ref().unwrap_or(event);
        self.projections
            .0
            .iter_mut()
            .for_each(|projection| projection.event(event));
        self.fold.push(event, &mut self.spans);
        self.hand_out();
        Ok(())
    }

    /// Notes that what is replayed is not all there is, such as when a source could not be read to its
    /// end: the replay has no checksum then.
    pub fn mark_limited(&mut self, reason: impl Into<String>) {
        self.limits.insert(reason.into());
    }

    /// Returns the run as of now: what is open is running.
    pub fn now(&self) -> Result<Replayed, ReplayError> {
        let run = self.request_id.as_deref().unwrap_or_default();
        let summary = self.fold.so_far(run);
        let open: Vec<&SpanRecord> = self.fold.open_spans(run).collect();
        let status = if summary.is_some() {
            Status::Running
        } else {
            Status::Unknown
        };
        self.at(summary.as_ref(), &open, status)
    }

    /// Ends the run: what is open was truncated.
    pub fn finish(mut self) -> Result<Replayed, ReplayError> {
        let run = self.request_id.clone().unwrap_or_default();
        let summary = self.fold.finish_run(&run, &mut self.spans);
        self.hand_out();
        let status = summary
            .as_ref()
            .map_or(Status::Unknown, |run| run.status.into());
        self.at(summary.as_ref(), &[], status)
    }

    fn hand_out(&mut self) {
        for span in &self.spans {
            if span.content_dropped > 0 {
                self.limits
                    .insert("content beyond the fold's limits".to_owned());
            }
            self.projections
                .0
                .iter_mut()
                .for_each(|projection| projection.closed(span));
        }
        self.spans.clear();
    }

    fn at(
        &self,
        summary: Option<&RunSummary>,
        open: &[&SpanRecord],
        status: Status,
    ) -> Result<Replayed, ReplayError> {
        let run = match summary {
            Some(summary) => RunState::of(summary, open, status, self.repeats.last_event()),
            None => RunState {
                request_id: self.request_id.clone().unwrap_or_default(),
                ..RunState::default()
            },
        };
        let mut limits = self.limits.clone();
        let dropped = run.anomalies.content_dropped > 0;
        if dropped || open.iter().any(|span| span.content_dropped > 0) {
            limits.insert("content beyond the fold's limits".to_owned());
        }
        if run.anomalies.open_limit > 0 {
            limits.insert("more open spans than the fold's limits".to_owned());
        }
        let moment = Moment {
            run: &run,
            summary,
            open,
        };
        let mut views = BTreeMap::new();
        for projection in &self.projections.0 {
            limits.extend(projection.limited());
            let view = projection.view(&moment)?.into_canonical();
            let view = view.ok_or_else(|| {
                ProjectionError::new(projection.name(), "its view is no JSON value")
            })?;
            views.insert(projection.name().to_owned(), view);
        }
        let steps = &self.options.upcasters;
        Ok(Replayed {
            views,
            run,
            limits: limits.into_iter().collect(),
            upcasters: (!steps.is_empty()).then(|| steps.digest()),
        })
    }
}

/// Finds exact repeats, which stand side by side in the order of events.
#[derive(Debug, Default)]
pub(crate) struct Repeats {
    /// The different events at the last position.
    pub(crate) here: Vec<TraceEvent>,
}

impl Repeats {
    /// Returns what is told of the last event that was no repeat.
    fn last_event(&self) -> Option<LastEvent> {
        self.here.last().map(LastEvent::of)
    }

    pub(crate) fn is_late(&self, event: &TraceEvent) -> bool {
        self.here
            .first()
            .is_some_and(|last| event.cmp_position(last).is_lt())
    }

    /// Whether an event was there before; remembers it.
    pub(crate) fn is_repeat(&mut self, event: &TraceEvent) -> bool {
        let Some(last) = self.here.first_mut() else {
            self.here.push(event.clone());
            return false;
        };
        let apart = last.seq != event.seq || last.timestamp != event.timestamp;
        if apart || last.cmp_position(event).is_ne() {
            last.clone_from(event);
            self.here.truncate(1);
            return false;
        }
        if self.here.iter().any(|known| event.is_repeat_of(known)) {
            return true;
        }
        self.here.push(event.clone());
        false
    }
}
