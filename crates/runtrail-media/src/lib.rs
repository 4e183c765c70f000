//! Where the bytes of [`Op::media`](runtrail_core::emit::Op::media) go: each content once, under the
//! name of its SHA-256.
//!
//! ```
//! use std::time::Duration;
//! use runtrail_core::event::Ctx;
//! use runtrail_core::pipeline::Pipeline;
//! use runtrail_media::MediaFolder;
//!
//! let folder = tempfile::tempdir()?;
//! let store = MediaFolder::new(folder.path());
//! let trail = Pipeline::builder().media_store(store).start()?;
//! let run = trail.run("req-42");
//! let op = run.op("draw", &Ctx::default(), || "a cat");
//! op.media(b"abc".to_vec(), "image/png");
//! op.end_ok(|| ());
//! drop(run);
//! assert!(trail.shutdown(Duration::from_secs(5)).is_complete());
//!
//! let handle = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
//! let bytes = MediaFolder::new(folder.path()).get(handle)?;
//! assert_eq!(bytes, b"abc");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Layout
//!
//! `sha256:ba78…` is at `ba/ba78…`, in a folder as in a bucket: the first two digits spread contents over
//! 256 folders. A name is there only when its bytes are there whole and durably.
//!
//! # Features
//!
//! | feature | what |
//! |---|---|
//! | `object_store` | `MediaBucket`, over any store of the crate `object_store` |

#[cfg(feature = "object_store")]
mod bucket;
mod folder;
mod place;

#[cfg(feature = "object_store")]
pub use bucket::MediaBucket;
pub use folder::MediaFolder;
