//! What the exporters of this crate have in common: the mapping's part of their builders.

use runtrail_core::export::{SpanExporter, Spans};
use runtrail_core::fold::{Fold, FoldLimits};

/// Makes an exporter of events of one of spans; both derive ids in the same namespace.
pub(crate) fn into_exporter<E: SpanExporter>(exporter: E, namespace: &str) -> Spans<E> {
    Spans::with_fold(exporter, Fold::new(namespace, FoldLimits::default()))
}

/// What a service is called of which nobody said so.
pub(crate) const UNNAMED_SERVICE: &str = "runtrail";
