//! Whatever is written comes out once, in order, or is accounted for.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use runtrail_archive::{Archive, ReadOptions, SortOptions};
use runtrail_core::event::TraceEvent;
use runtrail_core::wire::event_to_json;
use runtrail_testkit::strategies;

use super::sorting::{drain, expected_of_archive};
use super::support::{Files, gzip, zstd};

/// What stands at one place of a file.
#[derive(Debug, Clone)]
enum Entry {
    Event(Box<TraceEvent>),
    /// Something that is no event, on a line of its own.
    Noise(&'static str),
}

#[derive(Debug, Clone, Copy)]
enum Shape {
    Lines,
    Array,
    ArrayOverLines,
    PrettyArray,
    /// So many entries as an array, then the rest as lines.
    ArrayThenLines(usize),
}

#[derive(Debug, Clone, Copy)]
enum Container {
    Plain,
    Gzip,
    GzipMembers,
    Zstd,
    ZstdFrames,
}

#[derive(Debug, Clone)]
struct File {
    entries: Vec<Entry>,
    shape: Shape,
    container: Container,
    marked: bool,
}

impl Entry {
    fn json(&self) -> String {
        match self {
            Self::Event(event) => event_to_json(event),
            Self::Noise(text) => (*text).to_owned(),
        }
    }

    fn pretty(&self) -> String {
        // Python's `json.dumps(…, indent=2)` of a text: numbers and keys stay as they are.
        let (mut out, mut level, mut in_string, mut escaped) =
            (String::from("  "), 1, false, false);
        for c in self.json().chars() {
            if in_string {
                in_string = escaped || c != '"';
                escaped = !escaped && c == '\\';
                out.push(c);
                continue;
            }
            in_string = c == '"';
            match c {
                '{' | '[' => level += 1,
                '}' | ']' => level -= 1,
                _ => {}
            }
            if matches!(c, '}' | ']') {
                out.push('\n');
                out.push_str(&"  ".repeat(level));
            }
            out.push(c);
            if matches!(c, '{' | '[' | ',') {
                out.push('\n');
                out.push_str(&"  ".repeat(level));
            }
        }
        out
    }
}

impl File {
    fn text(&self) -> String {
        let json: Vec<String> = self.entries.iter().map(Entry::json).collect();
        let pretty: Vec<String> = self.entries.iter().map(Entry::pretty).collect();
        let text = match self.shape {
            Shape::Lines => json.join("\n"),
            Shape::Array => format!("[{}]", json.join(",")),
            Shape::ArrayOverLines => format!("[\n{}\n]\n", json.join(",\n")),
            Shape::PrettyArray => format!("[\n{}\n]\n", pretty.join(",\n")),
            Shape::ArrayThenLines(count) => {
                let (array, lines) = json.split_at(count.min(json.len()));
                format!("[{}]\n{}\n", array.join(","), lines.join("\n"))
            }
        };
        if self.marked {
            format!("\u{feff}{text}")
        } else {
            text
        }
    }

