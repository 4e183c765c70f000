//! The projection `links`: what started the run.

use runtrail_core::event::TraceEvent;
use runtrail_core::span::SpanRecord;

use super::{Moment, Projection, ProjectionError, Shown, to_json};

/// The links are gathered by the fold.
pub(super) struct Links;

impl Projection for Links {
    fn name(&self) -> &'static str {
        "links"
    }

    fn version(&self) -> u32 {
        1
    }

    fn event(&mut self, _event: &TraceEvent) {}

    fn closed(&mut self, _span: &SpanRecord) {}

    fn view(&self, moment: &Moment<'_>) -> Result<Shown, ProjectionError> {
        let links = moment.summary.map(|run| run.links.as_slice());
        to_json(self.name(), &links.unwrap_or_default()).map(Shown::json)
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
