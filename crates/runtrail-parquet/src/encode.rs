//! Encoding row groups, in order of their rows, on any number of threads.

mod content;
mod order;
mod pool;
mod properties;

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, RecordBatch};
use arrow::datatypes::{DataType, SchemaRef};
use parquet::arrow::ArrowSchemaConverter;
use parquet::arrow::arrow_writer::{
    ArrowColumnChunk, ArrowColumnWriter, ArrowRowGroupWriterFactory, compute_leaves,
};
use parquet::errors::Result;
use parquet::file::properties::WriterPropertiesPtr;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::{SchemaDescriptor, TypePtr};

use content::ContentColumn;
pub(crate) use content::{ContentChunk, PageBuffer, Scratch};
pub(crate) use pool::EncodePool;
pub(crate) use properties::CONTENT_PAGE_BYTES;
use runtrail_core::event::TraceEvent;

use crate::fresh::FreshEvents;
use crate::partition::PartitionKey;
use crate::rows::{EventRows, Misfits, RowBuilder};
use crate::schema::arrow_schema;
use crate::settings::{LakeSettings, Table};
use crate::waiting::{GroupRows, RowGroup};

/// An encoded row group.
pub(crate) struct Encoded {
    pub(crate) key: PartitionKey,
    pub(crate) index: u64,
    pub(crate) rows: usize,
    pub(crate) chunks: Vec<Chunk>,
    /// What did not fit its column, of rows that were made here.
    pub(crate) misfits: Misfits,
}

/// An encoded column.
pub(crate) enum Chunk {
    Arrow(ArrowColumnChunk),
    Content(ContentChunk),
}

/// How a table is encoded.
pub(crate) struct TableFormat {
    descriptor: SchemaDescriptor,
    pub(crate) schema: TypePtr,
    pub(crate) properties: WriterPropertiesPtr,
    factory: ArrowRowGroupWriterFactory,
}

/// How each table is encoded.
#[derive(Clone)]
pub(crate) struct Formats(Arc<[TableFormat]>);

impl Formats {
    pub(crate) fn new(settings: &LakeSettings) -> Result<Self> {
        let formats = Table::ALL.map(|table| TableFormat::new(table, settings));
        let formats: Result<Arc<[_]>> = formats.into_iter().collect();
        Ok(Self(formats?))
    }

    pub(crate) fn of(&self, table: Table) -> &TableFormat {
        &self.0[table as usize]
    }
}

impl TableFormat {
    fn new(table: Table, settings: &LakeSettings) -> Result<Self> {
        let arrow = arrow_schema(table);
        let descriptor: SchemaDescriptor = ArrowSchemaConverter::new().convert(&arrow)?;
        let properties = Arc::new(properties::of(table, &descriptor, settings)?);
        let schema = descriptor.root_schema_ptr();
        // The factory takes its schema and properties from a file writer; this one writes nothing.
        let writer = SerializedFileWriter::new(
            std::io::sink(),
            Arc::clone(&schema),
            Arc::clone(&properties),
        )?;
        let factory = ArrowRowGroupWriterFactory::new(&writer, arrow);
        Ok(Self {
            descriptor,
            schema,
            properties,
            factory,
        })
    }

    /// Encodes a row group; the same rows give the same bytes.
    pub(crate) fn encode(&self, group: RowGroup, scratch: &mut Scratch) -> Result<Encoded> {
        let RowGroup { key, index, rows } = group;
        let mut columns = GroupEncoder::new(self, key.table, index, scratch)?;
        let mut made = EventRows::default();
        match rows {
            GroupRows::Columns(batches) => columns.write_all(batches)?,
            GroupRows::Events(events) => match events.in_order() {
                Some(ordered) => columns.write_events(ordered, &mut made)?,
                None => {
                    let batches = columns_of(key.table, &events, &mut made)?;
                    columns.write_all(batches)?;
                }
            },
        }
        let (chunks, rows) = columns.close()?;
        Ok(Encoded {
            key,
            index,
            rows,
            chunks,
            misfits: made.misfits,
        })
    }
}

/// The columns of a row group that is being encoded.
struct GroupEncoder<'s> {
    table: Table,
    schema: SchemaRef,
    columns: Vec<ColumnEncoder>,
    /// Of the columns of content, in their order.
    buffers: Vec<PageBuffer>,
    scratch: &'s mut Scratch,
    rows: usize,
}

enum ColumnEncoder {
    Arrow(Box<ArrowColumnWriter>),
    Content(Box<ContentColumn>),
}

