//! The state of a fold, saved and restored.

use proptest::prelude::*;
use proptest::sample::Index;
use runtrail_core::fold::{Detail, Fold, FoldLimits, RestoreError};
use runtrail_testkit::strategies::run;

proptest! {
    #[test]
    fn a_fold_goes_on_from_its_saved_state_as_if_it_had_not_stopped(
        events in run("r"),
        cut in any::<Index>(),
        detail in prop::sample::select(vec![Detail::Summary, Detail::Spans, Detail::Content]),
        max_held_bytes in prop::sample::select(vec![usize::MAX, 200]),
    ) {
        let limits = FoldLimits { detail, max_held_bytes, ..FoldLimits::default() };
        let cut = cut.index(events.len()) + 1;
        let (mut whole, mut spans) = (Fold::new("n", limits), Vec::new());
        let (mut first, mut before) = (Fold::new("n", limits), Vec::new());
        for event in &events[..cut] {
            first.push(event, &mut before);
        }
        let so_far = first.so_far("r");
        let state = first.save_run("r").unwrap();
        // Saving leaves the fold as it was.
        prop_assert_eq!(&first.save_run("r").unwrap(), &state);
        let mut second = Fold::new("n", limits);
        prop_assert_eq!(second.restore_run(&state).unwrap(), "r");
        prop_assert_eq!(second.so_far("r"), so_far);
        prop_assert_eq!(&second.save_run("r").unwrap(), &state);
        for event in &events {
            whole.push(event, &mut spans);
        }
        for event in &events[cut..] {
            second.push(event, &mut before);
        }
        let open: Vec<_> = whole.open_spans("r").cloned().collect();
        prop_assert_eq!(open, second.open_spans("r").cloned().collect::<Vec<_>>());
        let wanted = whole.finish_run("r", &mut spans);
        prop_assert_eq!(second.finish_run("r", &mut before), wanted);
        prop_assert_eq!(before, spans);
    }

    #[test]
    fn a_state_with_other_numbers_is_refused_or_folds_without_harm(
        events in run("r"),
        at in any::<Index>(),
        digit in 0..10_u8,
    ) {
        let mut fold = Fold::default();
        for event in &events {
            fold.push(event, &mut Vec::new());
        }
        let mut state = fold.save_run("r").unwrap().into_bytes();
        let digits: Vec<_> = (0..state.len()).filter(|at| state[*at].is_ascii_digit()).collect();
        state[digits[at.index(digits.len())]] = b'0' + digit;
        let mut fold = Fold::default();
        if let Ok(run) = fold.restore_run(&String::from_utf8(state).unwrap()) {
            let mut spans = Vec::new();
            for event in &events {
                fold.push(event, &mut spans);
            }
            fold.finish_run(&run, &mut spans);
        }
    }
}

#[test]
fn what_is_no_state_of_this_fold_says_why() {
    let refused = |state: &str| Fold::default().restore_run(state).unwrap_err();
    assert!(matches!(refused("{"), RestoreError::Malformed(_)));
    assert!(matches!(
        refused("{\"version\":1}"),
        RestoreError::Malformed(_)
    ));
    assert_eq!(refused("{\"version\":7}"), RestoreError::Version(7));
    assert_eq!(Fold::default().save_run("unseen"), None);
}
