//! The commands, one a module.

pub(crate) mod about;
pub(crate) mod cat;
pub(crate) mod check;
pub(crate) mod demo;
pub(crate) mod export;
pub(crate) mod journal;
pub(crate) mod replay;
pub(crate) mod runs;
pub(crate) mod tree;
pub(crate) mod triggers;
pub(crate) mod verify;
