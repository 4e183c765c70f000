//! Writing events, what they matched, and links, within one transaction.

use std::collections::HashMap;

use runtrail_core::text::Text;
use runtrail_core::time::Timestamp;
use rusqlite::{CachedStatement, OptionalExtension, Transaction, params};

use super::counts::{Delta, Deltas};
use super::events;
use super::filter::time_at;
use crate::record::{EventRecord, JsonText, LinkRecord, Matches};
use crate::store::Stored;

/// A transaction, and what is written at its end.
pub(super) struct Writing<'t> {
    pub(super) transaction: &'t Transaction<'t>,
    pub(super) deltas: Deltas,
    /// The ids of the codes met so far, and by how many events each has grown.
    codes: HashMap<Text, (i64, i64)>,
    /// Whether there are links whose event is not recorded.
    awaited: bool,
    /// Inserts one event.
    insert: CachedStatement<'t>,
}

/// Where an event's marker is.
pub(super) struct Found {
    pub(super) event_key: i64,
    pub(super) at: Timestamp,
}

impl<'t> Writing<'t> {
    pub(super) fn new(transaction: &'t Transaction<'t>) -> rusqlite::Result<Self> {
        let awaited = transaction
            .prepare_cached(
                "SELECT EXISTS (SELECT 1 FROM links WHERE loose = 1 AND kind = 'event')",
            )?
            .query_row([], |row| row.get(0))?;
        Ok(Self {
            transaction,
            deltas: Deltas::default(),
            codes: HashMap::new(),
            awaited,
            insert: transaction.prepare_cached(
                "INSERT INTO events (event_id, ts, ns, code_id, request_id, payload, extra)
                 VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
            )?,
        })
    }

    /// Writes the sums of what was written.
    pub(super) fn finish(mut self) -> rusqlite::Result<()> {
        for (code_id, events) in self.codes.values() {
            if *events != 0 {
                self.transaction
                    .prepare_cached("UPDATE codes SET events = events + ? WHERE code_id = ?")?
                    .execute((events, code_id))?;
            } else {
                // It may have been met for the first time, in an event that was refused.
                self.transaction
                    .prepare_cached("DELETE FROM codes WHERE code_id = ? AND events = 0")?
                    .execute([code_id])?;
            }
        }
        self.deltas.flush(self.transaction)
    }

    pub(super) fn record(&mut self, events: &[EventRecord]) -> rusqlite::Result<Vec<Stored>> {
        let mut first_key = None;
        let mut stored = Vec::with_capacity(events.len());
        for event in events {
            let code_id = self.code_id(&event.code)?;
            if self.insert_event(event, code_id)? {
                first_key.get_or_insert(self.transaction.last_insert_rowid());
                stored.push(Stored::New);
                continue;
            }
            let known = events::content(self.transaction, &event.event_id)?;
            let same = known.is_some_and(|known| known.same_content(event));
            stored.push(if same {
                Stored::Known
            } else {
                Stored::Conflict
            });
        }
        if let Some(first_key) = first_key {
            self.insert_markers(first_key)?;
        }
        for (event, stored) in events.iter().zip(&stored) {
            match stored {
                Stored::New if self.awaited => self.adopt_links(event)?,
                Stored::Known if event.is_matched() => {
                    let matches = Matches {
                        matched: event.matched_conditions.clone(),
                        valid: event.valid_conditions.clone(),
                    };
                    self.update_matches(&event.event_id, &matches)?;
                }
                _ => {}
            }
            if *stored != Stored::Conflict {
                event
                    .own_links()
                    .try_for_each(|link| self.link(&link).map(drop))?;
            }
        }
        Ok(stored)
    }

    /// Inserts what never changes about an event, and its conditions; `false` where its id is used.
    fn insert_event(&mut self, event: &EventRecord, code_id: i64) -> rusqlite::Result<bool> {
        let new = self.insert.execute(params![
            &*event.event_id,
            event.timestamp.micros(),
            event.timestamp.nanos(),
            code_id,
            event.request_id.as_deref(),
            event.payload.as_str(),
            event.extra.as_ref().map(JsonText::as_str),
        ])?;
        if new == 0 {
            return Ok(false);
        }
        let matched = event.is_matched();
        if matched {
            // Conditions have no rowid, so that the last one stays the event's.
            let event_key = self.transaction.last_insert_rowid();
            self.insert_conditions(event_key, false, &event.matched_conditions)?;
            self.insert_conditions(event_key, true, &event.valid_conditions)?;
        }
        if let Some((_, events)) = self.codes.get_mut(&event.code) {
            *events += 1;
        }
        let change = Delta {
            events: 1,
            matched: i64::from(matched),
            triggered: 0,
        };
        self.deltas.add(event.timestamp, change);
        Ok(true)
    }

    /// Inserts the markers of the events that this transaction has inserted, whose keys are the
    /// highest; one statement for all of them takes half the time of one for each.
    fn insert_markers(&self, first_key: i64) -> rusqlite::Result<()> {
        self.transaction
            .prepare_cached(
                "INSERT INTO markers (ts, ns, event_id, code_id, matched, triggered, event_key)
                 SELECT ts, ns, event_id, code_id,
                     EXISTS (SELECT 1 FROM event_conditions AS c WHERE c.event_key = e.event_key),
                     0, event_key
                 FROM events AS e WHERE event_key >= ?",
            )?
            .execute([first_key])?;
        Ok(())
    }