    fn bytes(&self) -> Vec<u8> {
        let text = self.text().into_bytes();
        let (head, tail) = text.split_at(text.len() / 2);
        match self.container {
            Container::Plain => text,
            Container::Gzip => gzip(&text),
            Container::GzipMembers => [gzip(head), gzip(tail)].concat(),
            Container::Zstd => zstd(&text),
            Container::ZstdFrames => [zstd(head), zstd(tail)].concat(),
        }
    }
}

fn entries() -> impl Strategy<Value = Vec<Entry>> {
    let events = strategies::runs().prop_flat_map(strategies::interleaved);
    (
        events,
        vec((any::<prop::sample::Index>(), 0..4_usize), 0..12),
    )
        .prop_map(|(events, changes)| {
            let mut entries: Vec<Entry> = events
                .into_iter()
                .map(|event| Entry::Event(Box::new(event)))
                .collect();
            for (at, change) in changes {
                let at = at.index(entries.len());
                let entry = match (change, entries[at].clone()) {
                    (0, _) => Entry::Noise("{\"an object\":\"but no event\"}"),
                    (1, _) => Entry::Noise("17"),
                    // An id used again for something else.
                    (2, Entry::Event(mut event)) => {
                        event.seq += 1000;
                        Entry::Event(event)
                    }
                    (_, same) => same,
                };
                entries.insert(at, entry);
            }
            entries
        })
}

fn file_shape() -> impl Strategy<Value = (Shape, Container, bool)> {
    let shape = prop_oneof![
        Just(Shape::Lines),
        Just(Shape::Array),
        Just(Shape::ArrayOverLines),
        Just(Shape::PrettyArray),
        (0..9_usize).prop_map(Shape::ArrayThenLines),
    ];
    let container = select(vec![
        Container::Plain,
        Container::Gzip,
        Container::GzipMembers,
        Container::Zstd,
        Container::ZstdFrames,
    ]);
    (shape, container, any::<bool>())
}

/// Any entries in any number of files: each entry goes to one of them.
fn archive() -> impl Strategy<Value = Vec<File>> {
    (entries(), vec(file_shape(), 1..5)).prop_flat_map(|(entries, shapes)| {
        let places = vec(0..shapes.len(), entries.len());
        places.prop_map(move |places| {
            let files = shapes
                .iter()
                .enumerate()
                .map(|(number, &(shape, container, marked))| {
                    let own = entries
                        .iter()
                        .zip(&places)
                        .filter(|(_, place)| **place == number);
                    let entries = own.map(|(entry, _)| entry.clone()).collect();
                    File {
                        entries,
                        shape,
                        container,
                        marked,
                    }
                });
            files.collect()
        })
    })
}

fn options() -> impl Strategy<Value = (ReadOptions, SortOptions)> {
    let bytes = || select(vec![0, 1, 5_000, 20_000, 1 << 30]);
    (
        1..3_usize,
        select(vec![1, 60, 700, 1 << 20]),
        bytes(),
        bytes(),
        1..3_usize,
    )
        .prop_map(|(threads, chunk, memory, keep_memory, sort_threads)| {
            let read = ReadOptions {
                threads,
                chunk,
                ..ReadOptions::default()
            };
            let sort = SortOptions {
                memory,
                keep_memory,
                merge_memory: 0,
                threads: sort_threads,
                temp_dir: None,
            };
            (read, sort)
        })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn everything_written_is_an_event_a_repeat_or_a_reject((read, sort) in options(), files in archive()) {
        let folder = Files::new();
        for (number, file) in files.iter().enumerate() {
            folder.write(&format!("{number}.json"), file.bytes());
        }
        let entries: Vec<&Entry> = files.iter().flat_map(|file| &file.entries).collect();
        let mut written = Vec::new();
        for entry in &entries {
            if let Entry::Event(event) = entry {
                written.push(event.as_ref().clone());
            }
        }
        let mut rejects = Vec::new();
        let archive = Archive::open(&[folder.path("")]).unwrap().on_reject(|reject| {
            rejects.push(String::from_utf8_lossy(&reject.text).into_owned());
            Ok(())
        });
        let mut sorted = archive.sorted(read, sort).unwrap();
        let (found, counts) = drain(&mut sorted);
        let report = sorted.report().clone();
        drop(sorted);
        let (wanted, wanted_counts) = expected_of_archive(&written);
        prop_assert_eq!(counts.events + counts.duplicates + rejects.len() as u64, entries.len() as u64);
        prop_assert_eq!(report.events, written.len() as u64);
        prop_assert_eq!(counts, wanted_counts);
        prop_assert_eq!(found.len(), wanted.len());
        for (found, wanted) in found.iter().zip(&wanted) {
            prop_assert!(found.is_repeat_of(wanted), "{:?} for {:?}", found, wanted);
        }
    }
}
