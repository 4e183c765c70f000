//! The spans of recorded runs.

use runtrail_testkit::fold::fold_runs;
use runtrail_testkit::golden::{assert_golden, engine_samples};
use runtrail_testkit::tree::tree_text;

#[test]
fn recorded_runs_fold_into_their_golden_trees() {
    for sample in engine_samples() {
        let trees: String = fold_runs(&sample.events)
            .iter()
            .map(|run| tree_text(&run.spans, &run.summary))
            .collect();
        assert_golden(&sample.beside("tree.txt"), &trees);
    }
}
