//! Values inside a payload.

use super::SettingsError;
use crate::event::TraceEvent;
use crate::json::RawJson;

/// Leads to a value in a payload by keys with dots between them: `outputs.score`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValuePath(Vec<String>);

impl ValuePath {
    /// The most keys of a path.
    const MAX_KEYS: usize = 32;

    /// Reads a path; an empty key, and more than 32 keys, are refused.
    pub fn new(path: &str) -> Result<Self, SettingsError> {
        let keys: Vec<String> = path.split('.').map(str::to_owned).collect();
        if keys.iter().any(String::is_empty) || keys.len() > Self::MAX_KEYS {
            return Err(SettingsError::new(
                "field",
                "is not 1 to 32 keys with dots between them",
            ));
        }
        Ok(Self(keys))
    }

    /// Returns the value's text, or `None` where the payload has none there.
    pub fn of<'a>(&self, event: &'a TraceEvent) -> Option<&'a str> {
        let payload = event.payload.raw();
        let value = self.0.iter().try_fold(payload, |at, key| at.get(key));
        value.map(RawJson::text)
    }
}
