//! Run ids short enough for a table, long enough to name one run.

use runtrail_core::printable::Printable;
use runtrail_core::span::RunSummary;

/// No id is cut shorter than this: people tell runs apart by more than one or two letters.
const SHORTEST: usize = 8;

/// Cuts each id to the shortest start that no other of these runs has.
pub(super) fn short_ids(runs: &[RunSummary]) -> Vec<String> {
    let mut sorted: Vec<&str> = runs.iter().map(|run| run.request_id.as_str()).collect();
    sorted.sort_unstable();
    let short = |id: &str| {
        let at = sorted.partition_point(|other| *other < id);
        let neighbours = [at.checked_sub(1), Some(at + 1)].into_iter().flatten();
        let shared = neighbours
            .filter_map(|index| sorted.get(index))
            .map(|other| shared(id, other))
            .max();
        let letters = (shared.unwrap_or(0) + 1).max(SHORTEST);
        let start: String = id.chars().take(letters).collect();
        Printable(&start).to_string()
    };
    runs.iter().map(|run| short(&run.request_id)).collect()
}

/// How many letters two ids have in common at their start.
fn shared(one: &str, other: &str) -> usize {
    one.chars()
        .zip(other.chars())
        .take_while(|(a, b)| a == b)
        .count()
}

#[cfg(test)]
mod tests {
    use super::shared;

    #[test]
    fn letters_in_common_are_counted_as_characters() {
        assert_eq!(shared("tau-airline-3", "tau-airline-32"), 13);
        assert_eq!(shared("é1", "é2"), 1);
        assert_eq!(shared("", "a"), 0);
    }
}
