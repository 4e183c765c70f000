//! Leaving out by name and by kind.

mod kinds;
mod ops;

pub use kinds::{DropKinds, DropKindsSettings};
pub use ops::{DropOps, KeepOps, OpFilterSettings};
