//! Reading events with all that they carry.

use runtrail_core::text::Text;
use rusqlite::{Connection, OptionalExtension, Row, params_from_iter};

use super::counts;
use super::filter::{Filter, count_at, optional_text_at, text_at, time_at};
use crate::query::{
    Cursor, EventFilter, EventPage, EventQuery, Limit, MAX_PAGE_BYTES, MarkerState, Page,
};
use crate::record::{EventRecord, JsonText};
use crate::store::CodeCount;

const COLUMNS: &str = "e.event_id, codes.code, e.ts, e.ns, e.request_id, e.payload, e.extra, \
                       e.event_key FROM events AS e CROSS JOIN codes USING (code_id)";

/// Reads what never changes about an event.
pub(super) fn content(
    connection: &Connection,
    event_id: &str,
) -> rusqlite::Result<Option<EventRecord>> {
    let event = keyed(connection, event_id)?;
    Ok(event.map(|(_, event)| event))
}

/// Reads an event.
pub(super) fn by_id(
    connection: &Connection,
    event_id: &str,
) -> rusqlite::Result<Option<EventRecord>> {
    let Some((event_key, mut event)) = keyed(connection, event_id)? else {
        return Ok(None);
    };
    event.matched_conditions = conditions(connection, event_key, false)?;
    event.valid_conditions = conditions(connection, event_key, true)?;
    event.triggered_runs = triggered_runs(connection, event_id)?;
    Ok(Some(event))
}

fn keyed(connection: &Connection, event_id: &str) -> rusqlite::Result<Option<(i64, EventRecord)>> {
    let sql = format!("SELECT {COLUMNS} WHERE e.event_id = ?");
    let mut statement = connection.prepare_cached(&sql)?;
    statement.query_row([event_id], read).optional()
}

fn read(row: &Row<'_>) -> rusqlite::Result<(i64, EventRecord)> {
    let extra: Option<String> = row.get(6)?;
    let event = EventRecord {
        event_id: text_at(row, 0)?,
        code: text_at(row, 1)?,
        timestamp: time_at(row, 2)?,
        request_id: optional_text_at(row, 4)?,
        payload: JsonText::trusted(row.get(5)?),
        matched_conditions: Vec::new(),
        valid_conditions: Vec::new(),
        triggered_runs: Vec::new(),
        extra: extra.map(JsonText::trusted),
    };
    Ok((row.get(7)?, event))
}

fn conditions(connection: &Connection, event_key: i64, valid: bool) -> rusqlite::Result<Vec<Text>> {
    let mut statement = connection.prepare_cached(
        "SELECT condition_id FROM event_conditions WHERE event_key = ? AND valid = ?
         ORDER BY condition_id",
    )?;
    let conditions = statement.query_map((event_key, valid), |row| text_at(row, 0))?;
    conditions.collect()
}

fn triggered_runs(connection: &Connection, event_id: &str) -> rusqlite::Result<Vec<Text>> {
    let mut statement = connection.prepare_cached(
        "SELECT DISTINCT to_request_id FROM links WHERE kind = 'event' AND source_id = ?
         ORDER BY to_request_id LIMIT ?",
    )?;
    let runs = statement.query_map((event_id, Limit::MAX.get() as i64), |row| text_at(row, 0))?;
    runs.collect()
}

/// Returns which run emitted an event.
pub(super) fn emitter(connection: &Connection, event_key: i64) -> rusqlite::Result<Option<Text>> {
    connection
        .prepare_cached("SELECT request_id FROM events WHERE event_key = ?")?
        .query_row([event_key], |row| optional_text_at(row, 0))
}

