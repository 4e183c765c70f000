//! Rows of the links table.

use runtrail_core::link::{Link, Source};
use runtrail_core::span::RunSummary;
use runtrail_core::text::Text;

use super::RowBuilder;

/// Appends one of the things that started a run; the order is the schema's.
pub(crate) fn push_link(rows: &mut RowBuilder, run: &RunSummary, link: &Link) {
    rows.text(link.source.event_id().map(Text::as_str));
    rows.text(link.source.request_id().map(Text::as_str));
    rows.text(Some(&run.request_id));
    rows.text(link.trigger_id.as_deref());
    rows.text(link.condition_id.as_deref());
    rows.time(Some(link.at));
    rows.text(link.trigger_run_id.as_deref());
    rows.text(Some(link.source.kind()));
    rows.text(match &link.source {
        Source::Other { id, .. } => Some(id),
        _ => None,
    });
}
