//! A tree as lines of text.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use runtrail_core::printable::Printable;
use runtrail_core::span::MissingEnd;
use runtrail_json::status_text;

use super::origin;
use super::outline::Outline;
use super::rows::{Row, Rows};
use crate::anomaly;
use crate::args::TreeArgs;
use crate::failure::Failure;
use crate::glyph::{Glyphs, State};
use crate::human;
use crate::out::Out;
use crate::usage;
use crate::width::{self, pad_end, pad_start};

/// Columns of the names where the terminal does not say how many it has; longer ones stand out.
const MAX_NAMES: usize = 72;
/// Columns that the figures behind the names take.
const FIGURES: usize = 36;

/// Prints a tree.
pub(super) fn print(outline: &Outline<'_>, args: &TreeArgs, out: &mut Out) -> Result<(), Failure> {
    let glyphs = Glyphs::new(out.terminal.unicode, out.terminal.out_colour);
    let columns = out.terminal.columns;
    out.answer(&heading(outline, args, glyphs))?;
    for line in origin::lines(outline.tree.summary(), |text| Printable(text).to_string()) {
        out.answer(&format!("{line}\n"))?;
    }
    let rows = Rows {
        outline,
        args,
        glyphs,
        columns,
    }
    .all();
    let layout = Layout::of(&rows, glyphs, columns);
    for row in &rows {
        out.answer(&layout.line(row))?;
    }
    for line in footer(outline, args, glyphs) {
        out.answer(&format!("{line}\n"))?;
    }
    Ok(())
}

fn heading(outline: &Outline<'_>, args: &TreeArgs, glyphs: Glyphs) -> String {
    let run = outline.tree.summary();
    let state = State::from(run.status);
    let mut parts = vec![
        glyphs.bold(&Printable(&run.request_id).to_string()),
        glyphs.paint(state, &format!("{} {}", glyphs.shape(state), state.name())),
        human::duration(run.duration_ms()),
    ];
    let tokens = usage::show_tokens(&run.usage, glyphs);
    if !tokens.is_empty() {
        parts.push(format!("{tokens} tok"));
        parts.push(usage::show_cost(&run.usage, glyphs));
    }
    parts.extend(usage::missing_cost(&run.usage));
    let clock = args.show.clock();
    let zone = if clock == human::Clock::Utc {
        " UTC"
    } else {
        ""
    };
    parts.push(format!(" {}{zone}", clock.second(run.started_at)));
    parts.join("  ") + "\n"
}

/// The widths of the columns.
struct Layout {
    glyphs: Glyphs,
    columns: Option<usize>,
    names: usize,
    took: usize,
    tokens: usize,
    cost: usize,
}

impl Layout {
    fn of(rows: &[Row], glyphs: Glyphs, columns: Option<usize>) -> Self {
        // A line that is only a name, such as a fan, does not move the figures of the others.
        let with_figures = || rows.iter().filter(|row| !row.took.is_empty());
        let widest = |of: fn(&Row) -> usize| with_figures().map(of).max().unwrap_or(0);
        let most = columns.map_or(MAX_NAMES, |columns| {
            columns.saturating_sub(FIGURES).clamp(20, MAX_NAMES)
        });
        let fits = with_figures()
            .map(name_width)
            .filter(|width| *width <= most)
            .max();
        Self {
            glyphs,
            columns,
            names: fits.unwrap_or(0),
            took: widest(|row| width::of(&row.took)),
            tokens: widest(|row| width::of(&row.tokens)),
            cost: widest(|row| width::of(&row.cost)),
        }
    }

    fn line(&self, row: &Row) -> String {
        let glyphs = self.glyphs;
        let mut plain = name_width(row);
        let mut line = glyphs.dim(&row.guides);
        if let Some(state) = row.state {
            let _ = write!(line, "{} ", glyphs.paint(state, glyphs.shape(state)));
        }
        line.push_str(&row.label);
        if !row.took.is_empty() {
            let figures = self.figures(row, plain);
            plain += width::of(&figures);
            line.push_str(&figures);
        }
        for (text, error) in [(&row.error, true), (&row.tail, false)] {
            if text.is_empty() {
                continue;
            }
            let before = if row.label.is_empty() { "" } else { "  " };
            let room = self.columns.map_or(usize::MAX, |columns| {
                columns.saturating_sub(plain + before.len()).max(16)
            });
            let text = width::cut(text, room, glyphs.ellipsis());
            plain += before.len() + width::of(&text);
            line.push_str(before);
            line.push_str(&if error {
                glyphs.paint(State::Error, &text)
            } else {
                glyphs.dim(&text)
            });
        }
        line.truncate(line.trim_end().len());
        line.push('\n');
        line
    }

    fn figures(&self, row: &Row, name: usize) -> String {
        let mut figures = " ".repeat(self.names.saturating_sub(name) + 2);
        figures.push_str(&pad_start(&row.took, self.took));
        // Trailing figures that a line does not have are not padded, unless a text follows them.
        let more = !row.error.is_empty() || !row.tail.is_empty();
        if self.tokens > 0 && (more || !row.tokens.is_empty()) {
            let unit = if row.tokens.is_empty() {
                "    "
            } else {
                " tok"
            };
            let _ = write!(figures, "  {}{unit}", pad_start(&row.tokens, self.tokens));
            let _ = write!(figures, "  {}", pad_end(&row.cost, self.cost));
        }
        figures
    }
}

fn name_width(row: &Row) -> usize {
    width::of(&row.guides) + width::of(&row.label) + if row.state.is_some() { 2 } else { 0 }
}

/// What the states mean, and what is not shown.
fn footer(outline: &Outline<'_>, args: &TreeArgs, glyphs: Glyphs) -> Vec<String> {
    let mut meanings = BTreeSet::new();
    for item in &outline.items {
        let span = item.node.span();
        let state = if span.missing == Some(MissingEnd::Start) {
            None
        } else {
            Some(item.state)
        };
        meanings.extend(status_text(span).map(|text| (state, text)));
    }
    let mut lines: Vec<String> = meanings
        .iter()
        .map(|(state, text)| match state {
            Some(state) => format!(
                "{} {}: {text}.",
                glyphs.paint(*state, glyphs.shape(*state)),
                state.name()
            ),
            None => format!("no start: {text}."),
        })
        .collect();
    if outline.hidden > 0 {
        let why = match args.min {
            _ if args.errors => "they ended well".to_owned(),
            Some(min) => format!("they took less than {}", human::duration(min)),
            None => String::new(),
        };
        lines.push(format!(
            "{} of the run's ops and groups not shown: {why}",
            human::count(outline.hidden as u64)
        ));
    }
    // What is open or has no start is in the tree itself.
    let shown = [
        "op_start_without_end",
        "group_start_without_end",
        "op_end_without_start",
    ];
    let odd = anomaly::in_words(&outline.tree.summary().anomalies, &shown);
    if !odd.is_empty() {
        lines.push(format!(
            "what does not add up in this run: {}",
            odd.join(", ")
        ));
    }
    lines
}
