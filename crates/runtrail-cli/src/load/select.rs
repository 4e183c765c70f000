//! Finding a run by a part of its id.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use runtrail_core::printable::Printable;

use crate::code::Code;
use crate::failure::Failure;
use crate::human;

/// Ids remembered to suggest from where none matches.
const MAX_REMEMBERED: usize = 100_000;
/// Candidates listed where several match.
const MAX_LISTED: usize = 10;
/// What separates the parts of an id: `7f3a` finds `req_7f3a9c`.
const SEPARATORS: [char; 5] = ['_', '-', '/', ':', '.'];

/// Which runs a view wants, and which it met.
///
/// A run is named by its id, by the start of its id, or by the start of a part of it; the first of
/// these that holds for any run counts.
#[derive(Debug)]
pub(crate) struct Selection {
    wanted: Option<String>,
    matches: [BTreeSet<String>; 3],
    others: BTreeSet<String>,
    /// The latest run, and whether it may be the one: the next event is often of the same.
    last: Option<(String, bool)>,
}

impl Selection {
    /// Wants every run.
    pub(crate) fn everything() -> Self {
        Self {
            wanted: None,
            matches: Default::default(),
            others: BTreeSet::new(),
            last: None,
        }
    }

    /// Wants the run that is named so.
    pub(crate) fn run(name: impl Into<String>) -> Self {
        Self {
            wanted: Some(name.into()),
            ..Self::everything()
        }
    }

    /// Returns the name of the run that is wanted; `None` where every run is.
    pub(crate) fn wanted(&self) -> Option<&str> {
        self.wanted.as_deref()
    }

    /// Whether every run is wanted.
    pub(crate) fn is_everything(&self) -> bool {
        self.wanted.is_none()
    }

    /// Whether a run may be the one that is wanted; remembers it.
    pub(crate) fn may_mean(&mut self, request_id: &str) -> bool {
        let Some(wanted) = &self.wanted else {
            return true;
        };
        if let Some((last, may)) = &self.last
            && last == request_id
        {
            return *may;
        }
        let matched = match rank(wanted, request_id) {
            Some(rank) => Some(&mut self.matches[rank]),
            None => None,
        };
        let may = matched.is_some();
        self.last = Some((request_id.to_owned(), may));
        let met = matched.unwrap_or(&mut self.others);
        if met.len() < MAX_REMEMBERED && !met.contains(request_id) {
            met.insert(request_id.to_owned());
        }
        may
    }

    /// Returns the one run that is meant, or says why there is none.
    pub(crate) fn resolve(&self) -> Result<&str, Failure> {
        let wanted = self.wanted.as_deref().unwrap_or_default();
        let Some(candidates) = self
            .matches
            .iter()
            .find(|candidates| !candidates.is_empty())
        else {
            return Err(self.not_found(wanted));
        };
        match candidates.iter().next() {
            Some(only) if candidates.len() == 1 => Ok(only),
            _ => Err(ambiguous(
                &format!("{wanted:?} names more than one run"),
                candidates,
            )),
        }
    }

    fn not_found(&self, wanted: &str) -> Failure {
        let failure = Failure::new(Code::No, format!("no run {wanted:?} in the archive"));
        let likeness = |id: &String| strsim::jaro_winkler(wanted, id);
        let nearest = self
            .others
            .iter()
            .max_by(|a, b| likeness(a).total_cmp(&likeness(b)));
        match nearest {
            _ if std::path::Path::new(wanted).exists() => failure.help(format!(
                "{wanted} is a file or folder; the last argument names the run"
            )),
            Some(nearest) if likeness(nearest) > 0.7 => {
                failure.help(format!("did you mean {nearest}?"))
            }
            Some(_) => failure.help("`runtrail runs SOURCE` lists the runs of an archive"),
            None => failure.help("the archive holds no runs"),
        }
    }
}

/// Says that several runs could be meant, and lists them.
pub(crate) fn ambiguous(what: &str, candidates: &BTreeSet<String>) -> Failure {
    let mut lines = String::new();
    for id in candidates.iter().take(MAX_LISTED) {
        let _ = writeln!(lines, "  {}", Printable(id));
    }
    if let Some(more) = candidates
        .len()
        .checked_sub(MAX_LISTED)
        .filter(|more| *more > 0)
    {
        let _ = writeln!(lines, "  and {} more", human::count(more as u64));
    }
    Failure::usage(what)
        .detail(lines)
        .help("give more of the id")
}

/// How a run is named, best first: whole, by its start, by the start of a part.
fn rank(wanted: &str, request_id: &str) -> Option<usize> {
    if wanted == request_id {
        return Some(0);
    }
    if wanted.is_empty() {
        return None;
    }
    if request_id.starts_with(wanted) {
        return Some(1);
    }
    let part_starts = request_id
        .match_indices(SEPARATORS)
        .map(|(at, separator)| at + separator.len());
    part_starts
        .map(|at| &request_id[at..])
        .any(|part| part.starts_with(wanted))
        .then_some(2)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolved(wanted: &str, ids: &[&str]) -> Result<String, (Code, String)> {
        let mut selection = Selection::run(wanted);
        for id in ids {
            selection.may_mean(id);
        }
        selection
            .resolve()
            .map(str::to_owned)
            .map_err(|failure| (failure.code, failure.render()))
    }

    #[test]
    fn a_run_is_named_by_its_id_or_a_start_of_it() {
        let ids = ["req_7f3a9c", "req_2b81d0", "req", "b1-req_9"];
        assert_eq!(resolved("req", &ids), Ok("req".into()));
        assert_eq!(resolved("req_7", &ids), Ok("req_7f3a9c".into()));
        assert_eq!(resolved("7f3a", &ids), Ok("req_7f3a9c".into()));
        assert_eq!(resolved("b1", &ids), Ok("b1-req_9".into()));
        // The start of an id goes before the start of a part.
        assert_eq!(resolved("b", &["a-b", "b-c"]), Ok("b-c".into()));
    }

    #[test]
    fn what_names_several_or_none_says_so() {
        let (code, text) = resolved("req_", &["req_1", "req_2"]).unwrap_err();
        assert_eq!(code, Code::Usage);
        assert_eq!(
            text,
            "\"req_\" names more than one run\n  req_1\n  req_2\n  try: give more of the id\n"
        );
        let (code, text) = resolved("req_7f3b", &["req_7f3a9c", "zzz"]).unwrap_err();
        assert_eq!(code, Code::No);
        assert!(text.contains("did you mean req_7f3a9c?"), "{text}");
        assert_eq!(resolved("", &["a"]).unwrap_err().0, Code::No);
    }
}
