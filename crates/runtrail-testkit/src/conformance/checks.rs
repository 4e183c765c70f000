//! The checks, one function each.

use std::collections::HashMap;
use std::path::Path;

use runtrail_core::event::TraceEvent;
use runtrail_core::export::{Batch, Exporter};

use super::folder::{Files, Folder, same};
use super::{Suite, deadline, said, sample, streams};
use crate::strategies::batches_at;

/// Checks one thing; the error says what was found instead.
type Check<F> = fn(&Suite<F>) -> Result<(), String>;

impl<F: Fn(&Path) -> Box<dyn Exporter>> Suite<F> {
    /// What is expected, and the check of it.
    pub(super) fn checks() -> [(&'static str, Check<F>); 9] {
        [
            (
                "the name is not empty and never changes",
                Self::name_is_stable,
            ),
            (
                "an export without events is nothing special",
                Self::nothing_is_fine,
            ),
            (
                "the files do not depend on how the stream is split into batches",
                Self::splits_do_not_matter,
            ),
            (
                "exporting the same again changes nothing",
                Self::again_changes_nothing,
            ),
            (
                "a flush ends nothing and changes nothing of the result",
                Self::flush_changes_nothing,
            ),
            (
                "a run that is open at the close is written as if it ended there",
                Self::open_run_is_written,
            ),
            ("a file is seen only whole", Self::files_are_seen_whole),
            (
                "the same export puts right what a killed one left",
                Self::killed_is_put_right,
            ),
            (
                "names are final and differ by more than case",
                Self::names_are_final,
            ),
        ]
    }

    fn name_is_stable(&self) -> Result<(), String> {
        let folder = Folder::new()?;
        let mut exporter = (self.make)(folder.dest());
        let first = exporter.name().to_owned();
        if first.trim().is_empty() {
            return Err("the name is empty".to_owned());
        }
        exporter
            .export(&whole(&sample::stream()))
            .map_err(|error| said("export", &error))?;
        let then = [
            exporter.name().to_owned(),
            (self.make)(folder.dest()).name().to_owned(),
        ];
        exporter
            .close(deadline())
            .map_err(|error| said("close", &error))?;
        match then.iter().find(|name| **name != first) {
            Some(other) => Err(format!("the name was `{first}`, then `{other}`")),
            None => Ok(()),
        }
    }

    fn nothing_is_fine(&self) -> Result<(), String> {
        let without = self.export(&Folder::new()?, &[])?;
        let with_empty = self.export(&Folder::new()?, &[Batch::default(), Batch::default()])?;
        same(&without, &with_empty)
            .map_err(|how| format!("an empty batch changes an empty export: {how}"))
    }

    fn splits_do_not_matter(&self) -> Result<(), String> {
        for stream in streams() {
            let wanted = self.export(&Folder::new()?, &[whole(&stream)])?;
            if wanted.is_empty() {
                return Err(format!("{} events left no file", stream.len()));
            }
            for (how, cuts) in splits(stream.len()) {
                let found = self.export(&Folder::new()?, &batches_at(&stream, &cuts))?;
                same(&wanted, &found)
                    .map_err(|differs| format!("one batch, and {how}: {differs}"))?;
            }
        }
        Ok(())
    }

    fn again_changes_nothing(&self) -> Result<(), String> {
        for stream in streams() {
            let folder = Folder::new()?;
            let first = self.export(&folder, &[whole(&stream)])?;
            let again = self.export(&folder, &batches_at(&stream, &[stream.len() / 2]))?;
            same(&first, &again)?;
        }
        Ok(())
    }

    fn flush_changes_nothing(&self) -> Result<(), String> {
        for stream in streams() {
            let wanted = self.export(&Folder::new()?, &[whole(&stream)])?;
            let batches = batches_at(&stream, &[stream.len() / 3, stream.len() / 2]);
            let found = self.export_watched(&Folder::new()?, &batches, |_, exporter| {
                exporter
                    .flush(deadline())
                    .map_err(|error| said("flush", &error))
            })?;
            same(&wanted, &found)?;
        }
        Ok(())
    }

    fn open_run_is_written(&self) -> Result<(), String> {
        let events = sample::open_run();
        let ended = self.export(&Folder::new()?, &[whole(&events)])?;
        let folder = Folder::new()?;
        let open = self.export(&folder, &[Batch::new(events, [])])?;
        if open.is_empty() {
            return Err("its events left no file".to_owned());
        }
        same(&ended, &open)?;
        match &self.truncated {
            Some(truncated) if !truncated(folder.dest(), sample::OPEN_RUN) => Err(format!(
                "the files do not say that the run `{}` was truncated",
                sample::OPEN_RUN
            )),
            _ => Ok(()),
        }
    }

    fn files_are_seen_whole(&self) -> Result<(), String> {
        let stream = sample::stream();
        let folder = Folder::new()?;
        let mut seen: Vec<Files> = Vec::new();
        let last = self.export_watched(
            &folder,
            &batches_at(&stream, &every(stream.len(), 5)),
            |_, exporter| {
                exporter
                    .flush(deadline())
                    .map_err(|error| said("flush", &error))?;
                seen.push(folder.files()?);
                Ok(())
            },
        )?;
        for (path, content) in seen.iter().flatten().filter(|(path, _)| is_data(path)) {
            match last.get(path) {
                Some(whole) if whole != content => {
                    return Err(format!(
                        "{path} was seen with {} of its {} bytes",
                        content.len(),
                        whole.len()
                    ));
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn killed_is_put_right(&self) -> Result<(), String> {
        let stream = sample::stream();
        let wanted = self.export(&Folder::new()?, &[whole(&stream)])?;
        let folder = Folder::new()?;
        let mut left = Vec::new();
        self.export_watched(
            &folder,
            &batches_at(&stream, &every(stream.len(), 9)),
            |index, exporter| {
                if index % 2 == 1 {
                    exporter
                        .flush(deadline())
                        .map_err(|error| said("flush", &error))?;
                }
                // A kill at this moment would leave exactly these files.
                left.push(folder.files()?);
                Ok(())
            },
        )?;
        for files in left {
            let found = self.export(&Folder::holding(&files)?, &[whole(&stream)])?;
            same(&wanted, &found)?;
        }
        Ok(())
    }

    fn names_are_final(&self) -> Result<(), String> {
        let files = self.export(&Folder::new()?, &[whole(&sample::stream())])?;
        let mut folded: HashMap<String, &String> = HashMap::new();
        for path in files.keys() {
            let name = path.rsplit('/').next().unwrap_or(path).to_lowercase();
            let marks = [".tmp", ".temp", ".part", ".partial", ".incomplete", "~"];
            if marks.iter().any(|mark| name.ends_with(mark)) {
                return Err(format!("{path} looks like a temporary file"));
            }
            if let Some(other) = folded.insert(path.to_lowercase(), path) {
                return Err(format!(
                    "{other} and {path} are one file where case does not count"
                ));
            }
        }
        Ok(())
    }
}

/// The whole stream in one batch.
fn whole(stream: &[TraceEvent]) -> Batch {
    batches_at(stream, &[]).pop().unwrap_or_default()
}

/// Ways to split a stream of some length.
fn splits(len: usize) -> [(&'static str, Vec<usize>); 3] {
    [
        ("one event a batch", every(len, 1)),
        (
            "batches of 7 with empty ones between",
            every(len, 7).into_iter().flat_map(|at| [at, at]).collect(),
        ),
        (
            "all but the last event first",
            vec![0, len.saturating_sub(1)],
        ),
    ]
}

fn every(len: usize, step: usize) -> Vec<usize> {
    (0..=len).step_by(step).collect()
}

/// Whether a path is one of data, by the convention of data lakes: `_` and `.` begin other names.
fn is_data(path: &str) -> bool {
    !path.split('/').any(|part| part.starts_with(['.', '_']))
}
