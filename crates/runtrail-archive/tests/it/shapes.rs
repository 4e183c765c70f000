//! Every shape that an archive comes in is read whole, and alike.

use runtrail_archive::{Archive, ReadOptions, SortOptions};
use runtrail_testkit::golden::engine_samples;

use super::support::{Files, found, gzip, line, lines, pretty, read, zstd};

/// Ways to write the events 1 to 4.
fn shapes() -> Vec<(&'static str, String)> {
    let all = [line(1), line(2), line(3), line(4)];
    let pretty_all = [pretty(1), pretty(2), pretty(3), pretty(4)].join(",\n");
    let (first, last) = (all[..2].join(","), all[2..].join("\n"));
    vec![
        ("lines", lines(1..=4)),
        ("lines without an end", all.join("\n")),
        ("lines of Windows", all.join("\r\n") + "\r\n"),
        ("blank lines", format!("\n\n{}\n", all.join("\n \n\t\n"))),
        ("an array in a line", format!("[{}]", all.join(","))),
        (
            "an array over lines",
            format!("[\n{}\n]\n", all.join(",\n")),
        ),
        ("a pretty array", format!("[\n{pretty_all}\n]\n")),
        (
            "a pretty array of Windows",
            format!("[\n{pretty_all}\n]").replace('\n', "\r\n"),
        ),
        (
            "pretty values",
            [pretty(1), pretty(2), pretty(3), pretty(4)].join("\n"),
        ),
        ("an array, then lines", format!("[{first}]\n{last}\n")),
        (
            "a pretty array, then lines",
            format!("[\n{},\n{}\n]\n{last}", pretty(1), pretty(2)),
        ),
        (
            "lines, then an array",
            format!("{}\n{}\n[{},{}]", all[0], all[1], all[2], all[3]),
        ),
        (
            "arrays",
            format!("[{}][]\n[{},{}]\n[{}]", all[0], all[1], all[2], all[3]),
        ),
        ("a byte order mark", format!("\u{feff}{}", lines(1..=4))),
        (
            "marked files joined",
            format!("\u{feff}{}\u{feff}[{}]", lines(1..=3), all[3]),
        ),
        (
            "a trailing comma",
            format!("[{},\n]\n{}", all[..3].join(","), all[3]),
        ),
        (
            "several on a line",
            format!("{} {}{}\t{}", all[0], all[1], all[2], all[3]),
        ),
    ]
}

#[test]
fn every_shape_in_every_container_holds_the_same() {
    let files = Files::new();
    for (shape, text) in shapes() {
        let (head, tail) = text.as_bytes().split_at(text.len() / 3);
        let containers = [
            ("plain", text.clone().into_bytes()),
            ("gzip", gzip(&text)),
            ("gzip members", [gzip(head), gzip(""), gzip(tail)].concat()),
            (
                "gzip with padding",
                [gzip(head), gzip(tail), vec![0; 300]].concat(),
            ),
            ("zstd", zstd(&text)),
            ("zstd frames", [zstd(head), zstd(""), zstd(tail)].concat()),
            (
                "zstd with a skippable frame",
                [b"\x50\x2a\x4d\x18\x02\0\0\0hi".to_vec(), zstd(&text)].concat(),
            ),
        ];
        for (container, bytes) in containers {
            let path = files.write("archive", bytes);
            assert_eq!(found(&[&path]), "e1 e2 e3 e4", "{shape}, {container}");
        }
    }
}

#[test]
fn recorded_files_are_read_to_the_last_event() {
    let samples = engine_samples();
    let mut naive = 0;
    for sample in &samples {
        let path = sample.path.display().to_string();
        for way in super::support::ways() {
            let found = read(&[&path], way);
            assert_eq!(found.events, sample.events, "{path}");
            // One scenario writes a time without an offset on purpose.
            assert!(
                found
                    .rejects
                    .iter()
                    .all(|reject| reject.reason.code() == "no_utc_offset"),
                "{path}"
            );
            naive += found.rejects.len();
        }
    }
    assert_eq!(naive, super::support::ways().len());
    let total: usize = samples.iter().map(|sample| sample.events.len()).sum();
    assert!(
        samples.len() >= 17 && total > 500,
        "{} files, {total} events",
        samples.len()
    );
}

#[test]
fn a_file_cut_anywhere_gives_what_is_whole_and_one_reject() {
    let files = Files::new();
    for (shape, text) in [
        ("lines", lines(1..=3)),
        ("array", format!("[{},{},{}]", line(1), line(2), line(3))),
        (
            "pretty",
            format!("[\n{},\n{},\n{}\n]", pretty(1), pretty(2), pretty(3)),
        ),
    ] {
        let ends: Vec<usize> = text.match_indices("}}}").map(|(at, _)| at + 3).collect();
        let pretty_ends: Vec<usize> = text.match_indices("\n  }").map(|(at, _)| at + 4).collect();
        let ends = if ends.is_empty() { pretty_ends } else { ends };
        assert_eq!(ends.len(), 3);
        for cut in 1..text.len() {
            let path = files.write("cut", &text.as_bytes()[..cut]);
            let whole = ends.iter().filter(|&&end| end <= cut).count();
            let begun =
                text.as_bytes()[ends[..whole].last().copied().unwrap_or(0)..cut].contains(&b'{');
            let found = read(
                &[&path],
                ReadOptions {
                    chunk: 64,
                    ..ReadOptions::default()
                },
            );
            assert_eq!(found.events.len(), whole, "{shape} cut at {cut}");
            let codes: Vec<_> = found
                .rejects
                .iter()
                .map(|reject| reject.reason.code())
                .collect();
            let wanted: &[&str] = if begun { &["cut_off"] } else { &[] };
            assert_eq!(codes, wanted, "{shape} cut at {cut}");
        }
    }
}

#[test]
fn runs_are_gathered_from_files_and_told_apart_within_them() {
    let files = Files::new();
    let of_run =
        |run: &str, number: usize| line(number).replace("\"r\"", &format!("{run:?}")) + "\n";
    files.write(
        "1.jsonl",
        [of_run("b", 1), of_run("a", 4), of_run("b", 3)].concat(),
    );
    files.write("2.json", format!("[{},{}]", of_run("a", 2), of_run("b", 5)));
    files.write("deep/er/3.zst", zstd(of_run("b", 2)));
    let archive = Archive::open(&[files.path("")]).unwrap();
    let mut sorted = archive
        .sorted(ReadOptions::default(), SortOptions::default())
        .unwrap();
    let batch = sorted.next_batch().unwrap().unwrap();
    let shown: Vec<String> = batch
        .events()
        .iter()
        .map(|event| format!("{}{}", event.request_id, event.seq))
        .collect();
    assert_eq!(shown, ["a2", "a4", "b1", "b2", "b3", "b5"]);
    assert!(sorted.next_batch().unwrap().is_none());
    assert_eq!((sorted.report().files, sorted.counts().runs), (3, 2));
}
