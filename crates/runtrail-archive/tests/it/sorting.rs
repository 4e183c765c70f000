//! One order and the same counts, whatever the memory, the threads and the order of the input.

use std::collections::{HashMap, HashSet};

use runtrail_archive::{
    Archive, ArchiveError, ReadOptions, SortCounts, SortOptions, Sorted, Sorter,
};
use runtrail_core::event::TraceEvent;
use runtrail_core::export::Batch;
use runtrail_core::text::Text;
use runtrail_core::wire::{WireReader, event_to_json};

use super::support::Files;

/// What an archive comes to by the plainest means: everything in memory, `Vec::sort` on owned keys,
/// and repeats found by comparing with what was kept.
pub(crate) fn expected(events: &[TraceEvent]) -> (Vec<TraceEvent>, SortCounts) {
    let mut ordered: Vec<_> = events
        .iter()
        .map(|event| (key(event), event.clone()))
        .collect();
    ordered.sort_by(|(a, _), (b, _)| a.cmp(b));
    let mut kept: HashMap<_, Vec<String>> = HashMap::new();
    let mut counts = SortCounts::default();
    let (mut wanted, mut ids, mut runs) = (Vec::new(), HashSet::new(), HashSet::new());
    for (_, event) in ordered {
        let same_place = kept
            .entry((event.request_id.to_string(), event.timestamp, event.seq))
            .or_default();
        let content = content(&event);
        if same_place.contains(&content) {
            counts.duplicates += 1;
            continue;
        }
        same_place.push(content);
        counts.events += 1;
        counts.conflicts += u64::from(!ids.insert(event.event_id.to_string()));
        counts.unknown_kinds += u64::from(event.kind.as_str() == "op_pause");
        runs.insert(event.request_id.to_string());
        wanted.push(event);
    }
    counts.runs = runs.len() as u64;
    (wanted, counts)
}

/// What an archive comes to: as [`expected`], with the runs by when they started.
pub(crate) fn expected_of_archive(events: &[TraceEvent]) -> (Vec<TraceEvent>, SortCounts) {
    let (mut wanted, counts) = expected(events);
    let mut starts = HashMap::new();
    for event in &wanted {
        starts
            .entry(event.request_id.clone())
            .or_insert(event.timestamp);
    }
    wanted.sort_by_key(|event| (starts[&event.request_id], event.request_id.clone()));
    (wanted, counts)
}

/// The order as the documentation states it.
fn key(event: &TraceEvent) -> impl Ord + use<> {
    let rank = match (event.kind.as_str(), &event.op_name) {
        ("group_start", _) => 0,
        ("annotation", None) => 2,
        ("group_end", _) => 3,
        _ => 1,
    };
    let time = event.timestamp.to_chrono().timestamp_nanos_opt().unwrap();
    let ctx: Vec<String> = event
        .ctx
        .segments()
        .iter()
        .map(ToString::to_string)
        .collect();
    let texts = [&event.request_id, &event.event_id].map(ToString::to_string);
    let [run, id] = texts;
    let rest = (
        event.op_name.as_ref().map(ToString::to_string),
        ctx,
        event.payload.text().to_string(),
    );
    (
        run,
        time,
        event.seq,
        rank,
        id,
        event.kind.to_string(),
        rest,
        event.extra.as_ref().map(ToString::to_string),
    )
}

/// An event's line without the white space that may differ between repeats.
fn content(event: &TraceEvent) -> String {
    let line = event_to_json(event);
    let mut in_string = false;
    let keep = |c: &char| {
        in_string ^= *c == '"';
        in_string || !c.is_whitespace()
    };
    line.chars().filter(keep).collect()
}

/// A stream with runs of several sizes, equal timestamps, repeats, ids used again, reused run ids,
/// unknown kinds and fields, and texts from none to some kilobytes.
pub(crate) fn stream(count: u64) -> Vec<TraceEvent> {
    let mut reader = WireReader::default();
    let mut state = 1_u64;
    let mut below = |limit: u64| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % limit
    };
    let kinds = [
        "op_start",
        "op_end",
        "annotation",
        "group_start",
        "group_end",
        "llm_usage",
        "op_pause",
    ];
    let mut lines: Vec<String> = Vec::new();
    for number in 0..count {
        if number > 10 && below(12) == 0 {
            let repeated = lines[below(number.min(lines.len() as u64)) as usize].clone();
            lines.push(if below(2) == 0 {
                repeated.replace("\":", "\" : ")
            } else {
                repeated
            });
            continue;
        }
        let runs = 1 + below(40);
        let run = below(runs);
        let id = if below(10) == 0 {
            below(number + 1)
        } else {
            number
        };
        let kind = kinds[below(7) as usize];
        let op_name = if below(4) == 0 {
            "null"
        } else {
            "\"main.fetch\""
        };
        let (second, micros) = (below(20), below(3));
        let text = "texte ".repeat(if below(50) == 0 {
            400
        } else {
            below(12) as usize
        });
        let extra = if below(9) == 0 { ",\"host\":\"a\"" } else { "" };
        lines.push(format!(
            r#"{{"event_id":"e{id}","request_id":"run-{run}","kind":"{kind}","op_name":{op_name},"ctx":["main","[{}]"],"timestamp":"2026-11-21T01:36:{second:02}.00000{micros}Z","seq":{},"payload":{{"name":"{text}","n":{}}}{extra}}}"#,
            below(30), below(9), below(3),
        ));
    }
    lines
        .iter()
        .map(|line| reader.read(&Text::new(line.as_str())).unwrap())
        .collect()
}

