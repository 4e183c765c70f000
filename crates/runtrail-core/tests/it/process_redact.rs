//! Nothing gets past a redactor.

use runtrail_core::event::{Ctx, EventKind, Payload, Slots, TraceEvent};
use runtrail_core::process::{
    Boundary, Chain, Discard, Enrich, EnrichSettings, EventMatch, GroupBy, GroupBySettings, Output,
    Processor, Redact, RedactSettings, ValuePath,
};
use runtrail_core::text::Text;
use runtrail_core::wire::write_event;
use runtrail_testkit::run::RunBuilder;

use super::process::given;

const SECRET: &str = "ghp_abcdefghijklmnopqrstuvwxyz0123456789";

fn redact() -> Box<Redact> {
    Box::new(Redact::new(&RedactSettings::default()).unwrap())
}

fn one(kind: &str, payload: &str) -> TraceEvent {
    let mut run = RunBuilder::new("r");
    run.push(kind, Some("x"), &[], payload);
    run.into_events().remove(0)
}

fn payload(kind: &str, payload: &str) -> String {
    let out = given(vec![redact()], &[one(kind, payload)]);
    out[0].payload.text().to_string()
}

#[test]
fn secrets_are_found_wherever_they_stand() {
    let start = |inputs: &str| payload("op_start", &format!(r#"{{"inputs":{inputs}}}"#));
    for (given, wanted) in [
        (
            r#"[1.10, {"Pass-Word" : [1,{"a":2}], "n":null}]"#,
            r#"[1.10, {"Pass-Word" : "[redacted]", "n":null}]"#,
        ),
        (
            r#"{"p\u0061ssword":1,"password":2}"#,
            r#"{"p\u0061ssword":"[redacted]","password":"[redacted]"}"#,
        ),
        (
            r#"{"password":null,"token_count":7}"#,
            r#"{"password":null,"token_count":7}"#,
        ),
        (r#""a AKIAABCDEFGHIJKLMNOP b""#, r#""a [redacted] b""#),
        (r#""AKIA\u0041BCDEFGHIJKLMNOP""#, r#""[redacted]""#),
        (r#"{"AKIAABCDEFGHIJKLMNOP":1}"#, r#"{"[redacted]":1}"#),
        // A tool call's arguments are JSON inside a text.
        (
            r#""{\"password\":\"x\",\"n\":1}""#,
            r#""{\"password\":\"[redacted]\",\"n\":1}""#,
        ),
    ] {
        assert_eq!(start(given), format!(r#"{{"inputs":{wanted}}}"#));
    }
    assert_eq!(
        payload("annotation", r#"{"key":"api_key","value":{"a":1},"n":1}"#),
        r#"{"key":"api_key","value":"[redacted]","n":1}"#
    );
    assert_eq!(
        payload("annotation", r#"{"key":"note","value":{"a":1}}"#),
        r#"{"key":"note","value":{"a":1}}"#
    );
}

#[test]
fn ids_hide_nothing() {
    let kinds = [("op_start", "parent_id"), ("op_end", "opener_id")];
    for (kind, key) in kinds {
        for hidden in [format!("\"{SECRET}\""), format!("[{{\"a\":\"{SECRET}\"}}]")] {
            let twice = format!(r#"{{"{key}":{hidden},"{key}":"r-0"}}"#);
            let wanted = format!(r#"{{"{key}":"[redacted]","{key}":"r-0"}}"#);
            assert_eq!(payload(kind, &twice), wanted);
        }
    }
    let alone = payload(
        "op_start",
        &format!(r#"{{"parent_id":["{SECRET}"],"status":"{SECRET}"}}"#),
    );
    assert_eq!(alone, r#"{"parent_id":"[redacted]","status":"[redacted]"}"#);
}

#[test]
fn texts_in_texts_come_to_an_end_and_hide_nothing() {
    let mut text = format!(r#"{{"password":"{SECRET}"}}"#);
    for _ in 0..7 {
        text = serde_json::to_string(&[text]).unwrap();
    }
    let redacted = payload("op_start", &format!(r#"{{"inputs":{text}}}"#));
    assert!(
        redacted.contains("[redacted]") && !redacted.contains("ghp_"),
        "{redacted}"
    );
}

#[test]
fn everything_of_an_event_is_looked_at() {
    let mut event = one("op_start", "{}");
    event.op_name = Some(SECRET.into());
    event.ctx = Ctx::new(["main", SECRET]);
    event.kind = EventKind::Unknown(SECRET.into());
    event.extra = Some(format!(r#"{{"cookie":"c","x":"{SECRET}"}}"#).into());
    let out = given(vec![redact()], &[event]);
    let mut line = String::new();
    write_event(&out[0], &mut line);
    assert!(!line.contains(SECRET) && !line.contains(r#""c""#), "{line}");
    assert_eq!(out[0].ctx.path(), "main/[redacted]");
}

#[test]
fn what_cannot_be_made_safe_does_not_get_through() {
    let mut chain = Chain::new(vec![redact()]);
    let mut named = one("op_start", "{}");
    named.event_id = SECRET.into();
    let ended = one("op_end", &format!(r#"{{"opener_id":"{SECRET}"}}"#));
    for event in [named, ended] {
        chain.process(event, &mut |event| panic!("{event:?}"));
    }
    let (_, taken, tally) = chain.tallies().next().unwrap();
    assert_eq!((taken, tally.discarded(Discard::Unsafe)), (2, 2));
    let child = one("op_start", &format!(r#"{{"parent_id":"{SECRET}","a":1}}"#));
    chain.process(child, &mut |event| {
        assert_eq!(event.payload.text().as_str(), r#"{"a":1}"#);
    });
}

#[test]
fn a_payload_that_cannot_be_read_is_replaced() {
    let deep = format!("{{\"a\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000));
    for text in [
        deep.as_str(),
        "{\"a\":",
        "{\"password\":NaN}",
        "\"x\" \"y\"",
    ] {
        let mut event = one("op_start", "{}");
        event.payload = Payload::from_parts(Text::new(text), Slots::default());
        let out = given(vec![redact()], &[event]);
        assert_eq!(
            out[0].payload.text().as_str(),
            r#"{"redacted":"the payload could not be read"}"#
        );
    }
}

#[test]
fn masking_again_changes_nothing() {
    let settings = RedactSettings {
        patterns: vec![r"\w+".into()],
        keys: vec!["*key*".into()],
        ..RedactSettings::default()
    };
    let again = || Box::new(Redact::new(&settings).unwrap());
    let event = one(
        "op_end",
        r#"{"outputs":["a b",12,null],"my_key":1,"status":"ok"}"#,
    );
    let mut event = event;
    // This pattern matches every id; they are of other characters here.
    event.request_id = "-".into();
    event.event_id = "+".into();
    let once = given(vec![again()], &[event.clone()]);
    assert_eq!(
        once[0].payload.text().as_str(),
        r#"{"outputs":["[redacted]","[redacted]",null],"[redacted]":"[redacted]","status":"ok"}"#
    );
    assert_eq!(given(vec![again(), again()], &[event]), once);
}

/// Makes events, changes events and holds them back, all with a secret in them.
#[derive(Default)]
struct Leaky {
    held: Vec<TraceEvent>,
}

impl Processor for Leaky {
    fn name(&self) -> &'static str {
        "leaky"
    }

    fn process(&mut self, mut event: TraceEvent, out: &mut Output) {
        let secret = format!(r#"{{"password":"hunter2","text":"{SECRET}"}}"#);
        let mut made = event.clone();
        made.event_id = format!("{}~leaky", event.event_id).into();
        made.payload = Payload::new(&made.kind, secret.as_str()).unwrap();
        out.make(made);
        let mut named = event.clone();
        named.event_id = SECRET.into();
        out.make(named);
        match event.seq % 3 {
            0 => event.extra = Some(secret.into()),
            1 => event.op_name = Some(SECRET.into()),
            _ => event.payload = Payload::new(&event.kind, secret.as_str()).unwrap(),
        }
        if event.seq.is_multiple_of(2) {
            out.forward(event);
        } else {
            self.held.push(event);
        }
    }

    fn finish(&mut self, _request_id: &Text, out: &mut Output) {
        for event in self.held.drain(..) {
            out.forward(event);
        }
    }

    fn held(&self) -> u64 {
        self.held.len() as u64
    }
}

#[test]
fn no_processor_brings_a_secret_past_a_redactor() {
    let mut run = RunBuilder::new("r");
    for n in 0..12 {
        let payload = format!(r#"{{"value":"{SECRET}","key":"turn","n":{n}}}"#);
        run.push("annotation", Some("x"), &[], &payload);
    }
    let run = run.into_events();
    let by_key = || {
        let boundary = Boundary::KeyChange(ValuePath::new("value").unwrap());
        Box::new(GroupBy::new(GroupBySettings::new(boundary)).unwrap())
    };
    let named = || {
        let mut settings = GroupBySettings::new(Boundary::Every(3, EventMatch::any()));
        settings.group = SECRET.to_owned();
        Box::new(GroupBy::new(settings).unwrap())
    };
    let enrich = || {
        let fields = vec![("note".to_owned(), format!("\"{SECRET}\""))];
        let settings = EnrichSettings {
            fields,
            ..EnrichSettings::default()
        };
        Box::new(Enrich::new(&settings).unwrap())
    };
    for place in 0..5 {
        let mut processors: Vec<Box<dyn Processor>> =
            vec![Box::<Leaky>::default(), by_key(), named(), enrich()];
        processors.insert(place, redact());
        let out = given(processors, &run);
        assert!(out.len() >= 24, "{}", out.len());
        for event in &out {
            let mut line = String::new();
            write_event(event, &mut line);
            assert!(
                !line.contains("ghp_") && !line.contains("hunter2"),
                "{line}"
            );
        }
    }
}

#[test]
fn settings_are_checked_and_never_shown() {
    let refused = |keys: &[&str], patterns: &[&str]| {
        let settings = RedactSettings {
            keys: keys.iter().map(ToString::to_string).collect(),
            patterns: patterns.iter().map(ToString::to_string).collect(),
            ..RedactSettings::default()
        };
        assert!(!format!("{settings:?}").contains("hunter2"));
        Redact::new(&settings).err().map(|error| error.to_string())
    };
    let said = refused(&[], &["ok+", "hunter2("]).unwrap();
    assert_eq!(said, "patterns: number 2 is not a regular expression");
    let said = refused(&[], &["x*"]).unwrap();
    assert_eq!(said, "patterns: number 1 matches the empty text");
    assert!(refused(&["-_"], &[]).is_some());
    assert_eq!(refused(&[], &[]), None);
}
