//! Points in time, exact to the nanosecond.

use std::fmt;

use chrono::{DateTime, Datelike, SecondsFormat, TimeZone, Utc};

const MICROS_PER_SECOND: i64 = 1_000_000;
const SECONDS_PER_DAY: i64 = 86_400;
/// 0001-01-01 in days since the epoch; earlier days are beyond most readers.
const FIRST_DAY: i64 = -719_162;
/// The years 0000 to 9999, in seconds since the epoch.
const WRITABLE_SECONDS: std::ops::Range<i64> = -62_167_219_200..253_402_300_800;

/// A point in time: UTC microseconds since the Unix epoch and the nanoseconds beyond them.
///
/// The split follows the lake's columns (`timestamp`, `timestamp_nanos`), so that a source with
/// nanoseconds loses nothing in a table whose unit is the microsecond. Years 0000 to 9999.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp {
    micros: i64,
    nanos: u16,
}

impl Timestamp {
    /// Makes a timestamp of microseconds since the epoch.
    pub fn from_micros(micros: i64) -> Self {
        Self { micros, nanos: 0 }
    }

    /// Makes a timestamp of microseconds and the nanoseconds (0 to 999) beyond them.
    ///
    /// Nanoseconds past 999 are carried into the microseconds.
    pub fn from_parts(micros: i64, nanos: u16) -> Self {
        Self {
            micros: micros.saturating_add(i64::from(nanos / 1000)),
            nanos: nanos % 1000,
        }
    }

    /// Returns the whole microseconds since the epoch.
    pub fn micros(self) -> i64 {
        self.micros
    }

    /// Returns the nanoseconds (0 to 999) beyond the microseconds.
    pub fn nanos(self) -> u16 {
        self.nanos
    }

    /// Returns the milliseconds from `earlier` to here; negative where `earlier` is later.
    pub fn millis_since(self, earlier: Self) -> f64 {
        let micros = self.micros.saturating_sub(earlier.micros) as f64;
        let nanos = f64::from(self.nanos) - f64::from(earlier.nanos);
        micros / 1e3 + nanos / 1e6
    }

    /// Returns this time less a number of milliseconds. What is not finite, negative, or leads to a
    /// time before the year 1 leaves it unchanged.
    pub fn minus_millis(self, millis: f64) -> Self {
        if !millis.is_finite() || millis <= 0.0 {
            return self;
        }
        let micros = (millis * 1e3).round();
        if micros > (self.micros - FIRST_DAY * SECONDS_PER_DAY * MICROS_PER_SECOND) as f64 {
            return self;
        }
        Self {
            micros: self.micros.saturating_sub(micros as i64),
            nanos: self.nanos,
        }
    }

    /// Returns the UTC day as year, month and day.
    pub fn date(self) -> (i32, u32, u32) {
        let when = self.to_chrono();
        (when.year(), when.month(), when.day())
    }

    /// Returns the number of UTC days since the epoch.
    pub fn day(self) -> i64 {
        self.micros.div_euclid(MICROS_PER_SECOND * SECONDS_PER_DAY)
    }

    /// Returns the hour of the UTC day, 0 to 23.
    pub fn hour(self) -> u32 {
        let seconds = self
            .micros
            .div_euclid(MICROS_PER_SECOND)
            .rem_euclid(SECONDS_PER_DAY);
        (seconds / 3600) as u32
    }

    /// Returns the same time as a chrono value, for display.
    pub fn to_chrono(self) -> DateTime<Utc> {
        let seconds = self.micros.div_euclid(MICROS_PER_SECOND);
        let below = self.micros.rem_euclid(MICROS_PER_SECOND) as u32 * 1000 + u32::from(self.nanos);
        Utc.timestamp_opt(seconds, below)
            .single()
            .unwrap_or_default()
    }

    /// Appends the time as it is shown; formatting takes several times as long.
    pub fn push_to(self, out: &mut String) {
        let digits = self.shown_digits();
        match self.in_four_digit_years(digits) {
            Some(shown) => {
                out.push_str(std::str::from_utf8(&shown[..21 + digits]).unwrap_or_default());
            }
            None => out.push_str(&self.to_string()),
        }
    }

    /// Digits of the fraction that are shown: more than microseconds only where there are some.
    fn shown_digits(self) -> usize {
        if self.nanos == 0 { 6 } else { 9 }
    }

    /// Returns the time as text with so many digits (at most 9) of a fraction, where its year has four.
    ///
    /// A view of a run holds two times a span, and formatting takes several times as long.
    fn in_four_digit_years(self, fraction: usize) -> Option<[u8; 30]> {
        let seconds = self.micros.div_euclid(MICROS_PER_SECOND);
        if !WRITABLE_SECONDS.contains(&seconds) {
            return None;
        }
        let (year, month, day) = self.date();
        let of_day = seconds.rem_euclid(SECONDS_PER_DAY) as u32;
        let below = self.micros.rem_euclid(MICROS_PER_SECOND) as u32 * 1000 + u32::from(self.nanos);
        let mut text = *b"0000-00-00T00:00:00.000000000Z";
        let year = u32::try_from(year).ok()?;
        let parts = [
            (0..4, year),
            (5..7, month),
            (8..10, day),
            (11..13, of_day / 3600),
            (14..16, of_day / 60 % 60),
            (17..19, of_day % 60),
            (20..29, below),
        ];
        for (place, mut number) in parts {
            for digit in text[place].iter_mut().rev() {
                *digit = b'0' + (number % 10) as u8;
                number /= 10;
            }
        }
        text[20 + fraction] = b'Z';
        Some(text)
    }

