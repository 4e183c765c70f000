//! The tree of scopes of a run: which ctx is inside which, and what is open there.

use std::hash::BuildHasher;

use super::slot::SpanIndex;
use super::{Hashes, Table};
use crate::event::Ctx;
use crate::text::Text;

/// Names a node of the tree.
pub(super) type ScopeId = usize;

const ROOT: ScopeId = 0;

/// The most handles by which paths are known; beyond them a path is known by its segments.
const HANDLES: usize = 1024;

/// The longest path that is kept by its handle, in bytes; longer ones are rare, and add up.
const HANDLE_BYTES: usize = 256;

/// What a run has in a scope.
#[derive(Debug, Clone, Copy, Default, serde::Serialize, serde::Deserialize)]
pub(super) struct Here {
    /// The generator whose yield introduced this path.
    pub(super) introduced_by: Option<SpanIndex>,
    /// The op that opened here last and is open; the ones before it hang from it.
    pub(super) open_op: Option<SpanIndex>,
}

/// One ctx: a path of segments.
#[derive(Debug, Default)]
struct Scope {
    parent: Option<ScopeId>,
    segment: Text,
    /// The run that `here` is of; in any other there was nothing yet.
    run: u64,
    here: Here,
}

/// The scopes of a run, and those of earlier runs: most runs bring no new ones.
#[derive(Debug)]
pub(super) struct Scopes {
    nodes: Vec<Scope>,
    children: Table<ScopeId>,
    /// The paths by their allocations, which events of one reader share.
    handles: Table<(Ctx, ScopeId)>,
    last: (Ctx, ScopeId),
    hashes: Hashes,
    run: u64,
    text_bytes: usize,
}

impl Default for Scopes {
    fn default() -> Self {
        Self {
            nodes: vec![Scope::default()],
            children: Table::default(),
            handles: Table::default(),
            last: (Ctx::default(), ROOT),
            hashes: Hashes::default(),
            run: 0,
            text_bytes: 0,
        }
    }
}

/// A scope as it is saved: the first is the root, and the others come after their parents.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
pub(super) struct SavedScope {
    parent: ScopeId,
    segment: Text,
    pub(super) here: Here,
}

impl Scopes {
    /// Returns all scopes, and what this run has in them.
    pub(super) fn save(&self) -> Vec<SavedScope> {
        let nodes = self.nodes.iter().enumerate();
        nodes
            .map(|(id, node)| SavedScope {
                parent: node.parent.unwrap_or(ROOT),
                segment: node.segment.clone(),
                here: self.here(id),
            })
            .collect()
    }

    /// Makes the scopes that were saved; `None` where they are no tree.
    pub(super) fn restore(saved: Vec<SavedScope>) -> Option<Self> {
        let mut scopes = Self::default();
        for (id, node) in saved.into_iter().enumerate() {
            if id > ROOT && (node.parent >= id || scopes.child(node.parent, &node.segment) != id) {
                return None;
            }
            *scopes.here_mut(id) = node.here;
        }
        Some(scopes)
    }

    /// Begins another run, which has nothing in any scope yet.
    pub(super) fn restart(&mut self) {
        self.run += 1;
    }

    /// How many scopes are known.
    pub(super) fn len(&self) -> usize {
        self.nodes.len()
    }

    /// How much text the scopes' segments are.
    pub(super) fn text_bytes(&self) -> usize {
        self.text_bytes
    }

    /// Finds the scope of a path, making it where it is new.
    #[inline]
    pub(super) fn of(&mut self, ctx: &Ctx) -> ScopeId {
        if !ctx.same_allocation(&self.last.0) {
            self.last = (ctx.clone(), self.find(ctx));
        }
        self.last.1
    }

    fn find(&mut self, ctx: &Ctx) -> ScopeId {
        let hash = self.hashes.hash_one(ctx.address());
        let same = |(known, _): &(Ctx, ScopeId)| known.same_allocation(ctx);
        if let Some(&(_, scope)) = self.handles.find(hash, same) {
            return scope;
        }
        let segments = ctx.segments().iter();
        let bytes: usize = segments.clone().map(|segment| segment.len()).sum();
        let scope = segments.fold(ROOT, |at, segment| self.child(at, segment));
        if bytes > HANDLE_BYTES {
            return scope;
        }
        if self.handles.len() >= HANDLES {
            self.handles.clear();
        }
        let hashes = &self.hashes;
        let rehash = |(known, _): &(Ctx, ScopeId)| hashes.hash_one(known.address());
        self.handles
            .insert_unique(hash, (ctx.clone(), scope), rehash);
        scope
    }

    fn child(&mut self, parent: ScopeId, segment: &Text) -> ScopeId {
        let (nodes, hashes) = (&mut self.nodes, &self.hashes);
        let hash = hashes.hash_one((parent, segment.as_str()));
        let found = self.children.find(hash, |&child| {
            nodes[child].parent == Some(parent) && nodes[child].segment == *segment
        });
        if let Some(&child) = found {
            return child;
        }
        let child = nodes.len();
        self.text_bytes += segment.len();
        nodes.push(Scope {
            parent: Some(parent),
            segment: segment.detached(),
            ..Scope::default()
        });
        self.children.insert_unique(hash, child, |&child| {
            let node = &nodes[child];
            hashes.hash_one((node.parent.unwrap_or(ROOT), node.segment.as_str()))
        });
        child
    }

    pub(super) fn parent(&self, id: ScopeId) -> Option<ScopeId> {
        self.nodes[id].parent
    }

    /// What the run has in a scope.
    #[inline]
    pub(super) fn here(&self, id: ScopeId) -> Here {
        let scope = &self.nodes[id];
        if scope.run == self.run {
            scope.here
        } else {
            Here::default()
        }
    }

    /// As [`Scopes::here`], to change it.
    pub(super) fn here_mut(&mut self, id: ScopeId) -> &mut Here {
        let scope = &mut self.nodes[id];
        if scope.run != self.run {
            (scope.run, scope.here) = (self.run, Here::default());
        }
        &mut scope.here
    }

    /// Walks from a scope to the root, the scope itself first.
    pub(super) fn upwards(&self, from: ScopeId) -> impl Iterator<Item = Here> {
        std::iter::successors(Some(from), |&id| self.parent(id)).map(|id| self.here(id))
    }

    /// Whether `inner` is a strict extension of `outer`.
    pub(super) fn is_inside(&self, inner: ScopeId, outer: ScopeId) -> bool {
        inner != outer
            && std::iter::successors(Some(inner), |&id| self.parent(id)).any(|id| id == outer)
    }
}
