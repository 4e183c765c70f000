//! Comparing what a source holds with what a copy of it holds.
//!
//! Each side adds up, for each run, how many events it has and the digests of their content. The order of
//! events and of runs does not matter for that, so neither side is sorted. Runs whose sums agree are the
//! same; those whose sums differ are then compared event by event by whoever has both sides.

mod digest;
mod report;
mod sums;

pub use digest::{Digest, EventContent, EventDigester, RunDigester, RunKey, run_key};
pub use report::{Finding, Findings, Outcome, Verdict};
pub use sums::{Comparison, Differing, RunSum, RunSums, SortedSums, compare};
