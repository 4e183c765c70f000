//! Following links from run to run.

use runtrail_core::link::{Link, Source};
use runtrail_core::time::Timestamp;
use runtrail_trigger::{ChainLimits, LinkRecord, MemoryStore, Step, TriggerStore, chain};

/// A store with links of the form `from>to`, one a second.
fn store(links: &str) -> MemoryStore {
    let store = MemoryStore::default();
    for (second, link) in links.split_whitespace().enumerate() {
        let (from, to) = link.split_once('>').unwrap();
        let source = match from {
            "clock" => Source::Clock,
            run => Source::Run {
                request_id: run.into(),
            },
        };
        let link = Link {
            source,
            trigger_run_id: None,
            trigger_id: None,
            condition_id: None,
            at: Timestamp::from_micros(second as i64 * 1_000_000),
        };
        let to_request_id = to.into();
        store
            .link_runs(&[LinkRecord {
                to_request_id,
                link,
            }])
            .unwrap();
    }
    store
}

/// The chain of a run as `depth from>to` each way, `…` where it was cut.
fn show(links: &str, run: &str, limits: ChainLimits) -> String {
    let chain = chain(&store(links), run, limits).unwrap();
    let show = |steps: &[Step]| {
        let step = |step: &Step| {
            let from = step.link.link.source.request_id();
            let from = from.map_or("clock", |from| from);
            format!("{} {from}>{}", step.depth, step.link.to_request_id)
        };
        steps.iter().map(step).collect::<Vec<_>>().join(", ")
    };
    let cut = if chain.truncated { " …" } else { "" };
    format!("{} | {}{cut}", show(&chain.before), show(&chain.after))
}

fn check(links: &str, run: &str, wanted: &str) {
    assert_eq!(show(links, run, ChainLimits::default()), wanted);
}

#[test]
fn a_chain_leads_back_and_on() {
    let links = "clock>a a>b a>c c>d x>c";
    check(links, "a", "1 clock>a | 1 a>b, 1 a>c, 2 c>d");
    check(links, "d", "1 c>d, 2 a>c, 3 clock>a, 2 x>c | ");
    check(links, "c", "1 a>c, 2 clock>a, 1 x>c | 1 c>d");
    check(links, "nobody", " | ");
}

#[test]
fn a_circle_ends_and_no_link_is_there_twice() {
    check("a>b b>a", "a", "1 b>a, 2 a>b | ");
    check("a>a", "a", "1 a>a | ");
    check(
        "a>b a>c b>d c>d d>e",
        "a",
        " | 1 a>b, 2 b>d, 3 d>e, 1 a>c, 2 c>d",
    );
}

#[test]
fn a_chain_that_is_cut_says_so() {
    let links = "a>b b>c c>d a>e";
    let limits = |max_depth, max_links| ChainLimits {
        max_depth,
        max_links,
    };
    assert_eq!(show(links, "a", limits(2, 9)), " | 1 a>b, 2 b>c, 1 a>e …");
    assert_eq!(
        show(links, "a", limits(3, 4)),
        " | 1 a>b, 2 b>c, 3 c>d, 1 a>e"
    );
    assert_eq!(show(links, "a", limits(9, 2)), " | 1 a>b, 2 b>c …");
}
