//! `runtrail triggers STORE events`.

use runtrail_core::time::Timestamp;
use runtrail_trigger::{
    EventFilter, EventQuery, EventRecord, MarkerQuery, MarkerState, TriggerStore,
};

use super::{Look, print_page};
use crate::args::EventsArgs;
use crate::failure::Outcome;
use crate::glyph::Glyphs;
use crate::human::Clock;
use crate::out::Out;
use crate::table::{Cell, Side, Table};
use crate::width;

/// Columns of a payload among other columns.
const PAYLOAD: usize = 60;

pub(super) fn run(store: &dyn TriggerStore, args: &EventsArgs, out: &mut Out) -> Outcome {
    if args.code.is_some() || args.emitter.is_some() || args.payloads {
        records(store, args, out)
    } else {
        markers(store, args, out)
    }
}

fn markers(store: &dyn TriggerStore, args: &EventsArgs, out: &mut Out) -> Outcome {
    let page = store.find_markers(&MarkerQuery {
        state: args.state,
        range: args.page.range(),
        after: args.page.after.clone(),
        limit: args.page.limit,
    })?;
    let table = |glyphs: Glyphs, look: Look| {
        let mut table = table(args.show.clock(), &["EVENT"]);
        for marker in &page.items {
            let flags = (marker.matched, marker.triggered);
            let mut row = row(args.show.clock(), marker.timestamp, flags, glyphs);
            row.push(look.foreign(&marker.code).into());
            row.push(look.foreign(&marker.event_id).into());
            table.push(row);
        }
        table
    };
    print_page(&page, args.show.format, "event", table, out)
}

fn records(store: &dyn TriggerStore, args: &EventsArgs, out: &mut Out) -> Outcome {
    let (matched, triggered) = match args.state {
        MarkerState::All => (None, None),
        MarkerState::Matched => (Some(true), None),
        MarkerState::Unmatched => (Some(false), None),
        MarkerState::Triggered => (None, Some(true)),
        MarkerState::Untriggered => (None, Some(false)),
    };
    let page = store.find_events(&EventQuery {
        filter: EventFilter {
            code: args.code.as_deref().map(Into::into),
            request_id: args.emitter.as_deref().map(Into::into),
            matched,
            triggered,
            range: args.page.range(),
        },
        after: args.page.after.clone(),
        limit: args.page.limit,
    })?;
    let heads: &[&str] = if args.payloads {
        &["EVENT", "EMITTED BY", "PAYLOAD"]
    } else {
        &["EVENT", "EMITTED BY"]
    };
    let table = |glyphs: Glyphs, look: Look| {
        let mut table = table(args.show.clock(), heads);
        for event in &page.items {
            table.push(record_row(event, args, glyphs, look));
        }
        table
    };
    print_page(&page, args.show.format, "event", table, out)
}

fn record_row(event: &EventRecord, args: &EventsArgs, glyphs: Glyphs, look: Look) -> Vec<Cell> {
    let flags = (event.is_matched(), !event.triggered_runs.is_empty());
    let mut row = row(args.show.clock(), event.timestamp, flags, glyphs);
    row.push(look.foreign(&event.code).into());
    row.push(look.foreign(&event.event_id).into());
    let emitter = event.request_id.as_deref();
    let emitter = emitter.map_or(glyphs.unknown().to_owned(), |run| look.foreign(run));
    row.push(emitter.into());
    if args.payloads {
        let payload = look.foreign(event.payload.as_str());
        let payload = match look {
            Look::Text => width::cut(&payload, PAYLOAD, glyphs.ellipsis()),
            Look::Markdown => payload,
        };
        row.push(payload.into());
    }
    row
}

fn table(clock: Clock, heads: &[&str]) -> Table {
    let time = if clock == Clock::Utc {
        "TIME (UTC)"
    } else {
        "TIME"
    };
    let mut columns = vec![
        (time, Side::Left),
        ("STATE", Side::Left),
        ("CODE", Side::Left),
    ];
    columns.extend(heads.iter().map(|head| (*head, Side::Left)));
    Table::new(&columns)
}

fn row(clock: Clock, at: Timestamp, flags: (bool, bool), glyphs: Glyphs) -> Vec<Cell> {
    let state = match flags {
        (_, true) => Cell::from("triggered"),
        (true, false) => Cell::from("matched"),
        (false, false) => Cell::painted(glyphs.unknown(), glyphs.dim(glyphs.unknown())),
    };
    vec![clock.milli(at).into(), state]
}
