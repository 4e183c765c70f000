//! Sizes and times with their units.

use std::time::Duration;

/// Reads a size such as `64MiB`, `1GB` or `4096`.
pub(super) fn bytes(text: &str) -> Option<u64> {
    let (number, unit) = parts(text)?;
    let factor: u64 = match unit {
        "" | "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        "TiB" => 1 << 40,
        "kB" | "KB" => 1000,
        "MB" => 1_000_000,
        "GB" => 1_000_000_000,
        "TB" => 1_000_000_000_000,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(factor)
}

/// Reads a time such as `200ms`, `30s`, `5m` or `1h`; a number without a unit is refused.
pub(super) fn duration(text: &str) -> Option<Duration> {
    let (number, unit) = parts(text)?;
    let number: u64 = number.parse().ok()?;
    let seconds = |factor| number.checked_mul(factor).map(Duration::from_secs);
    match unit {
        "us" => Some(Duration::from_micros(number)),
        "ms" => Some(Duration::from_millis(number)),
        "s" => seconds(1),
        "m" => seconds(60),
        "h" => seconds(3600),
        "d" => seconds(86_400),
        _ => None,
    }
}

fn parts(text: &str) -> Option<(&str, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit());
    let (number, unit) = text.split_at(end.unwrap_or(text.len()));
    (!number.is_empty()).then(|| (number, unit.trim_start()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_read_and_others_refused() {
        assert_eq!(bytes("64MiB"), Some(64 << 20));
        assert_eq!(bytes("2 GB"), Some(2_000_000_000));
        assert_eq!(bytes("4096"), Some(4096));
        for text in ["", "MiB", "-1", "1.5MiB", "1XB", "99999999999TiB"] {
            assert_eq!(bytes(text), None, "{text}");
        }
        assert_eq!(duration("500us"), Some(Duration::from_micros(500)));
        assert_eq!(duration("200ms"), Some(Duration::from_millis(200)));
        assert_eq!(duration("2h"), Some(Duration::from_secs(7200)));
        for text in [
            "30",
            "",
            "1w",
            "99999999999999999999s",
            "9999999999999999999h",
        ] {
            assert_eq!(duration(text), None, "{text}");
        }
    }
}
