//! A folder of media.

use std::fs;
use std::path::Path;
use std::sync::Barrier;

use runtrail_core::pipeline::MediaStore;
use runtrail_media::MediaFolder;

const ABC: &str = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

/// Every file below a folder.
fn files(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for shard in fs::read_dir(folder).unwrap() {
        for file in fs::read_dir(shard.unwrap().path()).unwrap() {
            found.push(file.unwrap().file_name().into_string().unwrap());
        }
    }
    found
}

#[test]
fn bytes_are_there_whole_and_once() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("media");
    let mut store = MediaFolder::new(&folder);
    assert!(store.get(ABC).is_err());
    store.put(ABC, b"abc", "a/b").unwrap();
    assert_eq!(store.get(ABC).unwrap(), b"abc");
    let path = folder.join("ba").join(&ABC[7..]);
    let written = fs::metadata(&path).unwrap().modified().unwrap();

    // Stored again, also by another process, it is left as it is.
    MediaFolder::new(&folder).put(ABC, b"abc", "a/b").unwrap();
    assert_eq!(fs::metadata(&path).unwrap().modified().unwrap(), written);
    assert_eq!(files(&folder), [&ABC[7..]]);

    // A file of another size is not what its name says.
    fs::write(&path, "a").unwrap();
    store.put(ABC, b"abc", "a/b").unwrap();
    assert_eq!(store.get(ABC).unwrap(), b"abc");
}

#[test]
fn writers_that_share_a_folder_leave_each_others_files_alone() {
    let root = tempfile::tempdir().unwrap();
    let shard = root.path().join("ba");
    fs::create_dir_all(&shard).unwrap();
    // What a process of the same number is writing, or left when it was killed.
    let others = format!(".{}-{}-1.tmp", &ABC[7..], std::process::id());
    fs::write(shard.join(&others), "a").unwrap();
    let all = Barrier::new(8);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            let mut store = MediaFolder::new(root.path());
            let all = &all;
            scope.spawn(move || {
                all.wait();
                store.put(ABC, b"abc", "a/b").unwrap();
            });
        }
    });
    let mut left = files(root.path());
    left.sort();
    assert_eq!(left, [&others, &ABC[7..]]);
}

#[test]
fn what_fails_leaves_nothing_and_says_where() {
    let root = tempfile::tempdir().unwrap();
    fs::write(root.path().join("file"), "").unwrap();
    let mut store = MediaFolder::new(root.path().join("file"));
    let error = store.put(ABC, b"abc", "a/b").unwrap_err();
    assert!(
        error.to_string().starts_with("cannot make the folder "),
        "{error}"
    );

    // A folder stands where the file should.
    let mut store = MediaFolder::new(root.path().join("media"));
    fs::create_dir_all(root.path().join("media/ba").join(&ABC[7..]).join("x")).unwrap();
    let error = store.put(ABC, b"abc", "a/b").unwrap_err();
    assert!(error.to_string().starts_with("cannot write "), "{error}");
    assert_eq!(files(&root.path().join("media")), [&ABC[7..]]);
    assert!(store.put("../../etc/passwd", b"abc", "a/b").is_err());
}
