//! Names and paths, each pair of them once.

use std::hash::{BuildHasher, Hasher};
use std::sync::Arc;

use foldhash::fast::RandomState;

use super::super::recorded::Place;
use crate::event::Ctx;
use crate::text::Text;

/// Places that are kept to be shared; engines have some hundreds.
const MAX_PLACES: usize = 16_384;
/// Bytes that they take at most.
const MAX_PLACES_BYTES: usize = 4 << 20;
/// Bytes of one that is kept.
const MAX_PLACE_BYTES: usize = 64 << 10;
const MAX_KEPT_NAME: usize = 256;

/// The places that were seen lately.
#[derive(Debug, Default)]
pub(super) struct Places {
    kept: hashbrown::HashTable<(u64, Arc<Place>)>,
    /// Bytes of those that are kept; a path is counted with each of its names.
    bytes: usize,
    hashes: RandomState,
}

impl Places {
    /// Returns the place of a name and a path; the path counts by where it is in memory.
    pub(super) fn find(&mut self, name: &[u8], ctx: &Ctx, is_group: bool) -> Arc<Place> {
        let mut hasher = self.hashes.build_hasher();
        hasher.write(name);
        hasher.write_usize(ctx.address());
        hasher.write_u8(u8::from(is_group));
        let hash = hasher.finish();
        let known = self.kept.find(hash, |(_, place)| {
            place.is_group == is_group
                && place.ctx.same_allocation(ctx)
                && place.name.as_bytes() == name
        });
        if let Some((_, place)) = known {
            return Arc::clone(place);
        }
        let text = Text::new(String::from_utf8_lossy(name));
        let place = Arc::new(Place::new(text, ctx.clone(), is_group));
        let bytes = name.len() + ctx.held();
        if name.len() <= MAX_KEPT_NAME && bytes <= MAX_PLACE_BYTES {
            if self.kept.len() >= MAX_PLACES || self.bytes + bytes > MAX_PLACES_BYTES {
                self.kept.clear();
                self.bytes = 0;
            }
            self.bytes += bytes;
            let kept = (hash, Arc::clone(&place));
            self.kept.insert_unique(hash, kept, |(hash, _)| *hash);
        }
        place
    }
}
