//! Encoding row groups, in order of their rows, on any number of threads.

mod chunk;
mod content;
mod dictionary;
mod order;
mod own;
mod pool;
mod properties;
mod rle;

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch};
use arrow::datatypes::SchemaRef;
use parquet::arrow::ArrowSchemaConverter;
use parquet::arrow::arrow_writer::{
    ArrowColumnChunk, ArrowColumnWriter, ArrowRowGroupWriterFactory, compute_leaves,
};
use parquet::errors::Result;
use parquet::file::properties::WriterPropertiesPtr;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::{SchemaDescriptor, TypePtr};

pub(crate) use chunk::{OwnChunk, Scratch};
pub(crate) use own::OwnColumn;
pub(crate) use pool::EncodePool;
pub(crate) use properties::CONTENT_PAGE_BYTES;
use runtrail_core::event::TraceEvent;

use crate::fresh::FreshEvents;
use crate::partition::PartitionKey;
use crate::rows::{EventRows, Misfits, RowBuilder};
use crate::schema::{Layout, arrow_schema, columns, layout, schema_for_arrow};
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
    Own(OwnChunk),
}

/// How a table is encoded.
pub(crate) struct TableFormat {
    descriptor: SchemaDescriptor,
    pub(crate) schema: TypePtr,
    pub(crate) properties: WriterPropertiesPtr,
    factory: ArrowRowGroupWriterFactory,
    /// The most rows of a row group.
    rows: u64,
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
            rows: settings.row_group_rows as u64,
        })
    }

    /// Encodes a row group; the same rows give the same bytes.
    pub(crate) fn encode(&self, group: RowGroup, scratch: &mut Scratch) -> Result<Encoded> {
        let RowGroup { key, index, rows } = group;
        let mut columns = GroupEncoder::new(self, key.table, index, scratch)?;
        let mut made = EventRows::default();
        match rows {
            GroupRows::Columns(batches) => columns.write_all(&batches)?,
            GroupRows::Events(events) => match events.in_order() {
                Some(ordered) => columns.write_events(ordered, &mut made)?,
                None => {
                    let batches = columns_of(key.table, &events, &mut made)?;
                    columns.write_all(&batches)?;
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
    /// Of the columns that the Arrow writer encodes.
    schema: SchemaRef,
    writers: Vec<ArrowColumnWriter>,
    /// The others, in their order.
    own: Vec<OwnColumn>,
    scratch: &'s mut Scratch,
    rows: usize,
}

impl<'s> GroupEncoder<'s> {
    fn new(
        format: &TableFormat,
        table: Table,
        index: u64,
        scratch: &'s mut Scratch,
    ) -> Result<Self> {
        let (mut arrow, mut own) = (Vec::new(), Vec::new());
        // Every field is one leaf: a list has one element, and there are no structs.
        let all = format.factory.create_column_writers(index as usize)?;
        for (at, (writer, column)) in all.into_iter().zip(columns(table)).enumerate() {
            match OwnColumn::new(column, format, at, scratch)? {
                Some(column) => own.push(column),
                None => arrow.push(writer),
            }
        }
        Ok(Self {
            table,
            schema: schema_for_arrow(table),
            writers: arrow,
            own,
            scratch,
            rows: 0,
        })
    }

    fn write_all(&mut self, batches: &[RecordBatch]) -> Result<()> {
        let layouts = || columns(self.table).iter().map(layout).enumerate();
        let (for_arrow, own): (Vec<_>, Vec<_>) =
            layouts().partition(|(_, layout)| *layout == Layout::Arrow);
        let data = |&(at, _): &(usize, Layout)| {
            let arrays = batches.iter().map(|batch| batch.column(at).to_data());
            arrays.collect::<Vec<_>>()
        };
        let for_arrow: Vec<_> = for_arrow.iter().map(data).collect();
        for span in order::spans(self.table, batches) {
            let arrays = for_arrow.iter().map(|data| order::joined(data, &span));
            let arrays = arrays.collect::<Result<Vec<_>>>()?;
            let mut written = 0;
            for window in order::windows(span) {
                let rows = window.iter().map(|stretch| stretch.rows().len()).sum();
                for (column, &(at, _)) in self.own.iter_mut().zip(&own) {
                    for stretch in &window {
                        column.push_array(batches[stretch.batch].column(at), stretch.rows());
                    }
                }
                let arrays = arrays.iter().map(|array| array.slice(written, rows));
                self.write(rows, &arrays.collect::<Vec<_>>())?;
                written += rows;
            }
        }
        Ok(())
    }

    fn write_events<'e>(
        &mut self,
        events: impl Iterator<Item = &'e TraceEvent>,
        made: &mut EventRows,
    ) -> Result<()> {
        let mut rows = RowBuilder::onto(self.table, std::mem::take(&mut self.own));
        for event in events {
            made.push(&mut rows, event);
            if rows.rows() == order::WINDOW {
                self.write_window(&mut rows)?;
            }
        }
        if rows.rows() > 0 {
            self.write_window(&mut rows)?;
        }
        self.own = rows.into_own();
        Ok(())
    }

    fn write_window(&mut self, rows: &mut RowBuilder) -> Result<()> {
        let batch = rows.finish()?;
        std::mem::swap(&mut self.own, rows.own());
        let written = self.write(batch.num_rows(), batch.columns());
        std::mem::swap(&mut self.own, rows.own());
        written
    }

    /// Encodes rows of the columns for the Arrow writer; the others have theirs.
    fn write(&mut self, rows: usize, arrays: &[ArrayRef]) -> Result<()> {
        self.rows += rows;
        let columns = self.writers.iter_mut().zip(self.schema.fields());
        for ((writer, field), array) in columns.zip(arrays) {
            for leaf in compute_leaves(field, array)? {
                writer.write(&leaf)?;
            }
        }
        for column in &mut self.own {
            if column.is_full() {
                column.write_page(self.scratch)?;
            }
        }
        Ok(())
    }

    fn close(self) -> Result<(Vec<Chunk>, usize)> {
        let mut writers = self.writers.into_iter();
        let mut own = self.own.into_iter();
        let mut chunks = Vec::new();
        for column in columns(self.table) {
            let chunk = if layout(column) == Layout::Arrow {
                let closed = writers.next().map(ArrowColumnWriter::close);
                closed.transpose()?.map(Chunk::Arrow)
            } else {
                let closed = own.next().map(|column| column.close(self.scratch));
                closed.transpose()?.map(Chunk::Own)
            };
            chunks.extend(chunk);
        }
        Ok((chunks, self.rows))
    }
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
