//! What a survey of an archive knows of its runs.

use hashbrown::HashTable;
use hashbrown::hash_table::Entry;
use runtrail_core::time::Timestamp;

/// What bytes are counted in, so that 32 bits hold a run of any size.
const GRAIN: u64 = 256;

/// A run as one unit mentions it.
#[derive(Debug, Clone, Copy)]
pub(super) struct RunSeen {
    pub(super) hash: u128,
    /// No event of the run in the unit is earlier.
    pub(super) start: Timestamp,
    /// What its events take in memory, about.
    pub(super) bytes: u64,
    /// How many there are, about.
    pub(super) events: u32,
}

/// A run over all units, in 40 bytes: there may be many.
#[derive(Debug, Clone, Copy)]
struct Entered {
    hash: [u64; 2],
    micros: i64,
    nanos: u16,
    /// As far as they can be counted here.
    events: u16,
    grains: u32,
    first: u32,
    last: u32,
}

impl Entered {
    fn start(&self) -> Timestamp {
        Timestamp::from_parts(self.micros, self.nanos)
    }

    fn set_start(&mut self, start: Timestamp) {
        (self.micros, self.nanos) = (start.micros(), start.nanos());
    }

    fn is(&self, hash: u128) -> bool {
        self.hash == split(hash)
    }
}

fn split(hash: u128) -> [u64; 2] {
    [hash as u64, (hash >> 64) as u64]
}

/// The runs of an archive, up to a number, and the units that mention them.
///
/// A unit is known by its number, in the order of surveying; units are read in the order of
/// [`RunTable::unit_order`].
#[derive(Debug)]
pub(super) struct RunTable {
    index: HashTable<u32>,
    runs: Vec<Entered>,
    limit: usize,
    overflowed: bool,
    /// The microsecond that no event of a unit is earlier than.
    earliest: Vec<i64>,
}

impl RunTable {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            index: HashTable::new(),
            runs: Vec::new(),
            limit,
            overflowed: false,
            earliest: Vec::new(),
        }
    }

    /// Whether there were more runs than there is room for.
    pub(super) fn overflowed(&self) -> bool {
        self.overflowed
    }

    /// Notes the next unit and the runs that it mentions.
    pub(super) fn add_unit(&mut self, runs: &[RunSeen]) {
        let unit = self.earliest.len() as u32;
        let earliest = runs.iter().map(|run| run.start.micros()).min();
        self.earliest.push(earliest.unwrap_or(i64::MIN));
        for seen in runs {
            let grains = u32::try_from(seen.bytes.div_ceil(GRAIN)).unwrap_or(u32::MAX);
            self.enter(Entered {
                hash: split(seen.hash),
                micros: seen.start.micros(),
                nanos: seen.start.nanos(),
                events: u16::try_from(seen.events).unwrap_or(u16::MAX),
                grains,
                first: unit,
                last: unit,
            });
        }
    }

    /// Adds another table's units after this one's.
    pub(super) fn append(&mut self, other: &Self) {
        let offset = self.earliest.len() as u32;
        self.earliest.extend_from_slice(&other.earliest);
        self.overflowed |= other.overflowed;
        for run in &other.runs {
            let (first, last) = (run.first + offset, run.last + offset);
            self.enter(Entered {
                first,
                last,
                ..*run
            });
        }
    }

    fn enter(&mut self, seen: Entered) {
        let (runs, earliest) = (&mut self.runs, &self.earliest);
        let equal = |&at: &u32| runs[at as usize].hash == seen.hash;
        let rehash = |&at: &u32| runs[at as usize].hash[0];
        match self.index.entry(seen.hash[0], equal, rehash) {
            Entry::Occupied(entry) => {
                let key = |unit: &u32| (earliest[*unit as usize], *unit);
                let run = &mut runs[*entry.get() as usize];
                run.set_start(run.start().min(seen.start()));
                run.events = run.events.saturating_add(seen.events);
                run.grains = run.grains.saturating_add(seen.grains);
                run.first = std::cmp::min_by_key(run.first, seen.first, key);
                run.last = std::cmp::max_by_key(run.last, seen.last, key);
            }
            Entry::Vacant(entry) if runs.len() < self.limit => {
                entry.insert(runs.len() as u32);
                runs.push(seen);
            }
            Entry::Vacant(_) => self.overflowed = true,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.runs.len()
    }

    /// Returns a run's number.
    pub(super) fn find(&self, hash: u128) -> Option<u32> {
        let equal = |&at: &u32| self.runs[at as usize].is(hash);
        self.index.find(hash as u64, equal).copied()
    }

    /// Returns the time that no event of a run is earlier than.
    pub(super) fn start(&self, run: u32) -> Timestamp {
        self.runs[run as usize].start()
    }

    /// Returns how many events a run has, about, up to some ten thousands.
    pub(super) fn events(&self, run: u32) -> usize {
        self.runs[run as usize].events.into()
    }

    /// Returns the units in the order of their earliest events, which is the order to read them in:
    /// files that cover the same time are read side by side.
    pub(super) fn unit_order(&self) -> Vec<u32> {
        let mut units: Vec<u32> = (0..self.earliest.len() as u32).collect();
        units.sort_unstable_by_key(|&unit| (self.earliest[unit as usize], unit));
        units
    }

    /// Returns the runs by when they started.
    pub(super) fn by_start(&self) -> Vec<u32> {
        self.sorted(|run| (run.start(), run.hash))
    }

    /// Returns the runs by the unit that is the last to mention them, by `position` in reading order.
    pub(super) fn by_last(&self, position: &[u32]) -> Vec<u32> {
        self.sorted(|run| position[run.last as usize])
    }

    /// Returns the most that runs take in memory at once, about, if each is kept from the first unit
    /// that mentions it until its turn.
    pub(super) fn peak(&self, position: &[u32]) -> u64 {
        let mut changes = vec![(0_u64, 0_u64); position.len() + 1];
        let mut until = 0;
        for run in self.by_start() {
            let run = &self.runs[run as usize];
            let bytes = u64::from(run.grains) * GRAIN;
            // A run waits for all that begin before it.
            until = until.max(position[run.last as usize] as usize + 1);
            changes[position[run.first as usize] as usize].0 += bytes;
            changes[until].1 += bytes;
        }
        let (mut held, mut peak) = (0_u64, 0);
        for (begun, ended) in changes {
            held = held + begun - ended;
            peak = peak.max(held);
        }
        peak
    }

    /// Returns the unit that is the last to mention a run.
    pub(super) fn last_unit(&self, run: u32) -> u32 {
        self.runs[run as usize].last
    }

    fn sorted<K: Ord>(&self, key: impl Fn(&Entered) -> K) -> Vec<u32> {
        let mut numbers: Vec<u32> = (0..self.runs.len() as u32).collect();
        numbers.sort_unstable_by_key(|&at| key(&self.runs[at as usize]));
        numbers
    }
}
