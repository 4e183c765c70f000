//! The exporter of OTLP/JSON Lines.

mod whole;

use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;

use runtrail_core::export::{ExportError, SpanBatch, SpanExporter, Spans};

use whole::WholeFile;

use crate::collected::into_exporter;
use crate::map::{Content, MapSettings, Mapper};
use crate::report::OtlpReport;
use crate::send::{CollectLimits, Collector, Form, Frame, Piece};
use crate::variables::Variables;

/// Writes spans to a file as OTLP/JSON: one request object a line, no network used.
///
/// Runs go together in a line as they would in a request. The file becomes visible, whole, at the
/// close, in the place of a former one; the same export gives the same bytes. Collectors read it
/// (`otlpjsonfile`), and `runtrail` itself does.
///
/// The service, the resource and which content is written are taken from OpenTelemetry's variables where
/// nothing is said here, as the exporter that sends takes them.
///
/// A [`SpanExporter`]: [`into_exporter`](Self::into_exporter) makes an exporter of events of it.
#[derive(Debug)]
pub struct OtlpLines {
    path: PathBuf,
    settings: MapSettings,
    content: Option<Content>,
    service_name: Option<String>,
    resource: Vec<(String, String)>,
    variables: Option<Variables>,
    state: Option<State>,
    report: OtlpReport,
}

#[derive(Debug)]
struct State {
    collector: Collector,
    frame: Frame,
    out: BufWriter<WholeFile>,
    failed: bool,
}

/// Bytes of the spans of a line: what a receiver takes in one request.
const LINE: CollectLimits = CollectLimits {
    bytes: 3_500_000,
    spans: 8_192,
    held: 64 << 20,
    #[cfg(feature = "http")]
    hold: None,
};

impl OtlpLines {
    /// Writes to a file.
    pub fn file(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            settings: MapSettings::default(),
            content: None,
            service_name: None,
            resource: Vec::new(),
            variables: None,
            state: None,
            report: OtlpReport::default(),
        }
    }

    /// Sets the name of the service; what `OTEL_SERVICE_NAME` says where nothing is said, or `runtrail`.
    pub fn service_name(mut self, name: impl Into<String>) -> Self {
        self.service_name = Some(name.into());
        self
    }

    /// Adds an attribute of the resource.
    pub fn resource(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.resource.push((key.into(), value.into()));
        self
    }

    /// Sets what the mapping goes by; its content is what [`content`](Self::content) says.
    pub fn mapping(mut self, settings: MapSettings) -> Self {
        self.settings = settings;
        self
    }

    /// Sets which content is written; none where nothing is said.
    ///
    /// What `OPENINFERENCE_HIDE_INPUTS` and `OPENINFERENCE_HIDE_OUTPUTS` forbid is never written.
    pub fn content(mut self, content: Content) -> Self {
        self.content = Some(content);
        self
    }

    /// Takes these variables in the place of the environment's.
    pub fn variables(mut self, variables: impl IntoIterator<Item = (String, String)>) -> Self {
        self.variables = Some(Variables::of(variables));
        self
    }

    /// Returns a handle that reads what was done, also after the close.
    pub fn report(&self) -> OtlpReport {
        self.report.clone()
    }

    /// Makes an exporter of events.
    pub fn into_exporter(self) -> Spans<Self> {
        let namespace = self.settings.namespace.clone();
        into_exporter(self, &namespace)
    }

    fn state(&mut self) -> Result<&mut State, ExportError> {
        let state = match self.state.take() {
            Some(state) => state,
            None => self.begin()?,
        };
        Ok(self.state.insert(state))
    }

    fn begin(&self) -> Result<State, ExportError> {
        let vars = self.variables.clone();
        let vars = vars.unwrap_or_else(Variables::of_process);
        let around = vars.around(self.service_name.clone(), self.resource.clone());
        let around = around.map_err(ExportError::permanent)?;
        let settings = MapSettings {
            content: vars.content(self.content),
            ..self.settings.clone()
        };
        Ok(State {
            collector: Collector::new(Mapper::new(settings), LINE, Form::Json),
            frame: Frame::new(Form::Json, &around),
            out: BufWriter::new(WholeFile::begin(&self.path).map_err(|e| failed(&self.path, e))?),
            failed: false,
        })
    }

    fn write(&mut self, pieces: &[Piece]) -> Result<(), ExportError> {
        let (path, report) = (self.path.clone(), self.report.clone());
        let Some(state) = &mut self.state else {
            return Ok(());
        };
        if state.failed {
            return Err(ExportError::permanent(format!(
                "{} was given up after an earlier error",
                path.display()
            )));
        }
        let mut written = 0;
        let result = pieces.iter().try_for_each(|piece| {
            written += piece.spans() as u64;
            write_line(state, piece).map_err(|error| failed(&path, error))
        });
        // Half a line may stand at the end: the file is not to become visible.
        state.failed = result.is_err();
        let mapped = state.collector.mapped();
        report.update(|counts| {
            counts.spans = mapped;
            counts.accepted += written * u64::from(result.is_ok());
            counts.given_up += written * u64::from(result.is_err());
            counts.waiting = mapped - counts.accepted - counts.given_up;
        });
        result
    }
}

fn write_line(state: &mut State, piece: &Piece) -> std::io::Result<()> {
    let line = state.frame.request(piece.slice(0..piece.spans()));
    line.iter().try_for_each(|part| state.out.write_all(part))?;
    state.out.write_all(b"\n")
}

fn failed(path: &Path, error: std::io::Error) -> ExportError {
    ExportError::permanent(format!("cannot write {}", path.display())).with_source(error)
}

impl SpanExporter for OtlpLines {
    fn name(&self) -> &'static str {
        "otlp-json"
    }

    fn export(&mut self, batch: &SpanBatch) -> Result<(), ExportError> {
        // Nothing is held by time here, so any moment will do.
        let now = Instant::now();
        let mut full = Vec::new();
        let state = self.state()?;
        state.collector.batch(batch, now, &mut full);
        self.write(&full)
    }

    /// Makes durable what was written; spans of runs that go on, and a line that is not full, wait.
    fn flush(&mut self, _deadline: Instant) -> Result<(), ExportError> {
        let Some(state) = &mut self.state else {
            return Ok(());
        };
        let flushed = state.out.flush().and_then(|()| state.out.get_ref().sync());
        flushed.map_err(|error| failed(&self.path, error))
    }

    fn close(mut self: Box<Self>, _deadline: Instant) -> Result<(), ExportError> {
        let Some(state) = &mut self.state else {
            return Ok(());
        };
        let mut full = Vec::new();
        state.collector.drain(Instant::now(), &mut full);
        self.write(&full)?;
        let Some(state) = self.state.take() else {
            return Ok(());
        };
        let file = state
            .out
            .into_inner()
            .map_err(std::io::IntoInnerError::into_error);
        file.and_then(WholeFile::finish)
            .map_err(|error| failed(&self.path, error))
    }
}
