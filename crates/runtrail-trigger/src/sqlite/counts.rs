//! How many markers there are in a stretch of time, without counting them.
//!
//! Time is cut into stretches of about one second, 256 of these, and 256 of those; for each there
//! is a row of counts. A range is a few whole stretches of each length, and at its two ends a part
//! of a second, in which the markers are counted one by one.

use std::collections::BTreeMap;

use rusqlite::{Connection, Transaction, params_from_iter};

use super::filter::{Filter, count_at};
use crate::query::{MarkerState, TimeRange};
use runtrail_core::time::Timestamp;

/// The shortest stretches: 2^20 microseconds.
const SHIFT: u32 = 20;
/// How many stretches make one of the next level.
const FAN: i64 = 256;
/// The lengths of stretches: one second, five minutes, nineteen hours.
const LEVELS: u32 = 3;

/// A change of the counts of one stretch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Delta {
    pub(super) events: i64,
    pub(super) matched: i64,
    pub(super) triggered: i64,
}

/// Changes that are written once, at the end of a transaction.
#[derive(Debug, Default)]
pub(super) struct Deltas(BTreeMap<i64, Delta>);

impl Deltas {
    /// Notes a change at a time.
    pub(super) fn add(&mut self, at: Timestamp, change: Delta) {
        let sum = self.0.entry(at.micros() >> SHIFT).or_default();
        sum.events += change.events;
        sum.matched += change.matched;
        sum.triggered += change.triggered;
    }

    /// Writes the changes.
    pub(super) fn flush(&mut self, transaction: &Transaction<'_>) -> rusqlite::Result<()> {
        let mut deltas = std::mem::take(&mut self.0);
        for level in 0..LEVELS {
            let mut above: BTreeMap<i64, Delta> = BTreeMap::new();
            for (bucket, delta) in deltas {
                write(transaction, level, bucket, delta)?;
                let sum = above.entry(bucket.div_euclid(FAN)).or_default();
                sum.events += delta.events;
                sum.matched += delta.matched;
                sum.triggered += delta.triggered;
            }
            deltas = above;
        }
        Ok(())
    }
}

fn write(
    transaction: &Transaction<'_>,
    level: u32,
    bucket: i64,
    delta: Delta,
) -> rusqlite::Result<()> {
    if delta == Delta::default() {
        return Ok(());
    }
    transaction
        .prepare_cached(
            "INSERT INTO counts (level, bucket, events, matched, triggered) VALUES (?, ?, ?, ?, ?)
             ON CONFLICT DO UPDATE SET events = events + excluded.events,
                 matched = matched + excluded.matched,
                 triggered = triggered + excluded.triggered",
        )?
        .execute((level, bucket, delta.events, delta.matched, delta.triggered))?;
    if delta.events < 0 {
        transaction
            .prepare_cached("DELETE FROM counts WHERE level = ? AND bucket = ? AND events = 0")?
            .execute((level, bucket))?;
    }
    Ok(())
}

/// Counts the markers of a state in a range.
pub(super) fn total(
    connection: &Connection,
    state: MarkerState,
    range: &TimeRange,
) -> rusqlite::Result<u64> {
    let first = range.from.map_or(i64::MIN >> SHIFT, first_whole);
    let end = range.until.map_or((i64::MAX >> SHIFT) + 1, end_of_whole);
    if first >= end {
        return one_by_one(connection, state, range);
    }
    let mut total = whole(connection, state, 0, (first, end))?;
    if let Some(from) = range.from.filter(|from| from.micros() >> SHIFT < first) {
        let head = TimeRange {
            from: Some(from),
            until: Some(last_of(first - 1)),
        };
        total += one_by_one(connection, state, &head)?;
    }
    if let Some(until) = range.until.filter(|until| until.micros() >> SHIFT >= end) {
        let tail = TimeRange {
            from: Some(Timestamp::from_micros(end << SHIFT)),
            until: Some(until),
        };
        total += one_by_one(connection, state, &tail)?;
    }
    Ok(total)
}

/// The first stretch that lies wholly in a range that begins here.
fn first_whole(from: Timestamp) -> i64 {
    let bucket = from.micros() >> SHIFT;
    let begins_here = Timestamp::from_micros(bucket << SHIFT) == from;
    bucket + i64::from(!begins_here)
}

/// The stretch after the last one that lies wholly in a range that ends here.
fn end_of_whole(until: Timestamp) -> i64 {
    let bucket = until.micros() >> SHIFT;
    bucket + i64::from(last_of(bucket) == until)
}

/// The last moment of a stretch.
fn last_of(bucket: i64) -> Timestamp {
    Timestamp::from_parts((bucket << SHIFT) | ((1 << SHIFT) - 1), 999)
}

/// Sums stretches of a level, by those of the next level where they fill them.
fn whole(
    connection: &Connection,
    state: MarkerState,
    level: u32,
    (first, end): (i64, i64),
) -> rusqlite::Result<u64> {
    let (first_above, end_above) = (
        first.div_euclid(FAN) + i64::from(first.rem_euclid(FAN) != 0),
        end.div_euclid(FAN),
    );
    if level + 1 == LEVELS || first_above >= end_above {
        return sum(connection, state, level, (first, end));
    }
    Ok(sum(connection, state, level, (first, first_above * FAN))?
        + sum(connection, state, level, (end_above * FAN, end))?
        + whole(connection, state, level + 1, (first_above, end_above))?)
}

fn sum(
    connection: &Connection,
    state: MarkerState,
    level: u32,
    (first, end): (i64, i64),
) -> rusqlite::Result<u64> {
    let column = match state {
        MarkerState::All => "events",
        MarkerState::Matched => "matched",
        MarkerState::Unmatched => "events - matched",
        MarkerState::Triggered => "triggered",
        MarkerState::Untriggered => "events - triggered",
    };
    let sql = format!(
        "SELECT coalesce(sum({column}), 0) FROM counts WHERE level = ? AND bucket >= ? AND bucket < ?"
    );
    connection
        .prepare_cached(&sql)?
        .query_row((level, first, end), |row| count_at(row, 0))
}

fn one_by_one(
    connection: &Connection,
    state: MarkerState,
    range: &TimeRange,
) -> rusqlite::Result<u64> {
    let mut filter = Filter::default();
    filter.and_range("m", range);
    and_state(&mut filter, state);
    let sql = format!("SELECT count(*) FROM markers AS m{}", filter.sql());
    connection
        .prepare_cached(&sql)?
        .query_row(params_from_iter(&filter.values), |row| count_at(row, 0))
}

/// Adds that markers are of a state.
pub(super) fn and_state(filter: &mut Filter, state: MarkerState) {
    match state {
        MarkerState::All => {}
        MarkerState::Matched => filter.and_flag("m.matched", Some(true)),
        MarkerState::Unmatched => filter.and_flag("m.matched", Some(false)),
        MarkerState::Triggered => filter.and_flag("m.triggered", Some(true)),
        MarkerState::Untriggered => filter.and_flag("m.triggered", Some(false)),
    }
}
