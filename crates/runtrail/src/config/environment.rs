//! What environment variables say.

use super::exporters::ExporterPlan;
use super::pipeline;
use super::problem::{Place, Problem};

/// Names the file.
pub(super) const CONFIG: &str = "RUNTRAIL_CONFIG";
/// What all other variables begin with.
pub(super) const PREFIX: &str = "RUNTRAIL_PIPELINE_";
pub(super) const ENABLED: &str = "RUNTRAIL_PIPELINE_ENABLED";
pub(super) const SAMPLE_RATE: &str = "RUNTRAIL_PIPELINE_SAMPLE_RATE";
pub(super) const EXPORTERS: &str = "RUNTRAIL_PIPELINE_EXPORTERS";

/// What the environment says.
#[derive(Debug, Default)]
pub(super) struct Environment {
    pub(super) config: Option<String>,
    pub(super) enabled: Option<bool>,
    pub(super) sample_rate: Option<f64>,
    pub(super) exporters: Option<Vec<ExporterPlan>>,
    /// Those of `[pipeline]`'s keys.
    pipeline: Vec<(String, String)>,
}

impl Environment {
    /// Reads variables; an empty one counts as not set.
    pub(super) fn read(variables: &[(String, String)], problems: &mut Vec<Problem>) -> Self {
        let mut said = Self::default();
        for (name, value) in variables.iter().filter(|(_, value)| !value.is_empty()) {
            let wrong = match name.as_str() {
                CONFIG => {
                    said.config = Some(value.clone());
                    None
                }
                ENABLED => {
                    said.enabled = truth(value);
                    said.enabled
                        .is_none()
                        .then(|| plain("must be true or false"))
                }
                SAMPLE_RATE => {
                    let rate = value.parse().ok();
                    said.sample_rate = rate.filter(|rate| (0.0..=1.0).contains(rate));
                    let wrong = said.sample_rate.is_none();
                    wrong.then(|| plain("must be a number between 0 and 1"))
                }
                EXPORTERS => {
                    let place = Place::Environment(EXPORTERS.to_owned());
                    let plans = value.split(',').map(|text| plan(text, &place));
                    let plans: Result<_, _> = plans.collect();
                    let wrong = plans.as_ref().err().cloned();
                    said.exporters = plans.ok();
                    wrong
                }
                other if other.starts_with(PREFIX) => {
                    said.pipeline.push((name.clone(), value.clone()));
                    None
                }
                _ => None,
            };
            problems.extend(wrong.map(|(message, help)| Problem {
                place: Place::Environment(name.clone()),
                message,
                help,
            }));
        }
        said
    }

    /// Puts what it says of the pipeline over what a file says.
    pub(super) fn over(&self, said: &mut pipeline::Said, problems: &mut Vec<Problem>) {
        for (name, value) in &self.pipeline {
            let key = name.strip_prefix(PREFIX).unwrap_or_default();
            if let Err((message, help)) = said.variable(name, key, value) {
                problems.push(Problem {
                    place: Place::Environment(name.clone()),
                    message,
                    help,
                });
            }
        }
    }
}

fn plain(message: &str) -> (String, Option<String>) {
    (message.to_owned(), None)
}

fn truth(value: &str) -> Option<bool> {
    match value.to_ascii_lowercase().as_str() {
        "1" | "true" | "yes" | "on" => Some(true),
        "0" | "false" | "no" | "off" => Some(false),
        _ => None,
    }
}

/// Reads `name:destination`, or a name alone where that will do.
fn plan(text: &str, place: &Place) -> Result<ExporterPlan, (String, Option<String>)> {
    let (name, to) = text.trim().split_once(':').unwrap_or((text.trim(), ""));
    ExporterPlan::plain(name.trim(), to.trim(), place.clone())
}
