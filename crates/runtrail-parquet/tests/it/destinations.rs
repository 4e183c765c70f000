//! Where a lake can be, and where it cannot.

use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;

use object_store::memory::InMemory;
use object_store::{ObjectStore, ObjectStoreExt, path::Path};
use runtrail_core::export::Exporter;
use runtrail_parquet::{Lake, LakeError, LakeSettings, MIN_MEMORY, Publish};

use crate::it::support::{deadline, events, export, files, one_batch, small};

#[test]
fn an_object_store_holds_the_same_files_as_a_folder() {
    let events = events(60);
    let folder = tempfile::tempdir().unwrap();
    let local = export(
        Lake::local(folder.path()).settings(small()).open().unwrap(),
        &one_batch(&events),
    );
    let store = Arc::new(InMemory::new());
    for _ in 0..2 {
        let lake = Lake::object_store(Arc::clone(&store) as Arc<dyn ObjectStore>, "team/lake")
            .settings(small());
        let remote = export(lake.open().unwrap(), &one_batch(&events));
        assert_eq!(remote.files, local.files);
        assert_eq!(
            remote.record.as_deref(),
            Some("_runtrail/log/00000000000000000000.json")
        );
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    for file in &local.files {
        let object = Path::from(format!("team/lake/{}", file.path));
        let bytes =
            runtime.block_on(async { store.get(&object).await.unwrap().bytes().await.unwrap() });
        assert!(
            bytes == fs::read(folder.path().join(&file.path)).unwrap(),
            "{}",
            file.path
        );
    }
}

#[test]
fn a_file_is_no_lake_and_little_memory_is_refused() {
    let file = tempfile::NamedTempFile::new().unwrap();
    assert!(matches!(
        Lake::local(file.path()).open(),
        Err(LakeError::NotAFolder { .. })
    ));
    let folder = tempfile::tempdir().unwrap();
    let settings = LakeSettings::batch(MIN_MEMORY - 1, 1);
    let error = Lake::local(folder.path())
        .settings(settings)
        .open()
        .err()
        .unwrap();
    assert_eq!(
        error.to_string(),
        "33554431 bytes of memory are too few to write a lake; at least 33554432 are needed"
    );
}

#[test]
fn the_quarantine_is_published_with_the_export_and_recorded() {
    let folder = tempfile::tempdir().unwrap();
    let mut lake = Lake::local(folder.path()).open().unwrap();
    let staged = lake.temp_dir().join("rejects.jsonl");
    fs::write(&staged, "{}\n").unwrap();
    lake.set_quarantine(staged, BTreeMap::from([("not_json".to_owned(), 1)]));
    let report = export(lake, &one_batch(&events(3)));
    let path = report.quarantine.unwrap();
    assert_eq!(
        fs::read_to_string(folder.path().join(&path)).unwrap(),
        "{}\n"
    );
    let record = fs::read_to_string(folder.path().join(report.record.unwrap())).unwrap();
    assert!(
        record.contains(&path) && record.contains("\"not_json\": 1"),
        "{record}"
    );
}

#[test]
fn an_export_that_is_dropped_leaves_no_table_behind() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("lakes/new");
    let half_an_export = || {
        let mut lake = Lake::local(&root).settings(small()).open().unwrap();
        lake.export(&one_batch(&events(4))[0]).unwrap();
    };
    half_an_export();
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);

    let lake = Lake::local(&root).settings(small()).open().unwrap();
    export(lake, &one_batch(&events(4)));
    let before = files(&root);
    half_an_export();
    assert!(files(&root) == before);
}

#[test]
fn a_folder_that_goes_away_is_an_error_with_its_path() {
    let folder = tempfile::tempdir().unwrap();
    let mut lake = Lake::local(folder.path()).open().unwrap();
    lake.export(&one_batch(&events(4))[0]).unwrap();
    fs::remove_dir_all(folder.path().join("_runtrail")).unwrap();
    let error = Box::new(lake).close(deadline()).unwrap_err();
    assert!(error.to_string().contains("_runtrail"), "{error}");
}

/// The parts of a lake that are to be seen, in the order of their paths.
fn parts(lake: &std::path::Path) -> Vec<String> {
    let all = files(lake).into_keys();
    all.filter(|path| !path.starts_with("_runtrail/")).collect()
}

#[test]
fn what_a_failed_export_made_visible_goes_with_the_next_one() {
    let folder = tempfile::tempdir().unwrap();
    let open = || Lake::local(folder.path()).settings(small()).open().unwrap();
    let mut lake = open();
    let blocked = folder.path().join("runs");
    fs::write(&blocked, "a file where a folder is to be").unwrap();
    lake.export(&one_batch(&events(60))[0]).unwrap();
    Box::new(lake).close(deadline()).unwrap_err();
    fs::remove_file(&blocked).unwrap();
    assert!(parts(folder.path()).len() > 1, "some were visible by then");

    let report = export(open(), &one_batch(&events(20)));
    let recorded: Vec<_> = report.files.into_iter().map(|file| file.path).collect();
    assert_eq!(parts(folder.path()), recorded);
}

#[test]
fn what_a_program_that_was_killed_had_recorded_stays() {
    let folder = tempfile::tempdir().unwrap();
    let settings = LakeSettings {
        publish: Publish::Completed,
        ..small()
    };
    let open = || {
        Lake::local(folder.path())
            .settings(settings)
            .open()
            .unwrap()
    };
    let mut lake = open();
    lake.export(&one_batch(&events(300))[0]).unwrap();
    let complete = parts(folder.path());
    assert!(!complete.is_empty());
    // What a kill leaves: the folder that it worked in, and nobody who holds its lock.
    let dead = folder.path().join("_runtrail/tmp/export-dead");
    fs::create_dir(&dead).unwrap();
    for entry in fs::read_dir(lake.temp_dir()).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), dead.join(entry.file_name())).unwrap();
    }
    drop(lake);

    export(open(), &one_batch(&events(5)));
    let after = parts(folder.path());
    assert!(complete.iter().all(|part| after.contains(part)));
    assert!(!dead.exists());
}
