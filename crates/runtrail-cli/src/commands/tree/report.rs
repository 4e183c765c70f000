//! A run as Markdown: for tickets, and for pasting into a model.

use std::fmt::Write as _;

use runtrail_core::span::RunSummary;
use runtrail_core::text::Text;
use runtrail_json::{RunTree, run_status_text, status_text};

use super::fan::{Place, arrange};
use super::origin;
use super::outline::{Filter, Item, Outline};
use crate::anomaly;
use crate::args::TreeArgs;
use crate::glyph::{Glyphs, State};
use crate::human;
use crate::markdown::code;
use crate::usage;

/// Bytes of a token, about; no model's own count is worth its weight here.
const BYTES_PER_TOKEN: usize = 4;
/// Tokens kept for saying what was left out.
const RESERVE: usize = 60;
/// How many of the slowest ops are named.
const MAX_SLOWEST: usize = 10;
/// How many ops have their inputs and outputs shown.
const MAX_PAYLOADS: usize = 12;
/// Characters of an input or output.
const PAYLOAD: usize = 400;
/// Levels that a list is indented by.
const MAX_INDENT: usize = 10;

/// Renders a run: what went wrong first, then what took long, then what they were given and gave
/// back, then the tree; as far as the budget goes, and with a note of what it did not cover.
pub(super) fn render(tree: &RunTree, args: &TreeArgs) -> String {
    let outline = Outline::new(tree, Filter::of(args), args.sort);
    let mut page = Page::new(args.max_tokens);
    head(tree.summary(), &mut page);
    let troubled = troubled(&outline, &mut page);
    let slowest = slowest(&outline, &mut page);
    payloads(&outline, troubled.iter().chain(&slowest), &mut page);
    whole_tree(&outline, args, &mut page);
    page.finish()
}

/// Text within a budget of tokens.
struct Page {
    text: String,
    left: Option<usize>,
    left_out: Vec<String>,
}

impl Page {
    fn new(max_tokens: Option<u32>) -> Self {
        let left = max_tokens.map(|tokens| (tokens as usize).saturating_sub(RESERVE));
        Self {
            text: String::new(),
            left,
            left_out: Vec::new(),
        }
    }

    /// Appends a line if there is room for it.
    fn push(&mut self, line: &str) -> bool {
        let tokens = (line.len() + 1).div_ceil(BYTES_PER_TOKEN);
        if let Some(left) = &mut self.left {
            if *left < tokens {
                return false;
            }
            *left -= tokens;
        }
        self.text.push_str(line);
        self.text.push('\n');
        true
    }

    /// Appends a section: its lines as far as there is room, and its head if there is any.
    fn section(&mut self, title: &str, noun: &str, lines: impl ExactSizeIterator<Item = String>) {
        let all = lines.len();
        let mut shown = 0;
        for line in lines {
            let line = if shown == 0 {
                format!("\n## {title}\n\n{line}")
            } else {
                line
            };
            if !self.push(&line) {
                break;
            }
            shown += 1;
        }
        if shown < all {
            self.left_out.push(format!(
                "{} of {}",
                human::count((all - shown) as u64),
                human::counted(all as u64, noun)
            ));
        }
    }

    fn finish(mut self) -> String {
        if !self.left_out.is_empty() {
            let _ = write!(
                self.text,
                "\nLeft out for length: {}.\n",
                self.left_out.join("; ")
            );
        }
        self.text
    }
}

fn head(run: &RunSummary, page: &mut Page) {
    let glyphs = Glyphs::new(true, false);
    page.push(&format!(
        "# Run {}: {}\n",
        code(&run.request_id),
        run.status
    ));
    page.push(&format!(
        "- started {}, took {}",
        run.started_at,
        human::duration(run.duration_ms())
    ));
    let failed = if run.errors > 0 {
        format!(" ({} failed)", human::count(run.errors))
    } else {
        String::new()
    };
    page.push(&format!(
        "- {}{failed}, {}",
        human::counted(run.ops, "op"),
        human::counted(run.groups, "group")
    ));
    if run.usage.calls > 0 {
        let models: Vec<String> = run.usage.models.iter().map(|model| code(model)).collect();
        let cost = usage::show_cost(&run.usage, glyphs);
        let missing = usage::missing_cost(&run.usage)
            .map(|note| format!(" {note}"))
            .unwrap_or_default();
        let tokens = usage::show_tokens(&run.usage, glyphs);
        page.push(&format!(
            "- {tokens} tokens, cost {cost}{missing}, models {}",
            models.join(", ")
        ));
    }
    for line in origin::lines(run, code) {
        page.push(&format!("- {line}"));
    }
    if let Some(text) = run_status_text(run) {
        page.push(&format!("- {text}"));
    }
    for odd in anomaly::in_words(&run.anomalies, &[]) {
        page.push(&format!("- does not add up: {odd}"));
    }
}

/// Lists what did not end well, failures first; returns them.
fn troubled(outline: &Outline<'_>, page: &mut Page) -> Vec<usize> {
    let mut troubled: Vec<usize> = (0..outline.items.len())
        .filter(|&index| outline.items[index].state != State::Ok)
        .collect();
    troubled.sort_by_key(|&index| outline.items[index].state != State::Error);
    let line = |&index: &usize| {
        let item = &outline.items[index];
        let what = item.error().map(|error| format!(": {}", code(&error)));
        let meaning = || status_text(item.node.span()).map(|text| format!(" ({text})"));
        format!(
            "- {} {}{}",
            item.state.name(),
            path(outline, index),
            what.or_else(meaning).unwrap_or_default()
        )
    };
    page.section(
        "What went wrong",
        "thing that went wrong",
        troubled.iter().map(line),
    );
    troubled
}

