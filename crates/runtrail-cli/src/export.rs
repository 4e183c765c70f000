//! Exporting archives: reading, ordering, and driving an exporter.

mod besides;
mod destination;
mod earlier;
mod journal;
mod mend;
mod plan;
mod rejects;
mod relay;
mod resume;
mod summary;
mod target;
mod totals;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use runtrail_archive::{Archive, ArchiveError, Input, ReadReport, SortCounts, SortOptions, Sorted};
use runtrail_core::printable::Printable;
use runtrail_parquet::{LakeLock, LakeReader, OpenRuns};

use besides::Besides;
pub(crate) use destination::Destination;
use earlier::Given;
use journal::ExportJournal;
use plan::Plan;
use rejects::Rejects;
pub(crate) use relay::relay;
use resume::Chunks;
pub(crate) use summary::Summary;
use target::{OpenTarget, Written};

use crate::args::{ExportArgs, OnBadLine};
use crate::code::Code;
use crate::failure::Failure;
use crate::human;
use crate::interrupt;
use crate::load::open_lake;
use crate::memory::MemoryPlan;
use crate::out::Out;
use crate::problems;
use crate::progress::{Display, Watched};

/// An export of a program that is not waited for has all the time that it needs.
const PATIENCE: Duration = Duration::from_secs(7 * 24 * 3600);

/// Exports an archive and says what it came to.
pub(crate) fn export(args: &ExportArgs, out: &mut Out) -> Result<Summary, Failure> {
    let threads = args.threads();
    let (destination, plan) = check(args, threads)?;
    let job = Job {
        args,
        destination,
        plan,
        threads,
    };
    match job.run(out, Care::Usual) {
        // What was staged is gone, and what was made visible is made again.
        Err(Stop::Changed) => job.run(out, Care::More),
        done => done,
    }
    .map_err(|stop| match stop {
        Stop::Changed => stopped(ArchiveError::Changed),
        Stop::Failed(failure) => failure,
    })
}

/// How closely the archive is looked at before it is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Care {
    Usual,
    More,
}

/// Why an export ended early.
enum Stop {
    /// The archive was not what it seemed to be.
    Changed,
    Failed(Failure),
}

impl<E: Into<Failure>> From<E> for Stop {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

impl Stop {
    /// What the journal is told.
    fn failure(&self) -> Failure {
        match self {
            Self::Changed => stopped(ArchiveError::Changed),
            Self::Failed(failure) => failure.clone(),
        }
    }
}

/// What is known of a destination before anything is written.
struct Known {
    lock: Option<LakeLock>,
    lake: Option<LakeReader>,
    plan: Plan,
    besides: Besides,
}

/// What an export is made with.
struct Parts<'p> {
    rejects: &'p Rejects,
    plan: &'p Plan,
    besides: &'p mut Besides,
    journal: &'p mut ExportJournal,
    chunks: &'p mut Chunks,
}

/// An export, checked.
struct Job<'a> {
    args: &'a ExportArgs,
    destination: Destination,
    plan: MemoryPlan,
    threads: usize,
}

