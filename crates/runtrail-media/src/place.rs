//! Where the bytes of a handle are.

use runtrail_core::export::ExportError;

const PREFIX: &str = "sha256:";
const DIGITS: usize = 64;

/// Returns the folder and the name of a handle; handles are foreign text, and anything else is
/// refused before it becomes a path.
pub(crate) fn place(handle: &str) -> Result<(&str, &str), ExportError> {
    let digits = handle.strip_prefix(PREFIX).filter(|digits| {
        let lower = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        digits.len() == DIGITS && digits.bytes().all(lower)
    });
    let digits = digits.ok_or_else(|| {
        ExportError::permanent("a handle of media must be `sha256:` and 64 lower-case digits")
    })?;
    Ok((&digits[..2], digits))
}

#[cfg(test)]
mod tests {
    use super::place;

    #[test]
    fn nothing_but_a_handle_becomes_a_path() {
        let good = format!("sha256:{}", "0a".repeat(32));
        assert_eq!(place(&good).unwrap(), ("0a", &good[7..]));
        let others = [
            String::new(),
            "0a".repeat(32),
            format!("sha256:{}", "0A".repeat(32)),
            format!("sha256:{}", "0a".repeat(31)),
            format!("sha256:{}", "../".repeat(22).split_at(64).0),
            format!("sha512:{}", "0a".repeat(32)),
        ];
        for other in others {
            assert!(place(&other).is_err(), "{other}");
        }
    }
}
