//! From a running engine to the receiver: what an engine notes of what started a run is a link of its root.

use std::time::Duration;

use runtrail_core::event::Ctx;
use runtrail_core::link::{LINK_KEY, Link, Source};
use runtrail_core::pipeline::Pipeline;
use runtrail_core::time::Timestamp;
use runtrail_testkit::otlp::Reply;

use super::support::{attrs, protocols, receiver, to};

fn started_by(source: Source) -> Link {
    Link {
        source,
        trigger_run_id: Some("firing-1".into()),
        trigger_id: Some("on-order".into()),
        condition_id: None,
        at: Timestamp::from_micros(1_790_000_000_000_000),
    }
}

#[test]
fn what_started_a_live_run_is_a_link_of_its_root() {
    for protocol in protocols() {
        let receiver = receiver(protocol, None, |_| Reply::Take);
        let otlp = to(&receiver.url()).protocol(protocol).build().unwrap();
        let trail = Pipeline::builder().exporter(otlp.into_exporter()).start();
        let trail = trail.unwrap();
        let shop = trail.run("shop-7");
        shop.op("sell", &Ctx::default(), || "an order")
            .end_ok(|| "sold");
        drop(shop);
        let mail = trail.run("mail-1");
        let by_event = Source::Event {
            event_id: "order-1".into(),
            request_id: Some("shop-7".into()),
        };
        for source in [by_event, Source::Clock] {
            mail.annotate(LINK_KEY, || started_by(source));
        }
        mail.op("send", &Ctx::default(), || 1).end_ok(|| 2);
        drop(mail);
        let report = trail.shutdown(Duration::from_secs(20));
        assert_eq!(report.stats.imbalance(), 0);

        let spans = receiver.look(|store| store.spans.clone());
        assert_eq!(spans.len(), 4, "{protocol:?}");
        let root_of = |run: &str| {
            let roots = spans.values().filter(|span| span.parent_span_id.is_empty());
            let mut roots = roots.filter(|span| attrs(span)["runtrail.run.id"] == run);
            roots.next().unwrap()
        };
        let (from, to) = (root_of("shop-7"), root_of("mail-1"));
        assert!(from.links.is_empty());
        let [link] = &to.links[..] else {
            panic!("{protocol:?}: {:?}", to.links)
        };
        assert_eq!(
            (&link.trace_id, &link.span_id),
            (&from.trace_id, &from.span_id)
        );
        // The clock has no span to link to.
        let [event] = &to.events[..] else {
            panic!("{protocol:?}: {:?}", to.events)
        };
        assert_eq!(event.name, "runtrail.link");
        // A link is no note beside what it says.
        assert!(!attrs(to).contains_key("runtrail.annotation.runtrail.link"));
    }
}
