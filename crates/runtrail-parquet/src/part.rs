//! One file of a table while it is written.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::writer::SerializedFileWriter;

use crate::encode::{Chunk, Encoded, TableFormat};
use crate::error::LakeError;
use crate::partition::PartitionKey;
use crate::schema::SCHEMA_VERSION;

/// A file that is complete and not yet visible.
pub(crate) struct FinishedPart {
    pub(crate) key: PartitionKey,
    /// Where it is staged.
    pub(crate) staged: PathBuf,
    /// Its path within the lake, named after its content.
    pub(crate) path: String,
    pub(crate) rows: u64,
    pub(crate) bytes: u64,
}

/// A file that row groups are appended to.
pub(crate) struct PartFile {
    key: PartitionKey,
    ordinal: u32,
    staged: PathBuf,
    state: Arc<Mutex<Staged>>,
    writer: SerializedFileWriter<StagedFile>,
    rows: u64,
}

impl PartFile {
    pub(crate) fn create(
        key: PartitionKey,
        ordinal: u32,
        format: &TableFormat,
        dir: &Path,
    ) -> Result<Self, LakeError> {
        let staged = dir.join(format!(
            "{}-{ordinal:05}.staged",
            key.path().replace('/', "-")
        ));
        let state = Arc::new(Mutex::new(Staged::new(&staged)));
        let file = StagedFile(Arc::clone(&state));
        let writer = SerializedFileWriter::new(
            file,
            Arc::clone(&format.schema),
            Arc::clone(&format.properties),
        );
        let writer = writer.map_err(|e| part_error(key, &staged, e))?;
        Ok(Self {
            key,
            ordinal,
            staged,
            state,
            writer,
            rows: 0,
        })
    }

    /// Bytes written so far.
    pub(crate) fn bytes(&self) -> u64 {
        self.writer.bytes_written() as u64
    }

    pub(crate) fn append(&mut self, encoded: Encoded) -> Result<(), LakeError> {
        let result = (|| {
            let mut row_group = self.writer.next_row_group()?;
            for chunk in encoded.chunks {
                match chunk {
                    Chunk::Arrow(chunk) => chunk.append_to_row_group(&mut row_group)?,
                    Chunk::Own(chunk) => row_group.append_column(&chunk.bytes, chunk.close)?,
                }
            }
            row_group.close().map(|_| ())
        })();
        result.map_err(|e| part_error(self.key, &self.staged, e))?;
        self.rows += encoded.rows as u64;
        lock(&self.state).rest();
        Ok(())
    }

    /// Ends the file and makes it durable where it is staged.
    pub(crate) fn finish(mut self) -> Result<FinishedPart, LakeError> {
        let part = format!("{}/{:05}", self.key.path(), self.ordinal);
        for (key, value) in [
            ("runtrail.schema_version", SCHEMA_VERSION),
            ("runtrail.table", self.key.table.as_str()),
            ("runtrail.part", &part),
        ] {
            self.writer
                .append_key_value_metadata(KeyValue::new(key.to_owned(), value.to_owned()));
        }
        self.writer
            .close()
            .map_err(|e| part_error(self.key, &self.staged, e))?;
        let mut state = lock(&self.state);
        state.sync().map_err(|source| LakeError::Write {
            path: self.staged.clone(),
            source,
        })?;
        let hash = state.hasher.finalize().to_hex();
        let path = format!(
            "{}/part-{:05}-{}.parquet",
            self.key.path(),
            self.ordinal,
            &hash[..32]
        );
        Ok(FinishedPart {
            key: self.key,
            staged: self.staged.clone(),
            path,
            rows: self.rows,
            bytes: state.len,
        })
    }
}

fn part_error(key: PartitionKey, staged: &Path, error: ParquetError) -> LakeError {
    match error {
        ParquetError::External(source) => match source.downcast::<io::Error>() {
            Ok(source) => LakeError::Write {
                path: staged.to_owned(),
                source: *source,
            },
            Err(source) => LakeError::Encode {
                table: key.table.as_str(),
                source: ParquetError::External(source),
            },
        },
        source => LakeError::Encode {
            table: key.table.as_str(),
            source,
        },
    }
}

fn lock(state: &Mutex<Staged>) -> std::sync::MutexGuard<'_, Staged> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The staged bytes: hashed as they are written. The file is open only while a row group is
/// appended, so that thousands of partitions can be in progress within the limit of open files.
struct Staged {
    path: PathBuf,
    file: Option<File>,
    created: bool,
    hasher: blake3::Hasher,
    len: u64,
}

impl Staged {
    fn new(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            file: None,
            created: false,
            hasher: blake3::Hasher::new(),
            len: 0,
        }
    }

    fn open(&mut self) -> io::Result<&mut File> {
        let file = match self.file.take() {
            Some(file) => file,
            None if self.created => OpenOptions::new().append(true).open(&self.path)?,
            None => File::create_new(&self.path)?,
        };
        self.created = true;
        Ok(self.file.insert(file))
    }

    fn rest(&mut self) {
        self.file = None;
    }

    fn sync(&mut self) -> io::Result<()> {
        self.open()?.sync_all()?;
        self.rest();
        Ok(())
    }
}

struct StagedFile(Arc<Mutex<Staged>>);

impl Write for StagedFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut staged = lock(&self.0);
        let written = staged.open()?.write(bytes)?;
        staged.hasher.update(&bytes[..written]);
        staged.len += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
