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
    /// How many have been.
    pub(super) count: u64,
    /// The one that opened last and is open; the ones before it hang from it.
    pub(super) open: Option<SpanIndex>,
}

impl Name {
    /// The number of the next one of this name.
    pub(super) fn next_occurrence(&mut self) -> u64 {
        self.count += 1;
        self.count - 1
    }

    #[inline]
    fn is(&self, text: &str, scope: Option<ScopeId>) -> bool {
        self.scope == scope && self.text == *text
    }
}

#[derive(Debug, Default)]
pub(super) struct Names {
    names: Vec<Name>,
    table: Table<NameId>,
    hashes: Hashes,
    recent: NameId,
}

impl Names {
    /// Forgets all names and keeps the room that they took.
    pub(super) fn clear(&mut self) {
        self.names.clear();
        self.table.clear();
    }

    /// How many names there are.
    pub(super) fn len(&self) -> usize {
        self.names.len()
    }

    pub(super) fn get(&self, id: NameId) -> &Name {
        &self.names[id]
    }

    pub(super) fn get_mut(&mut self, id: NameId) -> &mut Name {
        &mut self.names[id]
    }

    /// Finds a name that has been before.
    #[inline]
    pub(super) fn find(&self, text: &str, scope: Option<ScopeId>) -> Option<NameId> {
        self.find_recent(text, scope)
            .or_else(|| self.look_up(self.hash(text, scope), text, scope))
    }

    /// Finds a name, making it where it is new.
    #[inline]
    pub(super) fn of(&mut self, text: &str, scope: Option<ScopeId>) -> NameId {
        if let Some(id) = self.find_recent(text, scope) {
            return id;
        }
        let hash = self.hash(text, scope);
        let known = self.look_up(hash, text, scope);
        self.recent = known.unwrap_or_else(|| self.add(hash, text, scope));
        self.recent
    }

    /// What opened last is mostly what is spoken of next.
    #[inline]
    fn find_recent(&self, text: &str, scope: Option<ScopeId>) -> Option<NameId> {
        let recent = self.names.get(self.recent)?;
        recent.is(text, scope).then_some(self.recent)
    }

    fn add(&mut self, hash: u64, text: &str, scope: Option<ScopeId>) -> NameId {
        let id = self.names.len();
        self.names.push(Name {
            text: Text::from(text),
            scope,
            count: 0,
            open: None,
        });
        let (names, hashes) = (&self.names, &self.hashes);
        self.table.insert_unique(hash, id, |&id| {
            hashes.hash_one((names[id].scope, names[id].text.as_str()))
        });
        id
    }

    fn look_up(&self, hash: u64, text: &str, scope: Option<ScopeId>) -> Option<NameId> {
        let is_it = |&id: &NameId| self.names[id].is(text, scope);
        self.table.find(hash, is_it).copied()
    }

    fn hash(&self, text: &str, scope: Option<ScopeId>) -> u64 {
        self.hashes.hash_one((scope, text))
    }
}
