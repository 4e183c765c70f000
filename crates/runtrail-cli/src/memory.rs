//! How an export shares out its memory.

/// What the parts of an export may use; one set of numbers for the whole program.
///
/// Runs that overlap wait in memory while rows are encoded. Only where they do not fit is everything
/// sorted first, before there are rows; then temporary files are merged while rows are encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct MemoryPlan {
    /// Events being collected to be sorted.
    pub(crate) sort: usize,
    /// Events that wait in memory while others are written.
    pub(crate) keep: usize,
    /// Merging the temporary files that the others went to.
    pub(crate) merge: usize,
    /// Rows that wait and are being encoded.
    pub(crate) lake: usize,
    /// Threads that read: each keeps memory of its own for reuse, which a small budget has no room
    /// for.
    pub(crate) readers: usize,
}

impl MemoryPlan {
    /// The smallest budget that works. A row group holds 64 MiB of values whatever the budget, so
    /// that the budget never decides about bytes; encoding one takes up to 160 MiB.
    pub(crate) const MINIMUM: usize = 256 << 20;

    /// What a lake needs for one row group that is encoded and a few rows that wait.
    const LAKE_MINIMUM: usize = 176 << 20;

    /// The program itself, and what its allocator keeps for reuse.
    const RESERVE: usize = 32 << 20;

    /// A thread that parses holds a chunk of 1 MiB as text and as events; one more waits for it.
    const PER_THREAD: usize = 4 << 20;

    /// What is kept for the runs that wait, for each thread that reads.
    const PER_READER: usize = 32 << 20;

    /// Shares out a budget; `None` where it is below the minimum.
    pub(crate) fn new(budget: usize, threads: usize) -> Option<Self> {
        if budget < Self::MINIMUM {
            return None;
        }
        let parsing = Self::PER_THREAD * (threads + 1);
        // What sorting held is not all given back before rows are encoded.
        let sort = (budget / 2).saturating_sub(parsing).max(budget / 4);
        let lake = (budget / 5 * 3).max(Self::LAKE_MINIMUM);
        let merge = budget / 16;
        let keep = budget - lake - merge - Self::RESERVE;
        Some(Self {
            sort,
            keep,
            merge,
            lake,
            readers: threads.min((keep / Self::PER_READER).max(1)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_gigabyte_with_two_threads() {
        let plan = MemoryPlan::new(1 << 30, 2).unwrap();
        let mib = [plan.sort, plan.keep, plan.merge, plan.lake].map(|bytes| bytes >> 20);
        assert_eq!(mib, [500, 313, 64, 614]);
    }

    #[test]
    fn too_little_is_refused() {
        assert_eq!(MemoryPlan::new(MemoryPlan::MINIMUM - 1, 1), None);
        assert!(MemoryPlan::new(MemoryPlan::MINIMUM, 256).is_some());
    }

    proptest! {
        #[test]
        fn no_phase_exceeds_the_budget(budget in MemoryPlan::MINIMUM..64 << 30, threads in 1_usize..256) {
            let plan = MemoryPlan::new(budget, threads).unwrap();
            prop_assert!(plan.sort <= budget / 4 * 3);
            prop_assert!(plan.keep + plan.merge + plan.lake <= budget);
            prop_assert!(plan.lake >= runtrail_parquet::MIN_MEMORY);
        }
    }
}
