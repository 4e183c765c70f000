//! What does not add up in a run, in words.

use runtrail_core::span::Anomalies;

use crate::human::count;

/// Says what each kind of anomaly means, and how many there are; kinds that `known` names are left
/// out, since they are shown another way.
pub(crate) fn in_words(anomalies: &Anomalies, known: &[&str]) -> Vec<String> {
    let met = anomalies
        .by_kind()
        .into_iter()
        .filter(|(kind, n)| *n > 0 && !known.contains(kind));
    met.map(|(kind, n)| say(kind, n)).collect()
}

/// Says what one kind means: `3 ops that never ended`.
pub(crate) fn say(kind: &str, n: u64) -> String {
    let (one, many, what) = match kind {
        "op_end_without_start" => ("op", "ops", "that ended without having started"),
        "op_start_without_end" => ("op", "ops", "that never ended"),
        "group_end_without_start" => ("group", "groups", "that ended without having started"),
        "group_start_without_end" => ("group", "groups", "that never ended"),
        "end_before_start" => ("end", "ends", "before the start"),
        "orphans" => (
            "note, item or usage",
            "notes, items and usage",
            "of ops that were not open",
        ),
        "duplicates" => ("repeat", "repeats", "of an event"),
        "unknown_references" => ("reference", "references", "to events that are not there"),
        "content_dropped" => (
            "op or group",
            "ops and groups",
            "too large to keep all their content",
        ),
        "open_limit" => ("start", "starts", "ignored because too much was open"),
        "unknown_status" => ("end", "ends", "with an unknown status"),
        other => (other, other, ""),
    };
    format!("{} {} {what}", count(n), if n == 1 { one } else { many })
        .trim_end()
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_words() {
        for (kind, _) in Anomalies::default().by_kind() {
            assert!(!say(kind, 2).contains('_'), "{kind}");
        }
        assert_eq!(
            say("orphans", 1),
            "1 note, item or usage of ops that were not open"
        );
    }

    #[test]
    fn kinds_that_are_shown_another_way_are_left_out() {
        let anomalies = Anomalies {
            orphans: 5,
            op_start_without_end: 1,
            ..Anomalies::default()
        };
        assert_eq!(
            in_words(&anomalies, &["op_start_without_end"]),
            ["5 notes, items and usage of ops that were not open"]
        );
    }
}
