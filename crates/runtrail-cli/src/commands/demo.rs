//! `runtrail demo`: a small archive, what it is exported to, and what to try next.

use std::fs;
use std::path::{Path, PathBuf};

use runtrail_core::printable::Printable;

use crate::args::{DemoArgs, ExportArgs, ExporterKind, ReadArgs, TreeArgs};
use crate::code::Code;
use crate::commands::{runs, tree};
use crate::export::export;
use crate::failure::{Failure, Outcome};
use crate::human::Clock;
use crate::load::{Selection, load};
use crate::out::Out;

/// The sample archive, a run a file.
const ARCHIVE: [(&str, &str); 3] = [
    (
        "req_7f3a9c.jsonl",
        include_str!("../../demo/req_7f3a9c.jsonl"),
    ),
    (
        "req_2b81d0.jsonl",
        include_str!("../../demo/req_2b81d0.jsonl"),
    ),
    (
        "req_c04e55.jsonl",
        include_str!("../../demo/req_c04e55.jsonl"),
    ),
];
/// The run whose tree is shown.
const SHOWN: &str = "req_7f3a9c";
/// Says that a folder is a demo's; hidden, so that it is not taken for an archive.
const MARK: &str = ".runtrail-demo";

/// Runs the command.
pub(crate) fn run(args: &DemoArgs, out: &mut Out) -> Outcome {
    let dir = args.dir.as_path();
    claim(dir)?;
    write_archive(&dir.join("archive"))?;
    export(&export_args(dir, "lake", ExporterKind::Parquet), out)?;
    export(&export_args(dir, "trees", ExporterKind::Json), out)?;

    let events: usize = ARCHIVE.iter().map(|(_, lines)| lines.lines().count()).sum();
    let shown = Printable(&dir.display().to_string()).to_string();
    let place = shown.trim_end_matches('/');
    out.answer(&format!(
        "Wrote {} sample runs ({events} events) to {place}/ and exported them; no network used.\n",
        ARCHIVE.len()
    ))?;
    show(args, out)?;
    out.answer(&next_steps(dir))?;
    Ok(Code::Done)
}

/// Makes the folder, unless there is something in it that no demo wrote.
fn claim(dir: &Path) -> Result<(), Failure> {
    let shown = dir.display();
    if fs::metadata(dir).is_ok_and(|found| !found.is_dir()) {
        return Err(
            Failure::usage(format!("{shown} is a file; a demo needs a folder"))
                .help("name another one"),
        );
    }
    let used = fs::read_dir(dir).is_ok_and(|mut entries| entries.next().is_some());
    if used && !dir.join(MARK).exists() {
        return Err(Failure::usage(format!(
            "{shown} is not empty, and what is in it is not from a demo"
        ))
        .help("name a new folder: runtrail demo DIR"));
    }
    fs::create_dir_all(dir).map_err(|error| Failure::path("make the folder", dir, &error))?;
    write(
        &dir.join(MARK),
        "Written by runtrail demo, which may write it again.\n",
    )
}

fn write_archive(dir: &Path) -> Result<(), Failure> {
    fs::create_dir_all(dir).map_err(|error| Failure::path("make the folder", dir, &error))?;
    ARCHIVE
        .iter()
        .try_for_each(|(name, lines)| write(&dir.join(name), lines))
}

fn write(path: &Path, text: &str) -> Result<(), Failure> {
    fs::write(path, text).map_err(|error| Failure::path("write", path, &error))
}

fn archive_of(dir: &Path) -> Vec<String> {
    vec![dir.join("archive").display().to_string()]
}

/// Shows the runs, and one of them as a tree.
fn show(args: &DemoArgs, out: &mut Out) -> Result<(), Failure> {
    let clock = if args.utc { Clock::Utc } else { Clock::Local };
    let sources = archive_of(&args.dir);
    let mut loaded = load(&sources, &ReadArgs::default(), Selection::everything(), out)?;
    let all = runs::all_runs(&mut loaded)?;
    runs::print_table(&all, clock, out)?;
    out.answer("\n")?;
    let mut loaded = load(&sources, &ReadArgs::default(), Selection::run(SHOWN), out)?;
    tree::print(&mut loaded, SHOWN, &TreeArgs::plain(args.utc), out)
}

fn next_steps(dir: &Path) -> String {
    let word = |path: PathBuf| {
        let path = path.display().to_string();
        let plain =
            |c: char| c.is_alphanumeric() || matches!(c, '/' | '.' | '_' | '-' | '+' | ',' | '@');
        if path.chars().all(plain) {
            path
        } else {
            format!("'{}'", Printable(&path).to_string().replace('\'', "'\\''"))
        }
    };
    let (demo, archive, trees) = (
        word(dir.to_owned()),
        word(dir.join("archive")),
        word(dir.join("trees")),
    );
    let lake = word(dir.join("lake"));
    let mut lines = vec![
        format!("runtrail tree {demo} c04e --errors"),
        format!("runtrail runs {demo} --sort took --format json"),
        format!("runtrail cat {archive} --run 7f3a --format text"),
        format!("ls {trees}"),
    ];
    if !lake.starts_with('\'') {
        lines.push(format!(
            "duckdb -c \"from read_parquet('{lake}/ops/**/*.parquet') limit 5\""
        ));
    }
    let mut text = String::new();
    for (index, line) in lines.iter().enumerate() {
        text.push_str(if index == 0 { "\nTry:  " } else { "      " });
        text.push_str(line);
        text.push('\n');
    }
    text
}

fn export_args(dir: &Path, to: &str, exporter: ExporterKind) -> ExportArgs {
    ExportArgs {
        exporter,
        ..ExportArgs::plain(archive_of(dir), dir.join(to).display().to_string())
    }
}