    /// Reads an RFC 3339 time; see [`ParseTimeError`] for what is refused.
    ///
    /// Accepted beside RFC 3339: a space for `T`, offsets written `+0100` or `+01`, no fraction,
    /// 1 to 9 fraction digits.
    pub fn parse(text: &str) -> Result<Self, ParseTimeError> {
        Self::parse_with(text, None)
    }

    /// Reads a time as [`Timestamp::parse`] does, assuming an offset in minutes where none is written.
    pub fn parse_with(text: &str, assume_minutes: Option<i32>) -> Result<Self, ParseTimeError> {
        let bytes = text.as_bytes();
        let head = bytes.get(..19).ok_or(ParseTimeError::Malformed)?;
        let seconds = civil_seconds(head)?;
        let mut at = 19;
        let mut fraction = 0_u32;
        if bytes.get(at) == Some(&b'.') {
            let digits = bytes[at + 1..]
                .iter()
                .take_while(|b| b.is_ascii_digit())
                .count();
            match digits {
                0 => return Err(ParseTimeError::Malformed),
                1..=9 => {}
                _ => return Err(ParseTimeError::TooFine),
            }
            for &digit in &bytes[at + 1..=at + digits] {
                fraction = fraction * 10 + u32::from(digit - b'0');
            }
            fraction *= 10_u32.pow(9 - digits as u32);
            at += 1 + digits;
        }
        let offset = match offset_minutes(&bytes[at..])? {
            Some(minutes) => minutes,
            None => assume_minutes.ok_or(ParseTimeError::NoOffset)?,
        };
        let seconds = seconds - i64::from(offset) * 60;
        // An offset can lead out of the years that can be written again.
        if !WRITABLE_SECONDS.contains(&seconds) {
            return Err(ParseTimeError::OutOfRange);
        }
        let micros = seconds * MICROS_PER_SECOND + i64::from(fraction / 1000);
        Ok(Self {
            micros,
            nanos: (fraction % 1000) as u16,
        })
    }
}

/// Reads `+HH:MM`, `+HHMM`, `+HH`, `Z` or nothing.
fn offset_minutes(rest: &[u8]) -> Result<Option<i32>, ParseTimeError> {
    let sign = match rest {
        [] => return Ok(None),
        [b'Z' | b'z'] => return Ok(Some(0)),
        [b'+', ..] => 1,
        [b'-', ..] => -1,
        _ => return Err(ParseTimeError::Malformed),
    };
    let (hours, minutes) = match rest.len() {
        6 if rest[3] == b':' => (two(rest, 1)?, two(rest, 4)?),
        5 => (two(rest, 1)?, two(rest, 3)?),
        3 => (two(rest, 1)?, 0),
        _ => return Err(ParseTimeError::Malformed),
    };
    if hours > 23 || minutes > 59 {
        return Err(ParseTimeError::OutOfRange);
    }
    Ok(Some(sign * (hours * 60 + minutes) as i32))
}

fn two(bytes: &[u8], at: usize) -> Result<u32, ParseTimeError> {
    match bytes.get(at..at + 2) {
        Some(&[a, b]) if a.is_ascii_digit() && b.is_ascii_digit() => {
            Ok(u32::from(a - b'0') * 10 + u32::from(b - b'0'))
        }
        _ => Err(ParseTimeError::Malformed),
    }
}

/// Seconds since the epoch of `YYYY-MM-DDTHH:MM:SS`, read as UTC.
fn civil_seconds(head: &[u8]) -> Result<i64, ParseTimeError> {
    let marks = [(4, b'-'), (7, b'-'), (13, b':'), (16, b':')];
    if marks.iter().any(|&(at, mark)| head[at] != mark) || !matches!(head[10], b'T' | b't' | b' ') {
        return Err(ParseTimeError::Malformed);
    }
    let year = i64::from(two(head, 0)? * 100 + two(head, 2)?);
    let (month, day) = (two(head, 5)?, two(head, 8)?);
    let (hour, minute, second) = (two(head, 11)?, two(head, 14)?, two(head, 17)?);
    if hour > 23 || minute > 59 || second > 59 || day == 0 || day > days_in_month(year, month) {
        return Err(ParseTimeError::OutOfRange);
    }
    let clock = i64::from(hour) * 3600 + i64::from(minute) * 60 + i64::from(second);
    Ok(days_from_civil(year, month, day) * SECONDS_PER_DAY + clock)
}

fn days_in_month(year: i64, month: u32) -> u32 {
    match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        _ => 0,
    }
}

