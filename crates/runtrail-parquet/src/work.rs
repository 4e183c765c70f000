//! The folder that an export stages its files in, and what killed exports left there.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::error::LakeError;
use crate::store::create_dirs;

/// Guards the making and removing of work folders.
const GUARD: &str = ".lock";
/// Held by an export for as long as it lives, in its work folder.
const ALIVE: &str = "lock";

/// A folder of one export's own, removed when it ends.
pub(crate) struct WorkDir {
    dir: TempDir,
    _alive: File,
}

impl WorkDir {
    /// Removes what killed exports left in `parent` and makes a new folder there.
    ///
    /// An export that is still running holds a lock in its folder, which ends with its process
    /// however that ends; so whatever is not locked belongs to nobody.
    pub(crate) fn create(parent: &Path) -> Result<Self, LakeError> {
        let error = |source| LakeError::Write {
            path: parent.to_owned(),
            source,
        };
        create_dirs(parent).map_err(error)?;
        let guard = File::create(parent.join(GUARD)).map_err(error)?;
        guard.lock().map_err(error)?;
        remove_abandoned(parent).map_err(error)?;
        let dir = tempfile::Builder::new()
            .prefix("export-")
            .tempdir_in(parent)
            .map_err(error)?;
        let alive = File::create(dir.path().join(ALIVE)).map_err(error)?;
        alive.lock().map_err(error)?;
        Ok(Self { dir, _alive: alive })
    }

    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }
}

fn remove_abandoned(parent: &Path) -> io::Result<()> {
    for entry in fs::read_dir(parent)? {
        let path: PathBuf = entry?.path();
        if !path.is_dir() {
            continue;
        }
        let abandoned = match File::open(path.join(ALIVE)) {
            Ok(alive) => alive.try_lock().is_ok(),
            Err(_) => true,
        };
        if abandoned {
            fs::remove_dir_all(&path)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_abandoned_folders_are_removed() {
        let root = tempfile::tempdir().unwrap();
        let living = WorkDir::create(root.path()).unwrap();
        let dead = root.path().join("export-dead");
        fs::create_dir(&dead).unwrap();
        fs::write(dead.join("part.staged"), "half").unwrap();
        let other = WorkDir::create(root.path()).unwrap();
        assert!(living.path().exists() && other.path().exists() && !dead.exists());
    }
}