fn shuffle(events: &mut [TraceEvent]) {
    for at in (1..events.len()).rev() {
        // A stride that has no factor in common with any small length.
        events.swap(at, at.wrapping_mul(7_368_787) % (at + 1));
    }
}

pub(crate) fn sorted_file(path: &str, read: ReadOptions, sort: SortOptions) -> Sorted<'static> {
    Archive::open(&[path]).unwrap().sorted(read, sort).unwrap()
}

/// Takes everything, and checks that a run is ended exactly once, with its last event.
pub(crate) fn drain(sorted: &mut Sorted<'_>) -> (Vec<TraceEvent>, SortCounts) {
    let mut batches = Vec::new();
    while let Some(batch) = sorted.next_batch().unwrap() {
        batches.push(batch);
    }
    assert!(sorted.next_batch().unwrap().is_none());
    (check_batches(&batches), sorted.counts())
}

fn check_batches(batches: &[Batch]) -> Vec<TraceEvent> {
    let (mut events, mut ends) = (Vec::new(), Vec::new());
    for batch in batches {
        assert!(!batch.events().is_empty() && batch.events().len() <= 1024);
        ends.extend(
            batch
                .ended()
                .iter()
                .map(|end| (events.len() + end.after, end.request_id.clone())),
        );
        events.extend_from_slice(batch.events());
    }
    let last_of_run = |at: &usize| {
        events
            .get(at + 1)
            .is_none_or(|next: &TraceEvent| next.request_id != events[*at].request_id)
    };
    let wanted: Vec<_> = (0..events.len())
        .filter(last_of_run)
        .map(|at| (at + 1, events[at].request_id.clone()))
        .collect();
    assert_eq!(ends, wanted);
    events
}

/// Everything in memory, everything in temporary files, and mixtures of both, some of which merge
/// over several levels.
pub(crate) fn memories() -> Vec<SortOptions> {
    let sort = |memory, keep_memory, threads| SortOptions {
        memory,
        keep_memory,
        merge_memory: 0,
        threads,
        temp_dir: None,
    };
    let large = 64 << 20;
    vec![
        sort(large, large, 1),
        sort(1, 0, 1),
        sort(1, 0, 2),
        sort(100_000, 100_000, 1),
        sort(100_000, 100_000, 2),
        sort(1_500_000, 0, 2),
        sort(large, 0, 1),
    ]
}

#[test]
fn the_order_and_the_counts_do_not_depend_on_memory_threads_or_input() {
    let files = Files::new();
    let ordered = stream(6000);
    let mut shuffled = ordered.clone();
    shuffle(&mut shuffled);
    let (wanted, counts) = expected_of_archive(&ordered);
    assert!(
        counts.duplicates > 300 && counts.conflicts > 300 && counts.unknown_kinds > 300,
        "{counts:?}"
    );
    for (order, events) in [
        ("as made", &ordered),
        ("shuffled", &shuffled),
        ("sorted", &wanted.clone()),
    ] {
        let text: String = events
            .iter()
            .map(|event| event_to_json(event) + "\n")
            .collect();
        let path = files.write("archive", text);
        for (threads, chunk) in [(1, 4000), (2, 3000)] {
            for sort in memories() {
                let read = ReadOptions {
                    threads,
                    chunk,
                    ..ReadOptions::default()
                };
                let shown = format!("{order}, {threads} threads, {sort:?}");
                let (found, found_counts) = drain(&mut sorted_file(&path, read, sort));
                assert!(found == wanted, "{shown}");
                let (slots, wanted_slots) = (found.iter().map(slots), wanted.iter().map(slots));
                assert!(slots.eq(wanted_slots), "{shown}");
                if order != "sorted" {
                    assert_eq!(found_counts, counts, "{shown}");
                }
            }
        }
    }
}

fn slots(event: &TraceEvent) -> runtrail_core::event::Slots {
    *event.payload.slots()
}

