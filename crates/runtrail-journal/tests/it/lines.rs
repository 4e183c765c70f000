//! What is written is read, and what is damaged is counted.

use std::fs;
use std::io::Write;
use std::sync::LazyLock;

use proptest::prelude::*;
use runtrail_journal::{
    Damage, Entry, Journal, MAX_JOURNAL, MAX_LINE, RunCompleted, RunStatus, State, Warning,
};

use crate::it::support::{BEGAN, one_of_each, write};

fn lines(damaged: u64, missing: u64) -> Damage {
    let mut damage = Damage::default();
    (damage.lines, damage.missing) = (damaged, missing);
    damage
}

#[test]
fn every_kind_of_entry_is_read_as_it_was_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = write(folder.path(), one_of_each());
    let journal = Journal::read(&path).unwrap();
    let mut expected = one_of_each();
    let known = expected.len();
    expected.push(Entry::from(RunCompleted {
        status: RunStatus::Ok,
        error: None,
        duration: std::time::Duration::from_millis(known as u64 + 2),
    }));
    assert_eq!(journal.entries().cloned().collect::<Vec<_>>(), expected);
    assert!(journal.damage().is_none());
    for (at, record) in journal.records().iter().enumerate() {
        assert_eq!(record.seq, at as u64);
        assert_eq!(record.monotonic.as_millis(), at as u128 + 2);
        assert!(record.time.to_string().as_str() > BEGAN);
    }
}

#[test]
fn a_line_is_the_record_as_json() {
    let folder = tempfile::tempdir().unwrap();
    let path = write(folder.path(), vec![Warning::new("a\nb").into()]);
    let text = fs::read_to_string(path).unwrap();
    assert_eq!(
        text,
        r#"{"seq":0,"time":"2026-11-20T03:12:04.078990Z","mono_us":2000,"entry":"warning","message":"a\nb"}
{"seq":1,"time":"2026-11-20T03:12:04.079990Z","mono_us":3000,"entry":"run_completed","status":"ok","duration_us":3000}
"#
    );
    let journal = Journal::from_bytes(text.as_bytes());
    let again = journal.records().iter().map(serde_json::to_string);
    let again: Vec<String> = again.map(Result::unwrap).collect();
    assert_eq!(again.join("\n") + "\n", text);
}

#[test]
fn cut_at_every_byte_it_gives_all_lines_before_the_cut() {
    let folder = tempfile::tempdir().unwrap();
    let whole = fs::read(write(folder.path(), one_of_each())).unwrap();
    let all = Journal::from_bytes(&whole);
    for cut in 0..whole.len() {
        let left = &whole[..cut];
        let journal = Journal::from_bytes(left);
        let mut lines_before = left.split(|&byte| byte == b'\n');
        let half = lines_before.next_back().unwrap();
        let ends = lines_before.count();
        // A line that lacks nothing but its end is whole.
        let complete = journal.records().len();
        assert!(complete == ends || complete == ends + 1, "{cut}");
        assert_eq!(journal.records(), &all.records()[..complete], "{cut}");
        let is_damaged = complete == ends && !half.is_empty();
        assert_eq!(journal.damage(), lines(is_damaged.into(), 0), "{cut}");
        let expected = if complete == all.records().len() {
            State::Completed
        } else {
            State::Interrupted
        };
        assert_eq!(journal.state(), expected, "{cut}");
    }
}

#[test]
fn what_is_not_known_is_kept_as_it_is() {
    let time = BEGAN;
    let unknown = format!(
        r#"{{"seq":0,"time":"{time}","mono_us":1,"entry":"compacted","files":[1,  2.50],"entry2":null}}"#
    );
    // A known name with another shape is another version's as well.
    let changed = format!(
        r#"{{"seq":1,"time":"{time}","mono_us":1,"entry":"dropped","cause":"x","count":"many"}}"#
    );
    let more = format!(
        r#"{{"seq":2,"time":"{time}","mono_us":1,"entry":"dropped","cause":"x","count":3,"since":0}}"#
    );
    let journal = Journal::from_bytes(format!("{unknown}\n{changed}\n{more}\n").as_bytes());
    let names: Vec<&str> = journal.entries().map(Entry::name).collect();
    assert_eq!(names, ["compacted", "dropped", "dropped"]);
    let phases = journal.entries().map(|entry| entry.phase().is_some());
    assert_eq!(phases.collect::<Vec<_>>(), [false, false, true]);
    assert_eq!(journal.dropped(), 3);
    assert!(journal.damage().is_none());
    let other = &journal.records()[0];
    let Entry::Other(kept) = &other.entry else {
        panic!("{other:?}");
    };
    assert_eq!(kept.as_json(), unknown);
    assert_eq!(serde_json::to_string(other).unwrap(), unknown);
}

