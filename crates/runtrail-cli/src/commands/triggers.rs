//! `runtrail triggers`: what started what, as a store has it.

mod chain;
mod events;
mod retention;
mod runs;
mod show;
pub(crate) mod source;

use runtrail_core::printable::Printable;
use runtrail_trigger::{Cursor, Page, Record, SqliteSettings, SqliteStore, TimeRange};

use crate::args::{Format, Question, TriggersArgs};
use crate::code::Code;
use crate::failure::{Failure, Outcome};
use crate::glyph::Glyphs;
use crate::human;
use crate::out::Out;
use crate::table::Table;

/// Runs the command.
pub(crate) fn run(args: &TriggersArgs, out: &mut Out) -> Outcome {
    // Where there is no file, SQLite says no more than that it failed.
    std::fs::metadata(&args.store).map_err(|error| Failure::path("open", &args.store, &error))?;
    let store = SqliteStore::open_existing(&args.store, SqliteSettings::default())?;
    match &args.question {
        Question::Events(args) => events::run(&store, args, out),
        Question::Runs(args) => runs::run(&store, args, out),
        Question::Show(args) => show::run(&store, args, out),
        Question::Chain(args) => chain::run(&store, args, out),
        Question::Retention(args) => retention::run(&store, args, out),
    }
}

impl crate::args::TriggerPageArgs {
    fn range(&self) -> TimeRange {
        TimeRange {
            from: self.since,
            until: self.until,
        }
    }
}

/// Prints a page as a table, or as JSON.
fn print_page<T: Record>(
    page: &Page<T>,
    format: Option<Format>,
    noun: &str,
    table: impl FnOnce(Glyphs, Look) -> Table,
    out: &mut Out,
) -> Outcome {
    let glyphs = Glyphs::new(out.terminal.unicode, out.terminal.out_colour);
    match format.unwrap_or(Format::Text) {
        Format::Text if page.items.is_empty() => out.note(&none_of(page, noun)),
        Format::Text => {
            out.answer(&table(glyphs, Look::Text).render())?;
            out.answer(&footer(page, noun))?;
        }
        Format::Markdown => {
            let plain = Glyphs::new(true, false);
            out.answer(&table(plain, Look::Markdown).markdown())?;
        }
        Format::Json => out.answer(&(page.to_json() + "\n"))?,
        Format::Jsonl => {
            for item in &page.items {
                out.answer(&(item.to_json() + "\n"))?;
            }
        }
    }
    let goes_on = matches!(format, Some(Format::Jsonl | Format::Markdown));
    if let Some(next) = page.next.as_ref().filter(|_| goes_on) {
        out.note(&format!(
            "{}; the next page:  {}\n",
            shown(page, noun),
            option(next)
        ));
    }
    Ok(Code::Done)
}

/// For whom a table is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Look {
    Text,
    Markdown,
}

impl Look {
    /// Shows foreign text.
    fn foreign(self, text: &str) -> String {
        match self {
            Self::Text => Printable(text).to_string(),
            Self::Markdown => crate::markdown::cell(text),
        }
    }
}

fn none_of<T>(page: &Page<T>, noun: &str) -> String {
    match page.total {
        0 => format!("no {noun}s of that kind\n"),
        total => format!(
            "nothing after that place; {} in all\n",
            human::counted(total, noun)
        ),
    }
}

fn shown<T>(page: &Page<T>, noun: &str) -> String {
    let shown = human::count(page.items.len() as u64);
    format!("{shown} of {}", human::counted(page.total, noun))
}

fn footer<T>(page: &Page<T>, noun: &str) -> String {
    match &page.next {
        None => String::new(),
        Some(next) => format!("{}; the next page:  {}\n", shown(page, noun), option(next)),
    }
}

/// The option that leads on, as it can be pasted into a shell whatever the id holds.
fn option(next: &Cursor) -> String {
    let next = next.to_string().replace('\'', r"'\''");
    format!("--after '{}'", Printable(&next))
}

/// Prints one JSON object, over several lines or on one.
fn print_json(json: &str, out: &mut Out) -> Result<(), Failure> {
    out.answer(&format!("{json}\n"))
}
