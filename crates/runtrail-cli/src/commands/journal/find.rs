//! Which journals are meant.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use runtrail_journal::{FOLDER_OF_LAKE, JournalFile, list};

use crate::code::Code;
use crate::failure::Failure;
use crate::load::ambiguous;

/// What a path names.
pub(super) enum Found {
    /// A journal.
    One(JournalFile),
    /// The journals of a lake or of a folder, oldest first.
    Many(Vec<JournalFile>),
}

/// Finds what a path names.
pub(super) fn journals(path: &Path) -> Result<Found, Failure> {
    let found = fs::metadata(path).map_err(|error| Failure::path("read", path, &error))?;
    if !found.is_dir() {
        let file = JournalFile::of(path).ok_or_else(|| {
            let what = format!(
                "{} is no journal: its name has another ending",
                path.display()
            );
            Failure::new(Code::Io, what).help("name a lake, or a file of its _runtrail/journal")
        })?;
        return Ok(Found::One(file));
    }
    let of_lake = path.join("_runtrail").is_dir();
    let folder = if of_lake {
        path.join(FOLDER_OF_LAKE)
    } else {
        path.to_owned()
    };
    let files = list(folder).map_err(|error| Failure::of(Code::Io, &error))?;
    if files.is_empty() && !of_lake {
        let what = format!("{} is no lake, and holds no journal", path.display());
        return Err(Failure::new(Code::Io, what)
            .help("name the folder that `runtrail export SOURCE --to LAKE` wrote"));
    }
    Ok(Found::Many(files))
}

/// Finds the journal of a name: whole, or the start of it or of its id that no other has.
pub(super) fn named<'f>(files: &'f [JournalFile], id: &str) -> Result<&'f JournalFile, Failure> {
    if id == "last"
        && let Some(last) = files.last()
    {
        return Ok(last);
    }
    if let Some(whole) = files.iter().find(|file| file.name() == id) {
        return Ok(whole);
    }
    let is_meant = |file: &&JournalFile| !id.is_empty() && file.is_named(id);
    let meant: Vec<&JournalFile> = files.iter().filter(is_meant).collect();
    match meant[..] {
        [only] => Ok(only),
        [] => Err(
            Failure::new(Code::No, format!("no export {id:?} in the journals"))
                .help("`runtrail journal LAKE` lists the exports of a lake"),
        ),
        _ => {
            let names: BTreeSet<String> = meant.iter().map(|file| file.name().to_owned()).collect();
            let what = format!("{id:?} names more than one export");
            Err(ambiguous(&what, &names))
        }
    }
}
