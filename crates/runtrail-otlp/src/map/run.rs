//! Runs: the root of each trace.

use std::borrow::Cow;

use runtrail_core::event::Status;
use runtrail_core::json::RawJson;
use runtrail_core::span::{RunSummary, SpanName, SpanRecord};
use runtrail_core::text::Text;
use runtrail_otlp_wire::model::{Span, kind};

use super::attrs::Attrs;
use super::kind::Kind;
use super::{Place, TraceContext, link, llm, note, overlay, status, time};
use crate::names::{self, gen_ai, openinference, otel, runtrail, span_type};

/// The first part of the dotted names of a run's ops, as far as they agree.
#[derive(Debug, Default)]
pub(super) struct WorkflowName {
    common: Option<Text>,
    differs: bool,
}

impl WorkflowName {
    /// Looks at a span of the run.
    pub(super) fn see(&mut self, record: &SpanRecord) {
        let SpanName::Op { op_name, .. } = &record.name else {
            return;
        };
        if self.differs {
            return;
        }
        let first = op_name.split_once('.').map(|(first, _)| first);
        match (&self.common, first.filter(|first| !first.is_empty())) {
            (Some(common), Some(first)) if **common == *first => {}
            (None, Some(first)) => self.common = Some(Text::new(first)),
            _ => self.differs = true,
        }
    }

    fn get(&self) -> Option<&str> {
        self.common.as_deref().filter(|_| !self.differs)
    }
}

/// Maps a run.
pub(super) fn map<'a>(
    place: &Place<'_>,
    run: &'a RunSummary,
    parent: Option<TraceContext>,
    name: &'a WorkflowName,
) -> Span<'a> {
    let settings = place.settings;
    let metadata = run.metadata.as_deref().and_then(RawJson::parse);
    let noted = metadata.and_then(|notes| notes.get(names::note::WORKFLOW)?.as_str());
    let workflow = noted.or_else(|| name.get().map(Cow::Borrowed));
    let mut attrs = Attrs::new(settings.limits);
    attrs.push(runtrail::SPAN_TYPE, span_type::RUN);
    attrs.push(runtrail::RUN_ID, &*run.request_id);
    attrs.push(runtrail::MAPPING_VERSION, names::MAPPING_VERSION);
    attrs.push(gen_ai::OPERATION, gen_ai::INVOKE_WORKFLOW);
    attrs.push_some(gen_ai::WORKFLOW, workflow.clone());
    attrs.push(openinference::KIND, Kind::Chain.as_str());
    status::describe(run.status, &mut attrs);
    if run.status == Status::Error {
        attrs.push(otel::ERROR_TYPE, otel::ERROR_OTHER);
    }
    describe_counts(run, &mut attrs);
    llm::describe_sum(&run.usage, &mut attrs);
    overlay::root(settings, workflow.as_ref(), &mut attrs);
    note::set_metadata(run.metadata.as_deref(), &mut attrs);
    let (attributes, dropped_attributes_count) = attrs.finish();
    let (links, dropped_links_count) = link::links(place, run, metadata, parent);
    let (events, dropped_events_count) = link::events(place, run);
    let start_nanos = time::nanos(run.started_at);
    let failed = match run.errors {
        1 => "1 op failed",
        _ => "several ops failed",
    };
    Span {
        trace_id: place.trace_id,
        span_id: run.span_id.to_bytes(),
        parent_span_id: parent.map(|parent| parent.span_id),
        name: match workflow {
            Some(workflow) => format!("{} {workflow}", gen_ai::INVOKE_WORKFLOW).into(),
            None => gen_ai::INVOKE_WORKFLOW.into(),
        },
        kind: kind::INTERNAL,
        start_nanos,
        end_nanos: time::nanos(run.ended_at).max(start_nanos),
        attributes,
        dropped_attributes_count,
        events,
        dropped_events_count,
        links,
        dropped_links_count,
        status: status::of(run.status, failed, &settings.limits),
        ..Span::default()
    }
}

fn describe_counts(run: &RunSummary, attrs: &mut Attrs<'_>) {
    attrs.push(runtrail::EVENTS, run.events);
    attrs.push(runtrail::OPS, run.ops);
    attrs.push(runtrail::ERRORS, run.errors);
    attrs.push(runtrail::GROUPS, run.groups);
    if run.truncated_ops > 0 {
        attrs.push(runtrail::TRUNCATED_OPS, run.truncated_ops);
    }
    if run.truncated_groups > 0 {
        attrs.push(runtrail::TRUNCATED_GROUPS, run.truncated_groups);
    }
    for (kind, count) in run.anomalies.by_kind() {
        if count > 0 {
            attrs.set(format!("{}.{kind}", runtrail::ANOMALIES), count.into());
        }
    }
}
