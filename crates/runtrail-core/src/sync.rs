//! What [`bell`](crate::pipeline) is made of; `tests/models` puts the same names of loom in its place.

pub(crate) use std::sync::atomic::{AtomicBool, AtomicU8, Ordering, fence};
pub(crate) use std::sync::{Condvar, Mutex, MutexGuard};
