//! Encoding row groups, in order of their rows, on any number of threads.

mod order;
mod pool;
mod properties;

use std::sync::Arc;

use arrow::array::RecordBatch;
use parquet::arrow::ArrowSchemaConverter;
use parquet::arrow::arrow_writer::{
    ArrowColumnChunk, ArrowColumnWriter, ArrowRowGroupWriterFactory, compute_leaves,
};
use parquet::errors::Result;
use parquet::file::properties::WriterPropertiesPtr;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::{SchemaDescriptor, TypePtr};

pub(crate) use pool::EncodePool;
pub(crate) use properties::CONTENT_PAGE_BYTES;

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
    pub(crate) chunks: Vec<ArrowColumnChunk>,
    /// What did not fit its column, of rows that were made here.
    pub(crate) misfits: Misfits,
}

/// How a table is encoded.
pub(crate) struct TableFormat {
    pub(crate) schema: TypePtr,
    pub(crate) properties: WriterPropertiesPtr,
    factory: ArrowRowGroupWriterFactory,
}

/// How each table is encoded.
#[derive(Clone)]
pub(crate) struct Formats(Arc<[TableFormat; 4]>);

impl Formats {
    pub(crate) fn new(settings: &LakeSettings) -> Result<Self> {
        let [events, ops, groups, runs] = Table::ALL.map(|table| TableFormat::new(table, settings));
        Ok(Self(Arc::new([events?, ops?, groups?, runs?])))
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
            schema,
            properties,
            factory,
        })
    }

    /// Encodes a row group; the same rows give the same bytes.
    pub(crate) fn encode(&self, group: RowGroup) -> Result<Encoded> {
        let RowGroup { key, index, rows } = group;
        let mut writers = self.factory.create_column_writers(index as usize)?;
        let schema = arrow_schema(key.table);
        let mut encoded = 0;
        let mut write = |batch: &RecordBatch| {
            encoded += batch.num_rows();
            let mut writers = writers.iter_mut();
            for (field, array) in schema.fields().iter().zip(batch.columns()) {
                for leaf in compute_leaves(field, array)? {
                    if let Some(writer) = writers.next() {
                        writer.write(&leaf)?;
                    }
                }
            }
            Ok(())
        };
        let mut made = EventRows::default();
        match rows {
            GroupRows::Columns(batches) => order::for_each_window(key.table, batches, write)?,
            GroupRows::Events(events) => match events.in_order() {
                Some(ordered) => {
                    let mut rows = RowBuilder::new(key.table);
                    for event in ordered {
                        made.push(&mut rows, event);
                        if rows.rows() == order::WINDOW {
                            write(&rows.finish()?)?;
                        }
                    }
                    if rows.rows() > 0 {
                        write(&rows.finish()?)?;
                    }
                }
                None => {
                    let batches = columns(key.table, &events, &mut made)?;
                    order::for_each_window(key.table, batches, write)?;
                }
            },
        }
        let chunks = writers
            .into_iter()
            .map(ArrowColumnWriter::close)
            .collect::<Result<_>>()?;
        Ok(Encoded {
            key,
            index,
            rows: encoded,
            chunks,
            misfits: made.misfits,
        })
    }
}

/// Makes rows of events, in the order they came in.
fn columns(table: Table, events: &FreshEvents, made: &mut EventRows) -> Result<Vec<RecordBatch>> {
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
