//! Reading an archive in order: run by run, by when they started.
//!
//! Files of lines are looked through once, which costs a fraction of parsing them, to know which
//! piece of them is the last to hold anything of a run. They are then read once, piece by piece in
//! the order of time, and a run is handed out as soon as it is complete: nothing is written to
//! temporary files, and memory holds the runs that overlap. What cannot be read by pieces or twice
//! (standard input, compressed files, arrays) is read first and kept.
//!
//! Where the runs that overlap do not fit in memory, or there are more runs than a table holds,
//! everything is sorted through temporary files instead, which gives the same order.

mod quick;
mod runs;
mod store;
mod stream;
mod survey;
mod unit;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use runs::RunTable;
use runtrail_core::time::Timestamp;
use store::Store;
pub(crate) use stream::Stream;
use stream::UnitStream;
use survey::{Care, Survey, survey};
use unit::{ReadUnit, Source, TextFile, Unit, unit_reader};

use crate::archive::{OnReject, Split};
use crate::error::ArchiveError;
use crate::fingerprint::FileStart;
use crate::hash::IdHasher;
use crate::input;
use crate::options::{ReadOptions, SortOptions};
use crate::pool::InOrder;
use crate::read::{LinesRead, Progress, ReadReport, Reader, reject_of};
use crate::sort::{RunOrder, Sorted, Sorter};
use crate::source::Input;

/// Up to how many runs are handed out by when they started; more are handed out by their ids. The
/// number is part of the order, so it does not depend on memory. A million runs take 50 MB.
pub(crate) const MAX_RUNS_BY_START: usize = 1 << 20;

/// Reads an archive in order.
pub(crate) struct Ordering<'a> {
    pub(crate) inputs: &'a [Input],
    pub(crate) read: ReadOptions,
    pub(crate) sort: SortOptions,
    pub(crate) progress: &'a Arc<Progress>,
    /// Whether every line is parsed beforehand and the first reject ends reading.
    pub(crate) strict: bool,
    /// Whether the archive did not hold what it seemed to on a first try.
    pub(crate) careful: bool,
    /// Up to how many runs come by when they started: [`MAX_RUNS_BY_START`].
    pub(crate) max_runs: usize,
    /// Says what to read besides, once it is known which runs there are.
    pub(crate) besides: Option<Besides<'a>>,
}

/// Says what to read besides, of the runs that there are.
pub(crate) type Besides<'a> =
    Box<dyn FnOnce(&SeenRuns<'_>) -> Result<Vec<Input>, ArchiveError> + 'a>;

/// The runs that an archive mentions, before any of their events is handed out.
pub struct SeenRuns<'a> {
    tables: [&'a RunTable; 2],
    hasher: &'a IdHasher,
}

impl SeenRuns<'_> {
    /// Whether all of them are known; where there are too many, none is.
    pub fn are_known(&self) -> bool {
        !self.tables.iter().any(|table| table.overflowed())
    }

    /// Returns the time that no event of a run is earlier than; `None` where the archive mentions no such
    /// run.
    pub fn start(&self, request_id: &str) -> Option<Timestamp> {
        let hash = self.hasher.hash(request_id.as_bytes());
        let start = |table: &&RunTable| table.find(hash).map(|run| table.start(run));
        self.tables.iter().filter_map(start).min()
    }
}

/// What is not read by pieces, and has been read.
struct Whole {
    store: Store,
    /// The inputs, by their number.
    inputs: BTreeSet<usize>,
    report: ReadReport,
}

