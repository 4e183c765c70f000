//! A file that is seen whole or not at all.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// A file in the making, under a name of its own beside its place; removed where it is not finished.
#[derive(Debug)]
pub(super) struct WholeFile {
    file: Option<File>,
    staged: PathBuf,
    place: PathBuf,
}

impl WholeFile {
    /// Begins a file, and its folder where there is none.
    pub(super) fn begin(place: &Path) -> io::Result<Self> {
        let folder = folder_of(place);
        fs::create_dir_all(folder)?;
        let name = place.file_name().unwrap_or_default().to_string_lossy();
        // Exports that run at once do not meet in one file.
        for number in 0..1000 {
            let staged = folder.join(format!(".{name}.{}-{number}.tmp", std::process::id()));
            match OpenOptions::new()
                .write(true)
                .create_new(true)
                .open(&staged)
            {
                Ok(file) => {
                    return Ok(Self {
                        file: Some(file),
                        staged,
                        place: place.to_owned(),
                    });
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
        Err(io::Error::from(io::ErrorKind::AlreadyExists))
    }

    /// Makes what was written durable.
    pub(super) fn sync(&self) -> io::Result<()> {
        self.file.as_ref().map_or(Ok(()), File::sync_all)
    }

    /// Puts the file in its place.
    pub(super) fn finish(mut self) -> io::Result<()> {
        self.sync()?;
        fs::rename(&self.staged, &self.place)?;
        self.file = None;
        if cfg!(unix) {
            File::open(folder_of(&self.place))?.sync_all()?;
        }
        Ok(())
    }
}

fn folder_of(place: &Path) -> &Path {
    let folder = place
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    folder.unwrap_or(Path::new("."))
}

impl Write for WholeFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.file {
            Some(file) => file.write(bytes),
            None => Err(io::Error::from(io::ErrorKind::NotFound)),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for WholeFile {
    fn drop(&mut self) {
        if self.file.take().is_some() {
            // Nothing is lost where it stays: it is never read.
            let _ = fs::remove_file(&self.staged);
        }
    }
}
