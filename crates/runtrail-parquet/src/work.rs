//! The folder that an export stages its files in, and what killed exports left there.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use tempfile::TempDir;

use crate::error::LakeError;
use crate::store::create_dirs;

/// Where the exports of a lake make their work folders, within the lake.
pub(crate) const STAGING: &str = "_runtrail/tmp";
/// Guards the making and removing of work folders.
const GUARD: &str = ".lock";
/// Held by an export for as long as it lives, in its work folder.
const ALIVE: &str = "lock";
/// Names what an export makes visible, a path a line, before it does.
const ANNOUNCED: &str = "announced";

/// How often an export looks for the guard again where others take it away: each time it is one
/// that came to nothing.
const ATTEMPTS: usize = 100;

/// A folder of one export's own, removed when it ends.
pub(crate) struct WorkDir {
    /// Both are there until the end.
    own: Option<(TempDir, File)>,
    /// The folders that were made for it, innermost first.
    made: Vec<PathBuf>,
    /// Whether files became visible, or were about to.
    announced: AtomicBool,
    kept: AtomicBool,
}

impl WorkDir {
    /// Removes what killed exports left in `parent` and makes a new folder there.
    ///
    /// An export that is still running holds a lock in its folder, which ends with its process
    /// however that ends; so whatever is not locked belongs to nobody.
    /// `made` are the folders that the export makes, `parent` among them, [innermost first](missing).
    /// `undo` is handed what killed exports [announced](WorkDir::announce), and no living one did.
    pub(crate) fn create(
        parent: &Path,
        made: Vec<PathBuf>,
        undo: &dyn Fn(BTreeSet<String>) -> io::Result<()>,
    ) -> Result<Self, LakeError> {
        let create = || {
            let _guard = guard(parent)?;
            remove_abandoned(parent, undo)?;
            let dir = tempfile::Builder::new()
                .prefix("export-")
                .tempdir_in(parent)?;
            let alive = File::create(dir.path().join(ALIVE))?;
            alive.lock()?;
            Ok((dir, alive))
        };
        match create() {
            Ok(own) => Ok(Self {
                own: Some(own),
                made,
                announced: AtomicBool::new(false),
                kept: AtomicBool::new(false),
            }),
            Err(source) => Err(LakeError::Write {
                path: parent.to_owned(),
                source,
            }),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        let own = self.own.as_ref();
        own.map_or(Path::new(""), |(dir, _)| dir.path())
    }

    /// Makes it known which files are about to become visible, so that those of an export that is killed
    /// before it is recorded can be told from files of others.
    pub(crate) fn announce<'p>(
        &self,
        paths: impl Iterator<Item = &'p str>,
    ) -> Result<(), LakeError> {
        let place = self.path().join(ANNOUNCED);
        let lines: String = paths.flat_map(|path| [path, "\n"]).collect();
        let append = || {
            self.announced.store(true, Ordering::Relaxed);
            let mut file = File::options().append(true).create(true).open(&place)?;
            file.write_all(lines.as_bytes())?;
            file.sync_all()?;
            crate::store::sync_dir(self.path())
        };
        append().map_err(|source| LakeError::Write {
            path: place.clone(),
            source,
        })
    }

    /// Says that the export has come to what it was to: the folders that were made for it stay.
    pub(crate) fn keep(&self) {
        self.kept.store(true, Ordering::Relaxed);
    }
}

impl Drop for WorkDir {
    /// Removes the folder, and where nothing has come of the export what was made for it; what
    /// others have put there stays. Of an export that failed while it made files visible the
    /// announcement stays, for the next one to undo as if it had been killed.
    fn drop(&mut self) {
        let kept = self.kept.load(Ordering::Relaxed);
        let own = self.own.take();
        if !kept && self.announced.load(Ordering::Relaxed) {
            if let Some((dir, _alive)) = own {
                leave_announcement(&dir.keep());
            }
            return;
        }
        drop(own);
        let Some(parent) = self.made.first().filter(|_| !kept) else {
            return;
        };
        let path = parent.join(GUARD);
        let Ok(guard) = File::open(&path) else {
            return;
        };
        if guard.lock().is_err() || !is_there(&guard, &path) || !is_alone(parent) {
            return;
        }
        let removed = fs::remove_file(&path);
        drop(guard);
        if removed.is_ok() {
            // Of a folder that is not empty this and those around it stay.
            let _ = self.made.iter().try_for_each(fs::remove_dir);
        }
    }
}

