//! What environment variables say.

use super::exporters::ExporterPlan;
use super::problem::{Place, Problem, one_of};

/// Names the file.
pub(super) const CONFIG: &str = "RUNTRAIL_CONFIG";
/// What all other variables begin with.
const PREFIX: &str = "RUNTRAIL_PIPELINE_";
const ENABLED: &str = "RUNTRAIL_PIPELINE_ENABLED";
const SAMPLE_RATE: &str = "RUNTRAIL_PIPELINE_SAMPLE_RATE";
const EXPORTERS: &str = "RUNTRAIL_PIPELINE_EXPORTERS";

/// What the environment says.
#[derive(Debug, Default)]
pub(super) struct Environment {
    pub(super) config: Option<String>,
    pub(super) enabled: Option<bool>,
    pub(super) sample_rate: Option<f64>,
    pub(super) exporters: Option<Vec<ExporterPlan>>,
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
                    let plans: Result<_, _> = value.split(',').map(plan).collect();
                    let wrong = plans.as_ref().err().cloned();
                    said.exporters = plans.ok();
                    wrong
                }
                other if other.starts_with(PREFIX) => {
                    let help = one_of(other, &[ENABLED, SAMPLE_RATE, EXPORTERS]);
                    Some(("is not one of Runtrail's".to_owned(), Some(help)))
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

/// Reads `name:path`.
fn plan(text: &str) -> Result<ExporterPlan, (String, Option<String>)> {
    match text.trim().split_once(':') {
        Some((name, path)) => ExporterPlan::plain(name.trim(), path.trim()),
        None => Err(plain(
            "must be exporters with their paths, such as json:runs,parquet:lake",
        )),
    }
}
