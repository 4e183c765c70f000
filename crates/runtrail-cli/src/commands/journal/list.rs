//! The exports of a lake, a line each.

use runtrail_core::printable::Printable;
use runtrail_core::time::Timestamp;
use runtrail_journal::{Journal, JournalFile, RunStatus, State};
use serde::Serialize;

use super::{read, words};
use crate::args::{Format, ShowArgs};
use crate::code::Code;
use crate::failure::{Failure, Outcome};
use crate::glyph::Glyphs;
use crate::human::{self, Clock};
use crate::markdown;
use crate::out::Out;
use crate::table::{Cell, Side, Table};

/// One export, of which the journal itself is not kept: there may be many.
#[derive(Serialize)]
pub(super) struct Export<'f> {
    journal: &'f str,
    id: &'f str,
    started_at: Option<Timestamp>,
    duration_ms: Option<f64>,
    state: State,
    status: Option<RunStatus>,
    files: u64,
    rows: u64,
    bytes: u64,
    degraded: u64,
    dropped: u64,
    damaged_lines: u64,
    missing_entries: u64,
    #[serde(skip)]
    shown: (crate::glyph::State, &'static str),
}

impl<'f> Export<'f> {
    /// Sums up a journal.
    pub(super) fn of(file: &'f JournalFile, journal: &Journal) -> Self {
        let sum = |of: fn(&runtrail_journal::FileWritten) -> u64| {
            journal.files().map(of).fold(0, u64::saturating_add)
        };
        Self {
            journal: file.name(),
            id: file.id(),
            started_at: journal.started(),
            duration_ms: journal.took().map(|took| took.as_secs_f64() * 1e3),
            state: journal.state(),
            status: journal.final_outcome().map(|outcome| outcome.status),
            files: journal.files().count() as u64,
            rows: sum(|file| file.rows),
            bytes: sum(|file| file.bytes),
            degraded: journal.degraded().count() as u64,
            dropped: journal.dropped(),
            damaged_lines: journal.damage().lines,
            missing_entries: journal.damage().missing,
            shown: words::state(journal),
        }
    }
}

/// Lists all exports, oldest first.
pub(super) fn all(files: &[JournalFile], show: &ShowArgs, out: &mut Out) -> Outcome {
    let exports = files
        .iter()
        .map(|file| Ok(Export::of(file, &read(file)?)))
        .collect::<Result<Vec<_>, Failure>>()?;
    let clock = show.clock();
    match show.format.unwrap_or(Format::Text) {
        Format::Text if exports.is_empty() => out.note("no export has left a journal here\n"),
        Format::Text => {
            let glyphs = Glyphs::new(out.terminal.unicode, out.terminal.out_colour);
            let name = |export: &Export<'_>| Printable(export.id).to_string();
            out.answer(&table(&exports, clock, glyphs, name).render())?;
        }
        Format::Markdown => {
            let glyphs = Glyphs::new(true, false);
            let name = |export: &Export<'_>| markdown::cell(export.id);
            out.answer(&table(&exports, clock, glyphs, name).markdown())?;
        }
        Format::Json => out.answer(&(to_json(&exports, true)? + "\n"))?,
        Format::Jsonl => exports
            .iter()
            .try_for_each(|export| out.answer(&(to_json(export, false)? + "\n")))?,
    }
    Ok(Code::Done)
}

fn table(
    exports: &[Export<'_>],
    clock: Clock,
    glyphs: Glyphs,
    name: impl Fn(&Export<'_>) -> String,
) -> Table {
    let started = if clock == Clock::Utc {
        "STARTED (UTC)"
    } else {
        "STARTED"
    };
    let mut table = Table::new(&[
        ("EXPORT", Side::Left),
        (started, Side::Left),
        ("TOOK", Side::Right),
        ("STATE", Side::Left),
        ("FILES", Side::Right),
        ("ROWS", Side::Right),
        ("DEGRADED", Side::Right),
    ]);
    let unknown = || glyphs.unknown().to_owned();
    for export in exports {
        let (state, word) = export.shown;
        let status = format!("{} {word}", glyphs.shape(state));
        let started = export.started_at.map(|time| clock.minute(time));
        table.push(vec![
            name(export).into(),
            started.unwrap_or_else(unknown).into(),
            export
                .duration_ms
                .map_or_else(unknown, human::duration)
                .into(),
            Cell::painted(status.clone(), glyphs.paint(state, &status)),
            human::count(export.files).into(),
            human::count(export.rows).into(),
            human::count(export.degraded).into(),
        ]);
    }
    table
}

/// Puts an answer as JSON.
pub(super) fn to_json(answer: &impl Serialize, indented: bool) -> Result<String, Failure> {
    let json = if indented {
        serde_json::to_string_pretty(answer)
    } else {
        serde_json::to_string(answer)
    };
    json.map_err(|error| Failure::of(Code::Io, &error))
}
