//! Hashes that stand for ids.

use std::hash::BuildHasher;

use foldhash::quality::RandomState;

/// Hashes ids to 128 bits, of which two of a thousand billion ids share all with a probability
/// below 10^-14. The seeds differ from process to process, so that nobody can choose ids that do.
#[derive(Debug, Clone, Default)]
pub(crate) struct IdHasher([RandomState; 2]);

impl IdHasher {
    pub(crate) fn hash(&self, id: &[u8]) -> u128 {
        let [high, low] = self
            .0
            .each_ref()
            .map(|state| u128::from(state.hash_one(id)));
        (high << 64) | low
    }
}
