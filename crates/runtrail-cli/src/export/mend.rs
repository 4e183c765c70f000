//! Lakes that lack parts which their log lists, and what is to come anew.

use std::collections::BTreeSet;

use runtrail_archive::{Input, ReadReport};
use runtrail_parquet::{Held, LakeReader, Listing};

use super::earlier::shown;
use super::plan::Plan;
use crate::code::Code;
use crate::failure::Failure;
use crate::human::counted;

/// Refuses a lake that lacks parts: what they held would be written as if it had never been.
pub(super) fn check(lake: &LakeReader) -> Result<(), Failure> {
    let missing = missing(lake, &BTreeSet::new());
    if missing.is_empty() {
        return Ok(());
    }
    let together = lake.listing().held_with(&missing, false);
    let help = if not_to_be_told(lake.listing(), &together) {
        "put back what is missing, or export all sources to another folder".to_owned()
    } else {
        let names: Vec<_> = together.sources.iter().map(String::as_str).collect();
        format!(
            "put back what is missing, or export it anew with --replace from all that it was of: {}",
            shown(&names)
        )
    };
    Err(failure(lake, &missing).help(help))
}

/// Makes the parts that are missing give way, with all that was exported together with them: their sources
/// are read anew.
pub(super) fn mend(
    plan: &mut Plan,
    lake: &LakeReader,
    inputs: &[Input],
    threads: usize,
) -> Result<(), Failure> {
    let missing = missing(lake, &plan.held.parts);
    if missing.is_empty() {
        return Ok(());
    }
    let together = lake.listing().held_with(&missing, false);
    if not_to_be_told(lake.listing(), &together) {
        let help = "put it back, or export all sources to another folder: the log does not tell what its sources were";
        return Err(failure(lake, &missing).help(help));
    }
    let given: BTreeSet<String> = inputs.iter().map(Input::name).collect();
    let absent: Vec<_> = together
        .sources
        .difference(&given)
        .map(String::as_str)
        .collect();
    if !absent.is_empty() {
        let help = format!(
            "name these sources too, so that they are exported anew: {}",
            shown(&absent)
        );
        return Err(failure(lake, &missing).help(help));
    }
    read_anew(plan, together, inputs, threads);
    Ok(())
}

/// Returns why nothing may give way: a source that was to be exported anew could not be read whole.
pub(super) fn lost(plan: &Plan, report: &ReadReport) -> Option<Failure> {
    let mut failed = report.failed.iter().map(|(name, _)| name);
    let is_lost = failed.any(|name| plan.held.sources.contains(name));
    let what = "nothing was exported: what would be replaced could not be read anew";
    is_lost.then(|| Failure::new(Code::Io, what))
}

fn missing(lake: &LakeReader, but: &BTreeSet<String>) -> BTreeSet<String> {
    let missing = lake.listing().missing.iter();
    let missing = missing.map(|part| &part.path);
    missing
        .filter(|path| !but.contains(*path))
        .cloned()
        .collect()
}

/// Whether it is not known of some of what the lake holds whether what is named is what it came from, so that
/// it is not to give way.
fn not_to_be_told(listing: &Listing, held: &Held) -> bool {
    let sources = listing.sources();
    let hash = |name: &String| sources.get(name.as_str())?.hash.as_ref();
    held.unnamed || held.sources.is_empty() || held.sources.iter().any(|name| hash(name).is_none())
}

fn failure(lake: &LakeReader, missing: &BTreeSet<String>) -> Failure {
    let first = missing
        .first()
        .map(|path| lake.root().join(path).display().to_string());
    let others = match missing.len() as u64 {
        0 | 1 => String::new(),
        all => format!(", nor {} more", counted(all - 1, "file")),
    };
    let what = format!(
        "{}: the lake's log lists it, and it is not there{others}",
        first.unwrap_or_default()
    );
    Failure::new(Code::Io, what)
}

fn read_anew(plan: &mut Plan, together: Held, inputs: &[Input], threads: usize) {
    let is_again = |name: &String| together.sources.contains(name);
    let again: Vec<Input> = inputs
        .iter()
        .filter(|input| is_again(&input.name()))
        .cloned()
        .collect();
    let mut sources = std::mem::take(&mut plan.sources);
    sources.retain(|source| !is_again(&source.input.name()));
    sources.extend(Plan::everything(&again, Some(threads)).sources);
    // In the order in which they were named.
    let place = |name: String| inputs.iter().position(|input| input.name() == name);
    sources.sort_by_cached_key(|source| place(source.input.name()));
    plan.sources = sources;
    plan.unchanged.retain(|name| !is_again(name));
    plan.held.parts.extend(together.parts);
    plan.held.sources.extend(together.sources);
    plan.held.carried |= together.carried;
}
