//! Connections for reading, one a thread at a time.

use std::path::{Path, PathBuf};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use rusqlite::Connection;

use super::SqliteSettings;
use super::open::open_reader;
use crate::error::StoreError;

/// Lends connections; a thread waits where all are lent.
#[derive(Debug)]
pub(super) struct Readers {
    path: PathBuf,
    settings: SqliteSettings,
    state: Mutex<State>,
    returned: Condvar,
}

#[derive(Debug, Default)]
struct State {
    idle: Vec<Connection>,
    lent: usize,
}

/// Counts a connection as returned, also where its thread panics.
struct Lent<'a>(&'a Readers, Option<Connection>);

impl Readers {
    pub(super) fn new(path: &Path, settings: SqliteSettings) -> Self {
        Self {
            path: path.to_owned(),
            settings,
            state: Mutex::default(),
            returned: Condvar::new(),
        }
    }

    pub(super) fn with<T>(
        &self,
        work: impl FnOnce(&mut Connection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let most = self.settings.max_readers.max(1);
        let mut state = self
            .returned
            .wait_while(self.lock(), |state| state.lent >= most)
            .unwrap_or_else(PoisonError::into_inner);
        state.lent += 1;
        let idle = state.idle.pop();
        drop(state);
        let mut lent = Lent(self, idle);
        let connection = match &mut lent.1 {
            Some(connection) => connection,
            none => none.insert(open_reader(&self.path, &self.settings)?),
        };
        work(connection)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.lent -= 1;
        state.idle.extend(self.1.take());
        drop(state);
        self.0.returned.notify_one();
    }
}
