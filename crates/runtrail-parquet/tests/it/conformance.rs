//! The lake passes the suite that every exporter passes.

use runtrail_core::export::Exporter;
use runtrail_parquet::{Lake, Partition};
use runtrail_testkit::conformance::Suite;

use crate::it::support::small;

#[test]
fn as_every_exporter() {
    for (threads, partition) in [
        (1, Partition::Date),
        (3, Partition::Hour),
        (2, Partition::None),
    ] {
        let mut settings = small();
        settings.threads = threads;
        Suite::new(|dest: &std::path::Path| {
            Box::new(
                Lake::local(dest)
                    .settings(settings)
                    .partition(partition)
                    .open()
                    .unwrap(),
            ) as Box<dyn Exporter>
        })
        .check();
    }
}
