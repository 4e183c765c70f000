//! Columns of content, which are most of a lake's bytes.
//!
//! Their pages are made here and not by the Arrow writer: a value is copied once, from where it was
//! read to its page, and Zstandard is given a window as long as every decoder is asked to support.
//! Of 1 GiB of realistic events, that makes payloads 20 % smaller at the same level in the same time.

use std::io;

use arrow::array::{Array, ArrayRef, AsArray};
use parquet::basic::{Compression, Encoding, PageType};
use parquet::column::page::{CompressedPage, Page, PageWriter};
use parquet::column::writer::ColumnCloseResult;
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::{ColumnChunkMetaData, OffsetIndexBuilder, PageEncodingStats};
use parquet::file::writer::{SerializedPageWriter, TrackedWrite};
use parquet::schema::types::ColumnDescPtr;
use zstd::bulk::Compressor;
use zstd::zstd_safe::CParameter;

use super::properties::CONTENT_PAGE_BYTES;

/// 8 MiB: RFC 8878 asks every decoder to support it, and none to support more.
const WINDOW_LOG: u32 = 23;

/// Room before a page's values for its definition levels, which mostly are one run.
const LEVELS_ROOM: usize = 32;

/// What a thread that encodes keeps for the next row group.
pub(crate) struct Scratch {
    compressor: Compressor<'static>,
    page: Vec<u8>,
    compressed: Vec<u8>,
    buffers: Vec<PageBuffer>,
}

impl Scratch {
    pub(crate) fn new(level: i32) -> io::Result<Self> {
        let mut compressor = Compressor::new(level)?;
        compressor.set_parameter(CParameter::WindowLog(WINDOW_LOG))?;
        Ok(Self {
            compressor,
            page: Vec::new(),
            compressed: Vec::new(),
            buffers: Vec::new(),
        })
    }

    pub(super) fn buffer(&mut self) -> PageBuffer {
        self.buffers.pop().unwrap_or_default()
    }

    pub(super) fn keep(&mut self, mut buffer: PageBuffer) {
        buffer.clear();
        // A single large value must not be paid for from then on.
        buffer.values.shrink_to(2 * CONTENT_PAGE_BYTES);
        self.buffers.push(buffer);
    }
}

/// Values on their way to a page.
#[derive(Default)]
pub(crate) struct PageBuffer {
    /// Room for the definition levels, then lengths and bytes as the plain encoding has them.
    values: Vec<u8>,
    /// How often the same definition level follows itself.
    levels: Vec<(bool, u32)>,
    rows: u32,
    /// Of the values, without their lengths.
    bytes: u64,
}

impl PageBuffer {
    pub(crate) fn push(&mut self, value: Option<&str>) {
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

    /// Adds the values of an array of the column's type.
    pub(super) fn push_array(&mut self, array: &ArrayRef) {
        let values = array.as_string_view();
        (0..values.len())
            .for_each(|row| self.push(values.is_valid(row).then(|| values.value(row))));
    }

    pub(super) fn is_full(&self) -> bool {
        self.values.len() >= CONTENT_PAGE_BYTES
    }

    fn clear(&mut self) {
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
pub(super) struct ContentColumn {
    descriptor: ColumnDescPtr,
    compression: Compression,
    sink: TrackedWrite<Vec<u8>>,
    offsets: OffsetIndexBuilder,
    rows: u64,
    pages: i32,
    uncompressed: u64,
    bytes: u64,
}

/// An encoded column of content.
pub(crate) struct ContentChunk {
    pub(crate) bytes: bytes::Bytes,
    pub(crate) close: ColumnCloseResult,
}

impl ContentColumn {
    pub(super) fn new(descriptor: ColumnDescPtr, compression: Compression) -> Self {
        Self {
            descriptor,
            compression,
            sink: TrackedWrite::new(Vec::new()),
            offsets: OffsetIndexBuilder::new(),
            rows: 0,
            pages: 0,
            uncompressed: 0,
            bytes: 0,
        }
    }

    /// Ends a page with what the buffer holds, and empties it.
    pub(super) fn write_page(
        &mut self,
        buffer: &mut PageBuffer,
        scratch: &mut Scratch,
    ) -> Result<()> {
        if buffer.rows == 0 {
            return Ok(());
        }
        let page = buffer.page(&mut scratch.page);
        let length = page.len();
        scratch.compressed.clear();
        scratch
            .compressed
            .reserve(zstd::zstd_safe::compress_bound(length));
        scratch
            .compressor
            .compress_to_buffer(page, &mut scratch.compressed)
            .map_err(|error| ParquetError::External(Box::new(error)))?;
        let page = Page::DataPage {
            buf: bytes::Bytes::copy_from_slice(&scratch.compressed),
            num_values: buffer.rows,
            encoding: Encoding::PLAIN,
            def_level_encoding: Encoding::RLE,
            rep_level_encoding: Encoding::RLE,
            statistics: None,
        };
        let spec = SerializedPageWriter::new(&mut self.sink)
            .write_page(CompressedPage::new(page, length))?;
        let written = i32::try_from(spec.compressed_size)
            .map_err(|_| ParquetError::General("a page exceeds 2 GiB".to_owned()))?;
        self.offsets.append_row_count(i64::from(buffer.rows));
        self.offsets
            .append_offset_and_size(spec.offset as i64, written);
        self.offsets
            .append_unencoded_byte_array_data_bytes(Some(buffer.bytes as i64));
        self.rows += u64::from(buffer.rows);
        self.pages += 1;
        self.uncompressed += spec.uncompressed_size as u64;
        self.bytes += buffer.bytes;
        buffer.clear();
        Ok(())
    }

    pub(super) fn close(self) -> Result<ContentChunk> {
        let bytes = self.sink.into_inner()?;
        let compressed = bytes.len() as u64;
        let statistics = PageEncodingStats {
            page_type: PageType::DATA_PAGE,
            encoding: Encoding::PLAIN,
            count: self.pages,
        };
        let metadata = ColumnChunkMetaData::builder(self.descriptor)
            .set_encodings(vec![Encoding::PLAIN, Encoding::RLE])
            .set_compression(self.compression)
            .set_num_values(self.rows as i64)
            .set_total_compressed_size(compressed as i64)
            .set_total_uncompressed_size(self.uncompressed as i64)
            .set_data_page_offset(0)
            .set_page_encoding_stats(vec![statistics])
            .set_unencoded_byte_array_data_bytes(Some(self.bytes as i64))
            .build()?;
        let close = ColumnCloseResult {
            bytes_written: compressed,
            rows_written: self.rows,
            metadata,
            bloom_filter: None,
            column_index: None,
            offset_index: Some(self.offsets.build()),
        };
        Ok(ContentChunk {
            bytes: bytes.into(),
            close,
        })
    }
}
