//! How large a record may be.

use crate::error::{StoreError, StoreErrorKind};
use crate::record::{EventRecord, LinkRecord, Matches, TriggerRunRecord};
use runtrail_core::text::Text;

/// How large the records of a store may be. A record beyond them is refused, and says why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordLimits {
    /// Bytes of what an event carries, and of the fields that are not known.
    pub max_payload: usize,
    /// Bytes of an id, a code or a reason.
    pub max_id: usize,
    /// Conditions that one call adds to an event, and participants of one trigger run.
    pub max_conditions: usize,
}

impl Default for RecordLimits {
    /// 1 MiB, 1 KiB and 1,000: well beyond what an engine's own message broker lets through.
    fn default() -> Self {
        Self {
            max_payload: 1 << 20,
            max_id: 1 << 10,
            max_conditions: 1000,
        }
    }
}

impl RecordLimits {
    /// Checks an event.
    pub fn check_event(&self, event: &EventRecord) -> Result<(), StoreError> {
        let extra = event.extra.as_ref().map_or(0, |extra| extra.as_str().len());
        Self::bytes(
            "the payload",
            event.payload.as_str().len() + extra,
            self.max_payload,
        )?;
        let lists = [
            &event.matched_conditions,
            &event.valid_conditions,
            &event.triggered_runs,
        ];
        for list in lists {
            self.ids(list)?;
        }
        let ids = [Some(&event.event_id), Some(&event.code)];
        self.each(ids.into_iter().chain([event.request_id.as_ref()]))
    }

    /// Checks what is added to an event.
    pub fn check_matches(&self, matches: &Matches) -> Result<(), StoreError> {
        self.ids(&matches.matched)?;
        self.ids(&matches.valid)
    }

    /// Checks a trigger run.
    pub fn check_run(&self, run: &TriggerRunRecord) -> Result<(), StoreError> {
        self.count(run.participants.len())?;
        self.each([Some(&run.trigger_run_id), Some(&run.trigger_id)].into_iter())?;
        if let crate::RunState::Completed(outcome) = &run.state {
            self.check_outcome(outcome)?;
        }
        let mut extra = run.extra.as_ref().map_or(0, |extra| extra.as_str().len());
        for participant in &run.participants {
            let source = &participant.source;
            let kind = Text::new(source.kind());
            extra += participant
                .extra
                .as_ref()
                .map_or(0, |extra| extra.as_str().len());
            self.each(
                [
                    Some(&participant.condition_id),
                    Some(&kind),
                    source.id(),
                    source.request_id(),
                ]
                .into_iter(),
            )?;
        }
        Self::bytes("what is not known of the run", extra, self.max_payload)
    }

    /// Checks what came of a trigger run.
    pub fn check_outcome(&self, outcome: &crate::Outcome) -> Result<(), StoreError> {
        let text = match outcome {
            crate::Outcome::Started { request_id, .. } => request_id,
            crate::Outcome::Abandoned { reason, .. } => reason,
        };
        self.each([Some(text)].into_iter())
    }

    /// Checks a link.
    pub fn check_link(&self, link: &LinkRecord) -> Result<(), StoreError> {
        let kind = Text::new(link.link.source.kind());
        self.each(
            [
                Some(&link.to_request_id),
                Some(&kind),
                link.link.source.id(),
                link.link.source.request_id(),
                link.link.trigger_run_id.as_ref(),
                link.link.trigger_id.as_ref(),
                link.link.condition_id.as_ref(),
            ]
            .into_iter(),
        )
    }

    fn ids(&self, ids: &[Text]) -> Result<(), StoreError> {
        self.count(ids.len())?;
        self.each(ids.iter().map(Some))
    }

    fn count(&self, found: usize) -> Result<(), StoreError> {
        let message = || {
            format!(
                "{found} conditions or participants at once; at most {} are kept",
                self.max_conditions
            )
        };
        if found <= self.max_conditions {
            Ok(())
        } else {
            Err(StoreError::new(StoreErrorKind::TooLarge, message()))
        }
    }

    fn each<'a>(&self, ids: impl Iterator<Item = Option<&'a Text>>) -> Result<(), StoreError> {
        ids.flatten()
            .try_for_each(|id| Self::bytes("an id or code", id.len(), self.max_id))
    }

    fn bytes(what: &str, found: usize, most: usize) -> Result<(), StoreError> {
        if found <= most {
            return Ok(());
        }
        let message = format!("{what} has {found} bytes; at most {most} are kept");
        Err(StoreError::new(StoreErrorKind::TooLarge, message))
    }
}
