//! The names of a run's ops and groups, each known by a number.

use std::hash::BuildHasher;

use super::scope::ScopeId;
use super::slot::SpanIndex;
use super::{Hashes, Table};
use crate::text::Text;

/// Names an op name in a scope, or a name of groups.
pub(super) type NameId = usize;

/// The executions of one op name in one scope, or the groups of one name.
#[derive(Debug)]
pub(super) struct Name {
    pub(super) text: Text,
    /// The scope of ops; groups have none.
    pub(super) scope: Option<ScopeId>,
    /// The run that what follows is of; in any other there was none yet.
    run: u64,
    count: u64,
    /// The one that opened last and is open; the ones before it hang from it.
    pub(super) open: Option<SpanIndex>,
}

impl Name {
    /// The number of the next one of this name, from 0.
    pub(super) fn next_occurrence(&mut self) -> u64 {
        self.count += 1;
        self.count - 1
    }

    #[inline]
    fn is(&self, text: &str, scope: Option<ScopeId>) -> bool {
        self.scope == scope && self.text == *text
    }

    /// Forgets what was in another run.
    #[inline]
    fn enter(&mut self, run: u64) {
        if self.run != run {
            (self.run, self.count, self.open) = (run, 0, None);
        }
    }
}

/// The names of a run, and those of earlier runs: most runs bring no new ones.
#[derive(Debug, Default)]
pub(super) struct Names {
    known: Vec<Name>,
    table: Table<NameId>,
    hashes: Hashes,
    recent: NameId,
    run: u64,
    text_bytes: usize,
}

/// A name as it is saved.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
pub(super) struct SavedName {
    text: Text,
    pub(super) scope: Option<ScopeId>,
    count: u64,
    pub(super) open: Option<SpanIndex>,
}

impl Names {
    /// Returns all names, and what this run has of them.
    pub(super) fn save(&self) -> Vec<SavedName> {
        let here = |name: &Name| name.run == self.run;
        let names = self.known.iter();
        names
            .map(|name| SavedName {
                text: name.text.clone(),
                scope: name.scope,
                count: if here(name) { name.count } else { 0 },
                open: name.open.filter(|_| here(name)),
            })
            .collect()
    }

    /// Makes the names that were saved; `None` where one is there twice.
    pub(super) fn restore(saved: Vec<SavedName>) -> Option<Self> {
        let mut names = Self::default();
        for (id, name) in saved.into_iter().enumerate() {
            if names.of(&name.text, name.scope) != id {
                return None;
            }
            let known = names.get_mut(id);
            (known.count, known.open) = (name.count, name.open);
        }
        Some(names)
    }

    /// Begins another run, in which no name has been yet.
    pub(super) fn restart(&mut self) {
        self.run += 1;
    }

    /// How many names are known.
    pub(super) fn len(&self) -> usize {
        self.known.len()
    }

    /// How much text the names are.
    pub(super) fn text_bytes(&self) -> usize {
        self.text_bytes
    }

    /// Returns a name that has been in this run.
    pub(super) fn get(&self, id: NameId) -> &Name {
        &self.known[id]
    }

    /// As [`Names::get`].
    pub(super) fn get_mut(&mut self, id: NameId) -> &mut Name {
        &mut self.known[id]
    }

    /// Finds what is open under a name and opened last.
    #[inline]
    pub(super) fn open(&self, text: &str, scope: Option<ScopeId>) -> Option<SpanIndex> {
        let name = &self.known[self.find(text, scope)?];
        name.open.filter(|_| name.run == self.run)
    }

    /// Finds a name, making it where it is new.
    #[inline]
    pub(super) fn of(&mut self, text: &str, scope: Option<ScopeId>) -> NameId {
        self.recent = match self.find(text, scope) {
            Some(id) => id,
            None => self.add(text, scope),
        };
        self.known[self.recent].enter(self.run);
        self.recent
    }

    #[inline]
    fn find(&self, text: &str, scope: Option<ScopeId>) -> Option<NameId> {
        // What opened last is mostly what is spoken of next.
        match self.known.get(self.recent) {
            Some(recent) if recent.is(text, scope) => Some(self.recent),
            _ => self.look_up(text, scope),
        }
    }

    fn look_up(&self, text: &str, scope: Option<ScopeId>) -> Option<NameId> {
        let is_it = |&id: &NameId| self.known[id].is(text, scope);
        self.table.find(self.hash(text, scope), is_it).copied()
    }

    fn add(&mut self, text: &str, scope: Option<ScopeId>) -> NameId {
        let (id, hash) = (self.known.len(), self.hash(text, scope));
        self.text_bytes += text.len();
        self.known.push(Name {
            text: Text::from(text),
            scope,
            run: self.run,
            count: 0,
            open: None,
        });
        let (names, hashes) = (&self.known, &self.hashes);
        self.table.insert_unique(hash, id, |&id| {
            hashes.hash_one((names[id].scope, names[id].text.as_str()))
        });
        id
    }

    fn hash(&self, text: &str, scope: Option<ScopeId>) -> u64 {
        self.hashes.hash_one((scope, text))
    }
}
