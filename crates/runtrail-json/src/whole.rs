//! Files that become visible only when they are complete.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use runtrail_core::export::ExportError;

/// What the names of files in the making begin and end with; no final name does.
const TEMPORARY: (&str, &str) = (".runtrail-", ".tmp");

/// Tells apart the files that this process has in the making.
static MADE: AtomicU64 = AtomicU64::new(0);

/// Makes an error of what was being done, and to what.
pub(crate) fn failed(doing: &str, path: &Path, error: io::Error) -> ExportError {
    ExportError::permanent(format!("cannot {doing} {}", path.display())).with_source(error)
}

/// Makes the error of every call after the one that failed.
pub(crate) fn given_up(path: &Path) -> ExportError {
    ExportError::permanent(format!(
        "nothing more is written to {}: an earlier write failed",
        path.display()
    ))
}

/// A folder that files are written to.
#[derive(Debug)]
pub(crate) struct Folder {
    path: PathBuf,
    ready: bool,
}

impl Folder {
    pub(crate) fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            ready: false,
        }
    }

    /// Returns the folder that a file is in; a bare name is in the current one.
    pub(crate) fn of(file: &Path) -> Self {
        match file.parent() {
            Some(parent) if parent != Path::new("") => Self::new(parent),
            _ => Self::new("."),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Begins a file of this folder. The first one makes the folder, and clears away what killed
    /// exports left in it.
    pub(crate) fn begin(&mut self, name: &Path) -> Result<WholeFile, ExportError> {
        if !self.ready {
            fs::create_dir_all(&self.path).map_err(|e| failed("make the folder", &self.path, e))?;
            if let Some(parent) = self.path.parent().filter(|parent| *parent != Path::new("")) {
                sync_folder(parent)?;
            }
            self.clear_left_overs();
            self.ready = true;
        }
        WholeFile::begin(&self.path, self.path.join(name))
    }

    /// Makes the names of this folder durable.
    pub(crate) fn sync(&self) -> Result<(), ExportError> {
        if self.ready {
            sync_folder(&self.path)
        } else {
            Ok(())
        }
    }

    /// Removes files that nobody is writing any more: the lock of a killed process is free.
    ///
    /// Failing is no reason to stop, since the names in use are never met again.
    fn clear_left_overs(&self) {
        let entries = fs::read_dir(&self.path)
            .into_iter()
            .flatten()
            .filter_map(Result::ok);
        let in_the_making = entries.filter(|entry| {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            name.starts_with(TEMPORARY.0) && name.ends_with(TEMPORARY.1)
        });
        for entry in in_the_making {
            // The lock is kept until the file is gone, so that nobody takes it for their own meanwhile.
            if let Ok(file) = File::open(entry.path())
                && file.try_lock().is_ok()
            {
                let _ = fs::remove_file(entry.path());
            }
        }
    }
}

/// Makes the names in a folder durable; where folders cannot be opened, the system sees to it.
fn sync_folder(path: &Path) -> Result<(), ExportError> {
    if !cfg!(unix) {
        return Ok(());
    }
    File::open(path)
        .and_then(|folder| folder.sync_all())
        .map_err(|e| failed("sync the folder", path, e))
}

/// A file in the making, beside its place under a temporary name. Dropped, it is gone.
#[derive(Debug)]
pub(crate) struct WholeFile {
    file: File,
    temporary: PathBuf,
    target: PathBuf,
    done: bool,
}

impl WholeFile {
    fn begin(folder: &Path, target: PathBuf) -> Result<Self, ExportError> {
        // A rename would put a file in the place of a device or a pipe.
        if fs::metadata(&target).is_ok_and(|found| !found.is_file()) {
            let not_a_file = io::Error::new(
                io::ErrorKind::AlreadyExists,
                "there is something that is not a file",
            );
            return Err(failed("write", &target, not_a_file));
        }
        loop {
            let number = MADE.fetch_add(1, Ordering::Relaxed);
            let name = format!(
                "{}{}-{number}{}",
                TEMPORARY.0,
                std::process::id(),
                TEMPORARY.1
            );
            let temporary = folder.join(name);
            let file = match File::create_new(&temporary) {
                Ok(file) => file,
                // Another machine or container with the same process id writes here, or did.
                Err(e) if e.kind() == io::ErrorKind::AlreadyExists => continue,
                Err(e) => return Err(failed("write", &target, e)),
            };
            // Where a file system knows no locks nothing is ever taken for abandoned either.
            let _ = file.lock();
            // Another export may have taken it for abandoned before it was locked.
            if temporary.exists() {
                return Ok(Self {
                    file,
                    temporary,
                    target,
                    done: false,
                });
            }
        }
    }

    /// Returns where the file will be.
    pub(crate) fn target(&self) -> &Path {
        &self.target
    }

    /// Returns the bytes written so far.
    pub(crate) fn len(&self) -> io::Result<u64> {
        self.file.metadata().map(|found| found.len())
    }

    /// Makes what was written so far durable, under the temporary name.
    pub(crate) fn sync(&self) -> Result<(), ExportError> {
        self.file
            .sync_data()
            .map_err(|e| failed("sync", &self.target, e))
    }

    /// Makes the file durable and puts it in its place, over a former one.
    ///
    /// The name is durable after [`Folder::sync`].
    pub(crate) fn finish(mut self) -> Result<(), ExportError> {
        self.file
            .sync_all()
            .map_err(|e| failed("sync", &self.target, e))?;
        fs::rename(&self.temporary, &self.target)
            .map_err(|e| failed("put in place", &self.target, e))?;
        self.done = true;
        Ok(())
    }
}

impl Write for WholeFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Drop for WholeFile {
    fn drop(&mut self) {
        if !self.done {
            let _ = fs::remove_file(&self.temporary);
        }
    }
}
