//! `runtrail triggers STORE show`.

use std::fmt::Write as _;

use runtrail_core::printable::Printable;
use runtrail_core::text::Text;
use runtrail_trigger::{
    EventRecord, JsonText, Record, TriggerRunRecord, TriggerStore, TriggerStoreExt,
};

use super::{print_json, runs, source};
use crate::args::{Format, ShowRecordArgs};
use crate::code::Code;
use crate::failure::{Failure, Outcome};
use crate::human::Clock;
use crate::markdown;
use crate::out::Out;

pub(super) fn run(store: &dyn TriggerStore, args: &ShowRecordArgs, out: &mut Out) -> Outcome {
    let event = store.event(&args.id)?;
    let run = store.trigger_run(&args.id)?;
    let clock = args.show.clock();
    let format = args.show.format.unwrap_or(Format::Text);
    let (json, lines) = match (&event, &run) {
        (Some(event), _) => (event.to_json(), of_event(event, clock, Face(format))),
        (None, Some(run)) => (run.to_json(), of_run(run, clock, Face(format))),
        (None, None) => {
            let what = format!("no event and no trigger run {:?} in the store", args.id);
            return Err(Failure::new(Code::No, what)
                .help("`runtrail triggers STORE events` and `… runs` list them"));
        }
    };
    match format {
        Format::Json | Format::Jsonl => print_json(&json, out)?,
        Format::Text => out.answer(&render_text(&lines))?,
        Format::Markdown => out.answer(&render_markdown(&lines))?,
    }
    Ok(Code::Done)
}

/// How foreign text is shown.
#[derive(Clone, Copy)]
struct Face(Format);

impl Face {
    fn foreign(self, text: &str) -> String {
        match self.0 {
            Format::Markdown => markdown::code(text),
            _ => Printable(text).to_string(),
        }
    }

    fn list(self, texts: &[Text]) -> String {
        let texts = texts.iter().map(|text| self.foreign(text));
        texts.collect::<Vec<_>>().join(", ")
    }
}

type Lines = Vec<(&'static str, String)>;

fn of_event(event: &EventRecord, clock: Clock, face: Face) -> Lines {
    let mut lines = vec![
        ("event", face.foreign(&event.event_id)),
        ("code", face.foreign(&event.code)),
        ("time", clock.milli(event.timestamp)),
    ];
    let emitter = event.request_id.as_deref();
    lines.extend(emitter.map(|run| ("emitted by", format!("run {}", face.foreign(run)))));
    for (name, list) in [
        ("matched", &event.matched_conditions),
        ("satisfied", &event.valid_conditions),
        ("triggered", &event.triggered_runs),
    ] {
        let none = list.is_empty();
        lines.push((
            name,
            if none {
                "nothing".to_owned()
            } else {
                face.list(list)
            },
        ));
    }
    lines.push(("payload", face.foreign(event.payload.as_str())));
    push_extra(&mut lines, event.extra.as_ref(), face);
    lines
}

fn of_run(run: &TriggerRunRecord, clock: Clock, face: Face) -> Lines {
    let mut lines = vec![
        ("trigger run", face.foreign(&run.trigger_run_id)),
        ("trigger", face.foreign(&run.trigger_id)),
        ("planned", clock.milli(run.planned_at)),
        ("state", runs::state(&run.state, |text| face.foreign(text))),
    ];
    for participant in &run.participants {
        let source = source::source(&participant.source, |text| face.foreign(text));
        let condition = face.foreign(&participant.condition_id);
        let at = clock.milli(participant.at);
        lines.push((
            "because of",
            format!("{source}, condition {condition}, {at}"),
        ));
        push_extra(&mut lines, participant.extra.as_ref(), face);
    }
    push_extra(&mut lines, run.extra.as_ref(), face);
    lines
}

fn push_extra(lines: &mut Lines, extra: Option<&JsonText>, face: Face) {
    lines.extend(extra.map(|extra| ("more", face.foreign(extra.as_str()))));
}

fn render_text(lines: &Lines) -> String {
    let widest = lines.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    let mut text = String::new();
    for (name, value) in lines {
        let _ = writeln!(text, "{name:<widest$}  {value}");
    }
    text
}

fn render_markdown(lines: &Lines) -> String {
    let mut text = String::new();
    for (name, value) in lines {
        let _ = writeln!(text, "- {name}: {value}");
    }
    text
}
