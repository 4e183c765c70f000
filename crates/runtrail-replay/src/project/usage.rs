//! The projection `usage`: what was spent, in all and by model.

use std::collections::BTreeMap;

use runtrail_core::event::{TraceEvent, View};
use runtrail_core::json::RawJson;
use runtrail_core::span::{SpanRecord, Usage};
use serde::Serialize;

use super::{Moment, Projection, ProjectionError, Shown, to_json};
use crate::state::UsageState;

/// Models told apart; calls of others are counted as `other`.
const MAX_MODELS: usize = 1024;

#[derive(Default)]
pub(super) struct ByModel(BTreeMap<String, Usage>);

#[derive(Serialize)]
struct Spent<'v> {
    total: UsageState,
    by_model: BTreeMap<&'v str, UsageState>,
}

impl Projection for ByModel {
    fn name(&self) -> &'static str {
        "usage"
    }

    fn version(&self) -> u32 {
        1
    }

    fn event(&mut self, event: &TraceEvent) {
        let View::LlmUsage(call) = event.view() else {
            return;
        };
        let tokens = |value: Option<RawJson<'_>>| value.and_then(RawJson::as_i64);
        let model = call.model.and_then(RawJson::as_str).unwrap_or_default();
        let cost_usd = call.cost_usd.and_then(RawJson::as_f64);
        let known = self.0.contains_key(&*model) || self.0.len() < MAX_MODELS;
        let model = if known { &*model } else { "other" };
        self.0.entry(model.to_owned()).or_default().add(&Usage {
            calls: 1,
            calls_without_cost: u64::from(cost_usd.is_none()),
            prompt_tokens: tokens(call.prompt_tokens),
            completion_tokens: tokens(call.completion_tokens),
            total_tokens: tokens(call.total_tokens),
            cost_usd,
            models: Vec::new(),
        });
    }

    fn closed(&mut self, _span: &SpanRecord) {}

    fn view(&self, moment: &Moment<'_>) -> Result<Shown, ProjectionError> {
        let models = self.0.iter();
        let spent = Spent {
            total: moment.run.usage.clone(),
            by_model: models
                .map(|(model, usage)| (model.as_str(), usage.into()))
                .collect(),
        };
        to_json(self.name(), &spent).map(Shown::json)
    }

    fn save(&self) -> Result<String, ProjectionError> {
        to_json(self.name(), &self.0)
    }

    fn restore(&mut self, state: &str) -> Result<(), ProjectionError> {
        let read = serde_json::from_str(state);
        self.0 = read.map_err(|error| ProjectionError::new("usage", error))?;
        Ok(())
    }

    fn limited(&self) -> Option<String> {
        None
    }
}
