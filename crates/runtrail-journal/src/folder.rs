//! Folders whose names survive a power cut.

use std::fs::{self, File};
use std::io;
use std::path::Path;

/// Makes a folder and those around it, each durable in the one that holds it.
pub(crate) fn make(folder: &Path) -> io::Result<()> {
    if folder.as_os_str().is_empty() || folder.is_dir() {
        return Ok(());
    }
    let around = folder.parent().unwrap_or(Path::new(""));
    make(around)?;
    match fs::create_dir(folder) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        // Somebody else was faster.
        _ => sync(around),
    }
}

/// Makes the names in a folder durable.
pub(crate) fn sync(folder: &Path) -> io::Result<()> {
    // Windows has no folder handles to sync; a name there is as durable as it gets.
    if cfg!(windows) {
        return Ok(());
    }
    let here = folder.as_os_str().is_empty();
    File::open(if here { Path::new(".") } else { folder })?.sync_all()
}
