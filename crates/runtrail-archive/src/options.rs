//! How an archive is read.

use std::path::PathBuf;

use runtrail_core::wire::WireOptions;

/// The limits and choices of reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReadOptions {
    /// How single events are read.
    pub wire: WireOptions,
    /// The longest value, in bytes; a longer one is rejected and skipped. At most 1 GiB.
    pub max_line: usize,
    /// How many threads parse. One reads everything on the calling thread.
    pub threads: usize,
    /// How many bytes are read at a time and, where lines allow it, parsed on one thread.
    pub chunk: usize,
}

/// No limit on a value's length is higher: text is addressed by 32 bits.
const MAX_LINE: usize = 1 << 30;

impl ReadOptions {
    pub(crate) fn within_limits(self) -> Self {
        Self {
            max_line: self.max_line.min(MAX_LINE),
            ..self
        }
    }
}

impl Default for ReadOptions {
    fn default() -> Self {
        Self {
            wire: WireOptions::default(),
            max_line: 64 << 20,
            threads: 1,
            chunk: 1 << 20,
        }
    }
}

/// How events are brought into order.
#[derive(Debug, Clone)]
pub struct SortOptions {
    /// Bytes of events held in memory; what does not fit goes to temporary files.
    pub memory: usize,
    /// Bytes of events that may stay in memory while they are handed out, where all fit.
    pub keep_memory: usize,
    /// Bytes of memory for merging the temporary files: decides how many are merged at once.
    pub merge_memory: usize,
    /// More than one lets sorting and writing of temporary files go on beside reading.
    pub threads: usize,
    /// Where temporary files go; `None` takes the system's folder. They have no names and vanish
    /// with the process.
    pub temp_dir: Option<PathBuf>,
}

impl Default for SortOptions {
    fn default() -> Self {
        Self {
            memory: 256 << 20,
            keep_memory: 256 << 20,
            merge_memory: 32 << 20,
            threads: 1,
            temp_dir: None,
        }
    }
}
