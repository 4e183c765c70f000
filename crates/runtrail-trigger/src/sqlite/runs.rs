//! Trigger runs: claims, outcomes, and pages of them.

use runtrail_core::time::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, params, params_from_iter};

use super::filter::{Filter, count_at, optional_text_at, text_at, text_value, time_at};
use super::links::source;
use super::write::Writing;
use crate::query::{Page, TriggerRunPage, TriggerRunQuery};
use crate::record::{JsonText, Outcome, RunState, TriggerRunParticipant, TriggerRunRecord};
use crate::store::{Claim, Completion};

const COLUMNS: &str = "r.trigger_run_id, r.trigger_id, r.ts, r.ns, r.state, r.outcome, r.done_ts, \
                       r.done_ns, r.extra, r.run_key FROM trigger_runs AS r";

impl Writing<'_> {
    pub(super) fn claim(&mut self, run: &TriggerRunRecord) -> rusqlite::Result<Claim> {
        if let Some(held) = by_id(self.transaction, &run.trigger_run_id)? {
            return Ok(Claim::Held(Box::new(held)));
        }
        let (state, outcome, done_at) = columns(&run.state);
        self.transaction
            .prepare_cached(
                "INSERT INTO trigger_runs (trigger_run_id, trigger_id, ts, ns, state, outcome,
                     done_ts, done_ns, last_ts, last_ns, extra)
                 VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            )?
            .execute(params![
                &*run.trigger_run_id,
                &*run.trigger_id,
                run.planned_at.micros(),
                run.planned_at.nanos(),
                state,
                outcome,
                done_at.map(Timestamp::micros),
                done_at.map(Timestamp::nanos),
                run.last_time().micros(),
                run.last_time().nanos(),
                run.extra.as_ref().map(JsonText::as_str),
            ])?;
        self.insert_participants(self.transaction.last_insert_rowid(), run)?;
        for link in run.links() {
            self.link(&link)?;
        }
        Ok(Claim::Won)
    }

    fn insert_participants(&self, run_key: i64, run: &TriggerRunRecord) -> rusqlite::Result<()> {
        let mut insert = self.transaction.prepare_cached(
            "INSERT INTO participants (run_key, place, condition_id, kind, source_id, request_id,
                 ts, ns, extra)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        )?;
        for (place, participant) in run.participants.iter().enumerate() {
            insert.execute(params![
                run_key,
                place as i64,
                &*participant.condition_id,
                participant.source.kind(),
                participant.source.id().map_or("", |id| id),
                participant.source.request_id().map(|id| &**id),
                participant.at.micros(),
                participant.at.nanos(),
                participant.extra.as_ref().map(JsonText::as_str),
            ])?;
        }
        Ok(())
    }

    pub(super) fn complete(
        &mut self,
        trigger_run_id: &str,
        outcome: &Outcome,
    ) -> rusqlite::Result<Completion> {
        let Some(mut run) = by_id(self.transaction, trigger_run_id)? else {
            return Ok(Completion::Unknown);
        };
        match &run.state {
            RunState::Completed(known) if known.agrees_with(outcome) => {
                return Ok(Completion::Already);
            }
            RunState::Completed(_) => return Ok(Completion::Conflict(run.state)),
            RunState::Pending => run.state = RunState::Completed(outcome.clone()),
        }
        let (state, outcome, done_at) = columns(&run.state);
        self.transaction
            .prepare_cached(
                "UPDATE trigger_runs SET state = ?, outcome = ?, done_ts = ?, done_ns = ?,
                     last_ts = ?, last_ns = ? WHERE trigger_run_id = ?",
            )?
            .execute(params![
                state,
                outcome,
                done_at.map(Timestamp::micros),
                done_at.map(Timestamp::nanos),
                run.last_time().micros(),
                run.last_time().nanos(),
                trigger_run_id,
            ])?;
        for link in run.links() {
            self.link(&link)?;
        }
        Ok(Completion::Done)
    }
}

/// A state as it stands in its columns.
fn columns(state: &RunState) -> (i64, Option<&str>, Option<Timestamp>) {
    match state {
        RunState::Pending => (0, None, None),
        RunState::Completed(Outcome::Started { request_id, at }) => (1, Some(request_id), *at),
        RunState::Completed(Outcome::Abandoned { reason, at }) => (2, Some(reason), *at),
    }
}

