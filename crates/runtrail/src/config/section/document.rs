//! A configuration file's text, and what is wrong with it.

use std::ops::Range;

use crate::config::problem::{Place, Problem};

/// A file's text and the problems found in it.
pub(in crate::config) struct Document<'i> {
    path: String,
    text: &'i str,
    pub(in crate::config) problems: Vec<Problem>,
}

impl<'i> Document<'i> {
    pub(in crate::config) fn new(path: &str, text: &'i str) -> Self {
        Self {
            path: path.to_owned(),
            text,
            problems: Vec::new(),
        }
    }

    /// Notes a problem with what stands at a place.
    pub(in crate::config) fn problem(
        &mut self,
        span: &Range<usize>,
        message: impl Into<String>,
        help: Option<String>,
    ) {
        self.problems.push(Problem {
            place: self.place(span),
            message: message.into(),
            help,
        });
    }

    /// Where something stands.
    pub(in crate::config) fn place(&self, span: &Range<usize>) -> Place {
        let before = self.text.get(..span.start).unwrap_or(self.text);
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        Place::File {
            path: self.path.clone(),
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
        }
    }
}
