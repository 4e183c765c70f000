//! Reading links.

use runtrail_core::link::{Link, Source};
use runtrail_core::text::Text;
use rusqlite::{Connection, Row};

use super::filter::{optional_text_at, text_at, time_at};
use crate::query::{Limit, LinkQuery};
use crate::record::LinkRecord;
use crate::store::Links;

/// Reads what a query asks for, up to a limit.
pub(super) fn find(
    connection: &Connection,
    query: &LinkQuery,
    limit: Limit,
) -> rusqlite::Result<Links> {
    let (wanted, id) = match query {
        LinkQuery::To(run) => ("to_request_id = ?", run),
        LinkQuery::FromRun(run) => ("request_id = ?", run),
        LinkQuery::FromEvent(event) => ("kind = 'event' AND source_id = ?", event),
    };
    let sql = format!(
        "SELECT to_request_id, kind, source_id, request_id, trigger_run_id, trigger_id,
                condition_id, ts, ns
         FROM links WHERE {wanted}
         ORDER BY ts, ns, to_request_id, kind, source_id, condition_key LIMIT {}",
        limit.get() + 1
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let links = statement.query_map([&**id], read)?;
    let mut links = links.collect::<rusqlite::Result<Vec<_>>>()?;
    let truncated = links.len() > limit.get();
    links.truncate(limit.get());
    Ok(Links { links, truncated })
}

fn read(row: &Row<'_>) -> rusqlite::Result<LinkRecord> {
    Ok(LinkRecord {
        to_request_id: text_at(row, 0)?,
        link: Link {
            source: source(
                text_at(row, 1)?,
                text_at(row, 2)?,
                optional_text_at(row, 3)?,
            ),
            trigger_run_id: optional_text_at(row, 4)?,
            trigger_id: optional_text_at(row, 5)?,
            condition_id: optional_text_at(row, 6)?,
            at: time_at(row, 7)?,
        },
    })
}

/// Puts a source together from its columns.
pub(super) fn source(kind: Text, id: Text, request_id: Option<Text>) -> Source {
    match kind.as_str() {
        "event" => Source::Event {
            event_id: id,
            request_id,
        },
        "run" => Source::Run { request_id: id },
        "clock" => Source::Clock,
        _ => Source::Other { kind, id },
    }
}
