//! Sums of digests, by run, in bounded memory.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Seek, Write};
use std::path::PathBuf;

use super::digest::{Digest, RunKey};
use crate::canonical::hex;

/// What an entry takes in memory, about.
const ENTRY_BYTES: usize = 112;
/// A record in a temporary file: key, events, sum.
const RECORD_BYTES: usize = 16 + 8 + 32;
/// Differing runs that are remembered one by one.
const MAX_DIFFERING: usize = 1_000_000;

/// How many events a run has, and the sum of their digests modulo 2^256.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RunSum {
    /// Events, repeats included.
    pub events: u64,
    /// The sum, in words from the lowest.
    pub sum: [u64; 4],
}

impl RunSum {
    /// Adds another sum.
    pub fn add(&mut self, other: &Self) {
        self.events += other.events;
        let mut carry = false;
        for (word, more) in self.sum.iter_mut().zip(other.sum) {
            let (sum, first) = word.overflowing_add(more);
            let (sum, second) = sum.overflowing_add(u64::from(carry));
            (*word, carry) = (sum, first || second);
        }
    }

    /// Returns the sum of one digest.
    pub fn of(digest: &Digest) -> Self {
        let mut sum = [0; 4];
        for (word, bytes) in sum.iter_mut().zip(digest.chunks_exact(8)) {
            let mut eight = [0; 8];
            eight.copy_from_slice(bytes);
            *word = u64::from_le_bytes(eight);
        }
        Self { events: 1, sum }
    }

    /// Returns the sum in hex.
    pub fn hex(&self) -> String {
        let bytes: Vec<u8> = self
            .sum
            .iter()
            .rev()
            .flat_map(|word| word.to_be_bytes())
            .collect();
        hex(&bytes)
    }
}

type Entries = HashMap<RunKey, RunSum, foldhash::fast::RandomState>;

/// Adds up digests by run. What does not fit in memory goes to temporary files without names.
#[derive(Debug)]
pub struct RunSums {
    entries: Entries,
    limit: usize,
    folder: Option<PathBuf>,
    spills: Vec<File>,
    total: RunSum,
}

impl RunSums {
    /// Makes empty sums that take about so many bytes of memory.
    pub fn new(memory: usize, folder: Option<PathBuf>) -> Self {
        Self {
            entries: Entries::default(),
            limit: (memory / ENTRY_BYTES).max(16),
            folder,
            spills: Vec::new(),
            total: RunSum::default(),
        }
    }

    /// Adds the digest of one event, or of one run, to a run.
    pub fn add(&mut self, run: RunKey, digest: &Digest) -> io::Result<()> {
        self.add_sum(run, &RunSum::of(digest))
    }

    /// Adds what was added up elsewhere to a run.
    pub fn add_sum(&mut self, run: RunKey, sum: &RunSum) -> io::Result<()> {
        self.total.add(sum);
        self.entries.entry(run).or_default().add(sum);
        if self.entries.len() >= self.limit {
            self.spill()?;
        }
        Ok(())
    }

    /// Returns the sum over all runs.
    pub fn total(&self) -> RunSum {
        self.total
    }

    fn spill(&mut self) -> io::Result<()> {
        let file = match &self.folder {
            Some(folder) => tempfile::tempfile_in(folder)?,
            None => tempfile::tempfile()?,
        };
        let mut out = BufWriter::new(file);
        for (run, sum) in sorted(std::mem::take(&mut self.entries)) {
            out.write_all(&run.to_le_bytes())?;
            out.write_all(&sum.events.to_le_bytes())?;
            for word in sum.sum {
                out.write_all(&word.to_le_bytes())?;
            }
        }
        let mut file = out.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.rewind()?;
        self.spills.push(file);
        Ok(())
    }

    /// Ends adding and gives the runs in the order of their keys, each once.
    pub fn into_sorted(mut self) -> io::Result<SortedSums> {
        // With files there are, what is left in memory is read like them.
        let mut sources: Vec<Source> = Vec::new();
        for file in self.spills.drain(..) {
            sources.push(Source::File(BufReader::with_capacity(1 << 16, file)));
        }
        sources.push(Source::Memory(sorted(self.entries).into_iter()));
        let mut heads = BinaryHeap::new();
        for (at, source) in sources.iter_mut().enumerate() {
            if let Some((run, sum)) = source.next()? {
                heads.push(Reverse((run, at, sum.events, sum.sum)));
            }
        }
        Ok(SortedSums { sources, heads })
    }
}

fn sorted(entries: Entries) -> Vec<(RunKey, RunSum)> {
    let mut entries: Vec<_> = entries.into_iter().collect();
    entries.sort_unstable_by_key(|(run, _)| *run);
    entries
}

enum Source {
    File(BufReader<File>),
    Memory(std::vec::IntoIter<(RunKey, RunSum)>),
}

impl Source {
    fn next(&mut self) -> io::Result<Option<(RunKey, RunSum)>> {
        let file = match self {
            Self::Memory(entries) => return Ok(entries.next()),
            Self::File(file) => file,
        };
        let mut record = [0; RECORD_BYTES];
        match file.read_exact(&mut record) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
            Err(error) => return Err(error),
        }
        let word = |at: usize| {
            let mut eight = [0; 8];
            eight.copy_from_slice(&record[at..at + 8]);
            u64::from_le_bytes(eight)
        };
        let run = (RunKey::from(word(8)) << 64) | RunKey::from(word(0));
        let sum = RunSum {
            events: word(16),
            sum: [word(24), word(32), word(40), word(48)],
        };
        Ok(Some((run, sum)))
    }
}

