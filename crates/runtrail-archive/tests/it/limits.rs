//! What is too long or too deep costs itself and nothing else, in bounded memory and time.

use std::io::{Read, Write, repeat};

use flate2::Compression;
use flate2::write::GzEncoder;
use runtrail_archive::{ReadOptions, Reject};
use runtrail_core::wire::WireOptions;

use super::support::{Files, found, line, lines, pretty, read};

/// Reads with a low limit on length, in several ways, and shows what was found.
fn found_within(max_line: usize, path: &str) -> String {
    let ways = [(1, 1 << 20), (1, 16), (1, 333), (2, 100), (2, 1 << 20)];
    let shown = ways.map(|(threads, chunk)| {
        let options = ReadOptions {
            threads,
            chunk,
            max_line,
            ..ReadOptions::default()
        };
        read(&[path], options).show()
    });
    assert!(shown.iter().all(|other| *other == shown[0]), "{shown:#?}");
    shown[0].clone()
}

fn long(number: usize) -> String {
    line(number).replace("grüße", &"long ".repeat(100))
}

#[test]
fn a_long_value_costs_itself() {
    let files = Files::new();
    let max_line = line(1).len() + 20;
    let before = line(1).len();
    let length = long(2).len();
    for (shape, text, at) in [
        (
            "lines",
            format!("{}\n{}\n{}\n{}\n", line(1), long(2), line(3), line(4)),
            before + 1,
        ),
        (
            "array",
            format!("[{},{},{},{}]", line(1), long(2), line(3), line(4)),
            before + 2,
        ),
        (
            "array over lines",
            format!("[{},\n{},\n{}\n]\n{}", line(1), long(2), line(3), line(4)),
            before + 3,
        ),
        (
            "array, then lines",
            format!("[{},{}]\n{}\n{}", line(1), long(2), line(3), line(4)),
            before + 2,
        ),
        (
            "one line",
            format!("{}{}{} {}", line(1), long(2), line(3), line(4)),
            before,
        ),
    ] {
        let path = files.write("archive", &text);
        let row = 1 + text[..at].matches('\n').count();
        let wanted = format!("e1 e3 e4 <too_long {row}:{at}+{length}>");
        assert_eq!(found_within(max_line, &path), wanted, "{shape}");
    }
}

#[test]
fn a_long_pretty_value_costs_itself() {
    let files = Files::new();
    let broken = pretty(2).replace(
        "\"seq\"",
        &format!("\"pad\": \"{}\",\n    \"seq\"", "x".repeat(600)),
    );
    let text = format!(
        "[\n{},\n{broken},\n{},\n{}\n]\n",
        pretty(1),
        pretty(3),
        pretty(4)
    );
    let path = files.write("archive", &text);
    let at = pretty(1).len() + 6;
    let wanted = format!("e1 e3 e4 <too_long 18:{at}+{}>", broken.len() - 2);
    assert_eq!(found_within(500, &path), wanted);
}

#[test]
fn long_noise_and_long_cuts_end_with_their_line() {
    let files = Files::new();
    let noise = "x".repeat(1000);
    let path = files.write("noise", format!("{}\n{noise}\n{}", line(1), line(2)));
    let after = line(1).len() + 1;
    assert_eq!(
        found_within(400, &path),
        format!("e1 e2 <too_long 2:{after}+1000>")
    );
    let cut_in_string = &long(2)[..600];
    let path = files.write("cut", format!("{}\n{cut_in_string}\n{}", line(1), line(3)));
    assert_eq!(
        found_within(400, &path),
        format!("e1 e3 <too_long 2:{after}+600>")
    );
}

#[test]
fn of_a_long_value_only_the_start_is_kept() {
    let files = Files::new();
    let noise = "x".repeat(300_000);
    let path = files.write("noise", format!("{noise}\n{}", line(1)));
    for chunk in [1 << 10, 1 << 20] {
        let options = ReadOptions {
            max_line: 1000,
            chunk,
            ..ReadOptions::default()
        };
        let found = read(&[&path], options);
        let Reject { length, text, .. } = &found.rejects[0];
        assert_eq!(
            (*length, text.len(), found.ids()),
            (300_000, 64 << 10, vec!["e1"])
        );
    }
}

