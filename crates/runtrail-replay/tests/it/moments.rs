//! Runs as of moments.

use runtrail_core::event::TraceEvent;
use runtrail_core::fold::FoldLimits;
use runtrail_core::span::SpanRecord;
use runtrail_core::time::Timestamp;
use runtrail_replay::{
    Cutoff, Moment, Projection, ProjectionError, Projections, ReplayError, ReplayOptions, Replayed,
    Replayer, Shown, Snapshot, Status, Upcasters, replay,
};
use runtrail_testkit::run::RunBuilder;
use serde_json::Value;

/// An op with a call inside another, a second apart, and an end too many.
fn events() -> Vec<TraceEvent> {
    let mut run = RunBuilder::new("r");
    run.step_micros(1_000_000);
    run.push("group_start", None, &[], r#"{"name":"turn"}"#);
    run.push(
        "op_start",
        Some("main"),
        &["a"],
        r#"{"inputs":{"b":1.0,"a":2}}"#,
    );
    run.push("op_start", Some("main.ask"), &["a"], "{}");
    run.push(
        "llm_usage",
        Some("main.ask"),
        &["a"],
        r#"{"model":"m","total_tokens":7}"#,
    );
    run.push("op_end", Some("main.ask"), &["a"], r#"{"status":"ok"}"#);
    run.push("op_end", Some("main.ask"), &["a"], r#"{"status":"error"}"#);
    run.push(
        "op_end",
        Some("main"),
        &["a"],
        r#"{"status":"ok","outputs":3}"#,
    );
    run.push("group_end", None, &[], r#"{"name":"turn","status":"ok"}"#);
    run.into_events()
}

fn at(cutoff: &Cutoff) -> Replayed {
    replay(
        events(),
        cutoff,
        Projections::all(),
        &ReplayOptions::default(),
    )
    .unwrap()
}

fn view(replayed: &Replayed, name: &str) -> Value {
    serde_json::from_str(&replayed.views[name]).unwrap()
}

#[test]
fn every_cutoff_names_a_moment_and_includes_it() {
    let events = events();
    let third = &events[2];
    for cutoff in [
        Cutoff::Event(third.event_id.to_string()),
        Cutoff::Seq(third.seq),
        Cutoff::Time(third.timestamp),
    ] {
        let then = at(&cutoff).run;
        assert_eq!(
            (then.events, then.open_ops, then.open_groups),
            (3, 2, 1),
            "{cutoff}"
        );
        assert_eq!(then.status, Status::Running);
        assert_eq!(then.current_op.unwrap().op_name, "main.ask");
        assert_eq!(then.last_event.unwrap().seq, third.seq);
    }
    let before = at(&Cutoff::Time(Timestamp::from_micros(0))).run;
    assert_eq!((before.status, before.events), (Status::Unknown, 0));
    let all = at(&Cutoff::Seq(u64::MAX));
    assert_eq!(all, at(&Cutoff::End));
    let none = replay(
        events,
        &Cutoff::Event("x".into()),
        Projections::all(),
        &ReplayOptions::default(),
    );
    assert!(matches!(none, Err(ReplayError::NoSuchEvent(_))));
    let empty = replay(
        Vec::new(),
        &Cutoff::End,
        Projections::all(),
        &ReplayOptions::default(),
    );
    assert!(matches!(empty, Err(ReplayError::Empty)));
}

#[test]
fn the_first_end_holds_and_a_later_one_is_flagged() {
    let ops = view(&at(&Cutoff::End), "ops");
    let ask = ops
        .as_object()
        .unwrap()
        .values()
        .find(|op| op["name"] == "main.ask" && op["occurrence"] == 0);
    let ask = ask.unwrap();
    assert_eq!(ask["status"], "completed");
    assert_eq!(ask["conflict"]["refused"], "failed");
}

#[test]
fn usage_is_told_by_model() {
    let usage = view(&at(&Cutoff::End), "usage");
    assert_eq!(usage["total"]["total_tokens"], 7);
    assert_eq!(usage["by_model"]["m"]["calls"], 1);
    assert_eq!(usage["total"]["cost_usd"], Value::Null);
}

#[test]
fn a_replay_that_left_something_out_has_no_checksum() {
    let options = ReplayOptions {
        fold: FoldLimits {
            max_held_bytes: 4,
            ..FoldLimits::default()
        },
        ..ReplayOptions::default()
    };
    let limited = replay(events(), &Cutoff::End, Projections::all(), &options).unwrap();
    assert!(
        limited
            .checksum()
            .unwrap_err()
            .to_string()
            .contains("limits"),
        "{:?}",
        limited.limits
    );
    let mut marked = Replayer::new(Projections::all(), ReplayOptions::default());
    for event in events() {
        marked.push(&event).unwrap();
    }
    marked.mark_limited("a file could not be read");
    // The mark outlives a snapshot.
    let snapshot = marked.snapshot().unwrap();
    let resumed =
        Replayer::resume(&snapshot, Projections::all(), ReplayOptions::default()).unwrap();
    assert!(resumed.finish().unwrap().checksum().is_err());
}

/// Counts events of each kind.
#[derive(Default)]
struct Kinds(std::collections::BTreeMap<String, u64>);

impl Projection for Kinds {
    fn name(&self) -> &'static str {
        "kinds"
    }

    fn version(&self) -> u32 {
        3
    }

    fn event(&mut self, event: &TraceEvent) {
        *self.0.entry(event.kind.as_str().to_owned()).or_default() += 1;
    }

    fn closed(&mut self, _: &SpanRecord) {}

    fn view(&self, _: &Moment<'_>) -> Result<Shown, ProjectionError> {
        self.save().map(Shown::json)
    }

    fn save(&self) -> Result<String, ProjectionError> {
        serde_json::to_string(&self.0).map_err(|error| ProjectionError::new("kinds", error))
    }

    fn restore(&mut self, state: &str) -> Result<(), ProjectionError> {
        self.0 =
            serde_json::from_str(state).map_err(|error| ProjectionError::new("kinds", error))?;
        Ok(())
    }

    fn limited(&self) -> Option<String> {
        None
    }
}

#[test]
fn a_projection_of_ones_own_is_replayed_and_saved_like_the_others() {
    let own = || Projections::all().with(Box::<Kinds>::default());
    let mut first = Replayer::new(own(), ReplayOptions::default());
    let events = events();
    for event in &events[..4] {
        first.push(event).unwrap();
    }
    let snapshot = first.snapshot().unwrap();
    let mut second = Replayer::resume(&snapshot, own(), ReplayOptions::default()).unwrap();
    for event in &events[4..] {
        second.push(event).unwrap();
    }
    let end = second.finish().unwrap();
    assert_eq!(view(&end, "kinds")["op_end"], 3);
    assert_ne!(end.checksum(), at(&Cutoff::End).checksum());
    let refused = Replayer::resume(&snapshot, Projections::all(), ReplayOptions::default());
    assert!(matches!(refused, Err(ReplayError::Snapshot(_))));
}

#[test]
fn a_snapshot_that_was_changed_is_refused() {
    let mut replayer = Replayer::new(Projections::all(), ReplayOptions::default());
    for event in events() {
        replayer.push(&event).unwrap();
    }
    let snapshot = replayer.snapshot().unwrap();
    for (from, to) in [
        ("turn", "tour"),
        ("\"schema_version\":1", "\"schema_version\":9"),
        ("{", "["),
    ] {
        let changed = Snapshot::from_text(snapshot.as_str().replacen(from, to, 1));
        let refused = Replayer::resume(&changed, Projections::all(), ReplayOptions::default());
        assert!(matches!(refused, Err(ReplayError::Snapshot(_))), "{from}");
    }
}

#[test]
fn payloads_of_an_older_schema_are_raised_before_they_are_seen() {
    let mut run = RunBuilder::new("r");
    run.push(
        "llm_usage",
        Some("a"),
        &[],
        r#"{"schema":"usage","schema_version":1,"tokens":5}"#,
    );
    let upcasters = Upcasters::default().step("usage", 1, "tokens are total_tokens", |old| {
        Ok(old
            .replace("\"tokens\"", "\"total_tokens\"")
            .replace("version\":1", "version\":2"))
    });
    let options = ReplayOptions {
        upcasters,
        ..ReplayOptions::default()
    };
    let raised = replay(
        run.events().to_vec(),
        &Cutoff::End,
        Projections::all(),
        &options,
    )
    .unwrap();
    assert_eq!(raised.run.usage.total_tokens, Some(5));
    let plain = replay(
        run.events().to_vec(),
        &Cutoff::End,
        Projections::all(),
        &ReplayOptions::default(),
    );
    assert_ne!(plain.unwrap().checksum(), raised.checksum());
    let stuck = Upcasters::default().step("usage", 1, "nothing", |old| Ok(old.to_owned()));
    let options = ReplayOptions {
        upcasters: stuck,
        ..ReplayOptions::default()
    };
    let refused = replay(
        run.into_events(),
        &Cutoff::End,
        Projections::all(),
        &options,
    );
    assert!(matches!(refused, Err(ReplayError::Upcast { .. })));
}
