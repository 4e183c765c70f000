//! File names made of ids.

/// The most bytes of the id that stay readable in the name.
const PREFIX: usize = 40;

/// Makes a file name of an id, safe on every file system and unlike for unlike ids.
///
/// The name is the id's safe characters (ASCII letters in lower case, digits, `_`, `-`; at most
/// 40) and a hash of the whole id, so that names differ on case-folding file systems too, never
/// climb out of their folder and are never a device name. `extension` is without the dot.
pub fn file_name(id: &str, extension: &str) -> String {
    let mut name: String = id
        .chars()
        .take(PREFIX)
        .map(|c| {
            if c.is_ascii_alphanumeric() || c == '_' || c == '-' {
                c.to_ascii_lowercase()
            } else {
                '_'
            }
        })
        .collect();
    let hash = blake3::hash(id.as_bytes()).to_hex();
    name.push('-');
    name.push_str(&hash[..16]);
    name.push('.');
    name.push_str(extension);
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_safe_and_differ() {
        for id in [
            "",
            "../../etc/passwd",
            "CON",
            "a\0b",
            "x".repeat(9000).as_str(),
            "Ünïcode 😀",
            "-rf",
        ] {
            let name = file_name(id, "json");
            assert!(name.len() <= PREFIX + 22, "{name}");
            assert!(
                name.bytes()
                    .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"_-.".contains(&b)),
                "{name}"
            );
        }
        assert_ne!(file_name("Run", "json"), file_name("run", "json"));
        assert_ne!(file_name("a/b", "json"), file_name("a_b", "json"));
        assert_eq!(file_name("r1", "json"), file_name("r1", "json"));
    }
}
