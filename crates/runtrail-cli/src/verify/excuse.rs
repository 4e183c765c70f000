//! Differences that have a reason which is known: they are no differences then, but what could not be
//! compared.

use runtrail_archive::{Input, resolve_with};
use runtrail_parquet::SourceInfo;
use runtrail_replay::verify::{Finding, Findings, Outcome};

use super::unread::Gap;
use super::{Job, Verified, journal};
use crate::load::open_lake;
use crate::logged::still_up_to;

/// What the sources have and the lake does not.
const LOST: [Outcome; 2] = [Outcome::MissingEvent, Outcome::MissingRun];

/// Says what was not compared, and turns what differs for a reason that is known into what it is: events that
/// an export has not recorded yet, sources that have grown since, events that a pipeline left out and said so,
/// and events of the lake that may stand where the sources could not be read.
pub(super) fn excuse(job: &Job<'_>, verified: &mut Verified) {
    let mut differences = std::mem::take(&mut verified.differences);
    let findings = &mut verified.findings;
    let is_missing = LOST.iter().any(|lost| differences.count(*lost) > 0);
    let is_whole = job.lake.listing().missing.is_empty();
    let unmet = verified.unread.unmet(job);
    let looks = is_missing && is_whole || !unmet.is_empty();
    let grown = looks.then(|| grown(job)).flatten();
    let lines = grown
        .as_ref()
        .map_or(Outcome::Limited, |_| Outcome::Pending);
    let gap = verified.unread.tell(&unmet, lines, findings);
    let mut why = None;
    if is_missing && verified.is_under_way {
        why = Some(Outcome::Interrupted);
    } else if is_missing && is_whole {
        if grown.is_some() {
            why = Some(Outcome::Pending);
        } else if (1..=journal::left_out(job)).contains(&verified.missing_events) {
            why = Some(Outcome::SampledOut);
        }
    }
    if let Some(grown) = grown {
        findings.add(grown);
    }
    if let Some(why) = why {
        for outcome in LOST {
            differences.relabel(outcome, why);
        }
    }
    // They are nowhere else, and not more than what they tell of.
    for mut note in std::mem::take(&mut verified.notes) {
        if why == Some(Outcome::SampledOut) {
            note.outcome = Outcome::SampledOut;
        }
        differences.add(note);
    }
    excuse_extra(&gap, &mut differences);
    verified.findings.append(differences);
}

/// What only the lake holds may stand where the sources could not be read.
fn excuse_extra(gap: &Gap, differences: &mut Findings) {
    let extra = differences.count(Outcome::ExtraEvent);
    let Some(outcome) = gap.outcome.filter(|_| (1..=gap.events).contains(&extra)) else {
        return;
    };
    let listed = differences.listed.iter_mut();
    for finding in listed.filter(|finding| finding.outcome == Outcome::ExtraEvent) {
        "the lake holds this event, which may stand where the sources could not be read"
            .clone_into(&mut finding.detail);
    }
    differences.relabel(Outcome::ExtraEvent, outcome);
}

/// Says that a source has grown since it was exported, if one has.
fn grown(job: &Job<'_>) -> Option<Finding> {
    let inputs = resolve_with(job.sources, &open_lake).ok()?.inputs;
    let known = job.lake.listing().sources();
    let (name, bytes) = inputs.iter().find_map(|input| {
        let name = input.name();
        let before = known.get(name.as_str())?;
        Some((name, grown_beyond(input, before, job.read.threads)?))
    })?;
    let what = format!("it has grown beyond the {bytes} bytes that were exported");
    Some(Finding::new(Outcome::Pending, what).part(name))
}

/// Up to where a source is what was exported of it, if there is more of it now. One that has become another
/// has not grown, however long it is.
fn grown_beyond(input: &Input, before: &SourceInfo, threads: usize) -> Option<u64> {
    let Input::File { path, .. } = input else {
        return None;
    };
    let fewer = input.size().checked_sub(1)?;
    still_up_to(path, before, &(1..=fewer), threads).ok()?
}
