//! Checksums of content.

use std::fmt::{self, Write as _};

use runtrail_core::json::{RawJson, canonical};
use sha2::{Digest, Sha256};

/// Names how checksums are made: SHA-256 over canonical JSON (RFC 8785, integers kept exact).
pub const ALGORITHM: &str = "sha256-jcs-1";

/// A checksum of a JSON value, shown with its algorithm in front.
///
/// Checksums of different algorithms are never equal.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Checksum {
    digest: [u8; 32],
}

impl Checksum {
    /// Returns the digest.
    pub fn digest(&self) -> &[u8; 32] {
        &self.digest
    }
}

impl fmt::Display for Checksum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{ALGORITHM}:")?;
        f.write_str(&hex(&self.digest))
    }
}

impl serde::Serialize for Checksum {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Writes bytes as hex digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Returns the checksum of a JSON value: of its canonical form, so that white space, the order of keys
/// and the way in which numbers and strings are written do not count.
pub fn checksum_of(value: RawJson<'_>) -> Checksum {
    Checksum {
        digest: Sha256::digest(canonical(value)).into(),
    }
}

/// Builds the digest of a value from parts that are canonical already.
#[derive(Default)]
pub(crate) struct Digester(Sha256);

impl Digester {
    pub(crate) fn text(&mut self, canonical: &str) {
        self.0.update(canonical);
    }

    /// Takes a value's text; what is no JSON, which no event holds, counts as the text that it is.
    pub(crate) fn value(&mut self, text: &str) {
        match RawJson::parse(text) {
            Some(value) => self.0.update(canonical(value)),
            None => self.0.update(text),
        }
    }

    pub(crate) fn finish(self) -> Checksum {
        Checksum {
            digest: self.0.finalize().into(),
        }
    }
}
