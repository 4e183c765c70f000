//! A folder of media.

use std::fs::{self, File};
use std::hash::{BuildHasher, RandomState};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use runtrail_core::export::ExportError;
use runtrail_core::pipeline::MediaStore;

use crate::place::place;

/// Keeps media in a folder.
///
/// Bytes are written to a temporary file, made durable, and named last, so that a process that is
/// killed leaves no half of them; several processes, also of several containers, may share a folder. What a killed one left has a
/// name that ends in `.tmp`, and is never read.
#[derive(Debug)]
pub struct MediaFolder {
    path: PathBuf,
}

impl MediaFolder {
    /// Keeps media in a folder, which is made where there is none.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// Reads the bytes of a handle.
    pub fn get(&self, handle: &str) -> Result<Vec<u8>, ExportError> {
        let (shard, name) = place(handle)?;
        let path = self.path.join(shard).join(name);
        fs::read(&path).map_err(|error| failed("read", &path, error))
    }
}

impl MediaStore for MediaFolder {
    fn name(&self) -> &'static str {
        "folder"
    }

    fn put(&mut self, handle: &str, bytes: &[u8], _mime: &str) -> Result<(), ExportError> {
        let (shard, name) = place(handle)?;
        let folder = self.path.join(shard);
        let path = folder.join(name);
        // A name that is there was given last, so its bytes are whole; the size is a cheap doubt.
        if fs::metadata(&path).is_ok_and(|found| found.len() == bytes.len() as u64) {
            return sync_folder(&folder);
        }
        make_folder(&self.path, &folder)?;
        let temporary = folder.join(temporary_name(name));
        write(&temporary, &path, bytes).map_err(|error| failed("write", &path, error))?;
        sync_folder(&folder)
    }
}

/// Makes a name that no other writer has: in each container a process has the number 1, and a forked one would draw the
/// same numbers.
fn temporary_name(name: &str) -> String {
    let process = std::process::id();
    // Each is made with other keys, which the system drew.
    let random = RandomState::new().hash_one(name);
    format!(".{name}-{process}-{random:016x}.tmp")
}

fn write(temporary: &Path, path: &Path, bytes: &[u8]) -> io::Result<()> {
    // A file that is there already is another writer's, and stays.
    let mut file = File::create_new(temporary)?;
    let written = file.write_all(bytes).and_then(|()| file.sync_all());
    let named = written.and_then(|()| fs::rename(temporary, path));
    if named.is_err() {
        // The error that counts is the one before.
        drop(fs::remove_file(temporary));
    }
    named
}

/// Makes the folder of a shard; its name must be as durable as what is in it.
fn make_folder(root: &Path, folder: &Path) -> Result<(), ExportError> {
    if folder.is_dir() {
        return Ok(());
    }
    fs::create_dir_all(folder).map_err(|error| failed("make the folder", folder, error))?;
    sync_folder(root)?;
    match root.parent() {
        Some(parent) if parent != Path::new("") => sync_folder(parent),
        _ => sync_folder(Path::new(".")),
    }
}

fn sync_folder(folder: &Path) -> Result<(), ExportError> {
    // Elsewhere folders cannot be opened, and names are durable with their files.
    if cfg!(unix) {
        let synced = File::open(folder).and_then(|folder| folder.sync_all());
        synced.map_err(|error| failed("sync the folder", folder, error))?;
    }
    Ok(())
}

fn failed(doing: &str, path: &Path, error: io::Error) -> ExportError {
    let kind = error.kind();
    ExportError::permanent(format!("cannot {doing} {}: {kind}", path.display())).with_source(error)
}
