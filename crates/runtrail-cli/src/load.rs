//! Reading archives for a view: everything, or one run.

mod lake;
mod select;

use std::sync::Arc;

use runtrail_archive::{
    ArchiveError, ReadReport, Reader, Reject, Sink, SortOptions, Sorted, Sorter, resolve_with,
};
use runtrail_core::event::TraceEvent;

pub(crate) use lake::{is_without_events, open as open_lake};
pub(crate) use select::{Selection, ambiguous};

use crate::args::ReadArgs;
use crate::code::Code;
use crate::failure::{Failure, Outcome};
use crate::out::Out;
use crate::problems::Problems;
use crate::progress::{Display, Watched};

/// What reading an archive gave.
pub(crate) struct Loaded {
    /// The events, in order, run by run.
    pub(crate) events: Sorted<'static>,
    /// Which run was asked for, and which there are.
    pub(crate) selection: Selection,
    report: ReadReport,
    problems: Problems,
}

/// Reads the sources; of events only those that the selection may mean are kept.
pub(crate) fn load(
    sources: &[String],
    args: &ReadArgs,
    selection: Selection,
    out: &Out,
) -> Result<Loaded, Failure> {
    let sources = resolve_with(sources, &open_lake)?;
    let watched = Watched::new(&sources.inputs, Arc::default());
    // A view that is piped somewhere is not to mix lines of progress with its warnings.
    let display = out
        .terminal
        .interactive
        .then(|| Display::start(Arc::clone(&watched), out.terminal));
    // Views share the machine with whoever is looking: parsing on one more thread is enough.
    let mut reader = Reader::new(args.options(2), &watched.reading);
    let sorter = Sorter::new(SortOptions::default());
    let mut gather = Gather {
        sorter,
        selection,
        problems: Problems::default(),
    };
    for input in &sources.inputs {
        reader.read(input, &mut gather)?;
    }
    let Gather {
        sorter,
        selection,
        problems,
    } = gather;
    let events = sorter.finish()?;
    drop(display);
    Ok(Loaded {
        events,
        selection,
        report: reader.finish(),
        problems,
    })
}

impl Loaded {
    /// Says what could not be read, and how the view ends: a source that could not be read, and nothing
    /// readable at all, are failures. Lines that are no events are not, beside others.
    pub(crate) fn finish(mut self, out: &mut Out) -> Code {
        self.say_problems(out);
        if !self.report.failed.is_empty() || self.is_unreadable() {
            Code::Io
        } else {
            Code::Done
        }
    }

    fn say_problems(&mut self, out: &mut Out) {
        self.problems.show(&self.report, out);
        if self.report.events == 0 && !self.is_unreadable() {
            out.warn(&format!("the archive holds no events{}\n", self.left_out()));
        }
    }

    /// Whether there was something, and nothing of it could be read.
    fn is_unreadable(&self) -> bool {
        let trouble = !self.problems.is_empty() || !self.report.failed.is_empty();
        self.report.events == 0 && trouble
    }

    /// Says why what was read is not all there is, where it is not.
    pub(crate) fn incomplete(&self) -> Option<String> {
        let (failed, rejected) = (self.report.failed.len() as u64, self.report.rejected());
        let counted = |n, noun| crate::human::counted(n, noun);
        match (failed, rejected) {
            (0, 0) => None,
            (0, lines) => Some(format!(
                "{} could not be read as events",
                counted(lines, "line")
            )),
            (files, _) => Some(format!(
                "{} could not be read whole",
                counted(files, "file")
            )),
        }
    }

    /// Says what could not be read, and then why the view has no answer.
    ///
    /// Where nothing could be read at all, that is the reason; what is not there may be in a source that
    /// could not be read.
    pub(crate) fn fail(mut self, mut failure: Failure, out: &mut Out) -> Outcome {
        self.say_problems(out);
        if self.is_unreadable() {
            return Ok(Code::Io);
        }
        if failure.code == Code::No && !self.report.failed.is_empty() {
            failure.code = Code::Io;
        }
        Err(failure)
    }

    /// What was looked at in vain, in brackets.
    fn left_out(&self) -> String {
        let (empty, skipped) = (
            self.report.empty.len() as u64,
            self.report.skipped.len() as u64,
        );
        let mut parts = Vec::new();
        if empty > 0 {
            parts.push(format!("{} empty", crate::human::counted(empty, "file")));
        }
        if skipped > 0 {
            parts.push(format!(
                "{} that Runtrail wrote left out",
                crate::human::counted(skipped, "file")
            ));
        }
        if parts.is_empty() {
            String::new()
        } else {
            format!(" ({})", parts.join(", "))
        }
    }
}

/// Takes what the reader finds.
struct Gather {
    sorter: Sorter,
    selection: Selection,
    problems: Problems,
}

impl Sink for Gather {
    fn only(&self) -> Option<&str> {
        self.selection.wanted()
    }

    fn wants(&mut self, request_id: &str) -> bool {
        self.selection.may_mean(request_id)
    }

    fn events(&mut self, events: Vec<TraceEvent>, bytes: usize) -> Result<(), ArchiveError> {
        if self.selection.is_everything() {
            return self.sorter.push(events, bytes);
        }
        // A wanted event lets go of the chunk that it was read in, which is mostly of other runs.
        let wanted = events
            .into_iter()
            .filter(|event| self.selection.may_mean(&event.request_id));
        let wanted: Vec<TraceEvent> = wanted.map(|event| event.detached()).collect();
        let bytes = wanted.iter().map(TraceEvent::text_bytes).sum();
        if wanted.is_empty() {
            Ok(())
        } else {
            self.sorter.push(wanted, bytes)
        }
    }

    fn reject(&mut self, reject: Reject) -> Result<(), ArchiveError> {
        self.problems.add(&reject);
        Ok(())
    }
}