impl Ordering<'_> {
    pub(crate) fn sorted(
        mut self,
        mut on_reject: OnReject<'_>,
    ) -> Result<Sorted<'_>, ArchiveError> {
        let hasher = IdHasher::default();
        let mut care = match (self.strict, self.careful) {
            (true, _) => Care::Strict,
            (false, true) => Care::Exact,
            (false, false) => Care::Quick,
        };
        let mut files = self.files();
        let store = Store::new(
            hasher.clone(),
            self.max_runs,
            self.room(files.is_empty()),
            self.sort.temp_dir.clone(),
        );
        let mut whole = Whole {
            store,
            inputs: BTreeSet::new(),
            report: ReadReport::default(),
        };
        loop {
            let found = self.survey(&files, &hasher, care)?;
            if let Some(source) = found.reject {
                return refuse(&source, &mut on_reject);
            }
            if !found.irregular.is_empty() {
                files.retain(|(number, _)| !found.irregular.contains(number));
                continue;
            }
            self.read_whole(&files, &mut whole, &mut on_reject)?;
            if let Some(besides) = self.besides.take() {
                let inputs = besides(&SeenRuns {
                    tables: [&found.table, whole.store.table()],
                    hasher: &hasher,
                })?;
                // The report says nothing of them: whoever named them knows.
                self.read_into(inputs.iter(), &mut whole, &mut on_reject)?;
            }
            let mut table = found.table;
            table.append(whole.store.table());
            if table.overflowed() {
                whole.report.lines.extend(lines_read(&files, &found.starts));
                return self.by_id(whole, on_reject);
            }
            let order = table.unit_order();
            let position = inverse(&order);
            let room = if found.units.is_empty() && whole.store.is_in_memory() {
                usize::MAX
            } else {
                self.sort.keep_memory.saturating_sub(whole.store.held())
            };
            let fits = table.peak(&position) <= room as u64;
            if !fits && care == Care::Quick && !found.units.is_empty() {
                care = Care::Exact;
                continue;
            }
            let mut units: Vec<_> = found.units.into_iter().map(Unit::Lines).collect();
            let held = whole.store.held();
            let Whole { store, report, .. } = whole;
            units.extend(store.into_units());
            let for_stream = fits.then(|| hasher.clone());
            let lines = lines_read(&files, &found.starts);
            let units = self.stream(units, &order, report, lines, for_stream, on_reject);
            if fits {
                let stream = Stream::new(units, table, &position, room);
                return Ok(Sorted::streamed(stream, self.sort));
            }
            return self.by_start(units, RunStarts { table, hasher }, held);
        }
    }

    fn survey(
        &self,
        files: &[(usize, Arc<TextFile>)],
        hasher: &IdHasher,
        care: Care,
    ) -> Result<Survey, ArchiveError> {
        let (read, limit) = (&self.read, self.max_runs);
        survey(files, read, hasher, care, limit, self.progress)
    }

    /// Returns the inputs that look as if they could be read by pieces.
    fn files(&self) -> Vec<(usize, Arc<TextFile>)> {
        let numbered = self.inputs.iter().enumerate();
        numbered
            .filter_map(|(number, input)| {
                let Input::File { path, extent, .. } = input else {
                    return None;
                };
                let file = TextFile {
                    path: path.clone(),
                    name: input.name(),
                    extent: input::lines_file(path, *extent)?,
                };
                Some((number, Arc::new(file)))
            })
            .collect()
    }

    /// Returns how much memory may hold what was read before anything is handed out.
    fn room(&self, alone: bool) -> usize {
        let room = self.sort.memory.min(self.sort.keep_memory);
        if alone { room } else { room / 2 }
    }

    /// Reads what cannot be read by pieces and has not been read.
    fn read_whole(
        &self,
        by_pieces: &[(usize, Arc<TextFile>)],
        whole: &mut Whole,
        on_reject: &mut OnReject<'_>,
    ) -> Result<(), ArchiveError> {
        let mut unread: BTreeSet<usize> = (0..self.inputs.len()).collect();
        unread.retain(|number| !whole.inputs.contains(number));
        for (number, _) in by_pieces {
            unread.remove(number);
        }
        if unread.is_empty() {
            return Ok(());
        }
        whole.inputs.extend(&unread);
        let inputs = unread.iter().filter_map(|number| self.inputs.get(*number));
        let report = self.read_into(inputs, whole, on_reject)?;
        whole.report.add(report);
        Ok(())
    }

    /// Reads inputs from their beginning, and keeps what they hold.
    fn read_into<'i>(
        &self,
        mut inputs: impl Iterator<Item = &'i Input>,
        whole: &mut Whole,
        on_reject: &mut OnReject<'_>,
    ) -> Result<ReadReport, ArchiveError> {
        let mut reader = Reader::new(self.read, self.progress);
        let (store, sort) = (&mut whole.store, &self.sort);
        let mut take = |events, bytes| {
            store
                .push(events, bytes)
                .map_err(|error| sort.temp_error(error))
        };
        let mut sink = Split {
            take: &mut take,
            on_reject,
        };
        inputs.try_for_each(|input| reader.read(input, &mut sink))?;
        Ok(reader.finish())
    }

    fn stream<'r>(
        &self,
        units: Vec<Unit>,
        order: &[u32],
        mut report: ReadReport,
        lines: Vec<LinesRead>,
        hasher: Option<IdHasher>,
        on_reject: OnReject<'r>,
    ) -> UnitStream<'r> {
        report.files += lines.len() as u64;
        report.lines.extend(lines);
        let mut units: Vec<_> = units.into_iter().map(Some).collect();
        let units: Vec<Unit> = order
            .iter()
            .filter_map(|&unit| units.get_mut(unit as usize)?.take())
            .collect();
        let options = self.read;
        let units = InOrder::new(
            options.threads,
            units.into_iter().map(ReadUnit::new),
            move || unit_reader(options, hasher.clone()),
        );
        UnitStream::new(units, Arc::clone(self.progress), on_reject, report)
    }

    /// Sorts through temporary files, by when runs started.
    fn by_start(
        self,
        mut units: UnitStream<'_>,
        starts: RunStarts,
        held: usize,
    ) -> Result<Sorted<'static>, ArchiveError> {
        let memory = self.sort.memory;
        let sort = SortOptions {
            memory: memory.saturating_sub(held).max(memory / 4),
            ..self.sort
        };
        let mut sorter = Sorter::by(RunOrder::ByStart(Arc::new(starts)), sort);
        while let Some(unit) = units.next()? {
            sorter.push(unit.events, unit.bytes)?;
        }
        let report = units.into_report();
        Ok(sorter.finish()?.with_report(report))
    }

    /// Sorts through temporary files, by the ids of runs.
    fn by_id(
        self,
        whole: Whole,
        mut on_reject: OnReject<'_>,
    ) -> Result<Sorted<'static>, ArchiveError> {
        let mut sorter = Sorter::new(self.sort.clone());
        let mut report = whole.report;
        let mut read = unit_reader(self.read, None);
        for unit in whole.store.into_units() {
            let content = read(ReadUnit::new(unit)).map_err(|error| self.sort.temp_error(error))?;
            sorter.push(content.events, content.bytes)?;
        }
        let mut reader = Reader::new(self.read, self.progress);
        let mut take = |events, bytes| sorter.push(events, bytes);
        let mut sink = Split {
            take: &mut take,
            on_reject: &mut on_reject,
        };
        for (number, input) in self.inputs.iter().enumerate() {
            if !whole.inputs.contains(&number) {
                reader.read(input, &mut sink)?;
            }
        }
        report.add(reader.finish());
        Ok(sorter.finish()?.with_report(report))
    }
}

