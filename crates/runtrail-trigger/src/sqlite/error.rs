//! What SQLite says, as what a caller can do.

use rusqlite::{Error, ErrorCode};

use crate::error::{StoreError, StoreErrorKind};

/// Says what could not be done, and why.
pub(super) fn failed(doing: &str, error: Error) -> StoreError {
    let kind = match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => StoreErrorKind::Busy,
        Some(ErrorCode::NotADatabase) => StoreErrorKind::NotAStore,
        _ => StoreErrorKind::Failed,
    };
    StoreError::new(kind, format!("cannot {doing}")).with_source(error)
}
