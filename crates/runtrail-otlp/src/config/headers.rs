//! Headers of requests; their values are secret.

use std::fmt;

use http::{HeaderName, HeaderValue};

/// Headers by name; shown by name alone.
#[derive(Clone, Default)]
pub(crate) struct Headers(Vec<(String, String)>);

/// Headers that the exporter sets itself.
const OURS: [&str; 5] = [
    "content-type",
    "content-encoding",
    "content-length",
    "transfer-encoding",
    "host",
];

impl Headers {
    /// Sets a header; a name that is there already gets the new value.
    pub(crate) fn set(&mut self, name: String, value: String) {
        self.0
            .retain(|(known, _)| !known.eq_ignore_ascii_case(&name));
        self.0.push((name, value));
    }

    /// Puts other headers over these.
    pub(crate) fn over(mut self, others: Self) -> Self {
        for (name, value) in others.0 {
            self.set(name, value);
        }
        self
    }

    /// Checks that each can be sent.
    pub(crate) fn checked(self) -> Result<Self, String> {
        for (name, value) in &self.0 {
            let Ok(parsed) = HeaderName::try_from(name.as_str()) else {
                return Err("a header's name is not one".to_owned());
            };
            if OURS.contains(&parsed.as_str()) {
                return Err(format!("the header {parsed} is not for settings to set"));
            }
            if HeaderValue::try_from(value.as_str()).is_err() {
                return Err(format!("the value of the header {parsed} cannot be sent"));
            }
        }
        Ok(self)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set()
            .entries(self.0.iter().map(|(name, _)| name))
            .finish()
    }
}
