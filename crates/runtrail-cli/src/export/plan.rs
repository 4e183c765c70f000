//! What of the sources a lake does not hold yet.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::Path;

use runtrail_archive::{Extent, FileStart, Input, ReadReport, end_of_lines};
use runtrail_core::printable::Printable;
use runtrail_parquet::{Held, LakeLayout, LakeReader, Listing, ResumeAt, SourceInfo};

use crate::args::{ExportArgs, OnBadLine, OpenRunsArg, ReadArgs};
use crate::failure::Failure;

/// What an export reads, and why not the rest.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    /// What is read.
    pub(crate) sources: Vec<Planned>,
    /// Sources that the lake holds as they are, by their names.
    pub(crate) unchanged: Vec<String>,
    /// Those of them that the log does not name yet: it is to say that the lake holds them too.
    copies: Vec<SourceCopy>,
    /// What gives way, since sources have become others.
    pub(crate) held: Held,
}

/// A source that is read.
#[derive(Debug, Clone)]
pub(crate) struct Planned {
    /// What is read of it.
    pub(crate) input: Input,
    /// Whether it is the rest of what was exported before.
    pub(crate) is_rest: bool,
    known: Option<Known>,
}

/// A source that has the content of another one.
#[derive(Debug, Clone)]
struct SourceCopy {
    source: SourceInfo,
    /// The name under which the lake holds it.
    of: String,
}

/// A file's first bytes, up to which it is read.
#[derive(Debug, Clone)]
struct Known {
    bytes: u64,
    /// What they are, and what some fewer of them are. What the log has nothing of is told by reading it for
    /// the export.
    starts: Vec<FileStart>,
}

impl Known {
    /// Returns what all of them are, where it is known.
    fn start(&self) -> Option<FileStart> {
        self.start_at(self.bytes)
    }

    /// Nothing is known of so many bytes.
    fn unread(bytes: u64) -> Self {
        let starts = Vec::new();
        Self { bytes, starts }
    }

    fn start_at(&self, end: u64) -> Option<FileStart> {
        let mut starts = self.starts.iter().copied();
        starts.find(|start| start.bytes == end)
    }
}

/// What the lake knows of a source.
enum Found {
    Unchanged,
    /// The lake holds it under this name.
    Copy(SourceInfo),
    /// Lines were appended after this place.
    Grown(Extent),
    /// Something was appended that cannot be read alone, or the lake does not know it.
    New,
    /// It is not what was exported.
    Changed,
    /// It was exported with this other offset for timestamps that state none.
    Shifted(String),
}

impl Plan {
    /// Everything is read, whatever there is where it goes; with `threads` the sources are looked at, so
    /// that the plan tells whether they are the same as another time.
    pub(crate) fn everything(inputs: &[Input], threads: Option<usize>) -> Self {
        let sources = inputs.iter().map(|input| {
            // What is not known is exported from its beginning.
            let known =
                threads.and_then(|threads| look_at(input, &[], threads).unwrap_or_default());
            Planned::of(input, None, known)
        });
        Self {
            sources: sources.collect(),
            ..Self::default()
        }
    }

