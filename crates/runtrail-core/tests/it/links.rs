//! What started a run, as the fold gathers it.

use runtrail_core::event::{Payload, TraceEvent};
use runtrail_core::fold::{Detail, Fold, FoldLimits};
use runtrail_core::link::{Link, Source};
use runtrail_core::span::RunSummary;
use runtrail_core::time::Timestamp;
use runtrail_testkit::run::RunBuilder;

fn link(event_id: &str) -> Link {
    Link {
        source: Source::Event {
            event_id: event_id.into(),
            request_id: Some("shop-7".into()),
        },
        trigger_run_id: None,
        trigger_id: Some("on-order".into()),
        condition_id: Some("order.created".into()),
        at: Timestamp::from_micros(1),
    }
}

fn events(notes: &[Payload]) -> Vec<TraceEvent> {
    let mut run = RunBuilder::new("r");
    run.push("group_start", None, &[], r#"{"name":"turn"}"#);
    for note in notes {
        run.push("annotation", None, &[], note.text());
    }
    run.push("group_end", None, &[], r#"{"name":"turn"}"#);
    run.into_events()
}

fn fold(limits: FoldLimits, notes: &[Payload]) -> (Option<String>, RunSummary) {
    let mut fold = Fold::new("", limits);
    let mut spans = Vec::new();
    for event in &events(notes) {
        fold.push(event, &mut spans);
    }
    let summary = fold.finish_run("r", &mut spans).unwrap();
    (spans[0].metadata.as_ref().map(ToString::to_string), summary)
}

#[test]
fn links_are_gathered_wherever_they_stand_and_are_no_metadata() {
    let wanted = [link("one"), link("two")];
    let notes: Vec<Payload> = wanted.iter().map(Link::to_payload).collect();
    for detail in [Detail::Content, Detail::Spans] {
        let limits = FoldLimits {
            detail,
            ..FoldLimits::default()
        };
        let (metadata, summary) = fold(limits, &notes);
        assert_eq!(summary.links, wanted);
        assert_eq!(metadata, None);
        assert_eq!(summary.metadata, None);
        assert_eq!(summary.anomalies.total(), 0);
    }
    let limits = FoldLimits {
        detail: Detail::Summary,
        ..FoldLimits::default()
    };
    let mut counted = Fold::new("", limits);
    for event in &events(&notes) {
        counted.push(event, &mut Vec::new());
    }
    let summary = counted.finish_run("r", &mut Vec::new()).unwrap();
    assert_eq!(summary.links, wanted);
    let found: Vec<_> = events(&notes).iter().filter_map(Link::of_event).collect();
    assert_eq!(found, wanted);
}

#[test]
fn a_note_with_the_key_and_another_value_is_a_note() {
    let payload = r#"{"key":"runtrail.link","value":{"source":"event"}}"#;
    let kind = runtrail_core::event::EventKind::Annotation;
    let note = Payload::new(&kind, payload).unwrap();
    let (metadata, summary) = fold(FoldLimits::default(), &[note]);
    assert_eq!(summary.links, []);
    assert_eq!(
        metadata.as_deref(),
        Some(r#"{"runtrail.link":{"source":"event"}}"#)
    );
}

#[test]
fn links_beyond_a_limit_are_counted() {
    let many: Vec<Payload> = (0..1030)
        .map(|n| link(&format!("e{n}")).to_payload())
        .collect();
    let (_, summary) = fold(FoldLimits::default(), &many);
    assert_eq!(
        (summary.links.len(), summary.anomalies.content_dropped),
        (1024, 6)
    );
    let limits = FoldLimits {
        max_held_bytes: link("e").text_bytes(),
        ..FoldLimits::default()
    };
    let (_, summary) = fold(limits, &[link("long").to_payload(), link("e").to_payload()]);
    assert_eq!(
        (summary.links, summary.anomalies.content_dropped),
        (vec![link("e")], 1)
    );
}