#[test]
fn depth_bombs_are_one_reject_each() {
    let files = Files::new();
    let deep = |levels: usize| {
        let (open, close) = ("[".repeat(levels), "]".repeat(levels));
        line(2).replace(
            "{\"inputs\":",
            &format!("{{\"deep\":{open}{close},\"inputs\":"),
        )
    };
    let fits = files.write("fits", deep(126));
    assert_eq!(found(&[&fits]), "e2");
    for bomb in [
        deep(127),
        "[".repeat(1_000_000),
        "{\"payload\":".repeat(100_000),
        deep(1_000_000),
    ] {
        let path = files.write("bomb", format!("{}\n{bomb}\n{}", line(1), line(3)));
        let at = line(1).len() + 1;
        // A bracket at the start of a line opens an array, which a line of its own may be in.
        let bracket = usize::from(bomb.starts_with('['));
        let length = bomb.len() - bracket;
        let wanted = format!("e1 e3 <too_deep 2:{}+{length}>", at + bracket);
        let shown = read(&[&path], ReadOptions::default()).show();
        assert_eq!(shown, wanted);
    }
    let shallow = ReadOptions {
        wire: WireOptions {
            max_depth: 3,
            ..WireOptions::default()
        },
        ..ReadOptions::default()
    };
    assert_eq!(
        read(&[&fits], shallow).show(),
        format!("<too_deep 1:0+{}>", deep(126).len())
    );
}

/// Writes `count` times one byte, and lines around it.
fn bomb(mut encoder: impl Write, byte: u8, count: u64) {
    encoder.write_all(lines(1..=2).as_bytes()).unwrap();
    std::io::copy(&mut repeat(byte).take(count), &mut encoder).unwrap();
    encoder.write_all(b"\n").unwrap();
    encoder.write_all(line(3).as_bytes()).unwrap();
}

#[test]
fn a_compressed_line_without_end_is_given_up() {
    const MAX_LINE: usize = 1 << 20;
    const CHUNK: usize = 1 << 18;
    let files = Files::new();
    for byte in [b'x', b' ', 0] {
        let mut gz = GzEncoder::new(Vec::new(), Compression::fast());
        bomb(&mut gz, byte, 1 << 27);
        let mut zst = zstd::Encoder::new(Vec::new(), 1).unwrap();
        bomb(&mut zst, byte, 1 << 27);
        for bytes in [gz.finish().unwrap(), zst.finish().unwrap()] {
            let path = files.write("bomb", &bytes);
            let options = ReadOptions {
                max_line: MAX_LINE,
                chunk: CHUNK,
                ..ReadOptions::default()
            };
            let found = read(&[&path], options);
            if byte == b' ' {
                // White space between values is no value, and costs nothing to step over.
                assert_eq!(found.show(), "e1 e2 e3");
                continue;
            }
            assert_eq!(found.ids(), ["e1", "e2"]);
            let reject = &found.rejects[0];
            assert_eq!((found.rejects.len(), reject.reason.code()), (1, "too_long"));
            let read = usize::try_from(reject.length).unwrap();
            assert!(
                (16 * MAX_LINE..=16 * MAX_LINE + 2 * CHUNK).contains(&read),
                "{read}"
            );
        }
    }
}

#[test]
fn a_compressed_line_that_does_end_costs_itself() {
    let files = Files::new();
    let mut zst = zstd::Encoder::new(Vec::new(), 1).unwrap();
    bomb(&mut zst, b'x', 8 << 20);
    let path = files.write("long.zst", zst.finish().unwrap());
    let at = lines(1..=2).len();
    assert_eq!(
        found_within(1 << 20, &path),
        format!("e1 e2 e3 <too_long 3:{at}+{}>", 8 << 20)
    );
}