    /// Compares the sources with what the lake holds of them.
    pub(crate) fn of(
        inputs: &[Input],
        lake: Option<&LakeReader>,
        args: &ExportArgs,
        threads: usize,
    ) -> Result<Self, Failure> {
        let empty = Listing::default();
        let listing = lake.map_or(&empty, LakeReader::listing);
        check_layout(listing, args)?;
        // Bad lines are nothing that the lake holds.
        let rejects = listing
            .records
            .iter()
            .any(|record| !record.rejects.is_empty());
        let reads_all = args.on_bad_line == OnBadLine::Fail && rejects;
        let log = Log::of(listing);
        let mut plan = Self::default();
        let mut changed = BTreeMap::new();
        for input in inputs {
            let name = input.name();
            let (mut known, found) = compare(input, &log, &args.read, threads, reads_all)?;
            let from = match found {
                Found::Unchanged => {
                    plan.unchanged.push(name);
                    continue;
                }
                Found::Copy(of) => {
                    let source = SourceInfo { name, ..of.clone() };
                    plan.unchanged.push(source.name.clone());
                    plan.copies.push(SourceCopy {
                        source,
                        of: of.name,
                    });
                    continue;
                }
                Found::Changed => {
                    changed.insert(name, None);
                    None
                }
                Found::Shifted(before) => {
                    changed.insert(name, Some(before));
                    None
                }
                Found::Grown(rest) => {
                    // A line that is being written is left for the next time, unless this is the last.
                    if let Some(known) = &mut known
                        && args.open_runs != Some(OpenRunsArg::Truncate)
                    {
                        let whole = to_whole_line(known, input, &args.read, threads)?;
                        known.bytes = whole.map_or(known.bytes, |whole| whole.bytes);
                        known.starts.extend(whole);
                    }
                    let until = known.as_ref().map_or(rest.until, |known| known.bytes);
                    if until <= rest.from {
                        plan.unchanged.push(name);
                        continue;
                    }
                    Some(Extent { until, ..rest })
                }
                Found::New => None,
            };
            plan.sources.push(Planned::of(input, from, known));
        }
        if !changed.is_empty() {
            plan.replace(&changed, inputs, listing, args.replace)?;
            plan.read_whole(inputs, threads)?;
        }
        Ok(plan)
    }

    /// Whether there is nothing to read, nor to write down.
    pub(crate) fn is_empty(&self) -> bool {
        self.sources.is_empty() && self.copies.is_empty()
    }

    /// Whether a source has grown since it was exported.
    pub(crate) fn has_grown(&self) -> bool {
        self.sources.iter().any(|source| source.is_rest)
    }

    /// Returns what is read.
    pub(crate) fn inputs(&self) -> Vec<Input> {
        self.sources
            .iter()
            .map(|source| source.input.clone())
            .collect()
    }

    /// Returns what the log is to say of the sources that were read: those that could not be are to be read
    /// again.
    pub(crate) fn logged(
        &self,
        report: &ReadReport,
        read: &ReadArgs,
        threads: usize,
    ) -> Result<Vec<SourceInfo>, Failure> {
        // Of a store the parts are named.
        let is_of = |failed: &str, name: &str| Path::new(failed).starts_with(name);
        let failed = |name: &str| report.failed.iter().any(|(failed, _)| is_of(failed, name));
        let is_read = |name: &String| self.sources.iter().any(|read| read.input.name() == *name);
        let copies = self.copies.iter().map(|copy| &copy.source);
        let copies = copies.filter(|copy| !is_read(&copy.name));
        let sources = self.sources.iter();
        sources
            .filter(|source| !failed(&source.input.name()))
            .map(|source| source.logged(report, read, threads))
            .chain(copies.map(|copy| Ok(copy.clone())))
            .collect()
    }

    /// Makes what the lake holds of changed sources give way, if that is asked for and nothing is lost by it.
    fn replace(
        &mut self,
        changed: &BTreeMap<String, Option<String>>,
        inputs: &[Input],
        listing: &Listing,
        asked: bool,
    ) -> Result<(), Failure> {
        let list = |names: &mut dyn Iterator<Item = &String>| {
            let shown: Vec<_> = names.map(|name| Printable(name).to_string()).collect();
            shown.join(", ")
        };
        if !asked {
            let shifted = changed.values().flatten().next();
            let what = match shifted {
                Some(before) => format!("exported with --assume-tz {before} before"),
                None => "not what was exported of it before".to_owned(),
            };
            let names = changed.iter();
            let names = names.filter(|(_, before)| before.is_some() == shifted.is_some());
            let names = list(&mut names.map(|(name, _)| name));
            return Err(Failure::usage(format!("{names}: {what}")).help(
                "--replace takes out what the lake holds of it and exports it anew; to keep both, give what is new another name",
            ));
        }
        let changed: BTreeSet<String> = changed.keys().cloned().collect();
        let held = listing.held_of(&changed);
        let given: BTreeSet<String> = inputs.iter().map(Input::name).collect();
        let absent = held.sources.difference(&given).collect::<BTreeSet<_>>();
        if !absent.is_empty() {
            let names = list(&mut absent.into_iter());
            return Err(Failure::usage(format!(
                "what would be replaced holds more than is named: {names}"
            ))
            .help("name these sources too, so that they are exported anew"));
        }
        if held.unnamed {
            let what = "what would be replaced holds what programs recorded into the lake, which nobody can export anew";
            return Err(Failure::usage(what).help("export what has changed to another folder"));
        }
        self.held = held;
        Ok(())
    }

