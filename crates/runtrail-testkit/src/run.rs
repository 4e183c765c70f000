//! Runs made by hand.

use runtrail_core::event::{Ctx, EventKind, Payload, TraceEvent};
use runtrail_core::text::Text;
use runtrail_core::time::Timestamp;

/// 2026-11-21T01:00:00Z, when every run made here begins.
const EPOCH_MICROS: i64 = 1_795_222_800_000_000;

/// Makes the events of a run, in order.
///
/// Each event comes a millisecond after the one before it, with the next `seq` and an id of its own.
#[derive(Debug, Clone)]
pub struct RunBuilder {
    request_id: Text,
    events: Vec<TraceEvent>,
    made: u64,
    seq: u64,
    micros: i64,
    step_micros: i64,
    stays: bool,
}

impl RunBuilder {
    /// Begins a run.
    pub fn new(request_id: &str) -> Self {
        Self {
            request_id: Text::new(request_id),
            events: Vec::new(),
            made: 0,
            seq: 0,
            micros: EPOCH_MICROS,
            step_micros: 1000,
            stays: true,
        }
    }

    /// Sets the microseconds between two events; 0 gives them one timestamp.
    pub fn step_micros(&mut self, micros: u32) -> &mut Self {
        self.step_micros = i64::from(micros);
        self
    }

    /// Gives the next event the timestamp and `seq` of the last one, as group markers have that
    /// were put in after the fact.
    pub fn share_moment(&mut self) -> &mut Self {
        self.stays = true;
        self
    }

    /// Appends an event and returns its id.
    ///
    /// # Panics
    ///
    /// Where the payload is not one JSON object.
    #[expect(
        clippy::panic,
        reason = "a test that writes broken JSON is to hear of it"
    )]
    pub fn push(&mut self, kind: &str, op_name: Option<&str>, ctx: &[&str], payload: &str) -> Text {
        if !std::mem::take(&mut self.stays) {
            self.seq += 1;
            self.micros += self.step_micros;
        }
        let event_id = Text::new(format!("{}-{:05}", self.request_id, self.made));
        self.made += 1;
        let kind = EventKind::known(kind).unwrap_or_else(|| EventKind::Unknown(Text::new(kind)));
        let Some(payload) = Payload::new(&kind, payload) else {
            panic!("not a JSON object: {payload}")
        };
        self.events.push(TraceEvent {
            event_id: event_id.clone(),
            request_id: self.request_id.clone(),
            kind,
            op_name: op_name.map(Text::new),
            ctx: Ctx::new(ctx.iter().copied()),
            timestamp: Timestamp::from_micros(self.micros),
            seq: self.seq,
            payload,
            extra: None,
        });
        event_id
    }

    /// Appends the last event once more, an exact repeat.
    pub fn repeat(&mut self) -> &mut Self {
        self.events.extend(self.events.last().cloned());
        self
    }

    /// Returns the events so far.
    pub fn events(&self) -> &[TraceEvent] {
        &self.events
    }

    /// Ends the run.
    pub fn into_events(self) -> Vec<TraceEvent> {
        self.events
    }
}
