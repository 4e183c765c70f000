//! Links, and which way they lead.

use runtrail_core::link::Source;

use super::sample::{by_event, by_run, event, limit, link, pending, second, start, texts};
use super::{Make, fresh};
use crate::Limit;
use crate::query::LinkQuery;
use crate::record::{LinkRecord, TriggerRunParticipant, TriggerRunRecord};
use crate::store::TriggerStoreExt;

/// A link is inserted once, whoever says it again and whatever else is said with it.
pub fn links_are_inserted_once(make: Make<'_>) {
    let store = fresh(make);
    store.record_event(&event("e", second(1))).unwrap();
    let first = link(by_event("e"), "r1", second(2));
    let other_time = link(by_event("e"), "r1", second(9));
    let other_run = link(by_event("e"), "r2", second(3));
    let mut other_condition = first.clone();
    other_condition.link.condition_id = Some("c".into());
    let links = [first.clone(), first.clone(), other_run.clone()];
    assert_eq!(store.link_runs(&links).unwrap(), 2);
    assert_eq!(store.link_runs(&[other_time]).unwrap(), 0);
    assert_eq!(store.link_runs(&[other_condition.clone()]).unwrap(), 1);
    assert_eq!(store.link_runs(&[]).unwrap(), 0);
    let from = LinkQuery::FromEvent("e".into());
    let found = store.links(&from, Limit::MAX).unwrap();
    assert_eq!(found.links, [first, other_condition, other_run]);
    assert!(!found.truncated);
    let found = store.links(&from, limit(2)).unwrap();
    assert_eq!((found.links.len(), found.truncated), (2, true));
    assert_eq!(
        store.event("e").unwrap().unwrap().triggered_runs,
        texts(&["r1", "r2"])
    );
}

/// From a run one comes to what started it and to what it started, by itself or by an event.
pub fn links_lead_both_ways(make: Make<'_>) {
    let store = fresh(make);
    store
        .record_event(&event("e", second(1)).emitted_by("shop"))
        .unwrap();
    start(&*store, &pending("p1", by_event("e"), second(2)), "mail");
    start(&*store, &pending("p2", by_run("shop"), second(3)), "bill");
    let other = Source::Other {
        kind: "file".into(),
        id: "/in/x".into(),
    };
    let both = vec![
        TriggerRunParticipant::new("c1", other.clone(), second(4)),
        TriggerRunParticipant::new("c2", Source::Clock, second(5)),
    ];
    let run = TriggerRunRecord::plan_all("t", both, second(5));
    start(&*store, &run, "bill");

    let read = |query: &LinkQuery| store.links(query, Limit::MAX).unwrap().links;
    let ways = |links: &[LinkRecord]| -> Vec<String> {
        let way = |link: &LinkRecord| {
            let id = link.link.source.id().map(ToString::to_string);
            format!("{}>{}", id.unwrap_or_default(), link.to_request_id)
        };
        links.iter().map(way).collect()
    };
    let from_shop = read(&LinkQuery::FromRun("shop".into()));
    assert_eq!(ways(&from_shop), ["e>mail", "shop>bill"]);
    assert_eq!(from_shop[0].link.source.request_id(), Some(&"shop".into()));
    assert_eq!(from_shop[0].link.trigger_run_id, Some("p1".into()));
    assert_eq!(from_shop[0].link.trigger_id, Some("t".into()));
    assert_eq!(from_shop[0].link.condition_id, Some("c".into()));
    assert_eq!(from_shop[0].link.at, second(2));
    let to_bill = read(&LinkQuery::To("bill".into()));
    assert_eq!(ways(&to_bill), ["shop>bill", "/in/x>bill", ">bill"]);
    assert_eq!(to_bill[1].link.source, other);
    assert_eq!(to_bill[2].link.source, Source::Clock);
    assert!(read(&LinkQuery::FromRun("mail".into())).is_empty());
}
