//! Showing how far a long command has come, on standard error.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use runtrail_archive::{Input, Progress};

use crate::glyph::Glyphs;
use crate::human;
use crate::terminal::Terminal;

/// A command that is done sooner shows no bar.
const QUIET: Duration = Duration::from_millis(400);
/// How often a bar moves.
const TICK: Duration = Duration::from_millis(100);
/// How often a line is printed where there is no terminal.
const LINE_EVERY: Duration = Duration::from_secs(10);

/// What is watched.
#[derive(Debug, Default)]
pub(crate) struct Watched {
    /// How far reading has come.
    pub(crate) reading: Arc<Progress>,
    /// Bytes to read; 0 where that is not known.
    pub(crate) bytes: u64,
    /// Files to read.
    pub(crate) files: u64,
    /// Whether reading is over and writing goes on.
    pub(crate) writing: AtomicBool,
    /// Whether everything has been handed to the exporter.
    pub(crate) finishing: AtomicBool,
    /// Events written.
    pub(crate) written: AtomicU64,
}

impl Watched {
    /// Watches the reading of these inputs.
    pub(crate) fn new(inputs: &[Input], reading: Arc<Progress>) -> Arc<Self> {
        let known = inputs
            .iter()
            .all(|input| matches!(input, Input::File { .. } | Input::Store(_)));
        let bytes = if known {
            inputs.iter().map(Input::size).sum()
        } else {
            0
        };
        Arc::new(Self {
            reading,
            bytes,
            files: inputs.len() as u64,
            ..Self::default()
        })
    }

    fn snapshot(&self) -> Snapshot {
        let phase = match (
            self.writing.load(Ordering::Relaxed),
            self.finishing.load(Ordering::Relaxed),
        ) {
            (_, true) => Phase::Finishing,
            (false, false) => Phase::Reading,
            (true, false) => Phase::Writing,
        };
        let reading = phase == Phase::Reading;
        let events = self.reading.events.load(Ordering::Relaxed);
        let bytes = self.reading.bytes_read.load(Ordering::Relaxed);
        let (done, all) = if reading {
            (bytes, self.bytes)
        } else {
            (self.written.load(Ordering::Relaxed), events)
        };
        Snapshot {
            phase,
            done,
            all,
            files_done: self.reading.files_done.load(Ordering::Relaxed),
            files: self.files,
            events: if reading { events } else { done },
            bad: self.reading.rejects.load(Ordering::Relaxed),
        }
    }
}

/// What a command is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Reading,
    Writing,
    /// Encoding what still waits, and making files durable and visible.
    Finishing,
}

impl Phase {
    fn name(self) -> &'static str {
        match self {
            Self::Reading => "reading",
            Self::Writing => "writing",
            Self::Finishing => "finishing",
        }
    }
}

/// How far a command has come at one moment.
#[derive(Debug, Clone, Copy)]
struct Snapshot {
    phase: Phase,
    /// Bytes read or events written.
    done: u64,
    /// Of how many; 0 where that is not known.
    all: u64,
    files_done: u64,
    files: u64,
    events: u64,
    bad: u64,
}

impl Snapshot {
    fn percent(&self) -> Option<u64> {
        (self.all > 0).then(|| (self.done.min(self.all) * 100) / self.all)
    }

    /// The figures beside the bar, `elapsed` after the phase began.
    fn figures(&self, elapsed: Duration, glyphs: Glyphs) -> String {
        let seconds = elapsed.as_secs_f64().max(0.001);
        let rate = (self.done as f64 / seconds) as u64;
        let mut parts = Vec::new();
        if self.phase == Phase::Reading {
            parts.push(format!(
                "{}/{}",
                human::count(self.files_done),
                human::counted(self.files, "file")
            ));
            parts.push(human::bytes(self.done));
            parts.push(format!("{}/s", human::bytes(rate)));
            parts.push(format!("{} events", human::short_count(self.events)));
        } else {
            parts.push(format!(
                "{} of {} events",
                human::short_count(self.done),
                human::short_count(self.all)
            ));
            parts.push(format!("{}/s", human::short_count(rate)));
        }
        if self.bad > 0 {
            parts.push(human::counted(self.bad, "bad line"));
        }
        if self.all > self.done && self.done > 0 {
            let left = (self.all - self.done) as f64 * seconds / self.done as f64;
            parts.push(format!("ETA {}", human::duration(left * 1000.0)));
        }
        parts.join(&format!(" {} ", glyphs.dot()))
    }
}

