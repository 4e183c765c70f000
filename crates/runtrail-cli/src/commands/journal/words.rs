//! Entries and states in words.

use std::time::Duration;

use runtrail_journal::{Entry, Journal, QualityIssue, RunStatus, SchemaChanged, Severity, State};

use crate::glyph;
use crate::human;

/// Says what has become of an export, and by which shape that is shown.
pub(super) fn state(journal: &Journal) -> (glyph::State, &'static str) {
    let status = journal.final_outcome().map(|outcome| outcome.status);
    match (journal.state(), status) {
        (State::Completed, Some(RunStatus::Partial)) => (glyph::State::Ok, "partial"),
        (State::Completed, _) => (glyph::State::Ok, "completed"),
        (State::Failed, _) => (glyph::State::Error, "failed"),
        (State::Interrupted, _) => (glyph::State::Truncated, "interrupted"),
        (State::Running, _) => (glyph::State::Open, "running"),
    }
}

/// Shows a length of time.
pub(super) fn took(took: Duration) -> String {
    human::duration(took.as_secs_f64() * 1e3)
}

/// Says one entry in words; those of which there can be thousands are summed up elsewhere.
pub(super) fn entry(entry: &Entry) -> Option<String> {
    Some(match entry {
        Entry::PlanResolved(plan) => plan.snapshot.as_json().to_owned(),
        Entry::PlanWarning(warning) => format!("warning: {}", warning.message),
        Entry::ChunkFailed(of) => {
            let (attempt, chunk, error) = (of.attempt, &of.chunk, &of.error);
            format!("attempt {attempt} at {chunk} failed: {error}")
        }
        Entry::RetryAttempted(retry) => {
            let (attempt, what, reason) = (retry.attempt, &retry.what, &retry.reason);
            let delay = took(retry.delay);
            format!("attempt {attempt} at {what} after {delay}: {reason}")
        }
        Entry::QualityIssue(issue) => quality(issue),
        Entry::SchemaChanged(change) => schema(change),
        Entry::Warning(warning) => warning.message.clone(),
        Entry::ParallelismAdjusted(change) => {
            let (to, from, reason) = (change.to, change.from, &change.reason);
            format!("{to} at once instead of {from}: {reason}")
        }
        Entry::Dropped(dropped) => {
            let events = human::counted(dropped.count, "event");
            format!("{events} left out: {}", dropped.cause)
        }
        Entry::ValidationResult(result) => {
            let verdict = if result.passed {
                "holds"
            } else {
                "does not hold"
            };
            format!(
                "{} {verdict}{}",
                result.check,
                because(result.detail.as_deref())
            )
        }
        Entry::ReconciliationResult(result) => {
            let verdict = if result.matched {
                "agree"
            } else {
                "do not agree"
            };
            let (source, exported) = (human::count(result.source), human::count(result.exported));
            format!("{source} in the sources and {exported} exported {verdict}")
        }
        Entry::RunCompleted(outcome) => {
            let (status, took) = (outcome.status.as_str(), took(outcome.duration));
            format!("{status} after {took}{}", because(outcome.error.as_deref()))
        }
        _ => return None,
    })
}

fn because(detail: Option<&str>) -> String {
    detail
        .map(|detail| format!(": {detail}"))
        .unwrap_or_default()
}

fn quality(issue: &QualityIssue) -> String {
    let severity = match issue.severity {
        Severity::Info => "note",
        Severity::Warning => "warning",
        Severity::Error => "error",
    };
    let times = match issue.count {
        0 => String::new(),
        count => format!(" ({})", human::count(count)),
    };
    format!("{severity}: {}{times}", issue.message)
}

fn schema(change: &SchemaChanged) -> String {
    let retyped = change.type_changed.iter();
    let retyped = retyped.map(|of| format!("{} {} instead of {}", of.column, of.to, of.from));
    let added = change.added.iter().map(|column| format!("{column} added"));
    let removed = change.removed.iter().map(|column| format!("{column} gone"));
    let changes: Vec<String> = added.chain(removed).chain(retyped).collect();
    format!("columns of {}: {}", change.table, changes.join(", "))
}
