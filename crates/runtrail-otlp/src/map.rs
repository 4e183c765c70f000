//! What a span or a run is in OpenTelemetry: the mapping, without any sending.

mod attrs;
mod content;
mod group;
mod kind;
mod link;
mod llm;
mod note;
mod op;
mod overlay;
mod run;
mod settings;
mod shrink;
mod status;
mod time;
mod trace;

use hashbrown::HashMap;
use hashbrown::hash_map::EntryRef;
use runtrail_core::id::{SpanIds, TraceId};
use runtrail_core::span::{Parent, RunSummary, SpanName, SpanRecord};
use runtrail_core::text::Text;
use runtrail_otlp_wire::model::Span;

pub use settings::{Content, MapLimits, MapSettings, Overlay};
pub(crate) use shrink::shrink;
pub use trace::{TraceContext, TraceParentError};

use run::WorkflowName;
use trace::Parents;

/// A map by run id: seeded at random, since ids are foreign, and looked into for every span.
pub(crate) type RunMap<V> = HashMap<Text, V, foldhash::fast::RandomState>;

/// Turns what the fold hands out into OpenTelemetry spans.
///
/// The same run always gives the same spans with the same ids, in whatever batches it comes.
///
/// ```
/// use runtrail_otlp::map::{MapSettings, Mapper};
/// use runtrail_testkit::{fold::fold_runs, run::RunBuilder};
///
/// let mut run = RunBuilder::new("r1");
/// run.push("op_start", Some("main.plan"), &["main"], "{}");
/// run.push("llm_usage", Some("main.plan"), &["main"], r#"{"model":"m","prompt_tokens":3}"#);
/// run.push("op_end", Some("main.plan"), &["main"], r#"{"status":"ok"}"#);
/// let run = fold_runs(&run.into_events()).remove(0);
///
/// let mut mapper = Mapper::new(MapSettings::default());
/// let mut names = Vec::new();
/// mapper.span(&run.spans[0], |span| names.push(span.name.to_string()));
/// mapper.run(&run.summary, |span| names.push(span.name.to_string()));
/// assert_eq!(names, ["chat m", "invoke_workflow main"]);
/// ```
#[derive(Debug)]
pub struct Mapper {
    settings: MapSettings,
    parents: Parents,
    runs: RunMap<RunState>,
}

/// What is known of a run while its spans come.
#[derive(Debug)]
struct RunState {
    trace_id: [u8; 16],
    root_id: [u8; 8],
    parent: Option<TraceContext>,
    name: WorkflowName,
}

/// What the spans of a run have in common.
#[derive(Debug, Clone, Copy)]
struct Place<'a> {
    settings: &'a MapSettings,
    trace_id: [u8; 16],
    root_id: [u8; 8],
}

impl Mapper {
    /// Makes a mapper.
    pub fn new(settings: MapSettings) -> Self {
        Self {
            settings,
            parents: Parents::default(),
            runs: RunMap::default(),
        }
    }

    /// Sets which runs are part of a trace that began elsewhere: their root hangs below the span
    /// that is named, and all of their spans are in its trace.
    ///
    /// It is asked once a run, before the run's first span; again and again of runs beyond
    /// [`MapLimits::open_runs`].
    pub fn parents(
        mut self,
        parent_of: impl Fn(&str) -> Option<TraceContext> + Send + Sync + 'static,
    ) -> Self {
        self.parents = Parents::new(parent_of);
        self
    }

    /// Returns what the mapping goes by.
    pub fn settings(&self) -> &MapSettings {
        &self.settings
    }

    /// Maps an op or a group: hands out its own span, then a span for each of several calls.
    pub fn span(&mut self, record: &SpanRecord, mut out: impl FnMut(Span<'_>)) {
        let place = self.enter(record);
        map_span(&place, record, &mut out);
    }

    /// Maps a run that ended: hands out its root, then a span for each call that belongs to no op.
    pub fn run(&mut self, summary: &RunSummary, mut out: impl FnMut(Span<'_>)) {
        self.rest_of_run(&[], summary, &mut out);
    }

    /// As [`span`](Self::span) for each of the last spans of a run, and then [`run`](Self::run); the run
    /// is looked up once.
    pub(crate) fn rest_of_run(
        &mut self,
        spans: &[SpanRecord],
        summary: &RunSummary,
        out: &mut impl FnMut(Span<'_>),
    ) {
        let request_id = &summary.request_id;
        let mut state = match self.runs.remove(request_id.as_str()) {
            Some(known) => known,
            None => RunState::new(&self.settings, request_id, self.parents.of(request_id)),
        };
        let place = state.place(&self.settings);
        for record in spans {
            state.name.see(record);
            map_span(&place, record, out);
        }
        out(run::map(&place, summary, state.parent, &state.name));
        llm::stray(&place, summary, out);
    }

    /// How many runs have begun and not ended.
    pub fn open_runs(&self) -> usize {
        self.runs.len()
    }

    fn enter(&mut self, record: &SpanRecord) -> Place<'_> {
        let Self {
            settings,
            parents,
            runs,
        } = self;
        let request_id = &record.request_id;
        let has_room = runs.len() < settings.limits.open_runs;
        let new_state = || RunState::new(settings, request_id, parents.of(request_id));
        let state = match runs.entry_ref(request_id.as_str()) {
            EntryRef::Occupied(known) => known.into_mut(),
            EntryRef::Vacant(new) if has_room => {
                new.insert_with_key(request_id.detached(), new_state())
            }
            EntryRef::Vacant(_) => return new_state().place(settings),
        };
        state.name.see(record);
        state.place(settings)
    }
}

fn map_span(place: &Place<'_>, record: &SpanRecord, out: &mut impl FnMut(Span<'_>)) {
    match &record.name {
        SpanName::Op {
            op_name,
            ctx,
            occurrence,
        } => {
            op::map(place, record, (op_name, ctx, *occurrence), out);
        }
        SpanName::Group { name, occurrence } => {
            out(group::map(place, record, name, *occurrence));
        }
    }
}

impl RunState {
    fn place<'s>(&self, settings: &'s MapSettings) -> Place<'s> {
        Place {
            settings,
            trace_id: self.trace_id,
            root_id: self.root_id,
        }
    }

    fn new(settings: &MapSettings, request_id: &str, parent: Option<TraceContext>) -> Self {
        let namespace = &settings.namespace;
        Self {
            trace_id: parent.map_or_else(
                || TraceId::of_run(namespace, request_id).to_bytes(),
                |parent| parent.trace_id,
            ),
            root_id: SpanIds::of_run(namespace, request_id).run().to_bytes(),
            parent,
            name: WorkflowName::default(),
        }
    }
}

impl Place<'_> {
    fn parent_of(&self, record: &SpanRecord) -> [u8; 8] {
        match record.parent {
            Parent::Run => self.root_id,
            Parent::Op(id) | Parent::Group(id) => id.to_bytes(),
        }
    }
}