/// Days since 1970-01-01 in the proleptic Gregorian calendar, counted in 400-year eras that begin
/// in March, so that the leap day is the last of its year.
fn days_from_civil(year: i64, month: u32, day: u32) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let month_from_march = i64::from((month + 9) % 12);
    let day_of_year = (153 * month_from_march + 2) / 5 + i64::from(day) - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.shown_digits();
        if let Some(shown) = self.in_four_digit_years(digits) {
            return f.write_str(std::str::from_utf8(&shown[..21 + digits]).unwrap_or_default());
        }
        let format = if self.nanos == 0 {
            SecondsFormat::Micros
        } else {
            SecondsFormat::Nanos
        };
        f.write_str(&self.to_chrono().to_rfc3339_opts(format, true))
    }
}

impl<'de> serde::Deserialize<'de> for Timestamp {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

impl serde::Serialize for Timestamp {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Why a text is not a time that Runtrail reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ParseTimeError {
    /// No offset is written and none was to be assumed.
    #[error("timestamp has no UTC offset")]
    NoOffset,
    /// The text has another shape.
    #[error("timestamp is not RFC 3339")]
    Malformed,
    /// The fraction has more than nine digits.
    #[error("timestamp has more than 9 fraction digits")]
    TooFine,
    /// A part is outside its range, such as a 13th month or a leap second.
    #[error("timestamp has a part out of range")]
    OutOfRange,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn show(text: &str) -> String {
        Timestamp::parse(text).map_or_else(|e| e.to_string(), |t| t.to_string())
    }

    #[test]
    fn real_producers_are_understood() {
        let same = "2026-11-21T01:36:25.000000Z";
        for text in [
            "2026-11-21T01:36:25Z",
            "2026-11-21T01:36:25+00:00",
            "2026-11-21 01:36:25.0Z",
            "2026-11-21T08:36:25+07:00",
            "2026-11-20T20:36:25-0500",
            "2026-11-21T02:36:25+01",
        ] {
            assert_eq!(show(text), same, "{text}");
        }
        assert_eq!(
            show("2020-12-10T18:54:05.627515990Z"),
            "2020-12-10T18:54:05.627515990Z"
        );
        assert_eq!(
            show("1969-12-31T23:59:59.9999999Z"),
            "1969-12-31T23:59:59.999999900Z"
        );
    }

    #[test]
    fn what_is_refused_says_why() {
        assert_eq!(show("2026-11-21T01:36:25"), "timestamp has no UTC offset");
        assert_eq!(
            show("2026-11-21T01:36:25.0123456789Z"),
            "timestamp has more than 9 fraction digits"
        );
        for text in [
            "2026-02-30T01:36:25Z",
            "9999-12-31T23:59:59-00:01",
            "0000-01-01T00:00:00+00:01",
        ] {
            assert_eq!(show(text), "timestamp has a part out of range", "{text}");
        }
        for text in [
            "",
            "now",
            "2026-11-21",
            "1764552985",
            "2026-11-21T01:36:25.Z",
            "2026-11-21T01:36:25X",
        ] {
            assert_eq!(show(text), "timestamp is not RFC 3339", "{text}");
        }
    }

    #[test]
    fn an_absurd_duration_leads_nowhere() {
        let end = Timestamp::parse("2026-11-21T01:00:00Z").unwrap();
        let start = |millis: f64| end.minus_millis(millis).to_string();
        assert_eq!(start(1500.0), "2026-11-21T00:59:58.500000Z");
        for millis in [1e300, 6.4e13, f64::NAN, f64::INFINITY, -1.0] {
            assert_eq!(start(millis), end.to_string(), "{millis}");
        }
    }

    #[test]
    fn an_assumed_offset_is_used_only_where_none_is_written() {
        let assumed = |text| Timestamp::parse_with(text, Some(60)).map(|t| t.to_string());
        assert_eq!(
            assumed("2026-11-21T01:00:00").as_deref(),
            Ok("2026-11-21T00:00:00.000000Z")
        );
        assert_eq!(
            assumed("2026-11-21T01:00:00Z").as_deref(),
            Ok("2026-11-21T01:00:00.000000Z")
        );
    }

    proptest! {
        #[test]
        fn every_time_reads_back_and_agrees_with_chrono(seconds in -62_167_219_200_i64..253_402_300_799, nanos in prop_oneof![0_u32..1_000_000_000, (0_u32..1_000_000).prop_map(|micros| micros * 1000)]) {
            let when = Utc.timestamp_opt(seconds, nanos).single().unwrap();
            let text = when.to_rfc3339_opts(SecondsFormat::Nanos, true);
            let read = Timestamp::parse(&text).unwrap();
            prop_assert_eq!(read.to_chrono(), when);
            prop_assert_eq!(Timestamp::parse(&read.to_string()).unwrap(), read);
            let mut pushed = String::new();
            read.push_to(&mut pushed);
            prop_assert_eq!(pushed, read.to_string());
            let digits = if read.nanos() == 0 { SecondsFormat::Micros } else { SecondsFormat::Nanos };
            prop_assert_eq!(read.to_string(), when.to_rfc3339_opts(digits, true));
        }
    }
}