/// Reads a trigger run.
pub(super) fn by_id(
    connection: &Connection,
    trigger_run_id: &str,
) -> rusqlite::Result<Option<TriggerRunRecord>> {
    let sql = format!("SELECT {COLUMNS} WHERE r.trigger_run_id = ?");
    let found = connection
        .prepare_cached(&sql)?
        .query_row([trigger_run_id], read)
        .optional()?;
    found
        .map(|found| with_participants(connection, found))
        .transpose()
}

fn read(row: &Row<'_>) -> rusqlite::Result<(i64, TriggerRunRecord)> {
    let done_at = match row.get::<_, Option<i64>>(6)? {
        Some(_) => Some(time_at(row, 6)?),
        None => None,
    };
    let text = optional_text_at(row, 5)?.unwrap_or_default();
    let state = match row.get(4)? {
        0 => RunState::Pending,
        1 => RunState::Completed(Outcome::Started {
            request_id: text,
            at: done_at,
        }),
        2 => RunState::Completed(Outcome::Abandoned {
            reason: text,
            at: done_at,
        }),
        other => return Err(rusqlite::Error::IntegralValueOutOfRange(4, other)),
    };
    let extra: Option<String> = row.get(8)?;
    let run = TriggerRunRecord {
        trigger_run_id: text_at(row, 0)?,
        trigger_id: text_at(row, 1)?,
        planned_at: time_at(row, 2)?,
        state,
        participants: Vec::new(),
        extra: extra.map(JsonText::trusted),
    };
    Ok((row.get(9)?, run))
}

fn with_participants(
    connection: &Connection,
    (run_key, mut run): (i64, TriggerRunRecord),
) -> rusqlite::Result<TriggerRunRecord> {
    let mut statement = connection.prepare_cached(
        "SELECT condition_id, kind, source_id, request_id, ts, ns, extra FROM participants
         WHERE run_key = ? ORDER BY place",
    )?;
    let participants = statement.query_map([run_key], |row| {
        let extra: Option<String> = row.get(6)?;
        Ok(TriggerRunParticipant {
            condition_id: text_at(row, 0)?,
            source: source(
                text_at(row, 1)?,
                text_at(row, 2)?,
                optional_text_at(row, 3)?,
            ),
            at: time_at(row, 4)?,
            extra: extra.map(JsonText::trusted),
        })
    })?;
    run.participants = participants.collect::<rusqlite::Result<_>>()?;
    Ok(run)
}

/// Reads a page of trigger runs.
pub(super) fn find(
    connection: &Connection,
    query: &TriggerRunQuery,
) -> rusqlite::Result<TriggerRunPage> {
    let mut all = shape(query);
    all.and_range("r", &query.range);
    let total = connection
        .prepare_cached(&format!(
            "SELECT count(*) FROM trigger_runs AS r{}",
            all.sql()
        ))?
        .query_row(params_from_iter(&all.values), |row| count_at(row, 0))?;
    let mut rest = shape(query);
    rest.and_before(("r", "trigger_run_id"), &query.range, query.after.as_ref());
    let sql = format!(
        "SELECT {COLUMNS}{} ORDER BY r.ts DESC, r.ns DESC, r.trigger_run_id DESC LIMIT {}",
        rest.sql(),
        query.limit.get() + 1
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let found = statement.query_map(params_from_iter(&rest.values), read)?;
    let found = found.collect::<rusqlite::Result<Vec<_>>>()?.into_iter();
    let runs = found.map(|found| with_participants(connection, found));
    let runs = runs.collect::<rusqlite::Result<_>>()?;
    Ok(Page::cut(runs, total, query.limit, TriggerRunRecord::place))
}

/// The conditions of a query, but for its range.
fn shape(query: &TriggerRunQuery) -> Filter {
    let mut conditions = Filter::default();
    conditions.and_text("r.trigger_id = ?", query.trigger_id.as_ref());
    conditions.and_text("r.state = 1 AND r.outcome = ?", query.request_id.as_ref());
    match query.pending {
        Some(true) => conditions.and("r.state = 0", []),
        Some(false) => conditions.and("r.state <> 0", []),
        None => {}
    }
    for (participant, wanted) in [
        ("kind = 'event' AND source_id = ?", &query.event_id),
        ("request_id = ?", &query.source_request_id),
        ("condition_id = ?", &query.condition_id),
    ] {
        if let Some(wanted) = wanted {
            conditions.and(
                format!("r.run_key IN (SELECT run_key FROM participants WHERE {participant})"),
                [text_value(wanted)],
            );
        }
    }
    conditions
}
