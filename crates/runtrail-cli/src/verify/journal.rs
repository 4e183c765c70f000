//! What the log and the journals say of the exports that made a lake.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use runtrail_archive::resolve_with;
use runtrail_replay::verify::{Finding, Findings, Outcome};
use serde_json::Value;

use super::Job;
use crate::load::open_lake;

/// Bytes of a journal that are looked at.
const MAX_JOURNAL: u64 = 64 << 20;

/// Says whether the exports ended.
pub(super) fn check(job: &Job<'_>, findings: &mut Findings) {
    let listing = job.lake.listing();
    if listing.records.is_empty() && listing.bad_records.is_empty() {
        let what = "the log has no record: no export of this lake is known to have ended";
        findings.add(Finding::new(Outcome::Interrupted, what).part("_runtrail/log"));
    }
    let Some(last) = journals(job.lake.root()).pop() else {
        return;
    };
    if !read(&job.lake.root().join(&last)).ended {
        let what = "the last journal does not say how its export ended";
        findings.add(Finding::new(Outcome::Interrupted, what).part(last));
    }
}

/// Turns what is missing for a reason that is known into what it is: sources that have grown since, and
/// events that a program left out on purpose and said so.
pub(super) fn excuse(job: &Job<'_>, findings: &mut Findings) {
    let grown = job
        .lake
        .listing()
        .records
        .iter()
        .flat_map(|record| &record.sources);
    let mut known: std::collections::BTreeMap<&str, u64> = std::collections::BTreeMap::new();
    for source in grown {
        let bytes = known.entry(&source.name).or_default();
        *bytes = (*bytes).max(source.bytes);
    }
    let inputs = resolve_with(job.sources, &open_lake).map(|sources| sources.inputs);
    let inputs = inputs.unwrap_or_default();
    let grown = known.iter().find(|(name, bytes)| {
        let now = inputs.iter().find(|input| input.name() == **name);
        **bytes > 0 && now.is_some_and(|input| input.size() > **bytes)
    });
    let lost = [Outcome::MissingEvent, Outcome::MissingRun];
    let missing: u64 = lost.iter().map(|outcome| findings.count(*outcome)).sum();
    if let Some((name, bytes)) = grown
        && missing > 0
        && job.lake.listing().missing.is_empty()
    {
        let what = format!("it has grown beyond the {bytes} bytes that were exported");
        findings.add(Finding::new(Outcome::Pending, what).part(*name));
        for outcome in lost {
            findings.relabel(outcome, Outcome::Pending);
        }
        return;
    }
    let journals = journals(job.lake.root());
    let left_out: u64 = journals
        .iter()
        .map(|path| read(&job.lake.root().join(path)).left_out)
        .sum();
    if missing > 0 && missing <= left_out && job.lake.listing().missing.is_empty() {
        for outcome in lost {
            findings.relabel(outcome, Outcome::SampledOut);
        }
    }
}

/// The journals of a lake, in the order of their names, which is that of their exports.
fn journals(root: &Path) -> Vec<String> {
    let entries = fs::read_dir(root.join("_runtrail/journal"));
    let names = entries.into_iter().flatten().flatten();
    let names = names.map(|entry| entry.file_name().to_string_lossy().into_owned());
    let mut names: Vec<String> = names
        .filter(|name| {
            Path::new(name)
                .extension()
                .is_some_and(|ending| ending == "jsonl")
        })
        .map(|name| format!("_runtrail/journal/{name}"))
        .collect();
    names.sort_unstable();
    names
}

#[derive(Default)]
struct Journal {
    ended: bool,
    /// Events that were left out on purpose.
    left_out: u64,
}

/// Reads what there is of a journal. Entries of other kinds are passed over, and so are damaged lines.
fn read(path: &Path) -> Journal {
    let mut journal = Journal::default();
    let Ok(file) = fs::File::open(path) else {
        return journal;
    };
    for line in BufReader::new(file.take(MAX_JOURNAL))
        .lines()
        .map_while(Result::ok)
    {
        let Ok(entry) = serde_json::from_str::<Value>(&line) else {
            continue;
        };
        match entry["entry"].as_str() {
            Some("run_completed") => {
                journal.ended = matches!(entry["status"].as_str(), Some("ok" | "partial"));
            }
            Some("dropped") => journal.left_out += entry["count"].as_u64().unwrap_or(0),
            _ => {}
        }
    }
    journal
}
