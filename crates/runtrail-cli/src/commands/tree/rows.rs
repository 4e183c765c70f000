//! The lines of a tree, before their columns are aligned.

use runtrail_core::printable::Printable;
use runtrail_core::span::{MissingEnd, Usage};

use super::fan::{Fan, Place, arrange};
use super::outline::Outline;
use crate::args::{Show, TreeArgs};
use crate::glyph::{Glyphs, State};
use crate::human;
use crate::usage;
use crate::width;

/// Levels whose lines are drawn; above them only their number is shown.
const MAX_GUIDES: usize = 24;
/// Columns for a value where the terminal does not say how many it has.
const VALUE: usize = 160;

/// A line of a tree.
#[derive(Debug, Default)]
pub(super) struct Row {
    /// The lines that lead to it.
    pub(super) guides: String,
    pub(super) state: Option<State>,
    pub(super) label: String,
    pub(super) took: String,
    pub(super) tokens: String,
    pub(super) cost: String,
    /// What went wrong.
    pub(super) error: String,
    /// What else there is to say.
    pub(super) tail: String,
}

/// Makes the lines of a tree.
pub(super) struct Rows<'a> {
    pub(super) outline: &'a Outline<'a>,
    pub(super) args: &'a TreeArgs,
    pub(super) glyphs: Glyphs,
    pub(super) columns: Option<usize>,
}

/// Siblings of which some are still to be shown.
struct Level {
    places: std::vec::IntoIter<Place>,
}

