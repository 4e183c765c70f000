//! Counting how many different event ids there are, in bounded memory.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, IntoInnerError, Read, Seek, Write};
use std::path::{Path, PathBuf};

use super::temp_file;
use crate::hash::IdHasher;

/// Ids held before they are sorted and written out, at least: 4 MiB.
const HELD: usize = 1 << 18;
/// Files of one level before they are merged into one of the next: some dozens are open at most,
/// however many ids there are.
const FILES_PER_LEVEL: usize = 32;

/// Counts different ids by a hash of each.
#[derive(Debug)]
pub(super) struct DistinctIds {
    dir: Option<PathBuf>,
    limit: usize,
    hasher: IdHasher,
    held: Vec<u128>,
    /// Files of sorted ids, each with how many times its ids have been merged; the most first.
    files: Vec<(u32, File)>,
}

impl DistinctIds {
    /// Makes a counter that holds so many bytes of ids.
    pub(super) fn new(memory: usize, dir: Option<PathBuf>) -> Self {
        Self::holding(HELD.max(memory / size_of::<u128>()), dir)
    }

    fn holding(limit: usize, dir: Option<PathBuf>) -> Self {
        Self {
            dir,
            limit,
            hasher: IdHasher::default(),
            held: Vec::new(),
            files: Vec::new(),
        }
    }

    pub(super) fn push(&mut self, id: &str) -> io::Result<()> {
        self.push_hash(self.hasher.hash(id.as_bytes()))
    }

    /// As [`DistinctIds::push`], of an id's hash; all ids of a counter are hashed by one hasher.
    pub(super) fn push_hash(&mut self, hash: u128) -> io::Result<()> {
        self.held.push(hash);
        if self.held.len() >= self.limit {
            self.write_out()
        } else {
            Ok(())
        }
    }

    fn write_out(&mut self) -> io::Result<()> {
        self.held.sort_unstable();
        self.held.dedup();
        let mut file = IdFile::create(self.dir.as_deref())?;
        self.held.drain(..).try_for_each(|id| file.push(id))?;
        self.files.push((0, file.finish()?));
        while let Some(level) = self.full_level() {
            let merged = self.files.split_off(self.files.len() - FILES_PER_LEVEL);
            let mut file = IdFile::create(self.dir.as_deref())?;
            merge(merged, |id| file.push(id))?;
            self.files.push((level + 1, file.finish()?));
        }
        Ok(())
    }

    fn full_level(&self) -> Option<u32> {
        let recent = &self.files[self.files.len().checked_sub(FILES_PER_LEVEL)?..];
        let level = recent[0].0;
        recent.iter().all(|file| file.0 == level).then_some(level)
    }

    /// Returns the number of different ids pushed.
    pub(super) fn count(&mut self) -> io::Result<u64> {
        self.held.sort_unstable();
        self.held.dedup();
        if self.files.is_empty() {
            return Ok(self.held.len() as u64);
        }
        self.write_out()?;
        let mut count = 0;
        merge(std::mem::take(&mut self.files), |_| {
            count += 1;
            Ok(())
        })?;
        Ok(count)
    }
}

/// Hands out every id of some sorted files once, in order.
fn merge(files: Vec<(u32, File)>, mut take: impl FnMut(u128) -> io::Result<()>) -> io::Result<()> {
    let mut files: Vec<_> = files
        .into_iter()
        .map(|(_, file)| BufReader::with_capacity(1 << 14, file))
        .collect();
    let mut heads = BinaryHeap::new();
    for (index, file) in files.iter_mut().enumerate() {
        heads.extend(next(file)?.map(|id| Reverse((id, index))));
    }
    let mut last = None;
    while let Some(Reverse((id, index))) = heads.pop() {
        if last.replace(id) != Some(id) {
            take(id)?;
        }
        heads.extend(next(&mut files[index])?.map(|id| Reverse((id, index))));
    }
    Ok(())
}

/// Writes sorted ids to a temporary file.
struct IdFile(BufWriter<File>);

impl IdFile {
    fn create(dir: Option<&Path>) -> io::Result<Self> {
        Ok(Self(BufWriter::with_capacity(1 << 16, temp_file(dir)?)))
    }

    fn push(&mut self, id: u128) -> io::Result<()> {
        self.0.write_all(&id.to_le_bytes())
    }

    fn finish(self) -> io::Result<File> {
        let mut file = self.0.into_inner().map_err(IntoInnerError::into_error)?;
        file.rewind()?;
        Ok(file)
    }
}

fn next(file: &mut impl Read) -> io::Result<Option<u128>> {
    let mut bytes = [0; 16];
    match file.read_exact(&mut bytes) {
        Ok(()) => Ok(Some(u128::from_le_bytes(bytes))),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_beyond_memory_are_counted_once() {
        const PUSHED: usize = 4 * FILES_PER_LEVEL * FILES_PER_LEVEL + 4 * 3;
        let mut ids = DistinctIds::holding(4, None);
        for id in (0..PUSHED).chain(5..8) {
            ids.push(&format!("run-{}", id % 3000)).unwrap();
        }
        let levels: Vec<u32> = ids.files.iter().map(|file| file.0).collect();
        assert_eq!(levels, [2, 0, 0, 0]);
        assert_eq!(ids.count().unwrap(), 3000);
    }
}
