//! A run's tree as it is to be shown: what is left out, in which order, and how each part stands.

use std::cmp::Ordering;
use std::fmt::Write as _;

use runtrail_core::event::Ctx;
use runtrail_core::span::{MissingEnd, SpanName};
use runtrail_json::{Node, RunTree, Visit};

use crate::args::{TreeArgs, TreeOrder};
use crate::glyph::State;

/// What is left out of a tree.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Filter {
    /// Levels that are shown.
    pub(super) depth: Option<u32>,
    /// Whether only what did not end well is shown, and what it ran in.
    pub(super) errors: bool,
    /// How long something must have taken to be shown, in milliseconds.
    pub(super) min: Option<f64>,
}

impl Filter {
    /// Reads the command line.
    pub(super) fn of(args: &TreeArgs) -> Self {
        Self {
            depth: args.depth,
            errors: args.errors,
            min: args.min,
        }
    }
}

/// A run's tree, all of it, with marks of what is to be shown.
///
/// The items lie in one list, each before what is below it, so that going through a tree of any
/// depth needs no stack.
pub(super) struct Outline<'a> {
    pub(super) tree: &'a RunTree,
    pub(super) items: Vec<Item<'a>>,
    /// The items right below the run that are shown.
    pub(super) roots: Vec<usize>,
    /// Items that the filter left out.
    pub(super) hidden: usize,
}

/// A span in an [`Outline`].
pub(super) struct Item<'a> {
    pub(super) node: Node<'a>,
    pub(super) parent: Option<usize>,
    /// The nearest op above it.
    op_above: Option<usize>,
    /// How many spans are above it.
    pub(super) depth: u32,
    pub(super) state: State,
    /// How badly it stands, or the worst of what is below it.
    pub(super) worst: State,
    /// How many spans are below it.
    pub(super) below: usize,
    /// The items right below it that are shown.
    pub(super) children: Vec<usize>,
    shown: bool,
}

impl<'a> Outline<'a> {
    /// Lays out a tree.
    pub(super) fn new(tree: &'a RunTree, filter: Filter, order: TreeOrder) -> Self {
        let mut items = Self::collect(tree);
        for index in (0..items.len()).rev() {
            let item = &mut items[index];
            item.worst = worse(item.worst, item.state);
            let trouble = item.worst != State::Ok;
            let slow = filter
                .min
                .is_none_or(|min| item.took().is_some_and(|took| took >= min));
            item.shown |= trouble || slow && !filter.errors;
            let (worst, shown, below) = (item.worst, item.shown, item.below);
            if let Some(parent) = item.parent {
                let parent = &mut items[parent];
                parent.worst = worse(parent.worst, worst);
                parent.shown |= shown;
                parent.below += below + 1;
            }
        }
        let mut roots = Vec::new();
        for index in 0..items.len() {
            if !items[index].shown
                || filter
                    .depth
                    .is_some_and(|depth| items[index].depth >= depth)
            {
                continue;
            }
            match items[index].parent {
                Some(parent) => items[parent].children.push(index),
                None => roots.push(index),
            }
        }
        let hidden = items.iter().filter(|item| !item.shown).count();
        let mut outline = Self {
            tree,
            items,
            roots,
            hidden,
        };
        outline.sort(order);
        outline
    }

