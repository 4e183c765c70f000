//! A file that is seen whole or not at all.

use std::fs::{self, File};
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
        // A rename would put a file in the place of a device or a pipe.
        if fs::metadata(place).is_ok_and(|found| !found.is_file()) {
            return Err(io::Error::from(io::ErrorKind::AlreadyExists));
        }
        let name = place.file_name().unwrap_or_default().to_string_lossy();
        let prefix = format!(".{name}.");
        clear_left_overs(folder, &prefix);
        // Exports that run at once do not meet in one file.
        for number in 0..1000 {
            let staged = folder.join(format!("{prefix}{}-{number}.tmp", std::process::id()));
            match File::create_new(&staged) {
                Ok(file) => {
                    // Held while this is written: what nobody holds was left by a killed export.
                    let _ = file.lock();
                    // Another export may have taken it for left over before it was locked.
                    if !staged.exists() {
                        continue;
                    }
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

/// Removes what killed exports left; failing is no reason to stop, since no name is met again.
fn clear_left_overs(folder: &Path, prefix: &str) {
    let entries = fs::read_dir(folder)
        .into_iter()
        .flatten()
        .filter_map(Result::ok);
    for entry in entries {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if is_staged(&name, prefix)
            && let Ok(file) = File::open(entry.path())
            && file.try_lock().is_ok()
        {
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// Whether a name is one that [`WholeFile::begin`] gives, and not that of a file which stands beside it under
/// a longer one.
fn is_staged(name: &str, prefix: &str) -> bool {
    let own = name
        .strip_prefix(prefix)
        .and_then(|rest| rest.strip_suffix(".tmp"));
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    own.and_then(|own| own.split_once('-'))
        .is_some_and(|(process, number)| is_number(process) && is_number(number))
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
