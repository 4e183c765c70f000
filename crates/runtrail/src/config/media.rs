//! Where the bytes of media go: the table `[media]`.

use runtrail_core::pipeline::MediaStore;

use super::Placed;
use super::section::{Document, Section};

/// Reads the folder; none where there is none, or where what is wrong was noted.
pub(super) fn read(mut section: Section<'_, '_>, to: &mut Document<'_>) -> Option<Placed<String>> {
    let before = to.problems.len();
    let folder = section.string("folder", to);
    if folder.as_ref().is_none_or(|at| at.value.is_empty()) && to.problems.len() == before {
        to.problem(&section.span_of("folder"), "media need a `folder`", None);
    }
    if !cfg!(feature = "media") {
        let help = Some("build it with the feature `media`".to_owned());
        to.problem(&section.span(), "media are not in this program", help);
    }
    section.finish(to);
    folder.map(|at| Placed::new(at.value.to_owned(), to.place(&at.span)))
}

/// The store that the program gave, or else that of the folder.
pub(super) fn store(
    own: Option<Box<dyn MediaStore>>,
    folder: Option<&Placed<String>>,
) -> Option<Box<dyn MediaStore>> {
    #[cfg(feature = "media")]
    if own.is_none() {
        let store = folder.map(|folder| runtrail_media::MediaFolder::new(&folder.value));
        return store.map(|store| Box::new(store) as _);
    }
    // Without the feature naming a folder is a mistake, so there is none.
    let _ = folder;
    own
}
