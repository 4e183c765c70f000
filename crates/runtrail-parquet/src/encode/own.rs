//! Columns whose pages are made here and not by the Arrow writer.

use std::ops::Range;

use arrow::array::ArrayRef;
use parquet::errors::Result;

use super::TableFormat;
use super::chunk::{OwnChunk, Scratch};
use super::content::ContentColumn;
use super::dictionary::DictionaryColumn;
use crate::schema::{Column, Kind, Layout, REPEATED, layout};

/// A column of one row group.
pub(crate) enum OwnColumn {
    Content(Box<ContentColumn>),
    Dictionary(Box<DictionaryColumn>),
}

impl OwnColumn {
    /// Begins a column of a table, the one at `at`; `None` where the Arrow writer encodes it.
    pub(super) fn new(
        column: &Column,
        format: &TableFormat,
        at: usize,
        scratch: &mut Scratch,
    ) -> Result<Option<Self>> {
        let (name, kind, _) = *column;
        let descriptor = format.descriptor.column(at);
        let compression = format.properties.compression(descriptor.path());
        Ok(match layout(column) {
            Layout::Arrow => None,
            Layout::Content => {
                let column = ContentColumn::new(descriptor, compression, scratch);
                Some(Self::Content(Box::new(column)))
            }
            Layout::Dictionary => {
                let lists = kind == Kind::Texts;
                let mut column = DictionaryColumn::new(descriptor, compression, lists);
                if !lists && !REPEATED.contains(&name) {
                    column = column.with_bounds();
                }
                if matches!(name, "request_id" | "to_request_id") {
                    column = column.with_bloom_filter(format.rows)?;
                }
                Some(Self::Dictionary(Box::new(column)))
            }
        })
    }

    /// Adds rows of an array of the column's type.
    pub(super) fn push_array(&mut self, array: &ArrayRef, rows: Range<usize>) {
        match self {
            Self::Content(column) => column.push_array(array, rows),
            Self::Dictionary(column) => column.push_array(array, rows),
        }
    }

    pub(super) fn is_full(&self) -> bool {
        match self {
            Self::Content(column) => column.is_full(),
            Self::Dictionary(column) => column.is_full(),
        }
    }

    /// Ends a page.
    pub(super) fn write_page(&mut self, scratch: &mut Scratch) -> Result<()> {
        match self {
            Self::Content(column) => column.write_page(scratch),
            Self::Dictionary(column) => column.write_page(scratch),
        }
    }

    pub(super) fn close(self, scratch: &mut Scratch) -> Result<OwnChunk> {
        match self {
            Self::Content(column) => column.close(scratch),
            Self::Dictionary(column) => column.close(scratch),
        }
    }
}
