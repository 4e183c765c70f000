//! Calling the decoder of Parquet files so that a damaged one costs that file and not the program.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};

use parquet::errors::Result as ParquetResult;

use crate::error::LakeReadError;

thread_local! {
    static IS_DECODING: Cell<bool> = const { Cell::new(false) };
}

/// Whether this thread is decoding a part: a panic of the decoder, which is meant for sound files, is caught
/// and becomes a [`LakeReadError`].
///
/// It is for the panic hook of a program, which can pass over what is told as an error anyway; this crate
/// sets none.
pub fn is_decoding() -> bool {
    IS_DECODING.try_with(Cell::get).unwrap_or(false)
}

/// Calls the decoder. A damaged file can make it panic.
pub(super) fn guarded<T>(
    path: &str,
    decode: impl FnOnce() -> ParquetResult<T>,
) -> Result<T, LakeReadError> {
    let before = IS_DECODING.replace(true);
    let done = catch_unwind(AssertUnwindSafe(decode));
    IS_DECODING.set(before);
    match done {
        Ok(done) => done.map_err(|error| LakeReadError::damaged(path, error)),
        Err(_) => Err(LakeReadError::damaged(path, "its decoder gave up")),
    }
}
