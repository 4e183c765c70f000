//! One export of a lake after another.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use crate::error::LakeError;
use crate::lake::undo;
use crate::store::create_dirs;
use crate::work::{STAGING, WorkDir, is_there, missing};

/// How often the folder is looked for again where others take it away.
const ATTEMPTS: usize = 100;

/// Held by an export that looks at what the lake holds before it adds to it: from the look until it has
/// ended, however it ends. Exports that only add do without.
///
/// It is the system's lock of the lake's folder, so there is no file that could be left behind. Where the
/// system has no locks of folders, exports of one lake are to be kept apart by whoever starts them.
#[derive(Debug)]
pub struct LakeLock {
    _folder: Option<File>,
    root: PathBuf,
    /// The folders that were made for it, innermost first.
    made: Vec<PathBuf>,
}

impl LakeLock {
    /// Waits until no other export holds the lock of the lake in this folder, which is made where it is not
    /// there. `waits` is called once if another one does.
    pub fn wait(root: &Path, waits: impl FnOnce()) -> io::Result<Self> {
        let mut waits = Some(waits);
        for _ in 0..ATTEMPTS {
            let made = missing(root);
            create_dirs(root)?;
            if !cfg!(unix) {
                return Ok(Self {
                    _folder: None,
                    root: root.to_owned(),
                    made,
                });
            }
            let folder = match File::open(root) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                opened => opened?,
            };
            match folder.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => {
                    if let Some(waits) = waits.take() {
                        waits();
                    }
                    folder.lock()?;
                }
                Err(TryLockError::Error(error)) => return Err(error),
            }
            // Who held it before may have removed a folder that came to nothing.
            if is_there(&folder, root) {
                return Ok(Self {
                    _folder: Some(folder),
                    root: root.to_owned(),
                    made,
                });
            }
        }
        Err(io::Error::other("others make and remove it all the time"))
    }
}

impl LakeLock {
    /// Removes what killed exports left in the lake: files that they announced and did not record, parts
    /// that gave way to others, and what they staged.
    pub fn tidy(&self) -> Result<(), LakeError> {
        let staging = self.root.join(STAGING);
        if !staging.is_dir() {
            return Ok(());
        }
        let undo = |announced| undo(&self.root, &announced);
        WorkDir::create(&staging, Vec::new(), &undo).map(drop)
    }
}

impl Drop for LakeLock {
    /// Removes the folders that were made for nothing.
    fn drop(&mut self) {
        // Of a folder that is not empty this and those around it stay.
        let _ = self.made.iter().try_for_each(fs::remove_dir);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    #[test]
    fn one_waits_for_the_other_and_nothing_is_left() {
        let root = tempfile::tempdir().unwrap();
        let lake = root.path().join("a/lake");
        let first = LakeLock::wait(&lake, || panic!("nobody else is there")).unwrap();
        let (waited, got) = (AtomicBool::new(false), AtomicBool::new(false));
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let _second =
                    LakeLock::wait(&lake, || waited.store(true, Ordering::SeqCst)).unwrap();
                got.store(true, Ordering::SeqCst);
            });
            while !waited.load(Ordering::SeqCst) {
                std::thread::yield_now();
            }
            let third = File::open(&lake).unwrap();
            assert!(matches!(third.try_lock(), Err(TryLockError::WouldBlock)));
            assert!(!got.load(Ordering::SeqCst), "the lock is held");
            drop(first);
        });
        assert!(got.into_inner() && !root.path().join("a").exists());
    }
}
