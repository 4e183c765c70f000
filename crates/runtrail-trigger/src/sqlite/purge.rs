//! Retention in SQLite.

use runtrail_core::time::Timestamp;
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, params_from_iter};

use super::SqliteStore;
use super::counts::Delta;
use super::filter::{Filter, count_at, place_values, text_at, time_at, time_values};
use super::write::Writing;
use crate::error::StoreError;
use crate::query::Cursor;
use crate::retention::{Purged, Retention};

/// Records that go in one transaction: others wait for it some milliseconds.
const STEP: i64 = 500;

/// Whether a pending trigger run refers to the event `e`.
const NEEDED: &str =
    "EXISTS (SELECT 1 FROM participants AS p JOIN trigger_runs AS n USING (run_key)
    WHERE p.kind = 'event' AND p.source_id = e.event_id AND n.state = 0)";

/// What goes: everything over whose place comes before a bound.
#[derive(Debug)]
pub(super) struct Bounds {
    events: Cursor,
    runs: Cursor,
    before: Timestamp,
}

impl Bounds {
    /// Turns numbers into places, so that what is recorded later does not move them.
    pub(super) fn of(connection: &Connection, retention: &Retention) -> rusqlite::Result<Self> {
        let nothing = Timestamp::from_micros(i64::MIN);
        let before = retention.before.unwrap_or(nothing);
        let surplus = |sql: &str, kept: Option<u64>| match kept {
            None => Ok(None),
            Some(kept) => connection
                .prepare_cached(sql)?
                .query_row([i64::try_from(kept).unwrap_or(i64::MAX)], |row| {
                    Ok(after(Cursor {
                        timestamp: time_at(row, 0)?,
                        id: text_at(row, 2)?,
                    }))
                })
                .optional(),
        };
        let by_age = Cursor {
            timestamp: before,
            id: "".into(),
        };
        let events = surplus(
            "SELECT ts, ns, event_id FROM markers ORDER BY ts DESC, ns DESC, event_id DESC
             LIMIT 1 OFFSET ?",
            retention.max_events,
        )?;
        let runs = surplus(
            "SELECT last_ts, last_ns, trigger_run_id FROM trigger_runs WHERE state <> 0
             ORDER BY last_ts DESC, last_ns DESC, trigger_run_id DESC LIMIT 1 OFFSET ?",
            retention.max_runs,
        )?;
        Ok(Self {
            events: events.map_or(by_age.clone(), |place| place.max(by_age.clone())),
            runs: runs.map_or(by_age.clone(), |place| place.max(by_age)),
            before,
        })
    }
}

/// The place right after one: no id lies between an id and itself with a zero byte.
fn after(mut place: Cursor) -> Cursor {
    place.id = format!("{}\0", place.id).into();
    place
}

/// Counts what goes.
pub(super) fn plan(connection: &Connection, bounds: &Bounds) -> rusqlite::Result<Purged> {
    let gone = format!("(e.ts, e.ns, e.event_id) < (?1, ?2, ?3) AND NOT {NEEDED}");
    let over = format!(
        "r.state <> 0 AND ((r.last_ts, r.last_ns, r.trigger_run_id) < (?4, ?5, ?6)
         OR EXISTS (SELECT 1 FROM participants AS q JOIN events AS e ON e.event_id = q.source_id
                    WHERE q.run_key = r.run_key AND q.kind = 'event' AND {gone}))"
    );
    let links = format!(
        "CASE WHEN l.loose = 0
         THEN EXISTS (SELECT 1 FROM events AS e WHERE e.event_id = l.source_id AND {gone})
         ELSE (l.ts, l.ns) < (?7, ?8)
           OR EXISTS (SELECT 1 FROM trigger_runs AS r
                      WHERE r.trigger_run_id = l.trigger_run_id AND {over}) END"
    );
    let values = place_values(&bounds.events).into_iter();
    let values = values.chain(place_values(&bounds.runs));
    let values: Vec<Value> = values.chain(time_values(bounds.before)).collect();
    let count = |from: &str, used: usize| {
        let mut statement = connection.prepare_cached(&format!("SELECT count(*) FROM {from}"))?;
        let used = values.iter().take(used);
        statement.query_row(params_from_iter(used), |row| count_at(row, 0))
    };
    Ok(Purged {
        events: count(&format!("markers AS e WHERE {gone}"), 3)?,
        runs: count(&format!("trigger_runs AS r WHERE {over}"), 6)?,
        links: count(&format!("links AS l WHERE {links}"), 8)?,
        spared: spared(connection, bounds)?,
    })
}

