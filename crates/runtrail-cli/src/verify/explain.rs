//! Comparing the runs whose sums differ, event by event.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use runtrail_archive::{
    ArchiveError, Progress, Reader, Reject, Sink, SortOptions, Sorted, Sorter, resolve_with,
};
use runtrail_core::event::{TraceEvent, View};
use runtrail_core::json::RawJson;
use runtrail_core::pipeline::LOST_KEY;
use runtrail_core::text::Text;
use runtrail_parquet::{EventsRead, RunFilter, Stopped, Table};
use runtrail_replay::verify::{Differing, Finding, Outcome, RunKey, run_key};

use super::parts::Suspects;
use super::{Job, Verified};
use crate::failure::Failure;
use crate::load::open_lake;

/// Events of a run that one side lacks and that are remembered, to tell those that only moved.
const MAX_REMEMBERED: usize = 10_000;
/// Parts that are named of a run.
const MAX_PARTS: usize = 8;

type Runs = HashMap<RunKey, Differing>;

/// Reads the differing runs of both sides again, in order, and says where they differ.
pub(super) fn explain(
    job: &Job<'_>,
    differing: &Runs,
    suspects: &Suspects,
    verified: &mut Verified,
) -> Result<(), Failure> {
    if differing.is_empty() {
        return Ok(());
    }
    verified.runs_compared_closely = differing.len() as u64;
    let mut source = Flow::new(sorted_source(job, differing)?);
    let (copy, parts) = sorted_lake(job, differing)?;
    let mut copy = Flow::new(copy);
    let mut close = Close {
        differing,
        suspects,
        parts: &parts,
        verified,
        run: Run::default(),
    };
    let (mut one, mut other) = (source.next()?, copy.next()?);
    loop {
        let (from_source, from_copy) = match (&one, &other) {
            (None, None) => break,
            (Some(event), Some(copied)) => match event.cmp_position(copied) {
                std::cmp::Ordering::Less => (true, false),
                std::cmp::Ordering::Greater => (false, true),
                std::cmp::Ordering::Equal => (true, true),
            },
            (Some(_), None) => (true, false),
            (None, Some(_)) => (false, true),
        };
        close.take(
            one.as_ref().filter(|_| from_source),
            other.as_ref().filter(|_| from_copy),
        );
        if from_source {
            one = source.next()?;
        }
        if from_copy {
            other = copy.next()?;
        }
    }
    close.end_run();
    Ok(())
}

/// What is known of the run at hand.
#[derive(Default)]
struct Run {
    id: Option<Text>,
    source: u64,
    copy: u64,
    findings: u64,
    missing: BTreeMap<String, TraceEvent>,
    extra: BTreeMap<String, TraceEvent>,
}

struct Close<'c> {
    differing: &'c Runs,
    suspects: &'c Suspects,
    parts: &'c HashMap<RunKey, BTreeSet<String>>,
    verified: &'c mut Verified,
    run: Run,
}

