//! Threads that encode, within a limit of memory.

use std::io;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use parquet::errors::ParquetError;

use super::properties::CONTENT_PAGE_BYTES;
use super::{Encoded, Formats, Scratch};
use crate::error::LakeError;
use crate::settings::Table;
use crate::waiting::RowGroup;

/// What a full row group of a batch export holds while it is encoded, about.
const LARGE_ROW_GROUP: usize = 160 << 20;

/// A finished job: the memory it held, and its result.
type Done = (usize, Table, Result<Encoded, ParquetError>);

/// Encodes row groups, on its threads or, with one thread, on the caller's.
pub(crate) struct EncodePool {
    formats: Formats,
    /// Of the caller's thread, where there is no other.
    scratch: Option<Scratch>,
    jobs: Option<Sender<(usize, RowGroup)>>,
    done: Receiver<Done>,
    threads: Vec<JoinHandle<()>>,
    in_flight: usize,
    memory: usize,
    limit: usize,
}

impl EncodePool {
    pub(crate) fn start(
        formats: Formats,
        zstd_level: i32,
        threads: usize,
        limit: usize,
    ) -> io::Result<Self> {
        let (jobs, queue) = channel::<(usize, RowGroup)>();
        let (results, done) = channel();
        let queue = Arc::new(Mutex::new(queue));
        // Every thread's allocator keeps what its largest row group took, so there are no more
        // threads than row groups that fit at once.
        let threads = if threads > 1 {
            threads.min((limit / LARGE_ROW_GROUP).max(1))
        } else {
            0
        };
        let threads: Vec<_> = (0..threads)
            .map(|_| {
                let (formats, queue, results) =
                    (formats.clone(), Arc::clone(&queue), results.clone());
                let scratch = Scratch::new(zstd_level)?;
                Ok(std::thread::spawn(move || {
                    work(&formats, scratch, &queue, &results);
                }))
            })
            .collect::<io::Result<_>>()?;
        let scratch = if threads.is_empty() {
            Some(Scratch::new(zstd_level)?)
        } else {
            None
        };
        Ok(Self {
            formats,
            scratch,
            jobs: Some(jobs),
            done,
            threads,
            in_flight: 0,
            memory: 0,
            limit,
        })
    }

    /// Waits until a row group of that size may be encoded, and gives what it will hold in memory.
    /// Hands out what is done meanwhile, in any order.
    pub(crate) fn make_room(
        &mut self,
        table: Table,
        rows: usize,
        mut take: impl FnMut(Encoded) -> Result<(), LakeError>,
    ) -> Result<usize, LakeError> {
        let memory = memory_of(table, rows);
        // None waits for a thread: it would hold memory, and whoever reads has the processor else.
        while self.in_flight > 0
            && (self.memory + memory > self.limit || self.in_flight >= self.threads.len())
        {
            take(self.wait()?)?;
        }
        Ok(memory)
    }

    /// Begins to encode a row group for which [`EncodePool::make_room`] gave the memory.
    pub(crate) fn submit(
        &mut self,
        group: RowGroup,
        memory: usize,
        mut take: impl FnMut(Encoded) -> Result<(), LakeError>,
    ) -> Result<(), LakeError> {
        if let Some(scratch) = &mut self.scratch {
            let table = group.key.table;
            let encoded = self.formats.of(table).encode(group, scratch);
            return take(encoded.map_err(|source| LakeError::Encode {
                table: table.as_str(),
                source,
            })?);
        }
        if let Some(jobs) = &self.jobs {
            jobs.send((memory, group))
                .map_err(|_| LakeError::ThreadLost)?;
        }
        self.in_flight += 1;
        self.memory += memory;
        Ok(())
    }

    /// Waits for everything that is being encoded.
    pub(crate) fn drain(
        &mut self,
        mut take: impl FnMut(Encoded) -> Result<(), LakeError>,
    ) -> Result<(), LakeError> {
        while self.in_flight > 0 {
            take(self.wait()?)?;
        }
        Ok(())
    }

    fn wait(&mut self) -> Result<Encoded, LakeError> {
        let (memory, table, encoded) = self.done.recv().map_err(|_| LakeError::ThreadLost)?;
        self.in_flight -= 1;
        self.memory -= memory;
        encoded.map_err(|source| LakeError::Encode {
            table: table.as_str(),
            source,
        })
    }
}

/// What a row group holds while it is encoded: its rows, and for each column of long content a page
/// that grows by doubling and its compressed form. A page is no longer than the content.
fn memory_of(table: Table, rows: usize) -> usize {
    let content_columns = match table {
        Table::Ops => 2,
        Table::Events | Table::Groups => 1,
        Table::Runs | Table::Links => 0,
    };
    rows + (content_columns * 3 * CONTENT_PAGE_BYTES).min(rows * 3)
}

fn work(
    formats: &Formats,
    mut scratch: Scratch,
    queue: &Mutex<Receiver<(usize, RowGroup)>>,
    results: &Sender<Done>,
) {
    loop {
        let job = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok((memory, group)) = job else { return };
        let table = group.key.table;
        let encode = std::panic::AssertUnwindSafe(|| formats.of(table).encode(group, &mut scratch));
        // A job whose thread vanished would be waited for without end.
        let encoded = std::panic::catch_unwind(encode)
            .unwrap_or_else(|_| Err(ParquetError::General("encoding panicked".to_owned())));
        if results.send((memory, table, encoded)).is_err() {
            return;
        }
    }
}

impl Drop for EncodePool {
    fn drop(&mut self) {
        self.jobs = None;
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}