impl Job<'_> {
    fn run(&self, out: &mut Out, care: Care) -> Result<Summary, Stop> {
        let args = self.args;
        let rejects = Rejects::new(args.on_bad_line);
        let mut archive =
            Archive::open_with(&args.sources, &open_lake)?.on_reject(|reject| rejects.take(reject));
        if args.on_bad_line == OnBadLine::Fail {
            archive = archive.strict();
        }
        if care == Care::More {
            archive = archive.careful();
        }
        self.destination
            .check_apart(&args.sources, archive.inputs())?;
        let mut summary = Summary::new(args, archive.sources());
        let Known {
            lock: _lock,
            lake,
            plan,
            mut besides,
        } = self.look(archive.inputs(), out)?;
        summary.planned(&plan);
        if plan.is_empty() && !besides.has_runs_to_close() {
            journal::settle(self.destination.path(), lake.as_ref(), &plan, args)?;
            return Ok(summary);
        }
        let (mut journal, mut chunks) = self.journal(lake.as_ref(), &plan)?;
        let archive = archive.narrowed(plan.inputs());
        let parts = Parts {
            rejects: &rejects,
            plan: &plan,
            besides: &mut besides,
            journal: &mut journal,
            chunks: &mut chunks,
        };
        let done = self.write(archive, parts, out);
        let (report, counts, written) = match done {
            Ok(done) => done,
            Err(stop) => {
                journal.fail(&stop.failure());
                return Err(stop);
            }
        };
        summary.read(&report);
        summary.sorted(counts);
        summary.written(written);
        summary.besides(&besides);
        summary.before(&chunks);
        journal.end(self.destination.path(), &summary, &report)?;
        problems::show_failed(&report, out);
        Ok(summary)
    }

    /// Reads what is planned, and writes it.
    fn write(
        &self,
        archive: Archive<'_>,
        parts: Parts<'_>,
        out: &mut Out,
    ) -> Result<(ReadReport, SortCounts, Written), Stop> {
        let Parts {
            rejects,
            plan,
            besides,
            journal,
            chunks,
        } = parts;
        let args = self.args;
        let watched = Watched::new(archive.inputs(), archive.progress());
        listen(&watched)?;
        let mut target = OpenTarget::open(&self.destination, args, self.plan, self.threads)?;
        rejects.keep_in(target.staged_quarantine());
        let sort = self.sort_options(&target);
        let display = Display::start(Arc::clone(&watched), out.terminal);
        let refused = |error| match error {
            ArchiveError::Changed => Stop::Changed,
            error => Stop::Failed(
                rejects
                    .refusal(out.terminal)
                    .unwrap_or_else(|| stopped(error)),
            ),
        };
        journal.start("read and encode")?;
        let mut events = archive
            .sorted_besides(args.read.options(self.plan.readers), sort, |seen| {
                besides.inputs(seen, &self.sort_besides(&target))
            })
            .map_err(|error| {
                besides
                    .take_refusal()
                    .map_or_else(|| refused(error), Stop::Failed)
            })?;
        target.change(besides.take_changes());
        if args.on_bad_line == OnBadLine::Fail && !events.report().failed.is_empty() {
            drop(display);
            problems::show_failed(events.report(), out);
            return Err(Stop::Failed(Failure::new(
                Code::Io,
                "nothing was exported: not every file could be read",
            )));
        }
        let writing = Writing {
            chunks,
            journal,
            in_chunks: self.destination.journal().is_some(),
            watched: &watched,
        };
        writing
            .write(&mut events, &mut target)
            .map_err(|stop| match stop {
                Stopped::Reading(error) => refused(error),
                Stopped::Writing(failure) => Stop::Failed(failure),
            })?;
        let (report, counts) = (events.report().clone(), events.counts());
        drop(events);
        if let Some(failure) = mend::lost(plan, &report) {
            drop(display);
            problems::show_failed(&report, out);
            return Err(Stop::Failed(failure));
        }
        journal.done(counts.events)?;
        journal.start("publish")?;
        watched.finishing.store(true, Ordering::Relaxed);
        let quarantine = rejects.finish()?;
        target.set_sources(plan.logged(&report, &args.read, self.threads)?);
        let written = target.close(quarantine, &report.rejects, Instant::now() + PATIENCE)?;
        journal.done(written.events)?;
        drop(display);
        Ok((report, counts, written))
    }

    /// Begins the journal, after what an attempt that was cut off had done.
    fn journal(
        &self,
        lake: Option<&LakeReader>,
        plan: &Plan,
    ) -> Result<(ExportJournal, Chunks), Failure> {
        if let Destination::Lake(root) = &self.destination {
            let journal = ExportJournal::of_lake(root, lake, plan, self.args)?;
            return Ok((journal, Chunks::default()));
        }
        match self.destination.journal() {
            Some(beside) => {
                let (journal, before) = ExportJournal::of_runs(&beside, plan, self.args)?;
                Ok((journal, Chunks::after(before)))
            }
            None => Ok(Default::default()),
        }
    }

    /// Compares the sources with what the destination holds of them. Of a lake that takes its lock: what it
    /// holds must not change until the export has ended.
    fn look(&self, inputs: &[Input], out: &mut Out) -> Result<Known, Failure> {
        let Destination::Lake(root) = &self.destination else {
            return Ok(Known {
                lock: None,
                lake: None,
                plan: Plan::everything(inputs, self.destination.journal().map(|_| self.threads)),
                besides: Besides::default(),
            });
        };
        let waits = || {
            let shown = root.display().to_string();
            out.note(&format!(
                "waiting for another export to {} to end\n",
                Printable(&shown)
            ));
        };
        let lock =
            LakeLock::wait(root, waits).map_err(|error| Failure::path("write", root, &error))?;
        lock.tidy().map_err(|error| Failure::of(Code::Io, &error))?;
        let lake = LakeReader::open(root).map_err(|error| Failure::of(Code::Io, &error))?;
        if let Some((path, why)) = lake
            .iter()
            .flat_map(|lake| &lake.listing().bad_records)
            .next()
        {
            let what = format!(
                "{}: the lake's log cannot be read: {why}",
                root.join(path).display()
            );
            return Err(Failure::new(Code::Io, what)
                .help("put the record back as it was, or export to another folder"));
        }
        let lacking = lake
            .as_ref()
            .filter(|lake| !lake.listing().missing.is_empty());
        if let Some(lake) = lacking.filter(|_| !self.args.replace) {
            mend::check(lake)?;
        }
        let mut plan = Plan::of(inputs, lake.as_ref(), self.args, self.threads)?;
        if let Some(lake) = lacking {
            mend::mend(&mut plan, lake, inputs, self.threads)?;
        }
        let open_runs = self.args.open_runs.map(OpenRuns::from);
        let given = Given::new(inputs, &plan, self.args, self.threads);
        let besides = Besides::new(lake.as_ref(), &plan, given, open_runs)?;
        Ok(Known {
            lock: Some(lock),
            lake,
            plan,
            besides,
        })
    }

    fn sort_options(&self, target: &OpenTarget) -> SortOptions {
        SortOptions {
            memory: self.plan.sort,
            keep_memory: self.plan.keep,
            merge_memory: self.plan.merge,
            temp_dir: Some(target.temp_dir().to_owned()),
            threads: self.threads,
        }
    }

    /// How what comes besides is brought into order, while what was read of the sources may wait in memory.
    fn sort_besides(&self, target: &OpenTarget) -> SortOptions {
        let sort = self.sort_options(target);
        SortOptions {
            memory: sort.memory / 2,
            keep_memory: sort.keep_memory / 2,
            ..sort
        }
    }
}