    /// Reads all of the sources whose export gives way, also of those that have not changed.
    fn read_whole(&mut self, inputs: &[Input], threads: usize) -> Result<(), Failure> {
        let gives_way = |name: &String| self.held.sources.contains(name);
        let copies = self.copies.iter();
        let copies = copies.filter(|copy| gives_way(&copy.of));
        let copies: BTreeSet<String> = copies.map(|copy| copy.source.name.clone()).collect();
        let again = |name: &String| gives_way(name) || copies.contains(name);
        self.unchanged.retain(|name| !again(name));
        self.copies.retain(|copy| !again(&copy.source.name));
        let mut sources = Vec::new();
        for input in inputs {
            let name = input.name();
            let planned = self
                .sources
                .iter()
                .find(|source| source.input.name() == name);
            if again(&name) {
                let known = look_at(input, &[], threads)?;
                sources.push(Planned::of(input, None, known));
            } else if let Some(planned) = planned {
                sources.push(planned.clone());
            }
        }
        self.sources = sources;
        Ok(())
    }
}

/// Returns where the last whole line ends of so many bytes of a file.
fn end_of_line(input: &Input, bytes: u64, read: &ReadArgs) -> Result<Option<u64>, Failure> {
    let Input::File { path, .. } = input else {
        return Ok(None);
    };
    let end = end_of_lines(path, bytes, read.max_line);
    Ok(looked_at(path, end)?.flatten())
}

/// The part that ends with a whole line.
fn to_whole_line(
    known: &Known,
    input: &Input,
    read: &ReadArgs,
    threads: usize,
) -> Result<Option<FileStart>, Failure> {
    let Some(end) = end_of_line(input, known.bytes, read)? else {
        return Ok(None);
    };
    match (known.start_at(end), input) {
        (None, Input::File { path, .. }) => looked_at(path, FileStart::of(path, end, threads)),
        (start, _) => Ok(start),
    }
}

impl Planned {
    /// Of a source all that is known is read, or the `rest` of it.
    fn of(input: &Input, rest: Option<Extent>, known: Option<Known>) -> Self {
        let all = known.as_ref().map(|known| Extent::first(known.bytes));
        Self {
            input: narrowed(input, rest.or(all)),
            is_rest: rest.is_some(),
            known,
        }
    }

    /// Returns what tells the source from others, where that is known.
    pub(crate) fn hash(&self) -> Option<String> {
        let start = self.known.as_ref().and_then(Known::start);
        start.map(|start| start.fingerprint.to_string())
    }

    fn logged(
        &self,
        report: &ReadReport,
        read: &ReadArgs,
        threads: usize,
    ) -> Result<SourceInfo, Failure> {
        if let Some(store) = store_info(&self.input, read) {
            return Ok(store);
        }
        let name = self.input.name();
        let lines = report.lines.iter().find(|lines| lines.name == name);
        let mut known = self.known.clone();
        if let Some(known) = &mut known
            && known.start().is_none()
        {
            let read = lines.and_then(|lines| lines.start);
            let start = match (read.filter(|read| read.bytes == known.bytes), &self.input) {
                (None, Input::File { path, .. }) => {
                    looked_at(path, FileStart::of(path, known.bytes, threads))?
                }
                (read, _) => read,
            };
            known.starts.extend(start);
        }
        let known = known.filter(|known| known.start().is_some());
        let end = match known.as_ref().filter(|_| lines.is_some()) {
            Some(known) => to_whole_line(known, &self.input, read, threads)?,
            None => None,
        };
        let start = known.and_then(|known| known.start());
        let resume = end.map(|end| ResumeAt {
            byte: end.bytes,
            line: end.lines + 1,
            hash: end.fingerprint.to_string(),
        });
        Ok(SourceInfo {
            bytes: start.map_or(0, |start| start.bytes),
            hash: start.map(|start| start.fingerprint.to_string()),
            options: options(read),
            resume,
            name,
        })
    }
}

