//! Counting how many different event ids there are, in bounded memory.

use std::fs::File;
use std::hash::{DefaultHasher, Hasher};
use std::io::{self, BufReader, Read, Seek, Write};
use std::path::PathBuf;

use super::temp_file;

/// Ids held before they are sorted and written out: 8 MiB.
const HELD: usize = 1 << 19;

/// Counts different ids by a 128-bit hash of each. The hash is seeded nowhere and kept nowhere, so
/// it need not be stable; two ids in a thousand billion share one with a probability below 10^-14.
#[derive(Debug)]
pub(super) struct DistinctIds {
    dir: Option<PathBuf>,
    held: Vec<u128>,
    files: Vec<File>,
}

impl DistinctIds {
    pub(super) fn new(dir: Option<PathBuf>) -> Self {
        Self { dir, held: Vec::new(), files: Vec::new() }
    }

    pub(super) fn push(&mut self, id: &str) -> io::Result<()> {
        self.held.push(hash(id));
        if self.held.len() >= HELD { self.write_out() } else { Ok(()) }
    }

    fn write_out(&mut self) -> io::Result<()> {
        self.held.sort_unstable();
        self.held.dedup();
        let mut file = temp_file(self.dir.as_deref())?;
        let mut bytes = Vec::with_capacity(1 << 16);
        for part in self.held.chunks(1 << 12) {
            bytes.clear();
            part.iter().for_each(|id| bytes.extend_from_slice(&id.to_le_bytes()));
            file.write_all(&bytes)?;
        }
        self.held.clear();
        file.rewind()?;
        self.files.push(file);
        Ok(())
    }

    /// Returns the number of different ids pushed.
    pub(super) fn count(&mut self) -> io::Result<u64> {
        self.held.sort_unstable();
        self.held.dedup();
        if self.files.is_empty() {
            return Ok(self.held.len() as u64);
        }
        self.write_out()?;
        let mut files: Vec<_> = self.files.drain(..).map(|file| BufReader::with_capacity(1 << 14, file)).collect();
        let mut heads = std::collections::BinaryHeap::new();
        for (index, file) in files.iter_mut().enumerate() {
            heads.extend(next(file)?.map(|id| std::cmp::Reverse((id, index))));
        }
        let (mut count, mut last) = (0, None);
        while let Some(std::cmp::Reverse((id, index))) = heads.pop() {
            count += u64::from(last != Some(id));
            last = Some(id);
            heads.extend(next(&mut files[index])?.map(|id| std::cmp::Reverse((id, index))));
        }
        Ok(count)
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

fn hash(id: &str) -> u128 {
    let half = |seed: u8| {
        let mut hasher = DefaultHasher::new();
        hasher.write_u8(seed);
        hasher.write(id.as_bytes());
        hasher.finish()
    };
    (u128::from(half(1)) << 64) | u128::from(half(2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_beyond_memory_are_counted_once() {
        let mut ids = DistinctIds::new(None);
        for id in (0..HELD * 3).chain(5..25) {
            ids.push(&format!("run-{}", id % (HELD * 2))).unwrap();
        }
        assert_eq!(ids.files.len(), 3);
        assert_eq!(ids.count().unwrap(), HELD as u64 * 2);
    }
}