fn lines_read(
    files: &[(usize, Arc<TextFile>)],
    starts: &BTreeMap<usize, FileStart>,
) -> Vec<LinesRead> {
    let files = files.iter().map(|(number, file)| LinesRead {
        name: file.name.clone(),
        start: starts.get(number).copied(),
    });
    files.collect()
}

/// Tells of what cannot be read, where nothing of the kind is wanted.
fn refuse<T>(source: &Source, on_reject: &mut OnReject<'_>) -> Result<T, ArchiveError> {
    for bad in &source.bad {
        on_reject(&reject_of(&source.lines.file.name, &source.chunk, bad))?;
    }
    Err(ArchiveError::Refused)
}

/// When each run of an archive starts.
#[derive(Debug)]
pub(crate) struct RunStarts {
    table: RunTable,
    hasher: IdHasher,
}

impl RunStarts {
    /// Returns when a run starts; one that is not known comes after all others.
    pub(crate) fn of(&self, request_id: &str) -> Option<Timestamp> {
        let run = self.table.find(self.hasher.hash(request_id.as_bytes()))?;
        Some(self.table.start(run))
    }
}

/// Returns where each number stands in an order.
fn inverse(order: &[u32]) -> Vec<u32> {
    let mut position = vec![0; order.len()];
    for (at, &number) in order.iter().enumerate() {
        position[number as usize] = at as u32;
    }
    position
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    /// The runs in the order they come in, each with the number of its events.
    fn order(lines: &str, max_runs: usize, keep_memory: usize) -> String {
        read(lines, max_runs, keep_memory, false).unwrap()
    }

    fn read(
        lines: &str,
        max_runs: usize,
        keep_memory: usize,
        careful: bool,
    ) -> Result<String, ArchiveError> {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(lines.as_bytes()).unwrap();
        let input = Input::File {
            path: file.path().to_owned(),
            size: lines.len() as u64,
            named: true,
            extent: None,
        };
        let ordering = Ordering {
            inputs: &[input],
            read: ReadOptions {
                chunk: 200,
                ..ReadOptions::default()
            },
            sort: SortOptions {
                keep_memory,
                ..SortOptions::default()
            },
            progress: &Arc::default(),
            strict: false,
            careful,
            max_runs,
            besides: None,
        };
        let mut sorted = ordering.sorted(Box::new(|_| Ok(())))?;
        let mut runs: Vec<(String, usize)> = Vec::new();
        while let Some(batch) = sorted.next_batch()? {
            for event in batch.events() {
                match runs.last_mut() {
                    Some((run, count)) if *run == *event.request_id => *count += 1,
                    _ => runs.push((event.request_id.to_string(), 1)),
                }
            }
        }
        let shown = runs.iter().map(|(run, count)| format!("{run}{count}"));
        Ok(shown.collect::<Vec<_>>().join(" "))
    }

    fn line(run: &str, second: u32) -> String {
        format!(
            "{{\"event_id\":\"{run}-{second}\",\"request_id\":\"{run}\",\"kind\":\"op_start\",\"timestamp\":\"2026-11-21T01:36:{second:02}Z\",\"seq\":{second}}}\n"
        )
    }

    #[test]
    fn events_that_share_a_line_are_never_out_of_order() {
        let shared = |one: (&str, u32), other: (&str, u32)| {
            line(one.0, one.1).replace('\n', "") + &line(other.0, other.1)
        };
        let rest = || line("a", 7) + &line("c", 8);
        let archives = [
            // Of a run that nothing else tells of, of one that began later else, and of one that
            // would have been complete else.
            (
                line("a", 2) + &shared(("a", 3), ("b", 4)) + &rest(),
                "a3 b1 c1",
            ),
            (
                line("a", 2) + &shared(("a", 3), ("c", 1)) + &rest(),
                "c2 a3",
            ),
            (
                line("b", 2) + &rest() + &shared(("c", 9), ("b", 10)),
                "b2 a1 c2",
            ),
        ];
        for (lines, wanted) in archives {
            match read(&lines, 4, 1 << 20, false) {
                Ok(order) => assert_eq!(order, wanted),
                Err(error) => assert!(matches!(error, ArchiveError::Changed), "{error}"),
            }
            assert_eq!(read(&lines, 4, 1 << 20, true).unwrap(), wanted);
        }
    }

    #[test]
    fn runs_come_by_start_and_more_than_the_table_holds_by_id() {
        let lines: String = [("d", 1), ("a", 2), ("c", 3), ("d", 4), ("b", 5), ("a", 6)]
            .map(|(run, second)| line(run, second))
            .concat();
        for keep_memory in [0, 1 << 20] {
            assert_eq!(order(&lines, 4, keep_memory), "d2 a2 c1 b1");
            assert_eq!(order(&lines, 3, keep_memory), "a2 b1 c1 d2");
        }
    }
}