#[test]
fn an_outcome_of_another_version_is_no_success() {
    let line = format!(
        r#"{{"seq":0,"time":"{BEGAN}","mono_us":1,"entry":"run_completed","status":"paused","duration_us":5}}"#
    );
    let journal = Journal::from_bytes(line.as_bytes());
    let outcome = journal.final_outcome().unwrap();
    assert_eq!(outcome.status, RunStatus::Unknown);
    assert_eq!(journal.state(), State::Failed);
}

#[test]
fn damaged_and_missing_lines_are_counted() {
    let folder = tempfile::tempdir().unwrap();
    let text = fs::read_to_string(write(folder.path(), one_of_each())).unwrap();
    let mut all: Vec<&[u8]> = text.lines().map(str::as_bytes).collect();
    let count = all.len();
    all.remove(3);
    let join = |lines: &[&[u8]]| Journal::from_bytes(&lines.join(&b'\n'));
    let journal = join(&all);
    assert_eq!(journal.records().len(), count - 1);
    assert_eq!(journal.damage(), lines(0, 1));

    // What stands in for the line is no entry, and the number is still missing.
    let long = vec![b'x'; 2 * MAX_LINE];
    let deep = "[".repeat(100_000);
    for wrong in [
        b"{}".as_slice(),
        b"{\"seq\":3",
        b"\xff\xfe",
        b"null",
        &long,
        deep.as_bytes(),
    ] {
        all.insert(3, wrong);
        let journal = join(&all);
        assert_eq!(journal.records().len(), count - 1);
        assert_eq!(journal.damage(), lines(1, 1));
        assert_eq!(journal.state(), State::Completed);
        all.remove(3);
    }

    // Neither does a number that nobody counted to.
    let far = format!(
        r#"{{"seq":{},"time":"{BEGAN}","mono_us":0,"entry":"x"}}"#,
        u64::MAX
    );
    let journal = Journal::from_bytes(format!("{far}\n{far}\n").as_bytes());
    assert_eq!(journal.damage(), lines(0, u64::MAX));
}

#[test]
fn of_a_journal_without_end_the_beginning_and_the_outcome_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let short = fs::read(write(folder.path(), one_of_each())).unwrap();
    let path = folder.path().join("long.jsonl");
    let mut file = fs::File::create(&path).unwrap();
    let outcome = short.trim_ascii_end().rsplit(|&byte| byte == b'\n').next();
    file.write_all(&short[..short.len() - outcome.unwrap().len() - 1])
        .unwrap();
    // A hole: lines of nothing, which no limit of lines may let through either.
    file.set_len(MAX_JOURNAL + (3 << 20)).unwrap();
    let mut file = fs::OpenOptions::new().append(true).open(&path).unwrap();
    file.write_all(b"\n").unwrap();
    file.write_all(outcome.unwrap()).unwrap();
    drop(file);

    let journal = Journal::read(&path).unwrap();
    assert_eq!(journal.state(), State::Completed);
    assert_eq!(journal.records().len(), one_of_each().len() + 1);
    assert!(journal.damage().skipped_bytes > 2 << 20);
    assert_eq!(journal.damage().missing, 0);
}

static WHOLE: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let folder = tempfile::tempdir().unwrap();
    fs::read(write(folder.path(), one_of_each())).unwrap()
});

proptest! {
    #[test]
    fn no_bytes_make_reading_fail(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let journal = Journal::from_bytes(&bytes);
        prop_assert!(journal.records().is_empty());
    }

    #[test]
    fn a_changed_byte_costs_its_line_alone(at in 0_usize..2000, byte: u8) {
        let mut bytes = WHOLE.clone();
        let count = Journal::from_bytes(&bytes).records().len();
        let at = at % bytes.len();
        bytes[at] = byte;
        // Two lines where the byte was the end of one.
        let left = Journal::from_bytes(&bytes).records().len();
        prop_assert!(left + 2 >= count && left <= count, "{left} of {count}");
    }
}
