//! Paths of scopes as they are shown.

use std::collections::HashMap;

use foldhash::fast::FixedState;
use runtrail_core::event::Ctx;

/// How many paths are remembered.
const REMEMBERED: usize = 1024;

/// A path of scopes.
pub(crate) struct Scope {
    /// Also keeps the address that the path is found by.
    pub(super) ctx: Ctx,
    pub(super) path: String,
    /// Of the list and of the path in the dictionaries of their columns.
    pub(super) numbers: Option<(u32, u32)>,
}

/// Paths that were met of late: most events' are among them.
#[derive(Default)]
pub(super) struct Scopes(HashMap<usize, Scope, FixedState>);

impl Scopes {
    /// Returns how a path is shown. It is found by where it is in memory, which events share.
    pub(super) fn of(&mut self, ctx: &Ctx) -> &mut Scope {
        if self.0.len() >= REMEMBERED {
            self.0.clear();
        }
        let scope = || Scope {
            path: ctx.path(),
            ctx: ctx.clone(),
            numbers: None,
        };
        let address = ctx.segments().as_ptr() as usize;
        self.0.entry(address).or_insert_with(scope)
    }
}
