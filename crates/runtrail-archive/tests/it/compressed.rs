//! Damaged compressed files: what is whole comes out, the damage is told once, nothing loops.

use std::io::{Read, Write};

use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;
use runtrail_archive::{ReadOptions, RejectReason};

use super::support::{Files, Found, found, gzip, line, lines, read, zstd};

/// The lines of every archive here.
const LINES: usize = 9;

/// A compressed archive of two members or frames.
struct Stored {
    format: &'static str,
    bytes: Vec<u8>,
    /// Where the first of the two ends.
    first: usize,
    /// For each line, how many stored bytes are enough to decode it.
    enough: Vec<usize>,
}

fn gzip_archive() -> Stored {
    let (mut bytes, mut enough) = (Vec::new(), Vec::new());
    let mut first = 0;
    for part in [1..=6, 7..=LINES] {
        let mut encoder = GzEncoder::new(&mut bytes, Compression::default());
        for number in part {
            writeln!(encoder, "{}", line(number)).unwrap();
            encoder.flush().unwrap();
            enough.push(encoder.get_ref().len());
        }
        encoder.finish().unwrap();
        first = if first == 0 { bytes.len() } else { first };
    }
    Stored {
        format: "gzip",
        bytes,
        first,
        enough,
    }
}

fn zstd_archive() -> Stored {
    let (mut bytes, mut enough) = (Vec::new(), Vec::new());
    let mut first = 0;
    for part in [1..=6, 7..=LINES] {
        let mut encoder = zstd::Encoder::new(&mut bytes, 3).unwrap();
        encoder.include_checksum(true).unwrap();
        for number in part {
            writeln!(encoder, "{}", line(number)).unwrap();
            encoder.flush().unwrap();
            enough.push(encoder.get_ref().len());
        }
        encoder.finish().unwrap();
        first = if first == 0 { bytes.len() } else { first };
    }
    Stored {
        format: "zstd",
        bytes,
        first,
        enough,
    }
}

/// How many whole events an independent reader gets out of a file that is cut off.
fn whole_events(format: &str, bytes: &[u8]) -> usize {
    let mut decoder: Box<dyn Read> = match format {
        "gzip" => Box::new(MultiGzDecoder::new(bytes)),
        _ => Box::new(zstd::Decoder::new(bytes).unwrap()),
    };
    let (mut plain, mut byte) = (Vec::new(), [0]);
    // Byte by byte, so that nothing is lost in the call that fails.
    while let Ok(1) = decoder.read(&mut byte) {
        plain.push(byte[0]);
    }
    plain
        .split(|&byte| byte == b'\n')
        .filter(|text| text.ends_with(b"}}}"))
        .count()
}

fn damages(found: &Found) -> usize {
    let damaged = |reason: &RejectReason| matches!(reason, RejectReason::Damaged(_));
    found
        .rejects
        .iter()
        .filter(|reject| damaged(&reject.reason))
        .count()
}

fn some_ways() -> [ReadOptions; 3] {
    [(1, 1 << 20), (1, 40), (2, 150)].map(|(threads, chunk)| ReadOptions {
        threads,
        chunk,
        ..ReadOptions::default()
    })
}

#[test]
fn a_file_cut_at_any_byte_gives_every_whole_line_and_one_reject() {
    let files = Files::new();
    for Stored {
        format,
        bytes,
        first,
        enough,
    } in [gzip_archive(), zstd_archive()]
    {
        for cut in 5..=bytes.len() {
            let whole = whole_events(format, &bytes[..cut]);
            assert!(whole >= enough.iter().filter(|&&enough| enough <= cut).count());
            let complete = cut == first || cut == bytes.len();
            let path = files.write("cut", &bytes[..cut]);
            for way in some_ways() {
                let found = read(&[&path], way);
                let shown = format!("{format} cut at {cut}: {}", found.show());
                assert_eq!(found.events.len(), whole, "{shown}");
                assert_eq!(found.rejects.len(), usize::from(!complete), "{shown}");
                assert_eq!(damages(&found), found.rejects.len(), "{shown}");
                assert_eq!(found.report.failed, [], "{shown}");
            }
        }
    }
}