/// Counts the events that only a pending trigger run keeps.
fn spared(connection: &Connection, bounds: &Bounds) -> rusqlite::Result<u64> {
    connection
        .prepare_cached(
            "SELECT count(DISTINCT e.event_key) FROM trigger_runs AS r
                 JOIN participants AS p USING (run_key) JOIN events AS e ON e.event_id = p.source_id
             WHERE r.state = 0 AND p.kind = 'event' AND (e.ts, e.ns, e.event_id) < (?, ?, ?)",
        )?
        .query_row(params_from_iter(place_values(&bounds.events)), |row| {
            count_at(row, 0)
        })
}

/// Removes what goes, step by step, each step a transaction.
pub(super) fn purge(store: &SqliteStore, retention: &Retention) -> Result<Purged, StoreError> {
    let (bounds, spared) = store.read("plan a purge", |reading| {
        let bounds = Bounds::of(reading, retention)?;
        let spared = spared(reading, &bounds)?;
        Ok((bounds, spared))
    })?;
    let mut purged = Purged {
        spared,
        ..Purged::default()
    };
    let mut last = None;
    loop {
        let step = store.write("remove events", |writing| {
            remove_events(writing, &bounds, last.as_ref())
        })?;
        purged.add(&step.purged);
        last = step.last;
        if last.is_none() {
            break;
        }
    }
    while {
        let step = store.write("remove trigger runs", |writing| {
            remove_old_runs(writing, &bounds)
        })?;
        purged.add(&step);
        step.runs > 0
    } {}
    while {
        let step = store.write("remove links", |writing| remove_loose(writing, &bounds))?;
        purged.links += step;
        step > 0
    } {}
    Ok(purged)
}

impl Purged {
    fn add(&mut self, step: &Self) {
        self.events += step.events;
        self.runs += step.runs;
        self.links += step.links;
    }
}

/// What one transaction removed, and the last place that it looked at, if there may be more.
struct Step {
    purged: Purged,
    last: Option<Cursor>,
}

/// A marker that is looked at.
struct Doomed {
    place: Cursor,
    event_key: i64,
    code_id: i64,
    change: Delta,
    needed: bool,
}

fn remove_events(
    writing: &mut Writing<'_>,
    bounds: &Bounds,
    last: Option<&Cursor>,
) -> rusqlite::Result<Step> {
    let doomed = look_at(writing.transaction, bounds, last)?;
    let mut step = Step {
        purged: Purged::default(),
        last: doomed
            .last()
            .filter(|_| doomed.len() as i64 == STEP)
            .map(|last| last.place.clone()),
    };
    for event in doomed.iter().filter(|event| !event.needed) {
        remove_event(writing, event, &mut step.purged)?;
    }
    Ok(step)
}

