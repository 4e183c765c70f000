//! One export: planned, happened, degraded, checked, outcome.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use runtrail_core::printable::Printable;
use runtrail_journal::{Damage, Entry, Journal, JournalFile, Phase, Record};
use serde::Serialize;

use super::list::{Export, to_json};
use super::{read, words};
use crate::args::{Format, ShowArgs};
use crate::code::Code;
use crate::failure::{Failure, Outcome};
use crate::glyph::Glyphs;
use crate::human::{self, Clock};
use crate::markdown;
use crate::out::Out;

/// Lines that people are shown of each phase.
const MAX_SHOWN: usize = 20;
/// Characters that people are shown of a line, such as a plan.
const MAX_WIDTH: usize = 2000;

/// Shows the journal of one export.
pub(super) fn one(file: &JournalFile, show: &ShowArgs, out: &mut Out) -> Outcome {
    let journal = read(file)?;
    if journal.records().is_empty() && journal.damage().lines > 0 {
        let what = format!(
            "{} is no journal: no line of it is an entry",
            file.path().display()
        );
        return Err(Failure::new(Code::Io, what));
    }
    let answer = match show.format.unwrap_or(Format::Text) {
        Format::Text => {
            let glyphs = Glyphs::new(out.terminal.unicode, out.terminal.out_colour);
            text(file, &journal, show.clock(), glyphs)
        }
        Format::Markdown => markdown(file, &journal, show.clock()),
        Format::Json => to_json(&Report::of(file, &journal), true)? + "\n",
        Format::Jsonl => {
            let lines = journal
                .records()
                .iter()
                .map(|record| to_json(record, false));
            lines
                .map(|line| Ok(line? + "\n"))
                .collect::<Result<String, Failure>>()?
        }
    };
    out.answer(&answer)?;
    if let Some(warning) = damaged(journal.damage()) {
        out.warn(&format!(
            "{}: {warning}\n",
            Printable(&file.path().display().to_string())
        ));
    }
    Ok(Code::Done)
}

/// Says what of a journal could not be read.
fn damaged(damage: Damage) -> Option<String> {
    let kinds = [
        ("lines that are no entry", damage.lines),
        ("missing entries", damage.missing),
        ("bytes beyond what is read", damage.skipped_bytes),
    ];
    let found = kinds.iter().filter(|(_, count)| *count > 0);
    let found = found.map(|(what, count)| format!("{what}: {}", human::count(*count)));
    let found: Vec<String> = found.collect();
    (!found.is_empty()).then(|| found.join(", "))
}

/// What is said of one phase.
struct Section {
    name: &'static str,
    lines: Vec<String>,
    /// How many lines are left out.
    more: u64,
}

fn section(name: &'static str, all: impl Iterator<Item = String>) -> Section {
    let mut all = all.map(|line| match line.char_indices().nth(MAX_WIDTH) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    });
    let lines = all.by_ref().take(MAX_SHOWN).collect();
    Section {
        name,
        lines,
        more: all.count() as u64,
    }
}

fn sections(journal: &Journal) -> Vec<Section> {
    let of = |phase| {
        let entries = journal.phase(phase).map(|record| &record.entry);
        entries.filter_map(words::entry)
    };
    let outcome = journal.final_outcome().cloned().map(Entry::from);
    let outcome = match outcome.as_ref().and_then(words::entry) {
        Some(outcome) => outcome,
        None => format!("none: the export is {}", words::state(journal).1),
    };
    let all = [
        section("planned", of(Phase::Planned)),
        section(
            "happened",
            done(journal).into_iter().chain(of(Phase::Happened)),
        ),
        section("degraded", of(Phase::Degraded)),
        section("checked", of(Phase::Succeeded)),
        section("unknown", unknown(journal)),
        section("outcome", std::iter::once(outcome)),
    ];
    all.into_iter()
        .filter(|section| !section.lines.is_empty())
        .collect()
}