impl Close<'_> {
    /// Takes the next event of either side, or of both where they stand at the same place.
    fn take(&mut self, source: Option<&TraceEvent>, copy: Option<&TraceEvent>) {
        let Some(event) = source.or(copy) else { return };
        if self.run.id.as_ref() != Some(&event.request_id) {
            self.end_run();
            self.run.id = Some(event.request_id.clone());
        }
        self.run.source += u64::from(source.is_some());
        self.run.copy += u64::from(copy.is_some());
        match (source, copy) {
            (Some(event), Some(copied)) if *event != *copied => {
                let what = "the lake holds another content of this event";
                self.event(Outcome::Payload, event, what);
            }
            (Some(_), Some(_)) | (None, None) => {}
            (Some(event), None) if self.run.missing.len() < MAX_REMEMBERED => {
                self.run
                    .missing
                    .insert(event.event_id.to_string(), event.detached());
            }
            (None, Some(event)) if self.run.extra.len() < MAX_REMEMBERED => {
                self.run
                    .extra
                    .insert(event.event_id.to_string(), event.detached());
            }
            (Some(event), None) => {
                self.event(
                    Outcome::MissingEvent,
                    event,
                    "the lake does not hold this event",
                );
            }
            (None, Some(event)) => {
                self.event(
                    Outcome::ExtraEvent,
                    event,
                    "the sources do not hold this event",
                );
            }
        }
    }

    fn event(&mut self, outcome: Outcome, event: &TraceEvent, what: &str) {
        self.run.findings += 1;
        self.verified.missing_events += u64::from(outcome == Outcome::MissingEvent);
        let part = self.part_of(&event.request_id, outcome);
        let finding = Finding::new(outcome, what)
            .run(event.request_id.as_str())
            .event(event.event_id.as_str());
        let finding = Finding { part, ..finding };
        let notes = &mut self.verified.notes;
        if outcome == Outcome::ExtraEvent && is_note(event) && notes.len() < MAX_REMEMBERED {
            notes.push(finding);
        } else {
            self.verified.differences.add(finding);
        }
    }

    /// The parts that hold a run, or the one that may have held what is missing.
    fn part_of(&self, run: &str, outcome: Outcome) -> Option<String> {
        let lost = matches!(outcome, Outcome::MissingEvent | Outcome::MissingRun);
        if lost && let Some(part) = self.suspects.lost_part() {
            return Some(part.to_owned());
        }
        let parts = self.parts.get(&run_key(run))?;
        Some(
            parts
                .iter()
                .map(String::as_str)
                .collect::<Vec<_>>()
                .join(", "),
        )
    }

    /// Says what a run lacks, once all of it was seen.
    fn end_run(&mut self) {
        let run = std::mem::take(&mut self.run);
        let Some(id) = run.id else { return };
        self.run.findings = run.findings;
        if run.copy == 0 {
            let what = format!(
                "the lake holds nothing of this run of {} events",
                run.source
            );
            self.verified.missing_events += run.source;
            let part = self.part_of(&id, Outcome::MissingRun);
            let finding = Finding::new(Outcome::MissingRun, what).run(id.as_str());
            self.verified.differences.add(Finding { part, ..finding });
            self.run = Run::default();
            return;
        }
        let mut extra = run.extra;
        for (event_id, event) in run.missing {
            match extra.remove(&event_id) {
                Some(moved) => {
                    let what = format!(
                        "it stands at {} seq {}, and in the lake at {} seq {}",
                        event.timestamp, event.seq, moved.timestamp, moved.seq
                    );
                    self.event(Outcome::Order, &event, &what);
                }
                None => self.event(
                    Outcome::MissingEvent,
                    &event,
                    "the lake does not hold this event",
                ),
            }
        }
        for event in extra.values() {
            self.event(
                Outcome::ExtraEvent,
                event,
                "the sources do not hold this event",
            );
        }
        let rows = self
            .differing
            .get(&run_key(&id))
            .map_or(0, |differing| differing.copy);
        if let Some(again) = rows.checked_sub(run.copy).filter(|again| *again > 0) {
            self.run.findings += 1;
            let what = format!("{again} rows of this run are in the lake more than once");
            let part = self.part_of(&id, Outcome::Count);
            let finding = Finding::new(Outcome::Count, what).run(id.as_str());
            self.verified.differences.add(Finding { part, ..finding });
        }
        // Exact repeats in the sources, which an export leaves out, are no difference.
        self.verified.runs_matching += u64::from(self.run.findings == 0);
        self.run = Run::default();
    }
}

/// Whether a pipeline says by an event what of the run it lost.
fn is_note(event: &TraceEvent) -> bool {
    let View::Annotation(note) = event.view() else {
        return false;
    };
    let key = note.key.and_then(RawJson::as_str);
    key.as_deref() == Some(LOST_KEY)
}

