//! Numbers as people read them.

use chrono::{DateTime, Local, Utc};
use runtrail_core::time::Timestamp;

/// Shows a count with its thousands apart: `1,204`.
pub(crate) fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut shown = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            shown.push(',');
        }
        shown.push(digit);
    }
    shown
}

/// Shows a count and its noun: `1 run`, `1,204 runs`.
pub(crate) fn counted(n: u64, noun: &str) -> String {
    let ending = if n == 1 { "" } else { "s" };
    format!("{} {noun}{ending}", count(n))
}

/// Shows a count in a few characters: `141.2M`.
pub(crate) fn short_count(n: u64) -> String {
    match n {
        0..10_000 => count(n),
        10_000..1_000_000 => format!("{:.1}k", n as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1}M", n as f64 / 1e6),
        _ => format!("{:.2}G", n as f64 / 1e9),
    }
}

/// Shows a number of bytes: `8.87 GiB`.
pub(crate) fn bytes(n: u64) -> String {
    const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    if n < 1024 {
        return format!("{n} B");
    }
    let mut size = n as f64 / 1024.0;
    let mut unit = 0;
    while size >= 999.5 && unit + 1 < UNITS.len() {
        size /= 1024.0;
        unit += 1;
    }
    let digits = if size < 10.0 {
        2
    } else {
        usize::from(size < 100.0)
    };
    format!("{size:.digits$} {}", UNITS[unit])
}

/// Shows a length of time, in three digits or so: `813ms`, `6.30s`, `2m 04s`.
pub(crate) fn duration(millis: f64) -> String {
    let millis = millis.max(0.0);
    if millis < 0.9995 {
        return if millis == 0.0 {
            "0ms".to_owned()
        } else {
            format!("{:.2}ms", millis.max(0.01))
        };
    }
    if millis < 999.5 {
        let digits = usize::from(millis < 9.95);
        return format!("{millis:.digits$}ms");
    }
    if millis < 59_950.0 {
        let digits = if millis < 9_995.0 { 2 } else { 1 };
        return format!("{:.digits$}s", millis / 1e3);
    }
    let seconds = (millis / 1e3).round() as u64;
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    match (days, hours) {
        (0, 0) => format!("{minutes}m {:02}s", seconds % 60),
        (0, _) => format!("{hours}h {:02}m", minutes % 60),
        _ => format!("{}d {:02}h", count(days), hours % 24),
    }
}

/// Shows an amount in US dollars; small ones in four decimals or two digits.
pub(crate) fn dollars(amount: f64) -> String {
    let size = amount.abs();
    if size >= 1000.0 {
        return format!("${}", count(amount.round() as u64));
    }
    if size >= 1.0 {
        return format!("${amount:.2}");
    }
    if size >= 0.000_95 || size == 0.0 {
        return format!("${amount:.4}");
    }
    let digits = (1 - size.log10().floor() as i32).clamp(4, 12) as usize;
    format!("${amount:.digits$}")
}

/// Shows a time to the minute, or to the second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Clock {
    /// In the zone of whoever looks.
    Local,
    /// In UTC.
    Utc,
}

impl Clock {
    /// Shows a time to the minute.
    pub(crate) fn minute(self, time: Timestamp) -> String {
        self.format(time, "%Y-%m-%d %H:%M")
    }

    /// Shows a time to the second.
    pub(crate) fn second(self, time: Timestamp) -> String {
        self.format(time, "%Y-%m-%d %H:%M:%S")
    }

    /// Shows a time to the millisecond.
    pub(crate) fn milli(self, time: Timestamp) -> String {
        self.format(time, "%Y-%m-%d %H:%M:%S%.3f")
    }

    fn format(self, time: Timestamp, format: &str) -> String {
        let time: DateTime<Utc> = time.to_chrono();
        match self {
            Self::Local => time.with_timezone(&Local).format(format).to_string(),
            Self::Utc => time.format(format).to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_have_their_thousands_apart() {
        assert_eq!(
            [0, 12, 123, 1204, 224_118_903].map(count),
            ["0", "12", "123", "1,204", "224,118,903"]
        );
        assert_eq!(counted(1, "run"), "1 run");
        assert_eq!(counted(0, "run"), "0 runs");
        assert_eq!(
            [9999, 12_345, 141_200_000].map(short_count),
            ["9,999", "12.3k", "141.2M"]
        );
    }

    #[test]
    fn bytes_keep_three_digits() {
        let shown = [0, 1023, 1024, 9_523_000_000, 1_023_999].map(bytes);
        assert_eq!(shown, ["0 B", "1023 B", "1.00 KiB", "8.87 GiB", "0.98 MiB"]);
    }

    #[test]
    fn durations_fit_their_size() {
        let cases = [
            (0.0, "0ms"),
            (0.000_1, "0.01ms"),
            (0.221, "0.22ms"),
            (3.11, "3.1ms"),
            (813.2, "813ms"),
            (999.6, "1.00s"),
            (6300.0, "6.30s"),
            (12_345.0, "12.3s"),
            (59_960.0, "1m 00s"),
            (124_000.0, "2m 04s"),
            (11_220_000.0, "3h 07m"),
            (187_200_000.0, "2d 04h"),
            (-5.0, "0ms"),
        ];
        for (millis, shown) in cases {
            assert_eq!(duration(millis), shown, "{millis}");
        }
    }

    #[test]
    fn small_amounts_are_never_shown_as_nothing() {
        let shown = [0.0423, 0.000_034_05, 1.5, 1234.4, 0.0].map(dollars);
        assert_eq!(
            shown,
            ["$0.0423", "$0.000034", "$1.50", "$1,234", "$0.0000"]
        );
    }
}