    /// Takes on the links that waited for an event.
    fn adopt_links(&mut self, event: &EventRecord) -> rusqlite::Result<()> {
        let adopted = self
            .transaction
            .prepare_cached(
                "UPDATE links SET loose = 0, request_id = coalesce(request_id, ?)
                 WHERE loose = 1 AND kind = 'event' AND source_id = ?",
            )?
            .execute((event.request_id.as_deref(), &*event.event_id))?;
        if adopted > 0 {
            self.raise_triggered(&event.event_id, event.timestamp)?;
        }
        Ok(())
    }

    fn raise_triggered(&mut self, event_id: &str, at: Timestamp) -> rusqlite::Result<()> {
        let change = Delta {
            triggered: self.raise("triggered", event_id, at)?,
            ..Delta::default()
        };
        self.deltas.add(at, change);
        Ok(())
    }

    fn code_id(&mut self, code: &Text) -> rusqlite::Result<i64> {
        if let Some((code_id, _)) = self.codes.get(code) {
            return Ok(*code_id);
        }
        let known = self
            .transaction
            .prepare_cached("SELECT code_id FROM codes WHERE code = ?")?
            .query_row([&**code], |row| row.get(0))
            .optional()?;
        let code_id = match known {
            Some(code_id) => code_id,
            None => {
                self.transaction
                    .prepare_cached("INSERT INTO codes (code, events) VALUES (?, 0)")?
                    .execute([&**code])?;
                self.transaction.last_insert_rowid()
            }
        };
        self.codes.insert(code.clone(), (code_id, 0));
        Ok(code_id)
    }

    pub(super) fn update_matches(
        &mut self,
        event_id: &str,
        matches: &Matches,
    ) -> rusqlite::Result<bool> {
        let Some(found) = self.find(event_id)? else {
            return Ok(false);
        };
        self.insert_conditions(found.event_key, false, &matches.matched)?;
        self.insert_conditions(found.event_key, true, &matches.valid)?;
        if !(matches.matched.is_empty() && matches.valid.is_empty()) {
            let changed = self.raise("matched", event_id, found.at)?;
            let change = Delta {
                matched: changed,
                ..Delta::default()
            };
            self.deltas.add(found.at, change);
        }
        Ok(true)
    }

    fn insert_conditions(
        &self,
        event_key: i64,
        valid: bool,
        conditions: &[Text],
    ) -> rusqlite::Result<()> {
        if conditions.is_empty() {
            return Ok(());
        }
        let mut insert = self.transaction.prepare_cached(
            "INSERT INTO event_conditions (event_key, valid, condition_id) VALUES (?, ?, ?)
             ON CONFLICT DO NOTHING",
        )?;
        for condition in conditions {
            insert.execute((event_key, valid, &**condition))?;
        }
        Ok(())
    }

    /// Inserts a link unless it is there; whether it was not.
    pub(super) fn link(&mut self, link: &LinkRecord) -> rusqlite::Result<bool> {
        let source = &link.link.source;
        let event_id = source.event_id();
        let found = match event_id {
            Some(event_id) => self.find(event_id)?,
            None => None,
        };
        let emitter = match (source.request_id(), &found) {
            (Some(emitter), _) => Some(emitter.clone()),
            (None, Some(found)) => events::emitter(self.transaction, found.event_key)?,
            (None, None) => None,
        };
        let condition = link.link.condition_id.as_deref();
        let new = self
            .transaction
            .prepare_cached(
                "INSERT INTO links (kind, source_id, to_request_id, condition_key, condition_id,
                     request_id, trigger_run_id, trigger_id, ts, ns, loose)
                 VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
            )?
            .execute(params![
                source.kind(),
                source.id().map_or("", |id| id),
                &*link.to_request_id,
                condition.unwrap_or_default(),
                condition,
                emitter.as_deref(),
                link.link.trigger_run_id.as_deref(),
                link.link.trigger_id.as_deref(),
                link.link.at.micros(),
                link.link.at.nanos(),
                found.is_none(),
            ])?;
        self.awaited |= event_id.is_some() && found.is_none();
        if let (Some(event_id), Some(found)) = (event_id, found) {
            self.raise_triggered(event_id, found.at)?;
        }
        Ok(new == 1)
    }

    pub(super) fn find(&self, event_id: &str) -> rusqlite::Result<Option<Found>> {
        self.transaction
            .prepare_cached("SELECT event_key, ts, ns FROM events WHERE event_id = ?")?
            .query_row([event_id], |row| {
                Ok(Found {
                    event_key: row.get(0)?,
                    at: time_at(row, 1)?,
                })
            })
            .optional()
    }

    /// Sets a flag of a marker; how many were not set. Nothing ever takes one back.
    fn raise(&self, flag: &str, event_id: &str, at: Timestamp) -> rusqlite::Result<i64> {
        let sql = format!(
            "UPDATE markers SET {flag} = 1
             WHERE ts = ? AND ns = ? AND event_id = ? AND {flag} = 0"
        );
        let raised =
            self.transaction
                .prepare_cached(&sql)?
                .execute((at.micros(), at.nanos(), event_id))?;
        Ok(raised as i64)
    }

    /// Notes that an event of a code is gone.
    pub(super) fn forget(&self, code_id: i64) -> rusqlite::Result<()> {
        self.transaction
            .prepare_cached("UPDATE codes SET events = events - 1 WHERE code_id = ?")?
            .execute([code_id])?;
        self.transaction
            .prepare_cached("DELETE FROM codes WHERE code_id = ? AND events = 0")?
            .execute([code_id])?;
        Ok(())
    }
}