/// Lists codes.
pub(super) fn codes(
    connection: &Connection,
    after: Option<&str>,
    limit: Limit,
) -> rusqlite::Result<Vec<CodeCount>> {
    let mut statement = connection.prepare_cached(
        "SELECT code, events FROM codes WHERE (?1 IS NULL OR code > ?1) AND events > 0
         ORDER BY code LIMIT ?2",
    )?;
    let codes = statement.query_map((after, limit.get() as i64), |row| {
        Ok(CodeCount {
            code: text_at(row, 0)?,
            events: count_at(row, 1)?,
        })
    })?;
    codes.collect()
}

/// Counts the events of a filter.
pub(super) fn count(connection: &Connection, filter: &EventFilter) -> rusqlite::Result<u64> {
    if let Some(state) = as_state(filter) {
        return counts::total(connection, state, &filter.range);
    }
    let mut conditions = shape(filter);
    conditions.and_range("m", &filter.range);
    let sql = format!(
        "SELECT count(*) FROM {}{}",
        tables(filter),
        conditions.sql()
    );
    connection
        .prepare_cached(&sql)?
        .query_row(params_from_iter(&conditions.values), |row| count_at(row, 0))
}

/// The state of markers that a filter comes to, if it says no more than that.
fn as_state(filter: &EventFilter) -> Option<MarkerState> {
    if filter.code.is_some() || filter.request_id.is_some() {
        return None;
    }
    match (filter.matched, filter.triggered) {
        (None, None) => Some(MarkerState::All),
        (Some(true), None) => Some(MarkerState::Matched),
        (Some(false), None) => Some(MarkerState::Unmatched),
        (None, Some(true)) => Some(MarkerState::Triggered),
        (None, Some(false)) => Some(MarkerState::Untriggered),
        (Some(_), Some(_)) => None,
    }
}

/// The tables of a filter, that comes first by whose index events are found. Table `m` has the time
/// and id, `k` the flags.
fn tables(filter: &EventFilter) -> &'static str {
    let by_event = filter.code.is_some() || filter.request_id.is_some();
    let flags = filter.matched.is_some() || filter.triggered.is_some();
    match (by_event, flags) {
        (false, _) => "markers AS m",
        (true, false) => "events AS m",
        (true, true) => "events AS m CROSS JOIN markers AS k USING (ts, ns, event_id)",
    }
}

/// The conditions of a filter, but for its range.
fn shape(filter: &EventFilter) -> Filter {
    let mut conditions = Filter::default();
    let by_event = filter.code.is_some() || filter.request_id.is_some();
    let flags = if by_event { "k" } else { "m" };
    conditions.and_text("m.request_id = ?", filter.request_id.as_ref());
    conditions.and_text(
        "m.code_id = (SELECT code_id FROM codes WHERE code = ?)",
        filter.code.as_ref(),
    );
    conditions.and_flag(&format!("{flags}.matched"), filter.matched);
    conditions.and_flag(&format!("{flags}.triggered"), filter.triggered);
    conditions
}

/// Reads a page of events.
pub(super) fn find(connection: &Connection, query: &EventQuery) -> rusqlite::Result<EventPage> {
    let mut conditions = shape(&query.filter);
    conditions.and_before(("m", "event_id"), &query.filter.range, query.after.as_ref());
    let sql = format!(
        "SELECT m.event_id FROM {}{} ORDER BY m.ts DESC, m.ns DESC, m.event_id DESC LIMIT {}",
        tables(&query.filter),
        conditions.sql(),
        query.limit.get() + 1
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let ids = statement.query_map(params_from_iter(&conditions.values), |row| text_at(row, 0))?;
    let (mut items, mut bytes) = (Vec::new(), 0);
    let mut next: Option<Cursor> = None;
    for id in ids {
        let id = id?;
        if items.len() == query.limit.get() || bytes >= MAX_PAGE_BYTES {
            next = items.last().map(EventRecord::place);
            break;
        }
        if let Some(event) = by_id(connection, &id)? {
            bytes += event.payload.as_str().len();
            items.push(event);
        }
    }
    Ok(Page {
        items,
        total: count(connection, &query.filter)?,
        limit: query.limit,
        next,
    })
}
