//! Where events go and why, as one line.

use runtrail_core::printable::Printable;
use runtrail_core::process::Processor;

use super::{Place, Placed, pipeline};

/// An exporter's name, where it writes, and who said so.
type Opened = (String, Option<String>, Place);

/// Says where events go, what is done to them on the way and which limits are not the defaults,
/// each with who said so.
pub(super) fn explain(
    off: Option<&Place>,
    exporters: &[Opened],
    processors: &[Placed<Box<dyn Processor>>],
    pipeline: &pipeline::Said,
) -> String {
    if let Some(place) = off {
        return format!("recording nothing: not enabled ({})", shown(place));
    }
    let exporters = exporters.iter().map(|(name, to, place)| {
        let to = to
            .as_ref()
            .map(|to| format!(" to {}", Printable(to)))
            .unwrap_or_default();
        format!("{}{to} ({})", Printable(name), shown(place))
    });
    let mut line = match list(exporters) {
        None => "recording nowhere: no exporter is named, so events are counted and go".to_owned(),
        Some(list) => format!("recording by {list}"),
    };
    let processors = processors
        .iter()
        .map(|one| format!("{} ({})", Printable(one.value.name()), shown(&one.place)));
    if let Some(list) = list(processors) {
        line.push_str(&format!("; processors: {list}"));
    }
    let told = pipeline.told().into_iter();
    let settings = told.map(|(key, value, place)| format!("{key} = {value} ({})", shown(place)));
    if let Some(list) = list(settings) {
        line.push_str(&format!("; pipeline: {list}"));
    }
    line.push_str("; all else is the default");
    line
}

fn shown(place: &Place) -> String {
    Printable(&place.to_string()).to_string()
}

fn list(items: impl Iterator<Item = String>) -> Option<String> {
    let items: Vec<String> = items.collect();
    (!items.is_empty()).then(|| items.join(", "))
}