#[test]
fn an_id_used_again_is_a_conflict_and_an_exact_copy_a_repeat() {
    let line = |id: u32, run: &str, seq: u32, payload: &str| {
        format!(
            r#"{{"event_id":"e{id}","request_id":"{run}","kind":"op_end","timestamp":"2026-11-21T01:36:21Z","seq":{seq},"payload":{payload}}}"#
        )
    };
    let count = |lines: &[String]| {
        let files = Files::new();
        let path = files.write("a.jsonl", lines.join("\n"));
        let (events, counts) = drain(&mut sorted_file(
            &path,
            ReadOptions::default(),
            SortOptions::default(),
        ));
        assert_eq!(counts.events, events.len() as u64);
        (counts.events, counts.duplicates, counts.conflicts)
    };
    let first = line(1, "r", 0, r#"{"n":1}"#);
    assert_eq!(
        count(&[first.clone(), first.clone(), first.clone()]),
        (1, 2, 0)
    );
    assert_eq!(
        count(&[first.clone(), line(1, "r", 0, "{ \"n\" :\t1 }")]),
        (1, 1, 0)
    );
    assert_eq!(
        count(&[first.clone(), line(1, "r", 0, r#"{"n":1.0}"#)]),
        (2, 0, 1)
    );
    assert_eq!(
        count(&[first.clone(), line(1, "r", 5, r#"{"n":1}"#)]),
        (2, 0, 1)
    );
    assert_eq!(
        count(&[first.clone(), line(1, "other", 0, r#"{"n":1}"#)]),
        (2, 0, 1)
    );
    assert_eq!(
        count(&[first.clone(), line(2, "r", 0, r#"{"n":1}"#)]),
        (2, 0, 0)
    );
    let (a, b) = (first, line(1, "r", 0, r#"{"n":2}"#));
    assert_eq!(
        count(&[a.clone(), b.clone(), a.clone(), b.clone(), a]),
        (2, 3, 1)
    );
}

#[test]
fn repeats_are_handed_out_where_they_are_wanted() {
    let line = |run: &str, seq: u32| {
        format!(
            r#"{{"event_id":"{run}{seq}","request_id":"{run}","kind":"op_end","timestamp":"2026-11-21T01:36:{seq:02}Z","seq":{seq}}}"#
        )
    };
    let lines = [("a", 1), ("b", 2), ("a", 3), ("a", 1), ("b", 2), ("b", 2)];
    let lines = lines.map(|(run, seq)| line(run, seq));
    let files = Files::new();
    let path = files.write("a.jsonl", lines.join("\n"));
    for sort in memories() {
        let archive = Archive::open(&[&path]).unwrap().with_repeats();
        let mut sorted = archive.sorted(ReadOptions::default(), sort).unwrap();
        let (events, counts) = drain(&mut sorted);
        let ids: Vec<&str> = events.iter().map(|event| event.event_id.as_str()).collect();
        assert_eq!(ids, ["a1", "a1", "a3", "b2", "b2", "b2"]);
        let counted = (counts.events, counts.duplicates, counts.conflicts);
        assert_eq!(counted, (6, 0, 0));
    }
}

#[test]
fn nothing_comes_of_nothing() {
    let mut sorted = Sorter::new(SortOptions::default()).finish().unwrap();
    assert_eq!(drain(&mut sorted), (Vec::new(), SortCounts::default()));
}

#[test]
fn temporary_space_that_is_missing_is_named() {
    let files = Files::new();
    let sort = SortOptions {
        memory: 1,
        temp_dir: Some(files.path("nowhere").into()),
        ..SortOptions::default()
    };
    for threads in [1, 2] {
        let mut sorter = Sorter::new(SortOptions {
            threads,
            ..sort.clone()
        });
        let pushed = sorter.push(stream(5), 1000);
        let error = pushed
            .and_then(|()| sorter.finish().map(|_| ()))
            .unwrap_err();
        assert!(
            matches!(&error, ArchiveError::Temp { dir, .. } if dir.ends_with("nowhere")),
            "{error}"
        );
    }
}

/// Runs this test once more in a process that may open few files.
#[cfg(target_os = "linux")]
#[test]
fn however_many_temporary_files_it_takes_few_are_open_at_once() {
    const INNER: &str = "RUNTRAIL_TEST_FEW_FILES";
    if std::env::var_os(INNER).is_some() {
        let events = stream(400);
        let mut sorter = Sorter::new(SortOptions {
            memory: 0,
            keep_memory: 0,
            merge_memory: 0,
            ..SortOptions::default()
        });
        for event in &events {
            sorter.push(vec![event.clone()], 0).unwrap();
        }
        let (found, counts) = drain(&mut sorter.finish().unwrap());
        assert!((found, counts) == expected(&events));
        return;
    }
    let name = "it::sorting::however_many_temporary_files_it_takes_few_are_open_at_once";
    let status = std::process::Command::new("sh")
        .args(["-c", "ulimit -n 128 && exec \"$0\" --exact \"$1\""])
        .arg(std::env::current_exe().unwrap())
        .arg(name)
        .env(INNER, "1")
        .status()
        .unwrap();
    assert!(status.success());
}