/// Checks what the command line asks for before anything is touched; all errors at once.
fn check(args: &ExportArgs, threads: usize) -> Result<(Destination, MemoryPlan), Failure> {
    let plan = MemoryPlan::new(args.memory, threads).ok_or_else(|| {
        let (given, least) = (
            human::bytes(args.memory as u64),
            human::bytes(MemoryPlan::MINIMUM as u64),
        );
        Failure::usage(format!(
            "--memory {given} is too little: an export needs at least {least}"
        ))
    });
    match (Destination::of(args), plan) {
        (Ok(destination), Ok(plan)) => Ok((destination, plan)),
        (Err(one), Err(other)) => Err(one.and(&other)),
        (Err(failure), _) | (_, Err(failure)) => Err(failure),
    }
}

/// Lets an interruption end reading.
fn listen(watched: &Watched) -> Result<(), Failure> {
    let listening = interrupt::set_on_interrupt(&watched.reading.cancelled);
    listening
        .map_err(|error| Failure::new(Code::Io, "cannot listen for interruptions").because(&error))
}

/// What stopped handing events over.
enum Stopped {
    Reading(ArchiveError),
    Writing(Failure),
}

/// Hands events to an exporter.
struct Writing<'w> {
    chunks: &'w mut Chunks,
    journal: &'w mut ExportJournal,
    in_chunks: bool,
    watched: &'w Watched,
}

impl Writing<'_> {
    /// Hands everything over.
    fn write(self, events: &mut Sorted<'_>, target: &mut OpenTarget) -> Result<(), Stopped> {
        let watched = self.watched;
        watched.writing.store(!events.reads_on(), Ordering::Relaxed);
        while let Some(batch) = events.next_batch().map_err(Stopped::Reading)? {
            if watched.reading.cancelled.load(Ordering::Relaxed) {
                return Err(Stopped::Reading(ArchiveError::Interrupted));
            }
            let exporter = target.exporter();
            // A lake becomes visible as a whole.
            let taken = if self.in_chunks {
                self.chunks.take(&batch, exporter, self.journal)
            } else {
                exporter.export(&batch).map_err(Failure::from)
            };
            taken.map_err(Stopped::Writing)?;
            watched
                .written
                .fetch_add(batch.events().len() as u64, Ordering::Relaxed);
        }
        Ok(())
    }
}

fn stopped(error: ArchiveError) -> Failure {
    match error {
        ArchiveError::Interrupted => Failure::new(
            Code::Interrupted,
            "interrupted; nothing is left half written",
        )
        .help("the same command again makes the export whole"),
        other => other.into(),
    }
}
