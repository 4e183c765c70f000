//! Folders that the suite exports to.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

/// The files below a folder: contents by path, with `/` between its parts.
pub(super) type Files = BTreeMap<String, Vec<u8>>;

/// A destination inside a temporary folder of its own, so that strays beside it are noticed.
pub(super) struct Folder {
    outer: TempDir,
    dest: PathBuf,
}

impl Folder {
    /// Makes a place for a destination; the destination itself does not exist yet.
    pub(super) fn new() -> Result<Self, String> {
        let outer =
            tempfile::tempdir().map_err(|e| format!("cannot make a temporary folder: {e}"))?;
        let dest = outer.path().join("dest");
        Ok(Self { outer, dest })
    }

    pub(super) fn dest(&self) -> &Path {
        &self.dest
    }

    /// Reads everything below the destination; nothing where it does not exist.
    pub(super) fn files(&self) -> Result<Files, String> {
        let mut files = Files::new();
        let mut folders = vec![self.dest.clone()];
        while let Some(folder) = folders.pop() {
            if !folder.exists() {
                continue;
            }
            for path in listed(&folder)? {
                if path.is_dir() {
                    folders.push(path);
                } else {
                    let content = fs::read(&path)
                        .map_err(|e| format!("cannot read {}: {e}", path.display()))?;
                    files.insert(self.shown(&path), content);
                }
            }
        }
        Ok(files)
    }

    /// Fills a new folder with files, as they stood when something stopped.
    pub(super) fn holding(files: &Files) -> Result<Self, String> {
        let folder = Self::new()?;
        for (path, content) in files {
            let path = folder.dest.join(path);
            let parent = path.parent().unwrap_or(&folder.dest);
            fs::create_dir_all(parent)
                .and_then(|()| fs::write(&path, content))
                .map_err(|e| format!("cannot write {}: {e}", path.display()))?;
        }
        Ok(folder)
    }

    /// Checks that nothing was written beside the destination.
    pub(super) fn nothing_beside(&self) -> Result<(), String> {
        let strays: Vec<String> = listed(self.outer.path())?
            .iter()
            .filter(|path| **path != self.dest)
            .map(|path| path.display().to_string())
            .collect();
        if strays.is_empty() {
            Ok(())
        } else {
            Err(format!(
                "written outside the destination: {}",
                strays.join(", ")
            ))
        }
    }

    fn shown(&self, path: &Path) -> String {
        let below = path.strip_prefix(&self.dest).unwrap_or(path);
        let parts: Vec<_> = below
            .components()
            .map(|part| part.as_os_str().to_string_lossy())
            .collect();
        parts.join("/")
    }
}

fn listed(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let entries =
        fs::read_dir(folder).map_err(|e| format!("cannot list {}: {e}", folder.display()))?;
    Ok(entries
        .filter_map(Result::ok)
        .map(|entry| entry.path())
        .collect())
}

/// Says how two folders differ, if they do.
pub(super) fn same(wanted: &Files, found: &Files) -> Result<(), String> {
    for path in wanted.keys().chain(found.keys()) {
        let (wanted, found) = (wanted.get(path), found.get(path));
        if wanted != found {
            return Err(match (wanted, found) {
                (Some(_), None) => format!("{path} is missing"),
                (None, Some(_)) => format!("{path} is there and should not be"),
                (Some(wanted), Some(found)) => {
                    let at = wanted
                        .iter()
                        .zip(found)
                        .take_while(|(wanted, found)| wanted == found)
                        .count();
                    format!(
                        "{path} differs from byte {at} on: {} bytes and {} bytes",
                        wanted.len(),
                        found.len()
                    )
                }
                (None, None) => unreachable!("the path came from one of the two"),
            });
        }
    }
    Ok(())
}
