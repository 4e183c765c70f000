//! Whether a file is still what the log of a lake says of it.

use std::fs;
use std::io;
use std::ops::RangeInclusive;
use std::path::Path;

use runtrail_archive::FileStart;
use runtrail_parquet::SourceInfo;

/// Returns up to where a file still is what was exported of it, of the places in this range that the log knows;
/// `None` where it is not, or is not there.
pub(crate) fn still_up_to(
    path: &Path,
    logged: &SourceInfo,
    places: &RangeInclusive<u64>,
    threads: usize,
) -> io::Result<Option<u64>> {
    let size = match fs::metadata(path) {
        Ok(meta) => meta.len(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let is_there = |(bytes, _): &(u64, &str)| *bytes <= size && places.contains(bytes);
    let (ends, hashes): (Vec<u64>, Vec<&str>) = logged.starts().filter(is_there).unzip();
    if ends.is_empty() {
        return Ok(None);
    }
    let now = match FileStart::of_each(path, &ends, threads) {
        Ok(now) => now,
        // It has become shorter meanwhile.
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut both = now.iter().zip(hashes);
    let same = both.find(|(now, hash)| now.fingerprint.to_string() == *hash);
    Ok(same.map(|(now, _)| now.bytes))
}