/// Removes what an export staged: a disk that is full has no room for it.
fn leave_announcement(dir: &Path) {
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        if entry.file_name() != ANNOUNCED {
            let path = entry.path();
            let _ = fs::remove_file(&path).or_else(|_| fs::remove_dir_all(&path));
        }
    }
}

/// Returns a folder and those around it that are not there, innermost first.
pub(crate) fn missing(folder: &Path) -> Vec<PathBuf> {
    let around = folder.ancestors();
    let around = around.take_while(|folder| !folder.as_os_str().is_empty() && !folder.is_dir());
    around.map(Path::to_owned).collect()
}

/// Waits for the guard, and holds it until the file is dropped.
fn guard(parent: &Path) -> io::Result<File> {
    let path = parent.join(GUARD);
    for _ in 0..ATTEMPTS {
        let guard = match create_dirs(parent).and_then(|()| File::create(&path)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            made => made?,
        };
        guard.lock()?;
        if is_there(&guard, &path) {
            return Ok(guard);
        }
    }
    Err(io::Error::other("others make and remove it all the time"))
}

/// Whether a file still has its name: who held its lock before may have removed it.
#[cfg(unix)]
pub(crate) fn is_there(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let found = file.metadata().ok().zip(fs::metadata(path).ok());
    found.is_some_and(|(one, other)| (one.dev(), one.ino()) == (other.dev(), other.ino()))
}

/// A file that is open is not removed elsewhere.
#[cfg(not(unix))]
pub(crate) fn is_there(_: &File, path: &Path) -> bool {
    path.exists()
}

/// Whether a folder holds nothing but the guard.
fn is_alone(parent: &Path) -> bool {
    let mut entries = fs::read_dir(parent).into_iter().flatten();
    entries.all(|entry| entry.is_ok_and(|entry| entry.file_name() == GUARD))
}

/// Returns what exports that have not ended announced: some are under way, and others were killed.
pub(crate) fn announced(parent: &Path) -> io::Result<BTreeSet<String>> {
    let entries = match fs::read_dir(parent) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(BTreeSet::new()),
        entries => entries?,
    };
    let mut announced = BTreeSet::new();
    for entry in entries {
        let path = entry?.path();
        if path.is_dir() {
            announced.extend(announced_in(&path)?);
        }
    }
    Ok(announced)
}

/// Returns what the export of a work folder announced.
fn announced_in(folder: &Path) -> io::Result<Vec<String>> {
    let paths = match fs::read_to_string(folder.join(ANNOUNCED)) {
        Ok(paths) => paths,
        Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(error),
    };
    // The end of a line that was cut names a file that never became visible.
    let whole = paths.split_inclusive('\n');
    let whole = whole.filter_map(|line| line.strip_suffix('\n').map(str::to_owned));
    Ok(whole.collect())
}

