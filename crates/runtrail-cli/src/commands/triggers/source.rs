//! What satisfied a condition, in words.

use runtrail_core::link::{Link, Source};

/// Says what something came from; `foreign` shows what others wrote.
pub(crate) fn source(source: &Source, foreign: impl Fn(&str) -> String) -> String {
    match source {
        Source::Event {
            event_id,
            request_id: Some(run),
        } => format!("event {} of run {}", foreign(event_id), foreign(run)),
        Source::Event { event_id, .. } => format!("event {}", foreign(event_id)),
        Source::Run { request_id } => format!("run {}", foreign(request_id)),
        Source::Clock => "the clock".to_owned(),
        Source::Other { kind, id } => format!("{} {}", foreign(kind), foreign(id)),
    }
}

/// Says what started a run: the source, the condition and the trigger.
pub(crate) fn link(link: &Link, foreign: impl Fn(&str) -> String) -> String {
    let mut text = source(&link.source, &foreign);
    for (word, id) in [
        ("condition", &link.condition_id),
        ("trigger", &link.trigger_id),
    ] {
        if let Some(id) = id {
            text.push_str(&format!(", {word} {}", foreign(id)));
        }
    }
    text
}
