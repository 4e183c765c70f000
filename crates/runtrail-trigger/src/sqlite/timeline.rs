//! Pages of markers.

use rusqlite::{Connection, params_from_iter};

use super::counts::{and_state, total};
use super::filter::{Filter, text_at, time_at};
use crate::query::{Cursor, MarkerPage, MarkerQuery, Page};
use crate::record::EventMarker;

pub(super) fn find(connection: &Connection, query: &MarkerQuery) -> rusqlite::Result<MarkerPage> {
    let (sql, filter) = statement(query);
    let mut statement = connection.prepare_cached(&sql)?;
    let markers = statement.query_map(params_from_iter(&filter.values), |row| {
        Ok(EventMarker {
            timestamp: time_at(row, 0)?,
            event_id: text_at(row, 2)?,
            code: text_at(row, 3)?,
            matched: row.get(4)?,
            triggered: row.get(5)?,
        })
    })?;
    let markers = markers.collect::<rusqlite::Result<_>>()?;
    let total = total(connection, query.state, &query.range)?;
    Ok(Page::cut(markers, total, query.limit, |marker| Cursor {
        timestamp: marker.timestamp,
        id: marker.event_id.clone(),
    }))
}

/// The statement that reads one marker more than the page holds.
fn statement(query: &MarkerQuery) -> (String, Filter) {
    let mut filter = Filter::default();
    filter.and_after(("m", "event_id"), &query.range, query.after.as_ref());
    and_state(&mut filter, query.state);
    let sql = format!(
        "SELECT m.ts, m.ns, m.event_id, codes.code, m.matched, m.triggered
         FROM markers AS m CROSS JOIN codes USING (code_id){}
         ORDER BY m.ts, m.ns, m.event_id LIMIT {}",
        filter.sql(),
        query.limit.get() + 1
    );
    (sql, filter)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::{Limit, MarkerState, TimeRange};
    use crate::sqlite::SqliteSettings;
    use crate::sqlite::open::{Existing, open};
    use runtrail_core::time::Timestamp;

    fn plan(query: &MarkerQuery) -> String {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store");
        let connection = open(&path, &SqliteSettings::default(), Existing::OrNew).unwrap();
        let (sql, filter) = statement(query);
        let mut explain = connection
            .prepare(&format!("EXPLAIN QUERY PLAN {sql}"))
            .unwrap();
        let steps = explain.query_map(params_from_iter(&filter.values), |row| {
            row.get::<_, String>(3)
        });
        let steps: Vec<String> = steps.unwrap().map(Result::unwrap).collect();
        steps.join("; ")
    }

    #[test]
    fn a_page_of_the_timeline_reads_no_payload_and_sorts_nothing() {
        let at = Timestamp::from_micros;
        for (state, index) in [
            (MarkerState::All, "PRIMARY KEY"),
            (MarkerState::Unmatched, "PRIMARY KEY"),
            (MarkerState::Untriggered, "PRIMARY KEY"),
            (MarkerState::Matched, "COVERING INDEX markers_matched"),
            (MarkerState::Triggered, "COVERING INDEX markers_triggered"),
        ] {
            let query = MarkerQuery {
                state,
                range: TimeRange {
                    from: Some(at(1)),
                    until: Some(at(9)),
                },
                after: Some(Cursor {
                    timestamp: at(5),
                    id: "e".into(),
                }),
                limit: Limit::MAX,
            };
            assert_eq!(
                plan(&query),
                format!(
                    "SEARCH m USING {index} ((ts,ns,event_id)>(?,?,?) AND (ts,ns)<(?,?)); \
                     SEARCH codes USING INTEGER PRIMARY KEY (rowid=?)"
                ),
                "{state:?}"
            );
        }
    }
}