type Head = Reverse<(RunKey, usize, u64, [u64; 4])>;

/// Runs and their sums, in the order of their keys.
pub struct SortedSums {
    sources: Vec<Source>,
    heads: BinaryHeap<Head>,
}

impl SortedSums {
    /// Returns the next run; `None` after the last.
    pub fn next_run(&mut self) -> io::Result<Option<(RunKey, RunSum)>> {
        let mut found: Option<(RunKey, RunSum)> = None;
        while let Some(Reverse((run, ..))) = self.heads.peek() {
            if found.is_some_and(|(known, _)| known != *run) {
                break;
            }
            let Some(Reverse((run, at, events, sum))) = self.heads.pop() else {
                break;
            };
            found
                .get_or_insert((run, RunSum::default()))
                .1
                .add(&RunSum { events, sum });
            if let Some((run, sum)) = self.sources[at].next()? {
                self.heads.push(Reverse((run, at, sum.events, sum.sum)));
            }
        }
        Ok(found)
    }
}

impl std::fmt::Debug for SortedSums {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SortedSums")
            .field("sources", &self.sources.len())
            .finish_non_exhaustive()
    }
}

/// How many events each side has of a run whose sums differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Differing {
    /// Those of the source, repeats included.
    pub source: u64,
    /// Those of the copy.
    pub copy: u64,
}

/// What comparing sums came to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Comparison {
    /// Runs whose sums agree.
    pub matching: u64,
    /// Runs whose sums differ, or that one side lacks.
    pub differing: HashMap<RunKey, Differing>,
    /// Differing runs beyond those that are remembered.
    pub more_differing: u64,
}

/// Compares the sums of two sides, run by run.
pub fn compare(mut source: SortedSums, mut copy: SortedSums) -> io::Result<Comparison> {
    let mut found = Comparison::default();
    let (mut one, mut other) = (source.next_run()?, copy.next_run()?);
    loop {
        let (run, source_sum, copy_sum) = match (one, other) {
            (None, None) => return Ok(found),
            (Some((run, sum)), Some((same, copied))) if run == same => {
                (run, Some(sum), Some(copied))
            }
            (Some((run, sum)), Some((later, _))) if run < later => (run, Some(sum), None),
            (Some((run, sum)), None) => (run, Some(sum), None),
            (_, Some((run, sum))) => (run, None, Some(sum)),
        };
        if source_sum == copy_sum {
            found.matching += 1;
        } else if found.differing.len() < MAX_DIFFERING {
            let events = |sum: Option<RunSum>| sum.map_or(0, |sum| sum.events);
            let differing = Differing {
                source: events(source_sum),
                copy: events(copy_sum),
            };
            found.differing.insert(run, differing);
        } else {
            found.more_differing += 1;
        }
        if source_sum.is_some() {
            one = source.next_run()?;
        }
        if copy_sum.is_some() {
            other = copy.next_run()?;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sums(memory: usize, events: &[(u8, u8)]) -> RunSums {
        let mut sums = RunSums::new(memory, None);
        for (run, event) in events {
            let digest = blake3::hash(&[*event]).into();
            sums.add(RunKey::from(*run), &digest).unwrap();
        }
        sums
    }

    #[test]
    fn sums_carry_over_words() {
        let mut sum = RunSum {
            events: 1,
            sum: [u64::MAX, u64::MAX, 0, u64::MAX],
        };
        sum.add(&RunSum {
            events: 1,
            sum: [1, 0, 0, 1],
        });
        assert_eq!(
            sum,
            RunSum {
                events: 2,
                sum: [0, 0, 1, 0]
            }
        );
    }

    proptest! {
        #[test]
        fn neither_order_nor_memory_matters(events in prop::collection::vec(any::<(u8, u8)>(), 0..300)) {
            let mut reversed = events.clone();
            reversed.reverse();
            let (one, other) = (sums(0, &events), sums(1 << 20, &reversed));
            prop_assert_eq!(one.total(), other.total());
            let found = compare(one.into_sorted().unwrap(), other.into_sorted().unwrap()).unwrap();
            let runs: std::collections::BTreeSet<_> = events.iter().map(|event| event.0).collect();
            prop_assert_eq!((found.matching, found.differing.len()), (runs.len() as u64, 0));
        }

        #[test]
        fn one_event_less_or_other_is_found(
            events in prop::collection::vec(any::<(u8, u8)>(), 1..100),
            at in any::<prop::sample::Index>(),
            other in any::<u8>(),
        ) {
            let at = at.index(events.len());
            let mut less = events.clone();
            let (run, event) = less.remove(at);
            let mut changed = events.clone();
            changed[at].1 = other;
            for copy in [less, changed] {
                let found = compare(
                    sums(0, &events).into_sorted().unwrap(),
                    sums(0, &copy).into_sorted().unwrap(),
                ).unwrap();
                let wanted = usize::from(copy.len() < events.len() || other != event);
                prop_assert_eq!(found.differing.len(), wanted);
                prop_assert!(wanted == 0 || found.differing.contains_key(&RunKey::from(run)));
            }
        }
    }
}