/// Shows progress until it is dropped.
pub(crate) struct Display {
    /// Dropping it ends the thread.
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Display {
    /// Begins to show progress: a bar on a terminal, a line now and then elsewhere.
    pub(crate) fn start(watched: Arc<Watched>, terminal: Terminal) -> Self {
        let (stop, stopped) = channel();
        let thread = std::thread::spawn(move || {
            let mut view = View::new(terminal);
            let mut wait = if terminal.interactive { QUIET } else { TICK };
            while stopped.recv_timeout(wait) == Err(RecvTimeoutError::Timeout) {
                view.update(&watched);
                wait = TICK;
            }
            view.end();
        });
        Self {
            stop: Some(stop),
            thread: Some(thread),
        }
    }
}

impl Drop for Display {
    fn drop(&mut self) {
        self.stop.take();
        if let Some(thread) = self.thread.take() {
            // A display that panicked has nothing more to show.
            let _ = thread.join();
        }
    }
}

struct View {
    glyphs: Glyphs,
    bar: Option<ProgressBar>,
    phase: Phase,
    began: Instant,
    spoke: Instant,
    told_stopping: bool,
}

impl View {
    fn new(terminal: Terminal) -> Self {
        let now = Instant::now();
        Self {
            glyphs: Glyphs::new(terminal.unicode, terminal.err_colour),
            bar: terminal.interactive.then(|| bar(terminal)),
            phase: Phase::Reading,
            began: now,
            spoke: now,
            told_stopping: false,
        }
    }

    fn update(&mut self, watched: &Watched) {
        let snapshot = watched.snapshot();
        if snapshot.phase != self.phase {
            (self.phase, self.began) = (snapshot.phase, Instant::now());
        }
        let figures = snapshot.figures(self.began.elapsed(), self.glyphs);
        if watched.reading.cancelled.load(Ordering::Relaxed) && !self.told_stopping {
            self.told_stopping = true;
            self.say("stopping at a clean point; once more stops at once\n");
        }
        match &self.bar {
            Some(bar) => {
                bar.set_length(snapshot.all.max(snapshot.done).max(1));
                bar.set_position(snapshot.done);
                bar.set_prefix(self.phase.name());
                bar.set_message(figures);
                bar.tick();
            }
            None if self.spoke.elapsed() >= LINE_EVERY => {
                let percent = snapshot
                    .percent()
                    .map(|percent| format!("{percent}% "))
                    .unwrap_or_default();
                self.say(&format!("{}: {percent}{figures}\n", self.phase.name()));
                self.spoke = Instant::now();
            }
            None => {}
        }
    }

    fn say(&self, line: &str) {
        let write = || {
            // Where standard error is gone there is nobody to tell.
            let _ = std::io::stderr().write_all(line.as_bytes());
        };
        match &self.bar {
            Some(bar) => bar.suspend(write),
            None => write(),
        }
    }

    fn end(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn bar(terminal: Terminal) -> ProgressBar {
    let colour = if terminal.err_colour { ".green" } else { "" };
    let template = format!("{{prefix}}  {{bar:24{colour}}}  {{percent:>3}}%  {{wide_msg}}");
    let style =
        ProgressStyle::with_template(&template).unwrap_or_else(|_| ProgressStyle::default_bar());
    let style = style.progress_chars(if terminal.unicode { "█▉░" } else { "##-" });
    ProgressBar::with_draw_target(Some(1), ProgressDrawTarget::stderr()).with_style(style)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_figures_of_both_phases() {
        let glyphs = Glyphs::new(true, false);
        let mut snapshot = Snapshot {
            phase: Phase::Reading,
            done: 24 << 30,
            all: 38 << 30,
            files_done: 259,
            files: 412,
            events: 141_200_000,
            bad: 3,
        };
        assert_eq!(
            snapshot.figures(Duration::from_secs(208), glyphs),
            "259/412 files · 24.0 GiB · 118 MiB/s · 141.2M events · 3 bad lines · ETA 2m 01s"
        );
        assert_eq!(snapshot.percent(), Some(63));
        snapshot = Snapshot {
            phase: Phase::Writing,
            done: 0,
            all: 1000,
            bad: 0,
            ..snapshot
        };
        assert_eq!(
            snapshot.figures(Duration::ZERO, Glyphs::new(false, false)),
            "0 of 1,000 events | 0/s"
        );
        assert_eq!(Snapshot { all: 0, ..snapshot }.percent(), None);
    }
}
