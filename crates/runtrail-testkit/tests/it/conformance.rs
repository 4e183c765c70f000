//! The conformance suite passes an exporter that does well, and catches each that does not.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use runtrail_core::export::{Batch, ExportError, Exporter};
use runtrail_core::name::file_name;
use runtrail_core::wire::write_event;
use runtrail_testkit::conformance::{Failure, Suite};

/// What an exporter does wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    None,
    EmptyName,
    ChangingName,
    RefusesEmptyExport,
    FileForEmptyBatch,
    CountsBatches,
    WritesNothing,
    AppendsToExisting,
    NewNameEachTime,
    FlushEndsRuns,
    FlushFails,
    ForgetsOpenRuns,
    MarksOpenRuns,
    WritesInPlace,
    TripsOverLeftOvers,
    LeavesTemporaryFile,
    WritesBeside,
    FoldsCaseOnly,
}

/// Writes a file of JSON Lines a run, at its end; what its fault says it does otherwise.
struct Faulty {
    fault: Fault,
    dest: PathBuf,
    runs: BTreeMap<String, String>,
    batches: usize,
    events: usize,
}

static MADE: AtomicUsize = AtomicUsize::new(0);

impl Faulty {
    fn new(fault: Fault, dest: &Path) -> Self {
        Self {
            fault,
            dest: dest.to_owned(),
            runs: BTreeMap::new(),
            batches: 0,
            events: 0,
        }
    }

    fn end(&mut self, run: &str) -> io::Result<()> {
        let Some(lines) = self.runs.remove(run) else {
            return Ok(());
        };
        if self.fault == Fault::WritesNothing {
            return Ok(());
        }
        fs::create_dir_all(&self.dest)?;
        let name = match self.fault {
            Fault::FoldsCaseOnly => format!(
                "{}.jsonl",
                run.replace(|c: char| !c.is_ascii_alphanumeric(), "_")
            ),
            Fault::NewNameEachTime => format!(
                "{}-{}",
                MADE.fetch_add(1, Ordering::Relaxed),
                file_name(run, "jsonl")
            ),
            _ => file_name(run, "jsonl"),
        };
        let path = self.dest.join(name);
        let before = match self.fault {
            Fault::AppendsToExisting => fs::read_to_string(&path).unwrap_or_default(),
            _ => String::new(),
        };
        if self.fault == Fault::WritesInPlace {
            return fs::write(&path, &lines);
        }
        let temporary = self.dest.join("lines.tmp");
        fs::write(&temporary, before + &lines)?;
        fs::rename(&temporary, path)
    }

    fn take(&mut self, batch: &Batch) -> io::Result<()> {
        self.batches += 1;
        for (events, ended) in batch.stretches() {
            for event in events {
                self.events += 1;
                let lines = self.runs.entry(event.request_id.to_string()).or_default();
                write_event(event, lines);
                lines.push('\n');
            }
            if let Some(run) = ended {
                self.end(run)?;
            }
        }
        if self.fault == Fault::WritesInPlace {
            fs::create_dir_all(&self.dest)?;
            for (run, lines) in &self.runs {
                fs::write(self.dest.join(file_name(run, "jsonl")), lines)?;
            }
        }
        if self.fault == Fault::TripsOverLeftOvers {
            fs::create_dir_all(&self.dest)?;
            fs::File::create_new(self.dest.join(format!(".left-{}", self.batches)))?;
        }
        Ok(())
    }

    fn finish(&mut self) -> io::Result<()> {
        if self.fault == Fault::RefusesEmptyExport && self.events == 0 {
            return Err(io::Error::other("no events"));
        }
        let open: Vec<String> = self.runs.keys().cloned().collect();
        for run in open {
            if self.fault == Fault::ForgetsOpenRuns {
                continue;
            }
            if self.fault == Fault::MarksOpenRuns {
                self.runs.entry(run.clone()).or_default().push_str("open\n");
            }
            self.end(&run)?;
        }
        if (self.fault, self.batches > 0) == (Fault::FileForEmptyBatch, true) {
            fs::create_dir_all(&self.dest)?;
            fs::write(self.dest.join("summary"), "")?;
        }
        if self.fault == Fault::TripsOverLeftOvers {
            return (1..=self.batches)
                .try_for_each(|batch| fs::remove_file(self.dest.join(format!(".left-{batch}"))));
        }
        if self.events == 0 {
            return Ok(());
        }
        match self.fault {
            Fault::CountsBatches => fs::write(self.dest.join("summary"), self.batches.to_string()),
            Fault::LeavesTemporaryFile => fs::write(self.dest.join("lines.tmp"), ""),
            Fault::WritesBeside => fs::write(self.dest.join("../stray"), ""),
            _ => Ok(()),
        }
    }
}