impl Rows<'_> {
    /// Makes all lines below the run.
    pub(super) fn all(&self) -> Vec<Row> {
        let mut rows = Vec::new();
        let mut levels = vec![self.level(&self.outline.roots)];
        while let Some(level) = levels.last_mut() {
            let Some(place) = level.places.next() else {
                levels.pop();
                continue;
            };
            let guides = self.guides(&levels);
            match place {
                Place::One(item) => {
                    let children = &self.outline.items[item].children;
                    rows.push(self.row(item, guides.clone() + self.branch(&levels)));
                    let beside = guides
                        + self.trunk(&levels)
                        + if children.is_empty() {
                            "   "
                        } else {
                            self.glyphs.trunk(false)
                        };
                    rows.extend(self.values(item, &beside));
                    levels.push(self.level(children));
                }
                Place::Fan(fan) => rows.push(self.fan(&fan, guides + self.branch(&levels))),
                Place::MoreTrouble(more) => rows.push(Row {
                    guides: guides + self.branch(&levels),
                    label: format!(
                        "{} more did not end well; --expand shows all",
                        human::count(more as u64)
                    ),
                    ..Row::default()
                }),
            }
        }
        rows
    }

    fn level(&self, siblings: &[usize]) -> Level {
        Level {
            places: arrange(self.outline, siblings, self.args.expand).into_iter(),
        }
    }

    /// The lines beside the levels above the last one.
    fn guides(&self, levels: &[Level]) -> String {
        let above = levels.len() - 1;
        let skipped = above.saturating_sub(MAX_GUIDES);
        let mut guides = if skipped > 0 {
            format!("({skipped} above) ")
        } else {
            String::new()
        };
        for level in &levels[skipped..above] {
            guides.push_str(self.glyphs.trunk(level.places.len() == 0));
        }
        guides
    }

    fn branch(&self, levels: &[Level]) -> &'static str {
        self.glyphs
            .branch(levels.last().is_none_or(|level| level.places.len() == 0))
    }

    fn trunk(&self, levels: &[Level]) -> &'static str {
        self.glyphs
            .trunk(levels.last().is_none_or(|level| level.places.len() == 0))
    }

    fn shows(&self, what: Show) -> bool {
        self.args.show_what.contains(&what)
    }

    fn row(&self, index: usize, guides: String) -> Row {
        let item = &self.outline.items[index];
        let span = item.node.span();
        let took = match item.took() {
            Some(took) => human::duration(took),
            None if item.state == State::Open => "open".to_owned(),
            None => "?".to_owned(),
        };
        let (tokens, cost) = self.figures(&span.usage);
        let mut tail = Vec::new();
        if self.shows(Show::Model) && span.is_op() {
            tail.extend(
                span.usage
                    .models
                    .iter()
                    .map(|model| Printable(model).to_string()),
            );
        }
        if span.yields.count > 1 {
            tail.push(human::counted(span.yields.count, "item"));
        }
        if span.missing == Some(MissingEnd::Start) {
            tail.push("no start".to_owned());
        }
        let cut = self.args.depth.is_some_and(|depth| item.depth + 1 >= depth);
        if cut && item.below > 0 {
            tail.push(format!("(+{} below)", human::count(item.below as u64)));
        }
        Row {
            guides,
            state: Some(item.state),
            label: Printable(&self.outline.label(index)).to_string(),
            took,
            tokens,
            cost,
            error: item
                .error()
                .or_else(|| self.complaint(index))
                .map(|error| Printable(&error).to_string())
                .unwrap_or_default(),
            tail: tail.join("  "),
        }
    }

    /// What a failed op gave back, where the engine did not say what went wrong.
    fn complaint(&self, index: usize) -> Option<String> {
        let item = &self.outline.items[index];
        let outputs = item
            .node
            .span()
            .outputs
            .as_deref()
            .filter(|text| !matches!(*text, "{}" | "null" | "[]"))?;
        (item.state == State::Error).then(|| outputs.chars().take(VALUE).collect())
    }

    /// One line for many siblings: `✓ fetch ×240  p50 610ms  p95 2.10s  (3 ✗)`.
    fn fan(&self, fan: &Fan, guides: String) -> Row {
        let mut parts = vec![format!(
            "{} {}{}",
            Printable(&fan.name(self.outline)),
            self.glyphs.times(),
            human::count(fan.items.len() as u64)
        )];
        if let Some((median, slow)) = fan.percentiles(self.outline) {
            parts.push(format!(
                "p50 {}  p95 {}",
                human::duration(median),
                human::duration(slow)
            ));
        }
        let mut sum = Usage::default();
        fan.items
            .iter()
            .for_each(|&item| sum.add(&self.outline.items[item].node.span().usage));
        let (tokens, cost) = self.figures(&sum);
        if !tokens.is_empty() {
            parts.push(format!("{tokens} tok"));
        }
        parts.extend(Some(cost).filter(|cost| !cost.is_empty()));
        if !fan.trouble.is_empty() && !fan.is_open(self.outline) {
            let trouble = fan.trouble.iter().map(|(state, count)| {
                format!(
                    "{} {}",
                    human::count(*count as u64),
                    self.glyphs.shape(*state)
                )
            });
            parts.push(format!("({})", trouble.collect::<Vec<_>>().join(", ")));
        }
        let below: usize = fan
            .items
            .iter()
            .map(|&item| self.outline.items[item].below)
            .sum();
        if below > 0 {
            parts.push(format!("(+{} below)", human::count(below as u64)));
        }
        Row {
            guides,
            state: Some(fan.state(self.outline)),
            label: parts.join("  "),
            ..Row::default()
        }
    }

    fn figures(&self, sum: &Usage) -> (String, String) {
        if !self.shows(Show::Tokens) {
            return (String::new(), String::new());
        }
        (
            usage::show_tokens(sum, self.glyphs),
            usage::show_cost(sum, self.glyphs),
        )
    }

    /// The inputs and outputs of an item, where they are wanted.
    fn values(&self, index: usize, guides: &str) -> Vec<Row> {
        let span = self.outline.items[index].node.span();
        let room = self
            .columns
            .map_or(VALUE, |columns| {
                columns.saturating_sub(width::of(guides) + 9)
            })
            .max(20);
        let wanted = [
            (Show::Inputs, "inputs", &span.inputs),
            (Show::Outputs, "outputs", &span.outputs),
        ];
        let present = wanted.into_iter().filter(|(what, _, _)| self.shows(*what));
        let lines = present.filter_map(|(_, name, value)| {
            let head: String = value
                .as_deref()
                .filter(|value| *value != "null")?
                .chars()
                .take(room + 1)
                .collect();
            let value = width::cut(&Printable(&head).to_string(), room, self.glyphs.ellipsis());
            Some(Row {
                guides: guides.to_owned(),
                tail: format!("{name:<7}  {value}"),
                ..Row::default()
            })
        });
        lines.collect()
    }
}
