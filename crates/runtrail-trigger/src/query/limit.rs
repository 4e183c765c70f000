//! How many records a page holds at most.

/// A number of records, from 1 to [`Limit::MAX`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Limit(u16);

/// Why a number is no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a limit is at least 1, not {0}")]
pub struct LimitError(pub i64);

impl Limit {
    /// The most records of a page.
    pub const MAX: Self = Self(5000);
    /// One record.
    pub const ONE: Self = Self(1);

    /// Makes a limit: more than [`Limit::MAX`] is as much as that, and the page says so. Zero or
    /// less is an error.
    ///
    /// ```
    /// use runtrail_trigger::{Limit, LimitError};
    /// assert_eq!(Limit::new(7).map(Limit::get), Ok(7));
    /// assert_eq!(Limit::new(i64::MAX), Ok(Limit::MAX));
    /// assert_eq!(Limit::new(0), Err(LimitError(0)));
    /// assert_eq!(Limit::new(-1), Err(LimitError(-1)));
    /// ```
    pub fn new(records: i64) -> Result<Self, LimitError> {
        if records < 1 {
            return Err(LimitError(records));
        }
        let records = u16::try_from(records).unwrap_or(u16::MAX);
        Ok(Self(records.min(Self::MAX.0)))
    }

    /// Returns the number.
    pub fn get(self) -> usize {
        usize::from(self.0)
    }
}

/// 100: what a person looks through.
impl Default for Limit {
    fn default() -> Self {
        Self(100)
    }
}
