//! A promise that several threads fulfil and one waits for, until a deadline.

use std::sync::{Condvar, Mutex};
use std::time::Instant;

use super::shared::lock;

/// One flush, or one shutdown: a part for the worker and one for each exporter.
#[derive(Debug)]
pub(crate) struct Ticket {
    deadline: Instant,
    state: Mutex<State>,
    fulfilled: Condvar,
}

/// How far everyone has got.
#[derive(Debug, Clone)]
pub(crate) struct State {
    pub(crate) worker_done: bool,
    /// By exporter: not done, or done with or without a problem.
    pub(crate) lanes: Vec<Option<Result<(), String>>>,
}

impl Ticket {
    pub(crate) fn new(lanes: usize, deadline: Instant) -> Self {
        Self {
            deadline,
            state: Mutex::new(State {
                worker_done: false,
                lanes: vec![None; lanes],
            }),
            fulfilled: Condvar::new(),
        }
    }

    pub(crate) fn deadline(&self) -> Instant {
        self.deadline
    }

    /// The worker has passed on everything that it covers.
    pub(crate) fn passed_on(&self) {
        lock(&self.state).worker_done = true;
        self.fulfilled.notify_all();
    }

    /// An exporter has done its part.
    pub(crate) fn done(&self, lane: usize, problem: Option<String>) {
        if let Some(slot) = lock(&self.state).lanes.get_mut(lane) {
            *slot = Some(problem.map_or(Ok(()), Err));
        }
        self.fulfilled.notify_all();
    }

    /// Waits until all is done or the deadline has passed; returns who is done, and what they said.
    pub(crate) fn wait(&self) -> State {
        let mut state = lock(&self.state);
        while !state.worker_done || state.lanes.iter().any(Option::is_none) {
            let left = self.deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            let waited = self.fulfilled.wait_timeout(state, left);
            state = waited.unwrap_or_else(std::sync::PoisonError::into_inner).0;
        }
        state.clone()
    }
}