fn failed(error: io::Error) -> ExportError {
    ExportError::permanent("cannot write").with_source(error)
}

impl Exporter for Faulty {
    fn name(&self) -> &str {
        match self.fault {
            Fault::EmptyName => "",
            Fault::ChangingName if self.batches > 0 => "faulty-2",
            _ => "faulty",
        }
    }

    fn export(&mut self, batch: &Batch) -> Result<(), ExportError> {
        self.take(batch).map_err(failed)
    }

    fn flush(&mut self, _: Instant) -> Result<(), ExportError> {
        match self.fault {
            Fault::FlushEndsRuns => {
                let open: Vec<String> = self.runs.keys().cloned().collect();
                open.iter()
                    .try_for_each(|run| self.end(run))
                    .map_err(failed)
            }
            Fault::FlushFails => Err(failed(io::Error::other("no"))),
            _ => Ok(()),
        }
    }

    fn close(mut self: Box<Self>, _: Instant) -> Result<(), ExportError> {
        self.finish().map_err(failed)
    }
}

fn verdict(fault: Fault) -> Result<(), Failure> {
    Suite::new(move |dest: &Path| Box::new(Faulty::new(fault, dest)) as Box<dyn Exporter>).run()
}

#[track_caller]
fn caught(fault: Fault, expected: &str, found: &str) {
    let Err(failure) = verdict(fault) else {
        panic!("{fault:?} was not caught")
    };
    assert!(
        failure.expected.contains(expected) && failure.found.contains(found),
        "{fault:?}: {failure}"
    );
}

#[test]
fn a_good_exporter_passes() {
    assert_eq!(verdict(Fault::None), Ok(()));
}

#[test]
fn faults_of_the_contract_are_caught() {
    caught(Fault::EmptyName, "the name", "the name is empty");
    caught(
        Fault::ChangingName,
        "the name",
        "the name was `faulty`, then `faulty-2`",
    );
    caught(
        Fault::RefusesEmptyExport,
        "without events",
        "close failed: cannot write: no events",
    );
    caught(
        Fault::FileForEmptyBatch,
        "without events",
        "summary is there and should not be",
    );
    caught(
        Fault::FlushFails,
        "a flush",
        "flush failed: cannot write: no",
    );
}

#[test]
fn faults_of_the_result_are_caught() {
    caught(
        Fault::CountsBatches,
        "split into batches",
        "summary differs from byte 0",
    );
    caught(Fault::WritesNothing, "split into batches", "left no file");
    caught(Fault::AppendsToExisting, "the same again", "bytes and");
    caught(Fault::NewNameEachTime, "split into batches", "is missing");
    caught(Fault::FlushEndsRuns, "a flush", "bytes and");
    caught(Fault::ForgetsOpenRuns, "open at the close", "left no file");
    caught(
        Fault::MarksOpenRuns,
        "open at the close",
        "differs from byte",
    );
}

#[test]
fn faults_of_the_files_are_caught() {
    caught(Fault::WritesInPlace, "only whole", "was seen with");
    caught(Fault::TripsOverLeftOvers, "a killed one", "cannot write");
    caught(
        Fault::LeavesTemporaryFile,
        "names are final",
        "lines.tmp looks like a temporary file",
    );
    caught(Fault::WritesBeside, "split into batches", "written outside");
    caught(
        Fault::FoldsCaseOnly,
        "names are final",
        "are one file where case does not count",
    );
}

#[test]
fn the_reader_is_asked_about_the_truncated_run() {
    let make = |dest: &Path| Box::new(Faulty::new(Fault::None, dest)) as Box<dyn Exporter>;
    assert_eq!(
        Suite::new(make)
            .truncated_by(|dest, run| dest.is_dir() && run.contains("open"))
            .run(),
        Ok(())
    );
    let failure = Suite::new(make)
        .truncated_by(|_, _| false)
        .run()
        .unwrap_err();
    assert!(
        failure
            .to_string()
            .contains("do not say that the run `open at the end` was truncated"),
        "{failure}"
    );
}
