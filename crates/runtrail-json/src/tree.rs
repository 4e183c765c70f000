//! A run's spans as a tree.

mod build;

use std::collections::HashSet;
use std::ops::Range;

use runtrail_core::span::{RunSummary, SpanRecord};
use runtrail_core::text::Text;

/// A run: its summary, and its spans below their parents.
///
/// The spans lie in one list, so that neither building nor reading nor dropping a tree needs stack
/// for its depth. Children are in the order of their starts, then of `seq`, then of span ids.
///
/// ```
/// use runtrail_json::{RunTree, Visit};
/// use runtrail_testkit::{fold::fold_runs, run::RunBuilder};
///
/// let mut run = RunBuilder::new("r1");
/// run.push("op_start", Some("agent.plan"), &["main"], "{}");
/// run.push("op_start", Some("agent.plan.tools.search"), &["main"], "{}");
/// let folded = fold_runs(&run.into_events()).remove(0);
///
/// let tree = RunTree::build(folded.summary, folded.spans);
/// let plan = tree.roots().next().expect("the run has an op");
/// let search = plan.children().next().expect("it has a child");
/// assert_eq!(search.scopes().collect::<Vec<_>>(), ["agent.plan.tools"]);
/// assert_eq!(search.leaf(), "search");
///
/// let names = tree.walk().filter_map(|visit| match visit {
///     Visit::Enter(node, depth) => Some(format!("{depth} {}", node.leaf())),
///     Visit::Leave(_) => None,
/// });
/// assert_eq!(names.collect::<Vec<_>>(), ["0 plan", "1 search"]);
/// ```
#[derive(Debug, Clone)]
pub struct RunTree {
    summary: RunSummary,
    spans: Vec<SpanRecord>,
    /// The indices of all spans, those with the same parent side by side.
    children: Vec<usize>,
    /// Where in `children` those of each span stand; the last range is the run's own.
    ranges: Vec<Range<usize>>,
    ops: HashSet<Text>,
    spans_dropped: u64,
}

impl RunTree {
    /// Builds the tree of a run from its summary and its spans, in any order.
    ///
    /// A span whose parent is not among them, or whose parents form a cycle, hangs below the run.
    pub fn build(summary: RunSummary, spans: Vec<SpanRecord>) -> Self {
        build::build(summary, spans)
    }

    /// Notes that some spans of the run were left out, because of a limit.
    pub fn with_spans_dropped(mut self, spans: u64) -> Self {
        self.spans_dropped = spans;
        self
    }

    /// Returns what the run came to.
    pub fn summary(&self) -> &RunSummary {
        &self.summary
    }

    /// Returns how many spans of the run were left out.
    pub fn spans_dropped(&self) -> u64 {
        self.spans_dropped
    }

    /// Returns the number of spans.
    pub fn len(&self) -> usize {
        self.spans.len()
    }

    /// Whether the run has no spans.
    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// Returns the spans right below the run.
    pub fn roots(&self) -> impl DoubleEndedIterator<Item = Node<'_>> + ExactSizeIterator {
        self.nodes(self.ranges[self.spans.len()].clone())
    }

    /// Visits every span, parents before their children, and again when its children are done.
    pub fn walk(&self) -> Walk<'_> {
        let stack = self
            .roots()
            .rev()
            .map(|node| Visit::Enter(node, 0))
            .collect();
        Walk { stack }
    }

    fn nodes(
        &self,
        range: Range<usize>,
    ) -> impl DoubleEndedIterator<Item = Node<'_>> + ExactSizeIterator {
        self.children[range]
            .iter()
            .map(|&index| Node { tree: self, index })
    }
}

/// A span in its tree.
#[derive(Debug, Clone, Copy)]
pub struct Node<'a> {
    tree: &'a RunTree,
    index: usize,
}

impl<'a> Node<'a> {
    /// Returns the span.
    pub fn span(self) -> &'a SpanRecord {
        &self.tree.spans[self.index]
    }

    /// Returns the spans right below this one.
    pub fn children(self) -> impl DoubleEndedIterator<Item = Node<'a>> + ExactSizeIterator {
        self.tree.nodes(self.tree.ranges[self.index].clone())
    }

    /// Returns the dotted scopes of the op's name that never ran as ops, outermost first, as far as
    /// they lie within the longest one that did: labels for people, such as the graphs around an op.
    ///
    /// A group has none.
    pub fn scopes(self) -> impl Iterator<Item = &'a str> {
        let name = self.op_name();
        let dots: Vec<usize> = name.match_indices('.').map(|(dot, _)| dot).collect();
        let ran = dots
            .iter()
            .rposition(|&dot| self.tree.ops.contains(&name[..dot]));
        dots.into_iter()
            .skip(ran.map_or(0, |last| last + 1))
            .map(move |dot| &name[..dot])
    }

    /// Returns the last part of the op's dotted name, or the group's name.
    pub fn leaf(self) -> &'a str {
        match self.op_name() {
            "" => self.span().label(),
            name => name.rsplit('.').next().unwrap_or(name),
        }
    }

    fn op_name(self) -> &'a str {
        let span = self.span();
        if span.is_op() { span.label() } else { "" }
    }
}

/// A step of a walk through a tree.
#[derive(Debug, Clone, Copy)]
pub enum Visit<'a> {
    /// A span, and how many spans are above it.
    Enter(Node<'a>, usize),
    /// A span whose children have all been visited.
    Leave(Node<'a>),
}

/// Visits the spans of a tree; see [`RunTree::walk`].
#[derive(Debug, Clone)]
pub struct Walk<'a> {
    stack: Vec<Visit<'a>>,
}

impl<'a> Iterator for Walk<'a> {
    type Item = Visit<'a>;

    fn next(&mut self) -> Option<Visit<'a>> {
        let visit = self.stack.pop()?;
        if let Visit::Enter(node, depth) = visit {
            self.stack.push(Visit::Leave(node));
            self.stack.extend(
                node.children()
                    .rev()
                    .map(|child| Visit::Enter(child, depth + 1)),
            );
        }
        Some(visit)
    }
}
