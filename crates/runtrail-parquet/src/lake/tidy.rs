//! Removing what exports that were killed, or ended at the wrong moment, left in a lake.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::Path;

use crate::read::Listing;
use crate::store::remove_file;

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
    // Of a lake without records every file counts as one of its parts, those of its first export too.
    let listed = listing.listed();
    let is_recorded = |path: &String| listed.contains_key(path) || current.contains(path);
    let announced = announced.iter().filter(|path| !is_recorded(path));
    let announced = announced.map(String::as_str);
    for path in listing.gone().into_iter().chain(outdated).chain(announced) {
        let file = root.join(path);
        remove_file(&file)?;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_first_export_announced_goes_and_what_others_left_stays() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("events/date=2026-11-20");
        fs::create_dir_all(&folder).unwrap();
        for name in ["announced.parquet", "other.parquet"] {
            fs::write(folder.join(name), "rows").unwrap();
        }
        let announced = "events/date=2026-11-20/announced.parquet".to_owned();
        undo(root.path(), &BTreeSet::from([announced])).unwrap();
        assert!(!folder.join("announced.parquet").exists());
        assert!(folder.join("other.parquet").exists());
    }

    #[test]
    fn what_a_record_lists_stays_though_its_export_was_killed_after_it() {
        let root = tempfile::tempdir().unwrap();
        let (part, carried) = ("runs/part.parquet", "_runtrail/carried/a.jsonl");
        let record =
            format!(r#"{{"parts":[{{"table":"runs","path":"{part}"}}],"carried":["{carried}"]}}"#);
        for (path, content) in [
            (part, "rows"),
            (carried, "runs"),
            ("_runtrail/log/00000000000000000000.json", &record),
        ] {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        let announced = [part, carried].map(str::to_owned);
        undo(root.path(), &BTreeSet::from(announced)).unwrap();
        assert!(root.path().join(part).exists() && root.path().join(carried).exists());
    }
}
