//! Columns of text, aligned by their width on a terminal.

use std::fmt::Write as _;

use crate::width;

/// On which side of its column a cell stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    /// Words.
    Left,
    /// Figures.
    Right,
}

/// Rows of cells, the first row the heads.
#[derive(Debug)]
pub(crate) struct Table {
    sides: Vec<Side>,
    rows: Vec<Vec<Cell>>,
}

/// A text and the same text as it is printed.
#[derive(Debug, Clone, Default)]
pub(crate) struct Cell {
    plain: String,
    painted: Option<String>,
}

impl Cell {
    /// Makes a cell that is printed in colours.
    pub(crate) fn painted(plain: impl Into<String>, painted: String) -> Self {
        Self {
            plain: plain.into(),
            painted: Some(painted),
        }
    }
}

impl<T: Into<String>> From<T> for Cell {
    fn from(plain: T) -> Self {
        Self {
            plain: plain.into(),
            painted: None,
        }
    }
}

impl Table {
    /// Makes a table of its columns.
    pub(crate) fn new(columns: &[(&str, Side)]) -> Self {
        let heads = columns.iter().map(|(head, _)| Cell::from(*head)).collect();
        Self {
            sides: columns.iter().map(|(_, side)| *side).collect(),
            rows: vec![heads],
        }
    }

    /// Appends a row; missing cells are empty.
    pub(crate) fn push(&mut self, row: Vec<Cell>) {
        self.rows.push(row);
    }

    /// Returns the columns that the widest row takes.
    pub(crate) fn width(&self) -> usize {
        let widths = self.widths();
        widths.iter().sum::<usize>()
            + 2 * widths
                .iter()
                .filter(|width| **width > 0)
                .count()
                .saturating_sub(1)
    }

    /// Returns the rows as lines, two spaces between columns and none at the end.
    pub(crate) fn render(&self) -> String {
        let widths = self.widths();
        let mut text = String::new();
        for row in &self.rows {
            let mut line = String::new();
            let mut pending = 0;
            for ((cell, side), column) in row.iter().zip(&self.sides).zip(&widths) {
                let shown = cell.painted.as_deref().unwrap_or(&cell.plain);
                let room = column - width::of(&cell.plain);
                let (before, after) = if *side == Side::Right {
                    (room, 0)
                } else {
                    (0, room)
                };
                if cell.plain.is_empty() {
                    pending += room + 2;
                    continue;
                }
                line.push_str(&" ".repeat(pending + before));
                line.push_str(shown);
                pending = after + 2;
            }
            text.push_str(&line);
            text.push('\n');
        }
        text
    }

    /// Returns the rows as a Markdown table; cells must hold nothing that Markdown reads.
    pub(crate) fn markdown(&self) -> String {
        let mut text = String::new();
        for (index, row) in self.rows.iter().enumerate() {
            let cells: Vec<&str> = row.iter().map(|cell| cell.plain.as_str()).collect();
            let _ = writeln!(text, "| {} |", cells.join(" | "));
            if index == 0 {
                let rule = |side: &Side| if *side == Side::Right { "---:" } else { "---" };
                let _ = writeln!(
                    text,
                    "| {} |",
                    self.sides.iter().map(rule).collect::<Vec<_>>().join(" | ")
                );
            }
        }
        text
    }

    fn widths(&self) -> Vec<usize> {
        let mut widths = vec![0; self.sides.len()];
        for row in &self.rows {
            for (column, cell) in widths.iter_mut().zip(row) {
                *column = (*column).max(width::of(&cell.plain));
            }
        }
        widths
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_by_width() {
        let mut table = Table::new(&[("RUN", Side::Left), ("OPS", Side::Right), ("", Side::Left)]);
        table.push(vec!["你好".into(), "7".into(), "note".into()]);
        table.push(vec![
            Cell::painted("r", "\u{1b}[1mr\u{1b}[0m".into()),
            "12,345".into(),
        ]);
        assert_eq!(
            table.render(),
            "RUN      OPS\n你好       7  note\n\u{1b}[1mr\u{1b}[0m     12,345\n"
        );
        assert_eq!(table.width(), 18);
        assert!(
            table
                .markdown()
                .starts_with("| RUN | OPS |  |\n| --- | ---: | --- |\n| 你好 | 7 | note |\n")
        );
    }
}
