//! Writing a tree as JSON.

mod json;
mod node;
mod summary;

use std::io::{self, Write};

use json::Json;
use node::{begin_node, end_node};
use summary::{begin_run, end_run};

use crate::tree::{RunTree, Visit};

/// How a tree is laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TreeStyle {
    /// Indented by two spaces a level. User values stand as they came, on one line or on many.
    ///
    /// Beyond 64 levels the indentation grows no further, since it would come to dwarf the content.
    #[default]
    Pretty,
    /// On one line. A user value that came on many lines loses its white space between tokens.
    OneLine,
}

/// Text is handed on in pieces of about this size.
const PIECE: usize = 64 << 10;

/// Writes a tree as one JSON object, without a line break at its end.
///
/// The same tree gives the same bytes. User values are spliced in as they came: they are never
/// parsed, so numbers of any size, key order and repeated keys stay. The writer needs no stack for
/// the depth of the tree, though few readers go deeper than 1000 levels.
///
/// ```
/// use runtrail_json::{RunTree, TreeStyle, write_tree};
/// use runtrail_testkit::{fold::fold_runs, run::RunBuilder};
///
/// let mut run = RunBuilder::new("r1");
/// run.push("op_start", Some("plan"), &["main"], r#"{"inputs":{"n":1.10}}"#);
/// let folded = fold_runs(&run.into_events()).remove(0);
/// let mut out = Vec::new();
/// write_tree(&RunTree::build(folded.summary, folded.spans), &mut out, TreeStyle::OneLine)?;
/// assert!(String::from_utf8_lossy(&out).contains(r#""inputs":{"n":1.10}"#));
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn write_tree(tree: &RunTree, out: &mut impl Write, style: TreeStyle) -> io::Result<()> {
    let mut json = Json::new(style);
    begin_run(tree, &mut json);
    for visit in tree.walk() {
        match visit {
            Visit::Enter(node, _) => begin_node(node.span(), &mut json),
            Visit::Leave(_) => end_node(&mut json),
        }
        if json.text().len() >= PIECE {
            out.write_all(json.text().as_bytes())?;
            json.clear();
        }
    }
    end_run(&mut json);
    out.write_all(json.text().as_bytes())
}