/// How sources are read, where it is not as usual.
pub(crate) fn options(read: &ReadArgs) -> Option<String> {
    let usual = ReadArgs::default();
    let mut options = Vec::new();
    if let Some(offset) = read.assume_tz {
        options.push(format!("assume_tz={offset}min"));
    }
    if read.max_line != usual.max_line {
        options.push(format!("max_line={}", read.max_line));
    }
    if read.max_depth != usual.max_depth {
        options.push(format!("max_depth={}", read.max_depth));
    }
    (!options.is_empty()).then(|| options.join(" "))
}

fn check_layout(listing: &Listing, args: &ExportArgs) -> Result<(), Failure> {
    let wanted = LakeLayout::new(args.tables, args.partition);
    let other = listing
        .records
        .iter()
        .rev()
        .find_map(|record| record.layout.as_ref());
    match other.filter(|other| **other != wanted) {
        None => Ok(()),
        Some(other) => Err(Failure::usage(format!(
            "the lake was exported with --tables {} --partition {}",
            Printable(&other.tables),
            Printable(&other.partition)
        ))
        .help("export with these, or to another folder")),
    }
}

fn narrowed(input: &Input, extent: Option<Extent>) -> Input {
    match input {
        Input::File {
            path, size, named, ..
        } => Input::File {
            path: path.clone(),
            size: *size,
            named: *named,
            extent,
        },
        other => other.clone(),
    }
}

/// What the log says of sources.
struct Log<'l> {
    sources: BTreeMap<&'l str, &'l SourceInfo>,
    sizes: BTreeSet<u64>,
}

impl<'l> Log<'l> {
    fn of(listing: &'l Listing) -> Self {
        let sources = listing.sources();
        let sizes = sources.values().map(|source| source.bytes).collect();
        Self { sources, sizes }
    }

    /// Returns up to where it knows of a source.
    fn ends_of(&self, name: &str) -> Vec<u64> {
        let source = self.sources.get(name).into_iter();
        let starts = source.flat_map(|source| source.starts());
        starts.map(|(bytes, _)| bytes).collect()
    }

    /// Whether it may say something of a source, by its name or its size.
    fn may_hold(&self, name: &str, bytes: u64) -> bool {
        self.sources.contains_key(name) || self.sizes.contains(&bytes)
    }
}

/// Returns the size of a file that can be read more than once; `None` of anything else, which reading says
/// more about.
fn size_of(input: &Input) -> Result<Option<u64>, Failure> {
    let Input::File { path, .. } = input else {
        return Ok(None);
    };
    let meta = looked_at(path, fs::metadata(path))?.filter(fs::Metadata::is_file);
    // Files such as those under /proc have a size of 0 and are not empty.
    Ok(meta.map(|meta| meta.len()).filter(|bytes| *bytes > 0))
}

/// Reads through a file that can be read more than once, and tells what it is, up to each of these ends too.
fn look_at(input: &Input, ends: &[u64], threads: usize) -> Result<Option<Known>, Failure> {
    let (Some(bytes), Input::File { path, .. }) = (size_of(input)?, input) else {
        return Ok(None);
    };
    let mut ends = ends.to_vec();
    ends.push(bytes);
    ends.retain(|end| *end <= bytes);
    let starts = looked_at(path, FileStart::of_each(path, &ends, threads))?;
    Ok(starts.map(|starts| Known { bytes, starts }))
}

/// What was seen of a file; `None` where it is not there, not for everyone, or has become shorter, which
/// reading says more about. After any other error the log would not tell this file from others.
fn looked_at<T>(path: &Path, seen: io::Result<T>) -> Result<Option<T>, Failure> {
    match seen {
        Ok(seen) => Ok(Some(seen)),
        Err(error) => match error.kind() {
            io::ErrorKind::NotFound
            | io::ErrorKind::PermissionDenied
            | io::ErrorKind::UnexpectedEof => Ok(None),
            _ => Err(Failure::path("read", path, &error)),
        },
    }
}

/// Returns what the log is to say of a store, where its content can be told.
fn store_info(input: &Input, read: &ReadArgs) -> Option<SourceInfo> {
    let Input::Store(store) = input else {
        return None;
    };
    Some(SourceInfo {
        name: store.name(),
        bytes: store.size(),
        hash: Some(store.content()?),
        options: options(read),
        resume: None,
    })
}

