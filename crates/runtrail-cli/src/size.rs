//! Sizes, lengths of time and zones as they stand on a command line.

use runtrail_core::time::Timestamp;
use runtrail_trigger::Limit;

/// Reads a number of bytes: `1GiB`, `512M`, `64k`, `1000000`.
///
/// Every unit is a power of 1024, with or without `iB` or `B`: memory comes in those.
pub(crate) fn parse_bytes(text: &str) -> Result<usize, String> {
    const EXPECTED: &str = "expected a size such as 512MiB, 1GiB or 1.5G";
    let lower = text.trim().to_ascii_lowercase();
    let split = lower
        .find(|c: char| !(c.is_ascii_digit() || c == '.'))
        .unwrap_or(lower.len());
    let (number, unit) = lower.split_at(split);
    let number: f64 = number.parse().map_err(|_| EXPECTED.to_owned())?;
    let power = match unit.trim().trim_end_matches('b').trim_end_matches('i') {
        "" => 0,
        "k" => 1,
        "m" => 2,
        "g" => 3,
        "t" => 4,
        _ => return Err(EXPECTED.to_owned()),
    };
    let bytes = number * 1024_f64.powi(power);
    // 2^53 is where a float stops being exact, and far beyond any machine's memory.
    if bytes > 9_007_199_254_740_992.0 {
        Err("too large".to_owned())
    } else {
        Ok(bytes as usize)
    }
}

/// Reads a length of time, in milliseconds: `100ms`, `1.5s`, `2m`, `1h`.
pub(crate) fn parse_duration(text: &str) -> Result<f64, String> {
    const EXPECTED: &str = "expected a length of time such as 100ms, 1.5s or 2m";
    let lower = text.trim().to_ascii_lowercase();
    let split = lower
        .find(|c: char| !(c.is_ascii_digit() || c == '.'))
        .unwrap_or(lower.len());
    let (number, unit) = lower.split_at(split);
    let number: f64 = number.parse().map_err(|_| EXPECTED.to_owned())?;
    let millis = match unit.trim() {
        "ms" => 1.0,
        "s" => 1e3,
        "m" | "min" => 60e3,
        "h" => 3600e3,
        _ => return Err(EXPECTED.to_owned()),
    };
    Ok(number * millis)
}

/// Reads an age, in milliseconds: as [`parse_duration`], and in days and weeks.
pub(crate) fn parse_age(text: &str) -> Result<f64, String> {
    const EXPECTED: &str = "expected an age such as 90m, 12h, 30d or 4w";
    let lower = text.trim().to_ascii_lowercase();
    let days = match lower.strip_suffix('w') {
        Some(weeks) => weeks.parse().map(|weeks: u32| f64::from(weeks) * 7.0),
        None => lower
            .strip_suffix('d')
            .unwrap_or("")
            .parse::<u32>()
            .map(f64::from),
    };
    match days {
        Ok(days) => Ok(days * 86_400_000.0),
        Err(_) => parse_duration(text).map_err(|_| EXPECTED.to_owned()),
    }
}

/// Reads a time; one without an offset is UTC.
pub(crate) fn parse_time(text: &str) -> Result<Timestamp, String> {
    Timestamp::parse_with(text.trim(), Some(0))
        .map_err(|error| format!("{error}: expected e.g. 2026-11-20T03:12:04Z"))
}

/// Reads how many records a page holds.
pub(crate) fn parse_limit(text: &str) -> Result<Limit, String> {
    let records: i64 = text
        .trim()
        .parse()
        .map_err(|_| "expected a number".to_owned())?;
    Limit::new(records).map_err(|error| error.to_string())
}

/// Reads a UTC offset, in minutes: `UTC`, `+07:00`, `-0330`.
pub(crate) fn parse_zone(text: &str) -> Result<i32, String> {
    const EXPECTED: &str = "expected UTC or an offset such as +07:00";
    let text = text.trim();
    if text.eq_ignore_ascii_case("utc") || text.eq_ignore_ascii_case("z") {
        return Ok(0);
    }
    let (sign, rest) = match text.split_at_checked(1) {
        Some(("+", rest)) => (1, rest),
        Some(("-", rest)) => (-1, rest),
        _ => return Err(EXPECTED.to_owned()),
    };
    let digits = match rest.split_once(':') {
        Some((hours, minutes)) if hours.len() == 2 => format!("{hours}{minutes}"),
        Some(_) => return Err(EXPECTED.to_owned()),
        None => rest.to_owned(),
    };
    let well_formed = digits.len() == 4 && digits.bytes().all(|b| b.is_ascii_digit());
    let number: i32 = digits.parse().map_err(|_| EXPECTED.to_owned())?;
    let (hours, minutes) = (number / 100, number % 100);
    if !well_formed || hours > 23 || minutes > 59 {
        return Err(EXPECTED.to_owned());
    }
    Ok(sign * (hours * 60 + minutes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        for (text, bytes) in [
            ("1GiB", 1 << 30),
            ("512M", 512 << 20),
            ("64k", 65536),
            ("1.5 gb", 1_610_612_736),
            ("7", 7),
        ] {
            assert_eq!(parse_bytes(text), Ok(bytes), "{text}");
        }
        for text in ["", "GiB", "1X", "-1M", "1e9", "99999999T", "1..5M"] {
            assert!(parse_bytes(text).is_err(), "{text}");
        }
    }

    #[test]
    fn lengths_of_time() {
        for (text, millis) in [
            ("100ms", 100.0),
            ("1.5s", 1500.0),
            ("2m", 120_000.0),
            ("1h", 3_600_000.0),
        ] {
            assert_eq!(parse_duration(text), Ok(millis), "{text}");
        }
        for text in ["", "100", "ms", "1d", "-1s"] {
            assert!(parse_duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn ages() {
        for (text, days) in [("30d", 30.0), ("2W", 14.0), ("12h", 0.5), ("36m", 0.025)] {
            assert_eq!(parse_age(text), Ok(days * 86_400_000.0), "{text}");
        }
        for text in ["", "d", "-1d", "1.5d", "30", "1y"] {
            assert!(parse_age(text).is_err(), "{text}");
        }
    }

    #[test]
    fn limits() {
        assert_eq!(parse_limit("7").map(Limit::get), Ok(7));
        assert_eq!(parse_limit("9999").map(Limit::get), Ok(5000));
        for text in ["0", "-3", "x", ""] {
            assert!(parse_limit(text).is_err(), "{text}");
        }
    }

    #[test]
    fn zones() {
        for (text, minutes) in [
            ("UTC", 0),
            ("z", 0),
            ("+07:00", 420),
            ("-0330", -210),
            ("+00:00", 0),
        ] {
            assert_eq!(parse_zone(text), Ok(minutes), "{text}");
        }
        for text in [
            "",
            "07:00",
            "+7",
            "+24:00",
            "+07:60",
            "Europe/Berlin",
            "+0:700",
            "é",
        ] {
            assert!(parse_zone(text).is_err(), "{text}");
        }
    }
}
