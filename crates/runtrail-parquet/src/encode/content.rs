//! Columns of content, which are most of a lake's bytes.
//!
//! A value is copied once, from where it was read to its page.

use std::ops::Range;

use arrow::array::{Array, ArrayRef, AsArray};
use parquet::basic::{Compression, Encoding};
use parquet::errors::Result;
use parquet::schema::types::ColumnDescPtr;

use super::chunk::{ChunkWriter, DataPage, Extras, OwnChunk, Scratch};
use super::properties::CONTENT_PAGE_BYTES;

/// Room before a page's values for its definition levels, which mostly are one run.
const LEVELS_ROOM: usize = 32;

/// Values on their way to a page.
#[derive(Default)]
pub(super) struct PageBuffer {
    /// Room for the definition levels, then lengths and bytes as the plain encoding has them.
    values: Vec<u8>,
    /// How often the same definition level follows itself.
    levels: Vec<(bool, u32)>,
    rows: u32,
    /// Of the values, without their lengths.
    bytes: u64,
}

impl PageBuffer {
    fn push(&mut self, value: Option<&str>) {
        self.rows += 1;
        match self.levels.last_mut() {
            Some((defined, count)) if *defined == value.is_some() => *count += 1,
            _ => self.levels.push((value.is_some(), 1)),
        }
        let Some(value) = value else { return };
        self.bytes += value.len() as u64;
        if self.values.is_empty() {
            self.values.resize(LEVELS_ROOM, 0);
        }
        self.values
            .extend_from_slice(&(value.len() as u32).to_le_bytes());
        self.values.extend_from_slice(value.as_bytes());
    }

    pub(super) fn shrink_to(&mut self, bytes: usize) {
        self.values.shrink_to(bytes);
    }

    pub(super) fn clear(&mut self) {
        self.values.clear();
        self.levels.clear();
        self.rows = 0;
        self.bytes = 0;
    }

    /// Returns the definition levels: runs of one bit, after their length.
    fn levels(&self) -> Vec<u8> {
        let mut levels = vec![0; 4];
        for &(defined, count) in &self.levels {
            let mut header = u64::from(count) << 1;
            while header > 0x7f {
                levels.push(header as u8 | 0x80);
                header >>= 7;
            }
            levels.push(header as u8);
            levels.push(u8::from(defined));
        }
        let length = (levels.len() - 4) as u32;
        levels[..4].copy_from_slice(&length.to_le_bytes());
        levels
    }

    /// Returns the page: levels and values. Where there is room for the levels, nothing is copied.
    fn page<'b>(&'b mut self, copy: &'b mut Vec<u8>) -> &'b [u8] {
        let levels = self.levels();
        if levels.len() <= LEVELS_ROOM && !self.values.is_empty() {
            let start = LEVELS_ROOM - levels.len();
            self.values[start..LEVELS_ROOM].copy_from_slice(&levels);
            return &self.values[start..];
        }
        copy.clear();
        copy.extend_from_slice(&levels);
        copy.extend_from_slice(self.values.get(LEVELS_ROOM..).unwrap_or_default());
        copy
    }
}

/// A column of content of one row group.
pub(crate) struct ContentColumn {
    buffer: PageBuffer,
    chunk: ChunkWriter,
}

impl ContentColumn {
    pub(super) fn new(
        descriptor: ColumnDescPtr,
        compression: Compression,
        scratch: &mut Scratch,
    ) -> Self {
        Self {
            buffer: scratch.buffer(),
            chunk: ChunkWriter::new(descriptor, compression, Encoding::PLAIN),
        }
    }

    /// Adds a row.
    #[inline]
    pub(crate) fn push(&mut self, value: Option<&str>) {
        self.buffer.push(value);
    }

    /// Adds rows of an array of the column's type.
    pub(super) fn push_array(&mut self, array: &ArrayRef, rows: Range<usize>) {
        let values = array.as_string_view();
        for row in rows {
            self.push(values.is_valid(row).then(|| values.value(row)));
        }
    }

    pub(super) fn is_full(&self) -> bool {
        self.buffer.values.len() >= CONTENT_PAGE_BYTES
    }

    /// Ends a page.
    pub(super) fn write_page(&mut self, scratch: &mut Scratch) -> Result<()> {
        let buffer = &mut self.buffer;
        if buffer.rows == 0 {
            return Ok(());
        }
        let (rows, text_bytes) = (buffer.rows, buffer.bytes);
        let page = DataPage {
            bytes: buffer.page(&mut scratch.page),
            rows,
            values: rows,
            text_bytes,
        };
        self.chunk.write(&page, &mut scratch.zstd)?;
        buffer.clear();
        Ok(())
    }

    pub(super) fn close(mut self, scratch: &mut Scratch) -> Result<OwnChunk> {
        self.write_page(scratch)?;
        scratch.keep(self.buffer);
        self.chunk.close(Extras::default(), &mut scratch.zstd)
    }
}