/// Events of a sorted side, one by one.
struct Flow {
    sorted: Sorted<'static>,
    events: std::vec::IntoIter<TraceEvent>,
}

impl Flow {
    fn new(sorted: Sorted<'static>) -> Self {
        Self {
            sorted,
            events: Vec::new().into_iter(),
        }
    }

    fn next(&mut self) -> Result<Option<TraceEvent>, Failure> {
        loop {
            if let Some(event) = self.events.next() {
                return Ok(Some(event));
            }
            match self.sorted.next_batch()? {
                Some(batch) => self.events = batch.events().to_vec().into_iter(),
                None => return Ok(None),
            }
        }
    }
}

fn sorter(job: &Job<'_>) -> Sorter {
    Sorter::new(SortOptions {
        memory: job.memory / 4,
        keep_memory: job.memory / 8,
        merge_memory: job.memory / 16,
        threads: 1,
        temp_dir: job.temp.map(Into::into),
    })
}

fn sorted_source(job: &Job<'_>, differing: &Runs) -> Result<Sorted<'static>, Failure> {
    let sources = resolve_with(job.sources, &open_lake)?;
    let progress = Progress {
        cancelled: std::sync::Arc::clone(&job.cancelled),
        ..Progress::default()
    };
    let mut picking = Picking {
        sorter: sorter(job),
        differing,
        last: None,
    };
    let mut reader = Reader::new(job.read, &progress);
    for input in &sources.inputs {
        reader.read(input, &mut picking)?;
    }
    Ok(picking.sorter.finish()?)
}

/// Keeps the events of the differing runs.
struct Picking<'p> {
    sorter: Sorter,
    differing: &'p Runs,
    /// The latest run, and whether it is one of them: the next event is often of the same.
    last: Option<(String, bool)>,
}

impl Sink for Picking<'_> {
    fn only(&self) -> Option<&str> {
        None
    }

    fn wants(&mut self, request_id: &str) -> bool {
        if let Some((last, wanted)) = &self.last
            && last == request_id
        {
            return *wanted;
        }
        let wanted = self.differing.contains_key(&run_key(request_id));
        self.last = Some((request_id.to_owned(), wanted));
        wanted
    }

    fn events(&mut self, events: Vec<TraceEvent>, _bytes: usize) -> Result<(), ArchiveError> {
        let mut wanted = Vec::new();
        for event in &events {
            if self.wants(&event.request_id) {
                wanted.push(event.detached());
            }
        }
        if wanted.is_empty() {
            return Ok(());
        }
        let bytes = wanted.iter().map(TraceEvent::text_bytes).sum();
        self.sorter.push(wanted, bytes)
    }

    fn reject(&mut self, _reject: Reject) -> Result<(), ArchiveError> {
        Ok(())
    }
}

type PartsOfRuns = HashMap<RunKey, BTreeSet<String>>;

fn sorted_lake(job: &Job<'_>, differing: &Runs) -> Result<(Sorted<'static>, PartsOfRuns), Failure> {
    let mut sorter = sorter(job);
    let mut parts = PartsOfRuns::new();
    for listed in job.lake.listing().parts_of(Table::Events) {
        let mut wants = |run: &str| {
            let key = run_key(run);
            let wanted = differing.contains_key(&key);
            if wanted {
                let named = parts.entry(key).or_default();
                if named.len() < MAX_PARTS {
                    named.insert(listed.path.clone());
                }
            }
            wanted
        };
        let mut filter = RunFilter::Matching(&mut wants);
        // What cannot be read was told when the sums were made.
        let mut read = EventsRead::default();
        let done = job.lake.read_part(
            listed,
            &mut filter,
            &job.cancelled,
            &mut read,
            &mut |events, bytes| sorter.push(events, bytes),
        );
        done.map_err(|stopped| match stopped {
            Stopped::Taker(error) => Failure::from(error),
            Stopped::Cancelled => super::scan::interrupted(),
        })?;
    }
    Ok((sorter.finish()?, parts))
}
