//! Where events go and why, as one line.

use runtrail_core::printable::Printable;
use runtrail_core::process::Processor;

use super::{Place, Placed, pipeline};

/// An exporter's name, where it writes, and who said so.
pub(super) type Opened = (String, Option<String>, Place);

/// What there is to say, each with who said so.
pub(super) struct Explained<'a> {
    /// Who switched recording off, if somebody did.
    pub(super) off: Option<&'a Place>,
    pub(super) exporters: &'a [Opened],
    pub(super) media: Option<(&'a str, &'a Place)>,
    pub(super) processors: &'a [Placed<Box<dyn Processor>>],
    pub(super) pipeline: &'a pipeline::Said,
}

impl Explained<'_> {
    /// Says where events go, what is done to them on the way and which limits are not the defaults.
    pub(super) fn line(&self) -> String {
        if let Some(place) = self.off {
            return format!("recording nothing: not enabled ({})", shown(place));
        }
        let exporters = self.exporters.iter().map(|(name, to, place)| {
            let to = to.as_ref().map(|to| format!(" to {}", Printable(to)));
            let to = to.unwrap_or_default();
            format!("{}{to} ({})", Printable(name), shown(place))
        });
        let mut line = match list(exporters) {
            None => "recording nowhere: no exporter is named, so events are counted and go".into(),
            Some(list) => format!("recording by {list}"),
        };
        if let Some((to, place)) = self.media {
            line.push_str(&format!("; media: {} ({})", Printable(to), shown(place)));
        }
        let processors = self.processors.iter();
        let processors = processors
            .map(|one| format!("{} ({})", Printable(one.value.name()), shown(&one.place)));
        if let Some(list) = list(processors) {
            line.push_str(&format!("; processors: {list}"));
        }
        let told = self.pipeline.told().into_iter();
        let limits = told.map(|(key, value, place)| format!("{key} = {value} ({})", shown(place)));
        if let Some(list) = list(limits) {
            line.push_str(&format!("; pipeline: {list}"));
        }
        line.push_str("; all else is the default");
        line
    }
}

fn shown(place: &Place) -> String {
    Printable(&place.to_string()).to_string()
}

fn list(items: impl Iterator<Item = String>) -> Option<String> {
    let items: Vec<String> = items.collect();
    (!items.is_empty()).then(|| items.join(", "))
}
