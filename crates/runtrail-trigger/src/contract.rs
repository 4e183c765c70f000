//! What every store must do, as tests that anyone who writes one can run.
//!
//! [`contract_tests!`](crate::contract_tests) makes a test of each check. Its argument makes a store
//! with nothing in it; it is given an empty folder, for stores that keep files.
//!
//! ```
//! mod my_store {
//!     runtrail_trigger::contract_tests!(|_folder| runtrail_trigger::MemoryStore::default());
//! }
//! ```
//!
//! A check can also be run by itself:
//!
//! ```
//! use runtrail_trigger::{MemoryStore, contract};
//! contract::recorded_events_come_back(&|_folder| Box::new(MemoryStore::default()));
//! ```
//!
//! Each check panics where a store fails it, and says how.

#![expect(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    clippy::missing_assert_message,
    reason = "an assertion says what went wrong by panicking, which is what every function here is for"
)]

mod events;
mod links;
mod model;
mod retention;
mod runs;
mod sample;
mod threads;
mod timeline;

use std::path::Path;

use tempfile::TempDir;

use crate::store::TriggerStore;

pub use events::{
    a_batch_is_recorded_as_a_whole, a_later_update_takes_nothing_back,
    an_event_may_come_after_its_links, an_id_that_is_used_again_is_a_conflict,
    codes_are_listed_and_counted, events_are_found_by_every_filter, events_are_paged_newest_first,
    recorded_events_come_back,
};
pub use links::{links_are_inserted_once, links_lead_both_ways};
pub use model::any_sequence_gives_the_same_as_the_store_in_memory;
pub use retention::{
    a_pending_run_keeps_its_events_and_itself, a_purge_by_age_takes_what_belongs_to_it,
    a_purge_by_number_keeps_the_newest, a_run_without_an_end_time_does_not_escape,
    loose_links_go_by_their_own_age, nothing_goes_that_no_rule_speaks_of,
};
pub use runs::{
    a_claim_survives_as_pending_and_is_completed, a_completion_is_said_once,
    an_abandoned_run_starts_nothing, one_of_all_claims_wins, participants_come_from_few_sources,
    runs_are_found_by_every_filter, runs_of_one_time_are_paged_once,
};
pub use threads::writers_and_readers_do_not_disturb_each_other;
pub use timeline::{
    a_place_outside_the_range_is_no_way_out_of_it, both_ends_of_a_range_belong_to_it,
    every_marker_is_on_one_page, more_than_the_greatest_limit_is_the_greatest,
    states_part_the_timeline, times_with_and_without_an_offset_are_one_timeline,
    totals_are_right_for_any_range,
};

/// Makes a store with nothing in it; the folder is its own.
pub type Make<'a> = &'a dyn Fn(&Path) -> Box<dyn TriggerStore>;

/// A store in a folder that goes with it.
struct Fresh {
    store: Box<dyn TriggerStore>,
    _folder: TempDir,
}

impl std::ops::Deref for Fresh {
    type Target = dyn TriggerStore;

    fn deref(&self) -> &Self::Target {
        &*self.store
    }
}

fn fresh(make: Make<'_>) -> Fresh {
    let folder = tempfile::tempdir().unwrap();
    Fresh {
        store: make(folder.path()),
        _folder: folder,
    }
}

/// Makes a test of every check of the [contract](crate::contract) that stores must keep.
///
/// The argument is a function from a folder (`&Path`) to a store with nothing in it. Needs the
/// feature `contract`.
#[macro_export]
macro_rules! contract_tests {
    ($make:expr) => {
        $crate::contract_tests! { @each $make;
            recorded_events_come_back,
            a_batch_is_recorded_as_a_whole,
            an_id_that_is_used_again_is_a_conflict,
            a_later_update_takes_nothing_back,
            an_event_may_come_after_its_links,
            codes_are_listed_and_counted,
            events_are_found_by_every_filter,
            events_are_paged_newest_first,
            every_marker_is_on_one_page,
            states_part_the_timeline,
            both_ends_of_a_range_belong_to_it,
            totals_are_right_for_any_range,
            more_than_the_greatest_limit_is_the_greatest,
            times_with_and_without_an_offset_are_one_timeline,
            a_place_outside_the_range_is_no_way_out_of_it,
            one_of_all_claims_wins,
            a_claim_survives_as_pending_and_is_completed,
            a_completion_is_said_once,
            an_abandoned_run_starts_nothing,
            participants_come_from_few_sources,
            runs_are_found_by_every_filter,
            runs_of_one_time_are_paged_once,
            links_are_inserted_once,
            links_lead_both_ways,
            nothing_goes_that_no_rule_speaks_of,
            a_purge_by_age_takes_what_belongs_to_it,
            a_purge_by_number_keeps_the_newest,
            a_pending_run_keeps_its_events_and_itself,
            a_run_without_an_end_time_does_not_escape,
            loose_links_go_by_their_own_age,
            writers_and_readers_do_not_disturb_each_other,
            any_sequence_gives_the_same_as_the_store_in_memory,
        }
    };
    (@each $make:expr; $($check:ident,)+) => {
        $(
            #[test]
            fn $check() {
                $crate::contract::$check(&|folder: &::std::path::Path| {
                    let make = $make;
                    ::std::boxed::Box::new(make(folder))
                });
            }
        )+
    };
}
