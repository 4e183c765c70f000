//! Recording into a pipeline that somebody else holds.

use std::sync::Arc;

use super::{Running, Stats};
use crate::emit::Run;
use crate::event::TraceEvent;

/// Records into a [`Pipeline`](super::Pipeline); a clone is the same.
///
/// It does not keep the pipeline going: once that was shut down or dropped, what is recorded here
/// is not, at the price of a branch.
#[derive(Clone)]
pub struct Handle {
    running: Option<Arc<Running>>,
}

impl Handle {
    pub(super) fn new(running: Option<Arc<Running>>) -> Self {
        Self { running }
    }

    /// As [`Pipeline::run`](super::Pipeline::run).
    pub fn run(&self, request_id: &str) -> Run {
        self.running
            .as_ref()
            .map_or_else(Run::off, |running| running.run(request_id))
    }

    /// As [`Pipeline::emit`](super::Pipeline::emit).
    pub fn emit(&self, event: TraceEvent) {
        if let Some(running) = &self.running {
            running.emit(event);
        }
    }

    /// As [`Pipeline::finish_run`](super::Pipeline::finish_run).
    pub fn finish_run(&self, request_id: &str) {
        if let Some(running) = &self.running {
            running.finish_run(request_id);
        }
    }

    /// As [`Pipeline::stats`](super::Pipeline::stats), also after the pipeline ended.
    pub fn stats(&self) -> Stats {
        self.running
            .as_ref()
            .map(|running| running.stats())
            .unwrap_or_default()
    }
}

impl std::fmt::Debug for Handle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Handle")
            .field("enabled", &self.running.is_some())
            .finish_non_exhaustive()
    }
}
