//! The tree of scopes of a run: which ctx is inside which, and what is open there.

use super::Map;
use crate::event::Ctx;
use crate::text::Text;

/// Names a node of the tree.
pub(super) type ScopeId = usize;

const ROOT: ScopeId = 0;

/// One ctx: a path of segments.
#[derive(Debug, Default)]
pub(super) struct Scope {
    pub(super) parent: Option<ScopeId>,
    /// The generator whose yield introduced this path.
    pub(super) introduced_by: Option<usize>,
    /// The ops open here, in the order of their starts; the last one is open, others may have closed.
    pub(super) open_ops: Vec<usize>,
}

#[derive(Debug)]
pub(super) struct Scopes {
    nodes: Vec<Scope>,
    children: Map<(ScopeId, Text), ScopeId>,
    last: (Ctx, ScopeId),
}

impl Scopes {
    pub(super) fn new() -> Self {
        Self {
            nodes: vec![Scope::default()],
            children: Map::default(),
            last: (Ctx::default(), ROOT),
        }
    }

    /// Finds the node of a path, making it where it is new.
    pub(super) fn of(&mut self, ctx: &Ctx) -> ScopeId {
        if ctx.same_allocation(&self.last.0) {
            return self.last.1;
        }
        let mut at = ROOT;
        for segment in ctx.segments() {
            at = match self.children.get(&(at, segment.clone())) {
                Some(&child) => child,
                None => {
                    let child = self.nodes.len();
                    self.nodes.push(Scope {
                        parent: Some(at),
                        ..Scope::default()
                    });
                    self.children.insert((at, segment.detached()), child);
                    child
                }
            };
        }
        self.last = (ctx.clone(), at);
        at
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