    fn collect(tree: &'a RunTree) -> Vec<Item<'a>> {
        let mut items: Vec<Item<'a>> = Vec::with_capacity(tree.len());
        let mut above = Vec::new();
        for visit in tree.walk() {
            match visit {
                Visit::Enter(node, depth) => {
                    let parent = above.last().copied();
                    above.push(items.len());
                    let is_op = |parent: &usize| items[*parent].node.span().is_op();
                    let op_above = parent.filter(is_op).or_else(|| items[parent?].op_above);
                    items.push(Item {
                        node,
                        parent,
                        op_above,
                        depth: depth as u32,
                        state: State::of_span(node.span()),
                        worst: State::Ok,
                        below: 0,
                        children: Vec::new(),
                        shown: false,
                    });
                }
                Visit::Leave(_) => {
                    above.pop();
                }
            }
        }
        items
    }

    fn sort(&mut self, order: TreeOrder) {
        if order == TreeOrder::Start {
            return;
        }
        let mut lists: Vec<Vec<usize>> = self
            .items
            .iter_mut()
            .map(|item| std::mem::take(&mut item.children))
            .collect();
        for list in &mut lists {
            list.sort_by(|a, b| self.compare(order, *a, *b));
        }
        let mut roots = std::mem::take(&mut self.roots);
        roots.sort_by(|a, b| self.compare(order, *a, *b));
        self.roots = roots;
        self.items
            .iter_mut()
            .zip(lists)
            .for_each(|(item, children)| item.children = children);
    }

    /// The most comes first; what is not known comes last.
    fn compare(&self, order: TreeOrder, a: usize, b: usize) -> Ordering {
        let figure = |item: &Item<'_>| match order {
            TreeOrder::Cost => item.node.span().usage.cost_usd,
            TreeOrder::Duration | TreeOrder::Start => item.took(),
        };
        let (a, b) = (figure(&self.items[a]), figure(&self.items[b]));
        b.unwrap_or(-1.0).total_cmp(&a.unwrap_or(-1.0))
    }

    /// Returns an item's name without what its parent's name says already.
    pub(super) fn name(&self, index: usize) -> &'a str {
        let span = self.items[index].node.span();
        let name: &'a str = span.label();
        let Some((above, _)) = self.op_above(index).filter(|_| span.is_op()) else {
            return name;
        };
        let rest = name
            .strip_prefix(above)
            .and_then(|rest| rest.strip_prefix('.'));
        rest.filter(|rest| !rest.is_empty()).unwrap_or(name)
    }

    /// Returns an item's name and where it ran: the part of its scope that the op above it does not
    /// have, such as the item of a generator, and its number where it ran there more than once.
    pub(super) fn label(&self, index: usize) -> String {
        let mut label = self.name(index).to_owned();
        let SpanName::Op {
            ctx, occurrence, ..
        } = &self.items[index].node.span().name
        else {
            return label;
        };
        let scope = ctx.segments();
        let shared = match self.op_above(index) {
            Some((_, above)) => above
                .segments()
                .iter()
                .zip(scope)
                .take_while(|(a, b)| a == b)
                .count(),
            // The scope of the run itself says nothing.
            None => 1,
        };
        for segment in scope.iter().skip(shared) {
            label.push(' ');
            label.push_str(segment);
        }
        if *occurrence > 0 {
            let _ = write!(label, " #{}", occurrence + 1);
        }
        label
    }

    /// The nearest op that an item is below.
    fn op_above(&self, index: usize) -> Option<(&'a str, &'a Ctx)> {
        match &self.items[self.items[index].op_above?].node.span().name {
            SpanName::Op { op_name, ctx, .. } => Some((op_name.as_str(), ctx)),
            SpanName::Group { .. } => None,
        }
    }
}

/// The worse of two states: a failure above all, and what has not ended is better than what ended badly.
fn worse(one: State, other: State) -> State {
    let badness = |state| match state {
        State::Ok => 0,
        State::Open => 1,
        State::Truncated => 2,
        State::Cancelled => 3,
        State::Error => 4,
    };
    if badness(other) > badness(one) {
        other
    } else {
        one
    }
}

impl Item<'_> {
    /// Returns how long it took, in milliseconds; `None` of what never ended.
    pub(super) fn took(&self) -> Option<f64> {
        let span = self.node.span();
        span.duration_ms
            .filter(|_| span.missing != Some(MissingEnd::End))
    }

    /// Returns what siblings of one kind have in common: whether they are ops, and their name.
    pub(super) fn kind(&self) -> (bool, &str) {
        let span = self.node.span();
        (span.is_op(), span.label())
    }

    /// Returns what went wrong, as far as it is known.
    pub(super) fn error(&self) -> Option<String> {
        let error = self.node.span().error.as_ref()?;
        match (error.kind.as_deref(), error.message.as_deref()) {
            (Some(kind), Some(message)) => Some(format!("{kind}: {message}")),
            (Some(text), None) | (None, Some(text)) => Some(text.to_owned()),
            (None, None) => None,
        }
    }
}