fn look_at(
    connection: &Connection,
    bounds: &Bounds,
    last: Option<&Cursor>,
) -> rusqlite::Result<Vec<Doomed>> {
    let mut filter = Filter::default();
    if let Some(last) = last {
        filter.and("(e.ts, e.ns, e.event_id) > (?, ?, ?)", place_values(last));
    }
    filter.and(
        "(e.ts, e.ns, e.event_id) < (?, ?, ?)",
        place_values(&bounds.events),
    );
    let sql = format!(
        "SELECT e.ts, e.ns, e.event_id, e.event_key, e.code_id, e.matched, e.triggered, {NEEDED}
         FROM markers AS e{} ORDER BY e.ts, e.ns, e.event_id LIMIT {STEP}",
        filter.sql()
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let doomed = statement.query_map(params_from_iter(&filter.values), |row| {
        Ok(Doomed {
            place: Cursor {
                timestamp: time_at(row, 0)?,
                id: text_at(row, 2)?,
            },
            event_key: row.get(3)?,
            code_id: row.get(4)?,
            change: Delta {
                events: -1,
                matched: -row.get::<_, i64>(5)?,
                triggered: -row.get::<_, i64>(6)?,
            },
            needed: row.get(7)?,
        })
    })?;
    doomed.collect()
}

/// Removes an event, its links, and the trigger runs that it took part in.
fn remove_event(
    writing: &mut Writing<'_>,
    event: &Doomed,
    purged: &mut Purged,
) -> rusqlite::Result<()> {
    let transaction = writing.transaction;
    let event_id = &*event.place.id;
    let mut runs = transaction.prepare_cached(
        "SELECT DISTINCT run_key FROM participants WHERE kind = 'event' AND source_id = ?",
    )?;
    let runs: Vec<i64> = runs
        .query_map([event_id], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    for run_key in runs {
        remove_run(writing, run_key, purged)?;
    }
    let links = transaction
        .prepare_cached("DELETE FROM links WHERE kind = 'event' AND source_id = ?")?
        .execute([event_id])?;
    transaction
        .prepare_cached("DELETE FROM event_conditions WHERE event_key = ?")?
        .execute([event.event_key])?;
    transaction
        .prepare_cached("DELETE FROM events WHERE event_key = ?")?
        .execute([event.event_key])?;
    let at = event.place.timestamp;
    transaction
        .prepare_cached("DELETE FROM markers WHERE ts = ? AND ns = ? AND event_id = ?")?
        .execute((at.micros(), at.nanos(), event_id))?;
    writing.forget(event.code_id)?;
    writing.deltas.add(at, event.change);
    purged.events += 1;
    purged.links += links as u64;
    Ok(())
}

fn remove_old_runs(writing: &mut Writing<'_>, bounds: &Bounds) -> rusqlite::Result<Purged> {
    let mut old = writing.transaction.prepare_cached(
        "SELECT run_key FROM trigger_runs
         WHERE state <> 0 AND (last_ts, last_ns, trigger_run_id) < (?, ?, ?)
         ORDER BY last_ts, last_ns, trigger_run_id LIMIT ?",
    )?;
    let values = place_values(&bounds.runs).into_iter();
    let values = values.chain([Value::Integer(STEP)]);
    let old: Vec<i64> = old
        .query_map(params_from_iter(values), |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    let mut purged = Purged::default();
    for run_key in old {
        remove_run(writing, run_key, &mut purged)?;
    }
    Ok(purged)
}

/// Removes a trigger run that is over, and those of its links that come from no recorded event.
fn remove_run(
    writing: &mut Writing<'_>,
    run_key: i64,
    purged: &mut Purged,
) -> rusqlite::Result<()> {
    let transaction = writing.transaction;
    let removed: Option<String> = transaction
        .prepare_cached("DELETE FROM trigger_runs WHERE run_key = ? RETURNING trigger_run_id")?
        .query_row([run_key], |row| row.get(0))
        .optional()?;
    let Some(trigger_run_id) = removed else {
        return Ok(());
    };
    transaction
        .prepare_cached("DELETE FROM participants WHERE run_key = ?")?
        .execute([run_key])?;
    let links = transaction
        .prepare_cached("DELETE FROM links WHERE loose = 1 AND trigger_run_id = ?")?
        .execute([trigger_run_id])?;
    purged.runs += 1;
    purged.links += links as u64;
    Ok(())
}

/// Removes old links that come from no recorded event.
fn remove_loose(writing: &mut Writing<'_>, bounds: &Bounds) -> rusqlite::Result<u64> {
    let [ts, ns] = time_values(bounds.before);
    let removed = writing
        .transaction
        .prepare_cached(
            "DELETE FROM links WHERE (kind, source_id, to_request_id, condition_key) IN (
                 SELECT kind, source_id, to_request_id, condition_key FROM links
                 WHERE loose = 1 AND (ts, ns) < (?, ?) LIMIT ?)",
        )?
        .execute((ts, ns, STEP))?;
    Ok(removed as u64)
}
