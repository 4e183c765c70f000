//! Media in an object store.

use std::sync::Arc;

use object_store::local::LocalFileSystem;
use object_store::memory::InMemory;
use runtrail_core::pipeline::MediaStore;
use runtrail_media::{MediaBucket, MediaFolder};

const ABC: &str = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

#[test]
fn a_bucket_is_laid_out_as_a_folder() {
    let root = tempfile::tempdir().unwrap();
    let store = Arc::new(LocalFileSystem::new_with_prefix(root.path()).unwrap());
    let mut bucket = MediaBucket::new(store, "media").unwrap();
    bucket.put(ABC, b"abc", "a/b").unwrap();
    bucket.put(ABC, b"abc", "a/b").unwrap();
    let folder = MediaFolder::new(root.path().join("media"));
    assert_eq!(folder.get(ABC).unwrap(), b"abc");
}

#[test]
fn what_is_no_handle_is_refused() {
    let mut bucket = MediaBucket::new(Arc::new(InMemory::new()), "").unwrap();
    assert!(bucket.put("../x", b"abc", "a/b").is_err());
    bucket.put(ABC, b"abc", "a/b").unwrap();
}

#[test]
fn a_bucket_can_be_dropped_inside_a_runtime() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    runtime.block_on(async {
        let mut bucket = MediaBucket::new(Arc::new(InMemory::new()), "").unwrap();
        // Outside of the runtime, as on the store's thread.
        let put = std::thread::spawn(move || bucket.put(ABC, b"abc", "a/b").map(|()| bucket));
        drop(put.join().unwrap().unwrap());
    });
}
