//! Whose turn it is to send: that of who exports, or that of a thread that watches the time.
//!
//! Spans wait for their run to end and for a request to fill. In a program that has come to rest nobody
//! exports any more, and what waits would wait for ever: so a thread of the exporter's own sends what
//! has waited long enough.

use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::hurry::Hurry;
use super::sender::Sender;

/// A sender that is used by one at a time.
pub(super) struct Turns {
    /// Locked by who has the turn. Turns are waited for at `state`, where one can wait until a deadline.
    sender: Mutex<Sender>,
    state: Mutex<State>,
    /// Nobody has the turn any more.
    free: Condvar,
    /// There is something to watch for, or nothing any more.
    watched: Condvar,
    hurry: Arc<Hurry>,
}

#[derive(Default)]
struct State {
    is_taken: bool,
    /// Somebody waits for a turn, who goes before the watcher.
    is_wanted: bool,
    /// When something has waited long enough.
    due: Option<Instant>,
    has_watcher: bool,
    /// When the watcher looks again by itself; `None` for never.
    looks_at: Option<Instant>,
    end: Option<End>,
}

/// How the exporter ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    /// Everything is settled, or nobody wants to know.
    Over,
    /// It was closed while the watcher was sending: what is left is given up.
    Abandoned,
}

/// A turn; it ends when it is dropped.
pub(super) struct Turn<'t> {
    turns: &'t Turns,
    sender: MutexGuard<'t, Sender>,
}

impl Turns {
    pub(super) fn new(sender: Sender, hurry: Arc<Hurry>) -> Arc<Self> {
        Arc::new(Self {
            sender: Mutex::new(sender),
            state: Mutex::default(),
            free: Condvar::new(),
            watched: Condvar::new(),
            hurry,
        })
    }

    /// Takes a turn, as soon as nobody else has it.
    pub(super) fn next(&self) -> Turn<'_> {
        let state = self.free.wait_while(self.lock(), |state| state.is_taken);
        let turn = self.begin(state.unwrap_or_else(PoisonError::into_inner));
        self.hurry.tell(None);
        turn
    }

    /// Takes a turn in which everything is to be settled by then; who has it is told to hurry. `None` where
    /// it does not end in time.
    pub(super) fn next_by(&self, deadline: Instant) -> Option<Turn<'_>> {
        let mut state = self.lock();
        state.is_wanted = true;
        self.hurry.tell(Some(deadline));
        let left = deadline.saturating_duration_since(Instant::now());
        let is_taken = |state: &mut State| state.is_taken;
        let waited = self.free.wait_timeout_while(state, left, is_taken);
        let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        state.is_wanted = false;
        (!state.is_taken).then(|| self.begin(state))
    }

    fn begin(&self, mut state: MutexGuard<'_, State>) -> Turn<'_> {
        state.is_taken = true;
        drop(state);
        Turn {
            turns: self,
            sender: self.sender.lock().unwrap_or_else(PoisonError::into_inner),
        }
    }

    /// Has a thread watch the time, from when something waits.
    pub(super) fn watch(self: &Arc<Self>) {
        let mut state = self.lock();
        if state.has_watcher || state.due.is_none() {
            return;
        }
        state.has_watcher = true;
        drop(state);
        let turns = Arc::clone(self);
        let watch = move || {
            while let Some(mut turn) = turns.next_due() {
                turn.overdue();
            }
        };
        // Without a thread the time is looked at whenever something is exported.
        drop(
            std::thread::Builder::new()
                .name("runtrail-otlp".to_owned())
                .spawn(watch),
        );
    }

    /// Takes a turn when something has waited long enough; `None` at the end.
    fn next_due(&self) -> Option<Turn<'_>> {
        let mut state = self.lock();
        loop {
            let (is_free, now) = (!state.is_taken, Instant::now());
            if let Some(end) = state.end.filter(|_| is_free) {
                let mut turn = self.begin(state);
                if end == End::Abandoned {
                    turn.give_up_rest();
                }
                return None;
            }
            let due = state.due.filter(|_| is_free && !state.is_wanted);
            state.looks_at = due;
            state = match due {
                Some(due) if due <= now => {
                    // Who was in a hurry has given up waiting.
                    self.hurry.tell(None);
                    return Some(self.begin(state));
                }
                Some(due) => {
                    let waited = self.watched.wait_timeout(state, due - now);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
                None => {
                    let waited = self.watched.wait(state);
                    waited.unwrap_or_else(PoisonError::into_inner)
                }
            };
        }
    }

    /// Ends it: nothing is watched for any more, and who has the turn gives up what is left.
    pub(super) fn end(&self) {
        let mut state = self.lock();
        let end = if state.is_taken {
            End::Abandoned
        } else {
            End::Over
        };
        state.end.get_or_insert(end);
        drop(state);
        self.watched.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let due = self.sender.due();
        let mut state = self.turns.lock();
        state.due = due;
        state.is_taken = false;
        let is_sooner = due.is_some_and(|due| state.looks_at.is_none_or(|at| due < at));
        let wakes = state.has_watcher && (is_sooner || state.end.is_some());
        drop(state);
        self.turns.free.notify_one();
        if wakes {
            self.turns.watched.notify_one();
        }
    }
}

impl Deref for Turn<'_> {
    type Target = Sender;

    fn deref(&self) -> &Sender {
        &self.sender
    }
}

impl DerefMut for Turn<'_> {
    fn deref_mut(&mut self) -> &mut Sender {
        &mut self.sender
    }
}
