//! A file of what could not be exported.

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;

use runtrail_core::event::TraceEvent;
use runtrail_core::export::{DeadLetterStore, ExportError};
use runtrail_core::json::push_string;
use runtrail_core::text::Text;
use runtrail_core::wire::write_event;

use crate::whole::failed;

/// The file grows to this size where nothing else is said.
const DEFAULT_MAX_BYTES: u64 = 1 << 30;

/// Appends events that an exporter gave up to a JSON Lines file, which is an archive like any other.
///
/// A line is the event with one more top-level field, `dead_letter`: `{"exporter":…,"reason":…}`.
/// The file is made with the first event and only ever grows: what stands in it stays, over any
/// number of processes. A line that a killed process left unfinished is ended, for the archive
/// reader to put in quarantine. Beyond [`DeadLetterFile::max_bytes`] an event is refused.
///
/// ```
/// use std::time::Instant;
/// use runtrail_core::export::{Batch, DeadLetter, ExportError, Exporter};
/// use runtrail_json::DeadLetterFile;
/// # use runtrail_testkit::run::RunBuilder;
///
/// struct Down;
/// impl Exporter for Down {
///     fn name(&self) -> &str { "down" }
///     fn export(&mut self, _: &Batch) -> Result<(), ExportError> { Err(ExportError::permanent("no route")) }
///     fn flush(&mut self, _: Instant) -> Result<(), ExportError> { Ok(()) }
///     fn close(self: Box<Self>, _: Instant) -> Result<(), ExportError> { Ok(()) }
/// }
///
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("given-up.jsonl");
/// let mut exporter = DeadLetter::new(Down, DeadLetterFile::new(&path));
/// let mut run = RunBuilder::new("req-42");
/// run.push("op_start", Some("plan"), &["main"], "{}");
/// assert!(exporter.export(&Batch::new(run.into_events(), [])).is_err());
///
/// let line = std::fs::read_to_string(&path)?;
/// assert!(line.ends_with(r#""dead_letter":{"exporter":"down","reason":"no route"}}
/// "#));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct DeadLetterFile {
    path: PathBuf,
    max_bytes: u64,
    open: Option<Opened>,
}

#[derive(Debug)]
struct Opened {
    file: File,
    bytes: u64,
}

impl DeadLetterFile {
    /// Names the file; its folder is made where it does not exist.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            max_bytes: DEFAULT_MAX_BYTES,
            open: None,
        }
    }

    /// Sets how large the file may be, 1 GiB where nothing is said.
    pub fn max_bytes(mut self, bytes: u64) -> Self {
        self.max_bytes = bytes;
        self
    }

    /// Opens the file, once there is something to write.
    fn opened(&mut self) -> Result<&mut Opened, ExportError> {
        let opened = match self.open.take() {
            Some(opened) => opened,
            None => open(&self.path).map_err(|error| failed("open", &self.path, error))?,
        };
        Ok(self.open.insert(opened))
    }
}

fn open(path: &Path) -> std::io::Result<Opened> {
    if let Some(folder) = path.parent().filter(|folder| *folder != Path::new("")) {
        std::fs::create_dir_all(folder)?;
    }
    let mut file = OpenOptions::new()
        .read(true)
        .append(true)
        .create(true)
        .open(path)?;
    let mut bytes = file.metadata()?.len();
    if bytes > 0 {
        let mut last = [0];
        file.seek(SeekFrom::Start(bytes - 1))?;
        file.read_exact(&mut last)?;
        if last != *b"\n" {
            file.write_all(b"\n")?;
            bytes += 1;
        }
    }
    Ok(Opened { file, bytes })
}

fn line(event: &TraceEvent, exporter: &str, reason: &str) -> String {
    let mut letter = String::from("{\"dead_letter\":{\"exporter\":");
    push_string(&mut letter, exporter);
    letter.push_str(",\"reason\":");
    push_string(&mut letter, reason);
    letter.push_str("}}");
    let extra = match &event.extra {
        // Both are objects: the one's fields go before the other's.
        Some(extra) if extra.trim_end().ends_with('}') && extra.contains(':') => {
            let fields = extra.trim_end().strip_suffix('}').unwrap_or_default();
            format!("{fields},{}", &letter[1..])
        }
        _ => letter,
    };
    let mut event = event.clone();
    event.extra = Some(Text::new(extra));
    let mut line = String::new();
    write_event(&event, &mut line);
    line.push('\n');
    line
}

impl DeadLetterStore for DeadLetterFile {
    fn keep(
        &mut self,
        event: &TraceEvent,
        exporter: &str,
        reason: &str,
    ) -> Result<(), ExportError> {
        let line = line(event, exporter, reason);
        let max_bytes = self.max_bytes;
        let opened = self.opened()?;
        if opened.bytes + line.len() as u64 > max_bytes {
            return Err(ExportError::permanent(format!(
                "{} is full ({max_bytes} bytes)",
                self.path.display()
            )));
        }
        // One write, so that a process beside this one does not write into the line.
        let written = opened.file.write_all(line.as_bytes());
        opened.bytes += line.len() as u64;
        if let Err(error) = written {
            // Half a line may stand there; opening again ends it.
            self.open = None;
            return Err(failed("write", &self.path, error));
        }
        Ok(())
    }

    fn flush(&mut self, _deadline: Instant) -> Result<(), ExportError> {
        let Some(opened) = &self.open else {
            return Ok(());
        };
        opened
            .file
            .sync_all()
            .map_err(|error| failed("sync", &self.path, error))
    }
}
