//! Removing what exports that were killed, or ended at the wrong moment, left in a lake.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::Path;

use crate::read::Listing;
use crate::store::sync_dir;

/// Removes the files that were announced and that no record lists, parts that gave way to others, and
/// files of runs that are no longer carried. Files that neither a record nor an announcement names stay.
pub(crate) fn undo(root: &Path, announced: &BTreeSet<String>) -> io::Result<()> {
    let listing = Listing::read(root).map_err(io::Error::other)?;
    if let Some((path, why)) = listing.bad_records.first() {
        if announced.is_empty() {
            return Ok(());
        }
        // It may list what was announced.
        let what = format!("{path} cannot be read: {why}");
        return Err(io::Error::new(io::ErrorKind::InvalidData, what));
    }
    let (carried, current) = listing.carried();
    let outdated = carried.into_iter().filter(|path| !current.contains(path));
    let outdated = outdated.map(String::as_str);
    let unlisted = |path: &&str| listing.parts.iter().all(|part| part.path != **path);
    let announced = announced.iter().map(String::as_str).filter(unlisted);
    for path in listing.gone().into_iter().chain(outdated).chain(announced) {
        let file = root.join(path);
        match fs::remove_file(&file) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
            Ok(()) => sync_dir(file.parent().unwrap_or(root))?,
        }
        remove_empty(root, &file);
    }
    Ok(())
}

/// Removes the folders of partitions, and of tables, that nothing is left in.
pub(super) fn remove_empty(root: &Path, file: &Path) {
    let folders = file
        .ancestors()
        .skip(1)
        .take_while(|folder| *folder != root);
    // Of a folder that is not empty this and those around it stay.
    let _ = folders.map(fs::remove_dir).try_for_each(|removed| removed);
}