/// Compares a source with what the log says of it, unless all is to be read.
fn compare(
    input: &Input,
    log: &Log<'_>,
    read: &ReadArgs,
    threads: usize,
    reads_all: bool,
) -> Result<(Option<Known>, Found), Failure> {
    let name = input.name();
    if let Some(now) = store_info(input, read) {
        let is_now = |known: &SourceInfo| known.hash == now.hash && known.options == now.options;
        let same = match log.sources.get(name.as_str()) {
            Some(before) => is_now(before).then_some(Found::Unchanged),
            None => {
                let mut known = log.sources.values();
                let same = known.find(|known| is_now(known));
                same.map(|same| Found::Copy((*same).clone()))
            }
        };
        return Ok((None, same.filter(|_| !reads_all).unwrap_or(Found::New)));
    }
    let Some(bytes) = size_of(input)? else {
        let emptied = is_emptied(input, log)?;
        return Ok((None, if emptied { Found::Changed } else { Found::New }));
    };
    if !log.may_hold(&name, bytes) {
        return Ok((Some(Known::unread(bytes)), Found::New));
    }
    let mut ends = log.ends_of(&name);
    ends.extend(end_of_line(input, bytes, read)?);
    let known = look_at(input, &ends, threads)?;
    let found = match &known {
        Some(known) if !reads_all => look_up(input, known, log, read),
        _ => Found::New,
    };
    Ok((known, found))
}

fn look_up(input: &Input, known: &Known, log: &Log<'_>, read: &ReadArgs) -> Found {
    let (Some(start), Input::File { .. }) = (known.start(), input) else {
        return Found::New;
    };
    let sources = &log.sources;
    let is_now = |bytes: u64, hash: &str| {
        let start = known.start_at(bytes);
        start.is_some_and(|start| start.fingerprint.to_string() == hash)
    };
    let same = |source: &SourceInfo| {
        let hash = source.hash.as_ref();
        source.bytes == start.bytes && hash.is_some_and(|hash| is_now(source.bytes, hash))
    };
    let Some(before) = sources.get(input.name().as_str()) else {
        let copy = sources.values().find(|source| same(source));
        let as_now = copy.filter(|copy| copy.options == options(read));
        return as_now.map_or(Found::New, |copy| Found::Copy((*copy).clone()));
    };
    let Some(hash_before) = &before.hash else {
        return Found::New;
    };
    // Times that state an offset are the same under any, but which these are the lake does not know.
    let offset = offset_in(before.options.as_deref());
    if let Some(minutes) = offset
        && read.assume_tz != Some(minutes)
    {
        let sign = if minutes < 0 { '-' } else { '+' };
        let (hours, minutes) = (minutes.abs() / 60, minutes.abs() % 60);
        return Found::Shifted(format!("{sign}{hours:02}:{minutes:02}"));
    }
    let as_before = before.options == options(read);
    match &before.resume {
        _ if same(before) && as_before => Found::Unchanged,
        _ if same(before) => Found::New,
        Some(resume) if is_now(resume.byte, &resume.hash) => {
            if as_before {
                Found::Grown(Extent {
                    from: resume.byte,
                    until: known.bytes,
                    line: resume.line,
                })
            } else {
                Found::New
            }
        }
        _ if is_now(before.bytes, hash_before) => Found::New,
        _ => Found::Changed,
    }
}

/// The offset in minutes for timestamps that state none, in what [`options`] wrote.
fn offset_in(options: Option<&str>) -> Option<i32> {
    let mut options = options?.split(' ');
    let offset = options.find_map(|option| option.strip_prefix("assume_tz="))?;
    offset.strip_suffix("min")?.parse().ok()
}

/// Whether a file that held something when it was exported is empty now.
fn is_emptied(input: &Input, log: &Log<'_>) -> Result<bool, Failure> {
    let Input::File { path, .. } = input else {
        return Ok(false);
    };
    let before = log.sources.get(input.name().as_str());
    let held = before.is_some_and(|before| before.bytes > 0 && before.hash.is_some());
    let meta = looked_at(path, fs::metadata(path))?;
    Ok(held && meta.is_some_and(|meta| meta.is_file() && meta.len() == 0))
}
