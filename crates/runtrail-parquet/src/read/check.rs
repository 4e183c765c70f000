//! Looking at a part as a file: its size, its name, its footer.

use std::fs::{self, File};
use std::path::Path;

use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};
use parquet::file::statistics::Statistics;

use super::{LakeReader, ListedPart};
use crate::error::LakeReadError;
use crate::read::guarded::guarded;

/// Digits of the digest that a part's name ends in.
const DIGEST_DIGITS: usize = 32;

/// What a part is, as a file of any table.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PartCheck {
    /// Its size in bytes.
    pub bytes: u64,
    /// Its rows, as its footer has them; `None` where the footer cannot be read.
    pub rows: Option<u64>,
    /// Whether its bytes are those that it is named after; `None` where that was not looked at, or its
    /// name tells no digest.
    pub is_as_named: Option<bool>,
    /// The first and the last run that its statistics know of, by their ids, as far as these are kept.
    pub runs: Option<(String, String)>,
    /// Why its footer cannot be read.
    pub unreadable: Option<String>,
}

impl LakeReader {
    /// Looks at a file of any table; with `whole`, at every byte of it.
    pub fn check_part(&self, part: &ListedPart, whole: bool) -> Result<PartCheck, LakeReadError> {
        self.check_file(&part.path, whole)
    }

    /// Looks at a file in the lake by its path.
    pub fn check_file(&self, path: &str, whole: bool) -> Result<PartCheck, LakeReadError> {
        let file = self.root().join(path);
        let io = |error| LakeReadError::io(&file, error);
        let mut check = PartCheck {
            bytes: fs::metadata(&file).map_err(io)?.len(),
            ..PartCheck::default()
        };
        if whole && let Some(named) = digest_of_name(path) {
            let mut hasher = blake3::Hasher::new();
            hasher
                .update_reader(File::open(&file).map_err(io)?)
                .map_err(io)?;
            let digest = hasher.finalize().to_hex();
            check.is_as_named = digest.get(..DIGEST_DIGITS).map(|digest| digest == named);
        }
        match footer(&file, path) {
            Ok((rows, runs)) => (check.rows, check.runs) = (Some(rows), runs),
            Err(error) => check.unreadable = Some(error.reason()),
        }
        Ok(check)
    }
}

/// The digest in `part-00000-<digest>.parquet`.
fn digest_of_name(path: &str) -> Option<&str> {
    let name = path.rsplit('/').next()?.strip_suffix(".parquet")?;
    let digest = name.strip_prefix("part-")?.split_once('-')?.1;
    let is_digest = digest.len() == DIGEST_DIGITS
        && digest
            .bytes()
            .all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'));
    is_digest.then_some(digest)
}

/// The rows and the runs that a footer tells of.
fn footer(file: &Path, path: &str) -> Result<(u64, Option<(String, String)>), LakeReadError> {
    let opened = File::open(file).map_err(|error| LakeReadError::io(file, error))?;
    let metadata = guarded(path, || {
        ArrowReaderMetadata::load(&opened, ArrowReaderOptions::new())
    })?;
    let rows = u64::try_from(metadata.metadata().file_metadata().num_rows()).unwrap_or(0);
    let columns = metadata.parquet_schema().columns();
    let Some(column) = columns
        .iter()
        .position(|column| column.path().string() == "request_id")
    else {
        return Ok((rows, None));
    };
    let mut runs: Option<(String, String)> = None;
    for group in metadata.metadata().row_groups() {
        let Some(Statistics::ByteArray(statistics)) = group.column(column).statistics() else {
            continue;
        };
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let (Some(first), Some(last)) = (statistics.min_bytes_opt(), statistics.max_bytes_opt())
        else {
            continue;
        };
        let (first, last) = (text(first), text(last));
        runs = Some(match runs {
            None => (first, last),
            Some((known_first, known_last)) => (known_first.min(first), known_last.max(last)),
        });
    }
    Ok((rows, runs))
}