impl<'s> GroupEncoder<'s> {
    fn new(
        format: &TableFormat,
        table: Table,
        index: u64,
        scratch: &'s mut Scratch,
    ) -> Result<Self> {
        let schema = arrow_schema(table);
        let writers = format.factory.create_column_writers(index as usize)?;
        // Every field is one leaf: a list has one element, and there are no structs.
        let columns: Vec<_> = writers
            .into_iter()
            .zip(schema.fields())
            .enumerate()
            .map(|(at, (writer, field))| match field.data_type() {
                DataType::Utf8View => {
                    let descriptor = format.descriptor.column(at);
                    let compression = format.properties.compression(descriptor.path());
                    ColumnEncoder::Content(Box::new(ContentColumn::new(descriptor, compression)))
                }
                _ => ColumnEncoder::Arrow(Box::new(writer)),
            })
            .collect();
        let contents = columns
            .iter()
            .filter(|column| matches!(column, ColumnEncoder::Content(_)))
            .count();
        let buffers = (0..contents).map(|_| scratch.buffer()).collect();
        Ok(Self {
            table,
            schema,
            columns,
            buffers,
            scratch,
            rows: 0,
        })
    }

    fn write_all(&mut self, batches: Vec<RecordBatch>) -> Result<()> {
        order::for_each_window(self.table, batches, |batch| {
            let contents = batch.columns().iter().filter(|array| is_content(array));
            for (buffer, array) in self.buffers.iter_mut().zip(contents) {
                buffer.push_array(array);
            }
            self.write(batch)
        })
    }

    fn write_events<'e>(
        &mut self,
        events: impl Iterator<Item = &'e TraceEvent>,
        made: &mut EventRows,
    ) -> Result<()> {
        let mut rows = RowBuilder::with_pages(self.table, std::mem::take(&mut self.buffers));
        for event in events {
            made.push(&mut rows, event);
            if rows.rows() == order::WINDOW {
                self.write_window(&mut rows)?;
            }
        }
        if rows.rows() > 0 {
            self.write_window(&mut rows)?;
        }
        self.buffers = rows.into_pages();
        Ok(())
    }

    fn write_window(&mut self, rows: &mut RowBuilder) -> Result<()> {
        let batch = rows.finish()?;
        std::mem::swap(&mut self.buffers, rows.pages());
        let written = self.write(&batch);
        std::mem::swap(&mut self.buffers, rows.pages());
        written
    }

    /// Encodes rows whose content is in the buffers.
    fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        self.rows += batch.num_rows();
        let fields = self.schema.fields().iter().zip(batch.columns());
        let mut buffers = self.buffers.iter_mut();
        for (column, (field, array)) in self.columns.iter_mut().zip(fields) {
            match column {
                ColumnEncoder::Arrow(writer) => {
                    for leaf in compute_leaves(field, array)? {
                        writer.write(&leaf)?;
                    }
                }
                ColumnEncoder::Content(column) => {
                    if let Some(buffer) = buffers.next()
                        && buffer.is_full()
                    {
                        column.write_page(buffer, self.scratch)?;
                    }
                }
            }
        }
        Ok(())
    }

    fn close(self) -> Result<(Vec<Chunk>, usize)> {
        let mut buffers = self.buffers.into_iter();
        let mut chunks = Vec::with_capacity(self.columns.len());
        for column in self.columns {
            chunks.push(match column {
                ColumnEncoder::Arrow(writer) => Chunk::Arrow(writer.close()?),
                ColumnEncoder::Content(mut column) => {
                    let mut buffer = buffers.next().unwrap_or_default();
                    column.write_page(&mut buffer, self.scratch)?;
                    self.scratch.keep(buffer);
                    Chunk::Content(column.close()?)
                }
            });
        }
        Ok((chunks, self.rows))
    }
}

fn is_content(array: &ArrayRef) -> bool {
    array.data_type() == &DataType::Utf8View
}

/// Makes rows of events, in the order they came in.
fn columns_of(
    table: Table,
    events: &FreshEvents,
    made: &mut EventRows,
) -> Result<Vec<RecordBatch>> {
    let mut batches = Vec::new();
    let mut rows = RowBuilder::new(table);
    for event in events.events() {
        made.push(&mut rows, event);
        if rows.is_full() {
            batches.push(rows.finish()?);
        }
    }
    batches.push(rows.finish()?);
    Ok(batches)
}
