//! `runtrail cat`: events in order.

mod line;

use std::collections::BTreeSet;
use std::fmt::Write as _;

use runtrail_core::event::TraceEvent;
use runtrail_core::printable::Printable;
use runtrail_core::wire::write_event;

use crate::args::{CatArgs, Format};
use crate::failure::{Failure, Outcome};
use crate::glyph::Glyphs;
use crate::load::{Loaded, Selection, load};
use crate::markdown;
use crate::out::Out;

/// Kinds named where none of the wanted ones was met.
const MAX_KINDS: usize = 20;

/// Runs the command.
pub(crate) fn run(args: &CatArgs, out: &mut Out) -> Outcome {
    let selection = args
        .run
        .as_ref()
        .map_or_else(Selection::everything, Selection::run);
    let mut loaded = load(&args.sources, &args.read, selection, out)?;
    let only = match &args.run {
        None => None,
        Some(_) => match loaded.selection.resolve() {
            Ok(run) => Some(run.to_owned()),
            Err(failure) => return loaded.fail(failure, out),
        },
    };
    let met = print(&mut loaded, only.as_deref(), args, out)?;
    if let Some(kinds) = met {
        let kinds: Vec<String> = kinds
            .iter()
            .map(|kind| Printable(kind).to_string())
            .collect();
        out.note(&format!(
            "no event of that kind; there are: {}\n",
            kinds.join(", ")
        ));
    }
    Ok(loaded.finish(out))
}

/// Prints the wanted events; where there are none, returns the kinds that there are.
fn print(
    loaded: &mut Loaded,
    only: Option<&str>,
    args: &CatArgs,
    out: &mut Out,
) -> Result<Option<BTreeSet<String>>, Failure> {
    let mut printer = Printer::new(args, only.is_none(), out);
    let mut kinds = BTreeSet::new();
    printer.begin(out)?;
    while let Some(batch) = loaded.events.next_batch()? {
        for event in batch.events() {
            if printer.is_done(args.limit) || out.is_closed() {
                printer.end(out)?;
                return Ok(None);
            }
            if only.is_some_and(|run| event.request_id != *run) {
                continue;
            }
            if args.kind.is_empty() || args.kind.iter().any(|kind| kind == event.kind.as_str()) {
                printer.event(event, out)?;
            } else if kinds.len() < MAX_KINDS {
                kinds.insert(event.kind.as_str().to_owned());
            }
        }
    }
    printer.end(out)?;
    Ok((printer.printed == 0 && !kinds.is_empty()).then_some(kinds))
}

/// Prints events in a format.
struct Printer {
    format: Format,
    line: line::Line,
    text: String,
    printed: u64,
}

impl Printer {
    fn new(args: &CatArgs, many_runs: bool, out: &Out) -> Self {
        let terminal = out.terminal;
        let line = line::Line {
            clock: args.show.clock(),
            glyphs: Glyphs::new(terminal.unicode, terminal.out_colour),
            columns: terminal.columns,
            run: many_runs,
        };
        Self {
            format: args.show.format.unwrap_or(Format::Jsonl),
            line,
            text: String::new(),
            printed: 0,
        }
    }

    fn is_done(&self, limit: Option<u64>) -> bool {
        limit.is_some_and(|limit| self.printed >= limit)
    }

    fn begin(&self, out: &mut Out) -> Result<(), Failure> {
        match self.format {
            Format::Json => out.answer("["),
            Format::Markdown => {
                out.answer("| run | time | kind | op | what |\n| --- | --- | --- | --- | --- |\n")
            }
            Format::Text | Format::Jsonl => Ok(()),
        }
    }

    fn event(&mut self, event: &TraceEvent, out: &mut Out) -> Result<(), Failure> {
        self.text.clear();
        match self.format {
            Format::Jsonl => write_event(event, &mut self.text),
            Format::Json => {
                self.text
                    .push_str(if self.printed > 0 { ",\n" } else { "\n" });
                write_event(event, &mut self.text);
            }
            Format::Text => self.text.push_str(&self.line.render(event)),
            Format::Markdown => {
                let cells = [
                    markdown::cell(&event.request_id),
                    event.timestamp.to_string(),
                    markdown::cell(event.kind.as_str()),
                    event
                        .op_name
                        .as_deref()
                        .map(markdown::cell)
                        .unwrap_or_default(),
                    markdown::cell(&line::what(event, 200, self.line.glyphs)),
                ];
                let _ = write!(self.text, "| {} |", cells.join(" | "));
            }
        }
        if self.format != Format::Json {
            self.text.push('\n');
        }
        self.printed += 1;
        out.answer(&self.text)
    }

    fn end(&self, out: &mut Out) -> Result<(), Failure> {
        match self.format {
            Format::Json => out.answer(if self.printed > 0 { "\n]\n" } else { "]\n" }),
            _ => Ok(()),
        }
    }
}
