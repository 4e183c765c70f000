//! The trees of recorded runs.

use runtrail_json::{RunTree, TreeStyle, write_tree};
use runtrail_testkit::fold::fold_runs;
use runtrail_testkit::golden::{assert_golden, engine_samples};

fn written(tree: &RunTree, style: TreeStyle) -> String {
    let mut out = Vec::new();
    write_tree(tree, &mut out, style).unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn recorded_runs_are_written_as_their_golden_trees() {
    for sample in engine_samples() {
        let mut text = String::new();
        for run in fold_runs(&sample.events) {
            let tree = RunTree::build(run.summary, run.spans);
            let pretty = written(&tree, TreeStyle::Pretty);
            let line = written(&tree, TreeStyle::OneLine);
            assert!(!line.contains('\n'), "{}", sample.name);
            let read: [serde_json::Value; 2] =
                [&pretty, &line].map(|text| serde_json::from_str(text).unwrap());
            assert_eq!(read[0], read[1], "{}", sample.name);
            text += &pretty;
            text.push('\n');
        }
        assert_golden(&sample.beside("tree.json"), &text);
    }
}