/// Lists the ops without anything below them that took longest; returns them.
fn slowest(outline: &Outline<'_>, page: &mut Page) -> Vec<usize> {
    let is_leaf =
        |item: &Item<'_>| item.below == 0 && item.node.span().is_op() && item.took().is_some();
    let mut slowest: Vec<usize> = (0..outline.items.len())
        .filter(|&index| is_leaf(&outline.items[index]))
        .collect();
    let took = |index: usize| outline.items[index].took().unwrap_or(0.0);
    slowest.sort_by(|&a, &b| took(b).total_cmp(&took(a)));
    slowest.truncate(MAX_SLOWEST);
    let line = |&index: &usize| {
        format!(
            "- {} {}",
            human::duration(took(index)),
            path(outline, index)
        )
    };
    page.section("Slowest", "slow op", slowest.iter().map(line));
    slowest
}

/// Shows the heads of what ops were given and gave back, each op once.
fn payloads<'i>(outline: &Outline<'_>, items: impl Iterator<Item = &'i usize>, page: &mut Page) {
    let mut seen = std::collections::HashSet::new();
    let mut lines = Vec::new();
    for &index in items.filter(|&&index| seen.insert(index)) {
        let span = outline.items[index].node.span();
        let values = [("inputs", &span.inputs), ("outputs", &span.outputs)];
        let values = values
            .into_iter()
            .filter(|(_, value)| value.as_deref() != Some("null"))
            .filter_map(|(name, value)| {
                Some(format!("\n  - {name}: {}", value_head(value.as_ref()?)))
            });
        let values: String = values.collect();
        if !values.is_empty() {
            lines.push(format!("- {}{values}", path(outline, index)));
        }
    }
    lines.truncate(MAX_PAYLOADS);
    page.section("Inputs and outputs", "payload", lines.into_iter());
}

fn value_head(value: &Text) -> String {
    let head: String = value.chars().take(PAYLOAD).collect();
    if head.len() < value.len() {
        format!("{} … ({})", code(&head), human::bytes(value.len() as u64))
    } else {
        code(&head)
    }
}

fn whole_tree(outline: &Outline<'_>, args: &TreeArgs, page: &mut Page) {
    let mut lines = Vec::new();
    let mut levels = vec![arrange(outline, &outline.roots, args.expand).into_iter()];
    while let Some(level) = levels.last_mut() {
        let Some(place) = level.next() else {
            levels.pop();
            continue;
        };
        let indent = "  ".repeat((levels.len() - 1).min(MAX_INDENT));
        match place {
            Place::One(index) => {
                lines.push(format!("{indent}- {}", entry(outline, index)));
                levels.push(
                    arrange(outline, &outline.items[index].children, args.expand).into_iter(),
                );
            }
            Place::Fan(fan) => {
                let name = code(&fan.name(outline));
                let times = fan.percentiles(outline);
                let times = times.map(|(p50, p95)| {
                    format!(
                        ", p50 {}, p95 {}",
                        human::duration(p50),
                        human::duration(p95)
                    )
                });
                let mut trouble = String::new();
                for (state, count) in &fan.trouble {
                    let _ = write!(trouble, ", {count} {}", state.name());
                }
                lines.push(format!(
                    "{indent}- {name} ×{}{}{trouble}",
                    fan.items.len(),
                    times.unwrap_or_default()
                ));
            }
            Place::MoreTrouble(more) => {
                lines.push(format!("{indent}- {more} more did not end well"));
            }
        }
    }
    page.section("Tree", "tree line", lines.into_iter());
}

fn entry(outline: &Outline<'_>, index: usize) -> String {
    let item = &outline.items[index];
    let took = item
        .took()
        .map(|took| format!(" {}", human::duration(took)))
        .unwrap_or_default();
    let span = item.node.span();
    let glyphs = Glyphs::new(true, false);
    let figures = if span.usage.calls > 0 {
        format!(
            ", {} tok, {}",
            usage::show_tokens(&span.usage, glyphs),
            usage::show_cost(&span.usage, glyphs)
        )
    } else {
        String::new()
    };
    let error = item
        .error()
        .map(|error| format!(", {}", code(&error)))
        .unwrap_or_default();
    format!(
        "{} {}{took}{figures}{error}",
        item.state.name(),
        code(&outline.label(index))
    )
}

/// What an item runs in, and itself: `turn 1` › `main.search` › `fetch [1]`.
fn path(outline: &Outline<'_>, index: usize) -> String {
    /// What is above that is left out: the innermost says most.
    const MAX_ABOVE: usize = 6;
    let above = std::iter::successors(outline.items[index].parent, |parent| {
        outline.items[*parent].parent
    });
    let mut labels: Vec<String> = above
        .take(MAX_ABOVE)
        .map(|index| code(&outline.label(index)))
        .collect();
    labels.reverse();
    labels.push(code(&outline.label(index)));
    labels.join(" › ")
}
