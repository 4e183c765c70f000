//! The events that opened a run's spans, by their ids.

use std::hash::BuildHasher;

use super::slot::SpanIndex;
use super::{Hashes, Table};

/// The ids of the openers, one for each span and in the order of the spans.
///
/// An opener may be referred to long after its span closed, so that every id is kept; one after
/// the other they take little more than their own bytes.
#[derive(Debug, Default)]
pub(super) struct Openers {
    ids: Vec<u8>,
    ends: Vec<usize>,
    /// The last span of each id, from the first event on that refers to one: most archives have
    /// no such event.
    table: Option<Table<SpanIndex>>,
    hashes: Hashes,
}

impl Openers {
    /// Forgets all ids and keeps the room that they took.
    pub(super) fn clear(&mut self) {
        self.ids.clear();
        self.ends.clear();
        self.table = None;
    }

    /// Returns the ids, in the order of the spans.
    pub(super) fn save(&self) -> Vec<String> {
        let all = (0..self.ends.len()).filter_map(SpanIndex::nth);
        all.map(|index| String::from_utf8_lossy(self.id(index)).into_owned())
            .collect()
    }

    /// How much text the ids are.
    pub(super) fn text_bytes(&self) -> usize {
        self.ids.len()
    }

    /// Adds the id that opened the next span.
    pub(super) fn push(&mut self, index: SpanIndex, id: &str) {
        self.ids.extend_from_slice(id.as_bytes());
        self.ends.push(self.ids.len());
        if let Some(mut table) = self.table.take() {
            self.enter(&mut table, index);
            self.table = Some(table);
        }
    }

    /// Finds the last span that an event id opened.
    pub(super) fn find(&mut self, id: &str) -> Option<SpanIndex> {
        let table = self.table.take().unwrap_or_else(|| self.all());
        let hash = self.hashes.hash_one(id.as_bytes());
        let found = table.find(hash, |&index| self.id(index) == id.as_bytes());
        let found = found.copied();
        self.table = Some(table);
        found
    }

    fn all(&self) -> Table<SpanIndex> {
        let mut table = Table::with_capacity(self.ends.len());
        for index in (0..self.ends.len()).filter_map(SpanIndex::nth) {
            self.enter(&mut table, index);
        }
        table
    }

    fn enter(&self, table: &mut Table<SpanIndex>, index: SpanIndex) {
        let id = self.id(index);
        let entry = table.entry(
            self.hashes.hash_one(id),
            |&other| self.id(other) == id,
            |&other| self.hashes.hash_one(self.id(other)),
        );
        entry.insert(index);
    }

    fn id(&self, index: SpanIndex) -> &[u8] {
        let at = index.get();
        let start = at.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.ids[start..self.ends[at]]
    }
}
