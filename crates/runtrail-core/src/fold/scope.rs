//! The tree of scopes of a run: which ctx is inside which, and what is open there.

use std::hash::BuildHasher;

use super::slot::SpanIndex;
use super::{Hashes, Table};
use crate::event::Ctx;
use crate::text::Text;

/// Names a node of the tree.
pub(super) type ScopeId = usize;

const ROOT: ScopeId = 0;

/// How many paths are known by their handles: the few that a stretch of events goes between.
const RECENT: usize = 4;

/// One ctx: a path of segments.
#[derive(Debug, Default)]
pub(super) struct Scope {
    pub(super) parent: Option<ScopeId>,
    segment: Text,
    /// The generator whose yield introduced this path.
    pub(super) introduced_by: Option<SpanIndex>,
    /// The op that opened here last and is open; the ones before it hang from it.
    pub(super) open_op: Option<SpanIndex>,
}

#[derive(Debug)]
pub(super) struct Scopes {
    nodes: Vec<Scope>,
    children: Table<ScopeId>,
    hashes: Hashes,
    recent: [(Ctx, ScopeId); RECENT],
    oldest: usize,
}

impl Default for Scopes {
    fn default() -> Self {
        Self {
            nodes: vec![Scope::default()],
            children: Table::default(),
            hashes: Hashes::default(),
            recent: std::array::from_fn(|_| (Ctx::default(), ROOT)),
            oldest: 0,
        }
    }
}

impl Scopes {
    /// Forgets all paths and keeps the room that they took.
    pub(super) fn clear(&mut self) {
        self.nodes.truncate(1);
        self.nodes[ROOT] = Scope::default();
        self.children.clear();
        for (ctx, scope) in &mut self.recent {
            (*ctx, *scope) = (Ctx::default(), ROOT);
        }
    }

    /// How many paths there are.
    pub(super) fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Finds the node of a path, making it where it is new.
    #[inline]
    pub(super) fn of(&mut self, ctx: &Ctx) -> ScopeId {
        let mut recent = self.recent.iter();
        match recent.find(|(known, _)| known.same_allocation(ctx)) {
            Some(&(_, scope)) => scope,
            None => self.find(ctx),
        }
    }

    fn find(&mut self, ctx: &Ctx) -> ScopeId {
        let mut at = ROOT;
        for segment in ctx.segments() {
            at = self.child(at, segment);
        }
        self.recent[self.oldest] = (ctx.clone(), at);
        self.oldest = (self.oldest + 1) % RECENT;
        at
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

    pub(super) fn get(&self, id: ScopeId) -> &Scope {
        &self.nodes[id]
    }

    pub(super) fn get_mut(&mut self, id: ScopeId) -> &mut Scope {
        &mut self.nodes[id]
    }

    /// Walks from a scope to the root, the scope itself first.
    pub(super) fn upwards(&self, from: ScopeId) -> impl Iterator<Item = &Scope> {
        std::iter::successors(Some(from), |&id| self.nodes[id].parent).map(|id| &self.nodes[id])
    }

    /// Whether `inner` is a strict extension of `outer`.
    pub(super) fn is_inside(&self, inner: ScopeId, outer: ScopeId) -> bool {
        inner != outer
            && std::iter::successors(Some(inner), |&id| self.nodes[id].parent).any(|id| id == outer)
    }
}
