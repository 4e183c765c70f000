//! Checksums of content.

use std::fmt;

use runtrail_core::json::{RawJson, canonical};
use serde::Serialize;
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

    /// Appends it as it is shown.
    pub(crate) fn push_to(&self, out: &mut String) {
        out.push_str(ALGORITHM);
        out.push(':');
        push_hex(out, &self.digest);
    }
}

impl fmt::Display for Checksum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::new();
        self.push_to(&mut text);
        f.write_str(&text)
    }
}

impl Serialize for Checksum {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Checksum {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let digits = text.strip_prefix(ALGORITHM);
        let digits = digits.and_then(|text| text.strip_prefix(':'));
        let digest = digits.and_then(digest_of_hex);
        let digest = digest.ok_or_else(|| serde::de::Error::custom("not a checksum"))?;
        Ok(Self { digest })
    }
}

fn digest_of_hex(digits: &str) -> Option<[u8; 32]> {
    let mut digest = [0; 32];
    for (at, byte) in digest.iter_mut().enumerate() {
        *byte = u8::from_str_radix(digits.get(2 * at..2 * at + 2)?, 16).ok()?;
    }
    (hex(&digest) == digits).then_some(digest)
}

fn hex_of(byte: u8) -> [u8; 2] {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    [byte >> 4, byte & 0xf].map(|half| DIGITS[usize::from(half)])
}

/// Writes bytes as hex digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(2 * bytes.len());
    push_hex(&mut out, bytes);
    out
}

/// Appends bytes as hex digits.
pub(crate) fn push_hex(out: &mut String, bytes: &[u8]) {
    // By digests and their halves: pushed one by one, digits cost several times as much.
    for part in bytes.chunks(8) {
        let mut digits = [0; 16];
        for (pair, byte) in digits.chunks_exact_mut(2).zip(part) {
            pair.copy_from_slice(&hex_of(*byte));
        }
        let digits = digits.get(..2 * part.len()).unwrap_or_default();
        out.push_str(std::str::from_utf8(digits).unwrap_or_default());
    }
}

/// Returns the checksum of a JSON value: of its canonical form, so that white space, the order of keys
/// and the way in which numbers and strings are written do not count.
pub fn checksum_of(value: RawJson<'_>) -> Checksum {
    Checksum {
        digest: Sha256::digest(canonical(value)).into(),
    }
}

/// Returns the checksum of a text that is canonical already.
pub(crate) fn checksum_of_canonical(text: &str) -> Checksum {
    Checksum {
        digest: Sha256::digest(text).into(),
    }
}

/// Makes the checksum of a text that is canonical already and comes in parts.
#[derive(Default)]
pub(crate) struct Hasher(Sha256);

impl Hasher {
    pub(crate) fn text(&mut self, canonical: &str) {
        self.0.update(canonical);
    }

    pub(crate) fn finish(self) -> Checksum {
        Checksum {
            digest: self.0.finalize().into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checksum_is_read_as_it_was_written() {
        let checksum = checksum_of_canonical("{}");
        let text = serde_json::to_string(&checksum).unwrap();
        assert_eq!(serde_json::from_str::<Checksum>(&text).unwrap(), checksum);
        for other in [
            text.replace("jcs-1", "jcs-2"),
            text.replace(":44", ":4"),
            text.replace(":44", ":+4"),
            text.to_uppercase(),
        ] {
            assert!(serde_json::from_str::<Checksum>(&other).is_err(), "{other}");
        }
    }
}