/// Sums up what may have happened thousands of times.
fn done(journal: &Journal) -> Vec<String> {
    let mut lines = Vec::new();
    let mut parts: BTreeMap<Option<&str>, (u64, u64, u64)> = BTreeMap::new();
    let mut all = (0_u64, 0_u64, 0_u64);
    for file in journal.files() {
        for sum in [&mut all, parts.entry(file.part.as_deref()).or_default()] {
            sum.0 += 1;
            sum.1 = sum.1.saturating_add(file.rows);
            sum.2 = sum.2.saturating_add(file.bytes);
        }
    }
    let say = |(files, rows, bytes)| {
        let (files, rows) = (human::counted(files, "file"), human::counted(rows, "row"));
        format!("{files}, {rows}, {}", human::bytes(bytes))
    };
    if all.0 > 0 {
        lines.push(say(all));
    }
    let named = parts
        .into_iter()
        .filter_map(|(part, sum)| Some((part?, sum)));
    lines.extend(named.map(|(part, sum)| format!("  {part}: {}", say(sum))));
    let count = |kind: &str| {
        journal
            .chunk_events()
            .filter(|r| r.entry.name() == kind)
            .count()
    };
    let (started, completed) = (count("chunk_started"), count("chunk_completed"));
    if started + completed > 0 {
        let mut line = format!("{} completed", human::counted(completed as u64, "chunk"));
        // What is taken over from an export that was cut off was begun in another journal.
        if started >= completed {
            line += &format!(" of {}", human::counted(started as u64, "attempt"));
        }
        if let Some(longest) = journal.longest_chunk() {
            let (chunk, attempt) = (longest.chunk, longest.attempt);
            let took = words::took(longest.took);
            let _ = write!(line, "; longest: attempt {attempt} at {chunk}, {took}");
        }
        lines.push(line);
    }
    lines
}

/// Sums up what another version wrote.
fn unknown(journal: &Journal) -> impl Iterator<Item = String> {
    let mut names: BTreeMap<&str, u64> = BTreeMap::new();
    for entry in journal.entries().filter(|entry| entry.phase().is_none()) {
        *names.entry(entry.name()).or_default() += 1;
    }
    let say = |(name, count)| format!("{} {name}", human::count(count));
    names.into_iter().map(say).collect::<Vec<_>>().into_iter()
}

fn text(file: &JournalFile, journal: &Journal, clock: Clock, glyphs: Glyphs) -> String {
    let (state, word) = words::state(journal);
    let started = journal.started().map(|time| clock.second(time));
    let mut text = format!(
        "{}  {}  {}  {}\n",
        Printable(file.id()),
        glyphs.paint(state, &format!("{} {word}", glyphs.shape(state))),
        started.unwrap_or_else(|| glyphs.unknown().to_owned()),
        glyphs.dim(&Printable(&file.path().display().to_string()).to_string()),
    );
    for section in sections(journal) {
        let _ = writeln!(text, "{}", glyphs.bold(section.name));
        for line in &section.lines {
            let _ = writeln!(text, "  {}", Printable(line));
        }
        if section.more > 0 {
            let _ = writeln!(text, "  {}", left_out(section.more));
        }
    }
    text
}

fn left_out(more: u64) -> String {
    format!("and {} more; --format jsonl has all", human::count(more))
}

fn markdown(file: &JournalFile, journal: &Journal, clock: Clock) -> String {
    let (state, word) = words::state(journal);
    let started = journal.started().map(|time| clock.second(time));
    let mut text = format!(
        "### {} {} {word}\n\n{}\n",
        markdown::code(file.id()),
        Glyphs::new(true, false).shape(state),
        started.unwrap_or_default()
    );
    for section in sections(journal) {
        let _ = write!(text, "\n**{}**\n\n", section.name);
        for line in &section.lines {
            let _ = writeln!(text, "- {}", markdown::code(line.trim_start()));
        }
        if section.more > 0 {
            let _ = writeln!(text, "- {}", left_out(section.more));
        }
    }
    text
}

#[derive(Serialize)]
struct Report<'j> {
    schema: &'static str,
    schema_version: u32,
    #[serde(flatten)]
    export: Export<'j>,
    planned: Vec<&'j Record>,
    happened: Vec<&'j Record>,
    degradations: Vec<&'j Record>,
    checked: Vec<&'j Record>,
    outcome: Vec<&'j Record>,
    unknown: Vec<&'j Record>,
}

impl<'j> Report<'j> {
    fn of(file: &'j JournalFile, journal: &'j Journal) -> Self {
        let of = |phase| journal.phase(phase).collect();
        let unknown = journal.records().iter();
        Self {
            schema: "runtrail.journal",
            schema_version: 1,
            export: Export::of(file, journal),
            planned: of(Phase::Planned),
            happened: of(Phase::Happened),
            degradations: of(Phase::Degraded),
            checked: of(Phase::Succeeded),
            outcome: of(Phase::Outcome),
            unknown: unknown
                .filter(|record| record.entry.phase().is_none())
                .collect(),
        }
    }
}