#[test]
fn a_file_cut_in_its_first_bytes_is_one_reject() {
    let files = Files::new();
    for Stored { format, bytes, .. } in [gzip_archive(), zstd_archive()] {
        assert_eq!(found(&[&files.write("cut", b"")]), "");
        for cut in 1..5 {
            let path = files.write("cut", &bytes[..cut]);
            let found = read(&[&path], ReadOptions::default());
            let counts = (found.events.len(), found.rejects.len());
            assert_eq!(counts, (0, 1), "{format} cut at {cut}");
        }
    }
}

#[test]
fn a_wrong_byte_anywhere_costs_nothing_that_came_before_it() {
    let files = Files::new();
    for Stored {
        format,
        bytes,
        enough,
        ..
    } in [gzip_archive(), zstd_archive()]
    {
        let mut noticed = 0;
        // Other first bytes would make it another kind of file.
        for at in 4..bytes.len() {
            let mut wrong = bytes.clone();
            wrong[at] ^= 0x55;
            let path = files.write("wrong", &wrong);
            let whole = enough.iter().filter(|&&enough| enough <= at).count();
            let mut shown = Vec::new();
            for way in some_ways() {
                let found = read(&[&path], way);
                let ids = found.ids();
                let wanted: Vec<String> = (1..=whole).map(|number| format!("e{number}")).collect();
                assert!(
                    ids.len() >= whole && ids[..whole] == wanted,
                    "{format}, byte {at}: {}",
                    found.show()
                );
                // What a header says beside the data may be wrong and do no harm.
                let harmless = ids.len() == LINES && found.rejects.is_empty();
                assert_eq!(
                    damages(&found),
                    usize::from(!harmless),
                    "{format}, byte {at}: {}",
                    found.show()
                );
                noticed += usize::from(!harmless);
                shown.push(found.show());
            }
            assert!(
                shown.iter().all(|other| *other == shown[0]),
                "{format}, byte {at}: {shown:#?}"
            );
        }
        assert!(
            noticed > 9 * some_ways().len() * bytes.len() / 10,
            "{format}: {noticed} noticed"
        );
    }
}

#[test]
fn what_follows_the_compressed_data_is_told() {
    let files = Files::new();
    for Stored { format, bytes, .. } in [gzip_archive(), zstd_archive()] {
        let path = files.write("longer", [bytes, b"{}".to_vec()].concat());
        let found = read(&[&path], ReadOptions::default());
        let counts = (found.events.len(), found.rejects.len(), damages(&found));
        assert_eq!(counts, (LINES, 1, 1), "{format}");
    }
}

#[test]
fn damage_inside_a_line_is_told_with_what_is_left_of_it() {
    let files = Files::new();
    let head = gzip(lines(1..=6));
    let path = files.write("cut.gz", [&head, &gzip(lines(7..=9))[..60]].concat());
    let found = read(&[&path], ReadOptions::default());
    assert_eq!(found.events.len(), 6);
    let reject = &found.rejects[0];
    assert_eq!((reject.line, reject.byte), (7, lines(1..=6).len() as u64));
    assert!(line(7).as_bytes().starts_with(&reject.text) && !reject.text.is_empty());
    let reason = "compressed data is damaged: it ends inside a gzip member";
    assert_eq!(reject.reason.to_string(), reason);
}

/// A frame of one raw block, which asks for a window of 2 to the power of `log` bytes.
fn frame_with_window(log: u8, content: &str) -> Vec<u8> {
    let block = u32::try_from(content.len() << 3 | 1).unwrap().to_le_bytes();
    let header = [0x28, 0xb5, 0x2f, 0xfd, 0, (log - 10) << 3];
    [&header[..], &block[..3], content.as_bytes()].concat()
}

#[test]
fn windows_beyond_128_mebibytes_are_refused() {
    let files = Files::new();
    let fits = files.write("fits.zst", frame_with_window(27, &line(1)));
    assert_eq!(found(&[&fits]), "e1");
    let large = files.write("large.zst", frame_with_window(28, &line(1)));
    assert_eq!(found(&[&large]), "<damaged_compression 1:0+0>");
}

#[test]
fn many_small_frames_are_one_text() {
    let files = Files::new();
    let all = (1..=400).map(|number| line(number) + "\n");
    let gzipped: Vec<u8> = all.clone().flat_map(gzip).collect();
    let framed: Vec<u8> = all.flat_map(zstd).collect();
    for bytes in [gzipped, framed] {
        let found = read(&[&files.write("small", bytes)], ReadOptions::default());
        assert_eq!((found.events.len(), found.rejects.len()), (400, 0));
    }
}