fn remove_abandoned(
    parent: &Path,
    undo: &dyn Fn(BTreeSet<String>) -> io::Result<()>,
) -> io::Result<()> {
    let (mut abandoned, mut announced, mut alive) = (Vec::new(), BTreeSet::new(), BTreeSet::new());
    for entry in fs::read_dir(parent)? {
        let path: PathBuf = entry?.path();
        if !path.is_dir() {
            continue;
        }
        let whole = announced_in(&path)?;
        let is_abandoned = match File::open(path.join(ALIVE)) {
            Ok(alive) => alive.try_lock().is_ok(),
            Err(_) => true,
        };
        if is_abandoned {
            announced.extend(whole);
            abandoned.push(path);
        } else {
            alive.extend(whole);
        }
    }
    announced.retain(|path| !alive.contains(path));
    undo(announced)?;
    for path in abandoned {
        match fs::remove_dir_all(&path) {
            // Its export was about to end, and removed it itself.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            removed => removed?,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn make(parent: &Path) -> WorkDir {
        WorkDir::create(parent, missing(parent), &|_| Ok(())).unwrap()
    }

    #[test]
    fn what_killed_exports_announced_is_undone_unless_a_living_one_did() {
        let root = tempfile::tempdir().unwrap();
        let living = make(root.path());
        living.announce(["shared", "living"].into_iter()).unwrap();
        let dead = root.path().join("export-dead");
        fs::create_dir(&dead).unwrap();
        fs::write(dead.join(ANNOUNCED), "shared\ndead\ncut").unwrap();
        let undone = std::cell::RefCell::new(Vec::new());
        let undo = |paths: BTreeSet<String>| {
            undone.borrow_mut().extend(paths);
            Ok(())
        };
        WorkDir::create(root.path(), Vec::new(), &undo).unwrap();
        assert_eq!(undone.into_inner(), ["dead"]);
        assert!(!dead.exists());
    }

    #[test]
    fn an_export_that_failed_while_it_made_files_visible_leaves_word_of_them() {
        let root = tempfile::tempdir().unwrap();
        let undone = std::cell::RefCell::new(Vec::new());
        let undo = |paths: BTreeSet<String>| {
            undone.borrow_mut().extend(paths);
            Ok(())
        };
        for keeps in [true, false] {
            let work = make(root.path());
            fs::write(work.path().join("part.staged"), "half").unwrap();
            work.announce(["part"].into_iter()).unwrap();
            if keeps {
                work.keep();
            }
            let path = work.path().to_owned();
            drop(work);
            assert!(!path.join("part.staged").exists());
            assert_eq!(path.join(ANNOUNCED).exists(), !keeps);
        }
        WorkDir::create(root.path(), Vec::new(), &undo).unwrap();
        assert_eq!(undone.into_inner(), ["part"]);
    }

    #[test]
    fn only_abandoned_folders_are_removed() {
        let root = tempfile::tempdir().unwrap();
        let living = make(root.path());
        let dead = root.path().join("export-dead");
        fs::create_dir(&dead).unwrap();
        fs::write(dead.join("part.staged"), "half").unwrap();
        let other = make(root.path());
        assert!(living.path().exists() && other.path().exists() && !dead.exists());
    }

    #[test]
    fn what_was_made_for_nothing_goes_and_the_rest_stays() {
        let root = tempfile::tempdir().unwrap();
        let lake = root.path().join("a/lake");
        let parent = lake.join("_runtrail/tmp");
        drop(make(&parent));
        assert!(!root.path().join("a").exists() && root.path().exists());

        // The first made the folders, and the second is at work in them.
        let first = make(&parent);
        let second = make(&parent);
        drop(first);
        assert!(second.path().exists());
        drop(second);
        assert!(parent.exists(), "it was not the second that made it");

        fs::remove_dir_all(&lake).unwrap();
        let work = make(&parent);
        fs::write(lake.join("_runtrail/note"), "by someone else").unwrap();
        drop(work);
        assert!(lake.join("_runtrail/note").exists() && !parent.exists());

        let work = make(&parent);
        work.keep();
        drop(work);
        assert!(parent.join(GUARD).exists());
    }

    #[test]
    fn many_that_come_to_nothing_do_not_take_each_others_folders() {
        let root = tempfile::tempdir().unwrap();
        let parent = root.path().join("lake/_runtrail/tmp");
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..100 {
                        let work = make(&parent);
                        fs::write(work.path().join("part.staged"), "half").unwrap();
                        assert!(work.path().join(ALIVE).exists());
                    }
                });
            }
        });
    }
}
