//! The layer: spans and events of `tracing` as ops, groups and notes.

mod node;

use std::sync::atomic::{AtomicU64, Ordering};

use runtrail_core::emit::{self, Run, Scope};
use runtrail_core::event::Ctx;
use runtrail_core::pipeline::Handle;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::{LookupSpan, SpanRef};

use crate::fields::{Fields, Limits};
use node::{Node, Place};

/// Records what a program says to `tracing`; see the [crate](crate) for what becomes of what.
#[derive(Debug)]
pub struct TraceLayer {
    trail: Handle,
    limits: Limits,
    /// Runs that nobody gave an id.
    unnamed: AtomicU64,
}

/// Makes a layer that records into a pipeline.
///
/// It goes on top of a registry, as `tracing_subscriber::registry().with(layer(trail.handle()))`. A
/// filter below it decides what it sees.
pub fn layer(trail: Handle) -> TraceLayer {
    TraceLayer {
        trail,
        limits: Limits::default(),
        unnamed: AtomicU64::new(0),
    }
}

impl TraceLayer {
    /// Sets how much of a span or an event is kept.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Opens what a span stands for, in the nearest span around it that stands for something.
    fn open<S>(&self, span: &SpanRef<'_, S>, fields: Fields, is_root: bool) -> Node
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        let name = span.name();
        if fields.run.is_none() {
            let around = span.scope().skip(1);
            for outer in around {
                if let Some(outer) = outer.extensions().get::<Node>() {
                    return Node::within(outer.place(), name, fields);
                }
            }
            if !is_root && Scope::current().is_some() {
                let op = emit::op(name, || &fields.rest);
                return Node::new(Place::Op(op), None, fields);
            }
        }
        let run = self.begin(name, fields.run.as_deref());
        Node::of_run(run, name, fields)
    }

    fn begin(&self, name: &str, id: Option<&str>) -> Run {
        match id {
            Some(id) => self.trail.run(id),
            None => {
                let number = self.unnamed.fetch_add(1, Ordering::Relaxed);
                self.trail.run(&format!("{name}-{}-{number}", process()))
            }
        }
    }
}

/// What tells this process's unnamed runs from those of others.
fn process() -> &'static str {
    use std::hash::{BuildHasher, Hasher, RandomState};
    static PROCESS: std::sync::OnceLock<String> = std::sync::OnceLock::new();
    // The standard library seeds its hashers from the operating system.
    PROCESS.get_or_init(|| format!("{:016x}", RandomState::new().build_hasher().finish()))
}

/// Whether something is the pipeline's own: said by it, or on a thread of its, where what is said is
/// of exporters at work. Recorded, it would make more of the same without end.
fn is_own(metadata: &Metadata<'_>) -> bool {
    thread_local! {
        static OWN: bool = std::thread::current()
            .name()
            .is_some_and(|name| name.starts_with("runtrail-"));
    }
    let target = metadata.target();
    target == "runtrail"
        || target.starts_with("runtrail::")
        || OWN.try_with(|own| *own) != Ok(false)
}

impl<S> Layer<S> for TraceLayer
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn on_new_span(&self, attrs: &Attributes<'_>, id: &Id, ctx: Context<'_, S>) {
        if is_own(attrs.metadata()) {
            return;
        }
        let Some(span) = ctx.span(id) else { return };
        let mut fields = Fields::new(self.limits);
        attrs.record(&mut fields);
        let node = self.open(&span, fields, attrs.is_root());
        span.extensions_mut().replace(node);
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, ctx: Context<'_, S>) {
        let Some(span) = ctx.span(id) else { return };
        let is_recorded = |node: &Node| node.is_recorded();
        if !span.extensions().get::<Node>().is_some_and(is_recorded) {
            return;
        }
        // Not under the span's lock: a value's `Debug` may speak to `tracing` itself.
        let mut fields = Fields::new(self.limits);
        values.record(&mut fields);
        if let Some(node) = span.extensions_mut().get_mut::<Node>() {
            node.absorb(fields);
        }
    }

    fn on_follows_from(&self, id: &Id, follows: &Id, ctx: Context<'_, S>) {
        let (Some(span), Some(before)) = (ctx.span(id), ctx.span(follows)) else {
            return;
        };
        if let Some(node) = span.extensions().get::<Node>() {
            node.annotate("follows_from", || before.name());
        }
    }

    fn on_event(&self, event: &Event<'_>, ctx: Context<'_, S>) {
        let metadata = event.metadata();
        if is_own(metadata) {
            return;
        }
        let Some(scope) = ctx.event_scope(event) else {
            return;
        };
        // The nearest span around that stands for something.
        let is_recorded = |span: &SpanRef<'_, S>| {
            let extensions = span.extensions();
            extensions.get::<Node>().map(Node::is_recorded)
        };
        let found = scope
            .into_iter()
            .find_map(|span| Some((is_recorded(&span)?, span)));
        let Some((true, span)) = found else { return };
        // Not under the span's lock: a value's `Debug` may speak to `tracing` itself.
        let mut fields = Fields::new(self.limits);
        event.record(&mut fields);
        if let Some(node) = span.extensions_mut().get_mut::<Node>() {
            node.happened(metadata, fields);
        }
    }

    fn on_close(&self, id: Id, ctx: Context<'_, S>) {
        let Some(span) = ctx.span(&id) else { return };
        // Taken out first: ending it must not happen under the span's lock.
        let node = span.extensions_mut().remove::<Node>();
        if let Some(node) = node {
            node.end();
        }
    }
}

/// The ctx of ops that are not in one: spans have no scopes of their own.
fn no_ctx() -> &'static Ctx {
    static NONE: std::sync::OnceLock<Ctx> = std::sync::OnceLock::new();
    NONE.get_or_init(Ctx::default)
}
