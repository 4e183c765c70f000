//! Exporting archives: reading, ordering, and driving an exporter.

mod destination;
mod rejects;
mod relay;
mod summary;
mod target;
mod totals;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use runtrail_archive::{Archive, ArchiveError, SortOptions, SortedArchive};
use runtrail_core::export::{Batch, Exporter};

pub(crate) use destination::Destination;
use rejects::Rejects;
pub(crate) use relay::relay;
pub(crate) use summary::Summary;
use target::Target;

use crate::args::{ExportArgs, OnBadLine};
use crate::code::Code;
use crate::failure::Failure;
use crate::human;
use crate::interrupt;
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
    let rejects = Rejects::new(args.on_bad_line);
    let mut archive = Archive::open(&args.sources)?.on_reject(|reject| rejects.take(reject));
    destination.check_apart(&args.sources, archive.inputs())?;
    let watched = Watched::new(archive.inputs(), archive.progress());
    interrupt::set_on_interrupt(&watched.reading.cancelled).map_err(|error| {
        Failure::new(Code::Io, "cannot listen for interruptions").because(&error)
    })?;

    let target = Target::open(&destination, args, plan, threads, archive.inputs())?;
    rejects.keep_in(target.staged_quarantine());
    let sort = SortOptions {
        memory: plan.sort,
        keep_memory: plan.keep,
        merge_memory: plan.merge,
        temp_dir: Some(target.temp_dir().to_owned()),
        threads,
    };
    let mut summary = Summary::new(args, archive.sources());
    let display = Display::start(Arc::clone(&watched), out.terminal);
    let sorted = archive.sorted(args.read.options(threads), sort);
    let SortedArchive { report, events } = sorted.map_err(|error| {
        rejects
            .refusal(out.terminal)
            .unwrap_or_else(|| stopped(error))
    })?;
    if args.on_bad_line == OnBadLine::Fail && !report.failed.is_empty() {
        drop(display);
        problems::show_failed(&report, out);
        return Err(Failure::new(
            Code::Io,
            "nothing was exported: not every file could be read",
        ));
    }
    summary.read(&report);

    let (mut exporter, finished) = target.into_exporter(rejects.finish()?, &report.rejects);
    let counts = if threads > 1 {
        let mut events = events.prefetch();
        write(|| events.next_batch(), &mut *exporter, &watched)?;
        events.counts()
    } else {
        let mut events = events;
        write(|| events.next_batch(), &mut *exporter, &watched)?;
        events.counts()
    };
    watched.finishing.store(true, Ordering::Relaxed);
    exporter.close(Instant::now() + PATIENCE)?;
    summary.sorted(counts);
    summary.written(finished.written()?);
    drop(display);
    problems::show_failed(&report, out);
    Ok(summary)
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

/// Hands everything to the exporter.
fn write(
    mut next: impl FnMut() -> Result<Option<Batch>, ArchiveError>,
    exporter: &mut dyn Exporter,
    watched: &Watched,
) -> Result<(), Failure> {
    watched.writing.store(true, Ordering::Relaxed);
    while let Some(batch) = next()? {
        if watched.reading.cancelled.load(Ordering::Relaxed) {
            return Err(stopped(ArchiveError::Interrupted));
        }
        exporter.export(&batch)?;
        watched
            .written
            .fetch_add(batch.events().len() as u64, Ordering::Relaxed);
    }
    Ok(())
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
