//! Futures: spans across await points, tasks and threads.

use tracing::{Instrument, info_span, instrument};

use super::support::recorded;

#[instrument(fields(runtrail.run = %id))]
async fn request(id: u32) {
    tokio::task::yield_now().await;
    step(id).await;
    let child = tokio::spawn(async move { step(id).await }.instrument(info_span!("task")));
    tokio::task::yield_now().await;
    child.await.unwrap();
}

#[instrument(skip_all)]
async fn step(id: u32) {
    for _ in 0..id % 3 {
        tokio::task::yield_now().await;
    }
}

/// Many requests at once on several threads, each polled here and there.
#[test]
fn every_future_keeps_to_its_own_run() {
    let found = recorded(|_| {
        let dispatch = tracing::dispatcher::get_default(Clone::clone);
        let started = dispatch.clone();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(3)
            .on_thread_start(move || {
                // For the life of the thread.
                std::mem::forget(tracing::dispatcher::set_default(&started));
            })
            .build()
            .unwrap();
        runtime.block_on(async {
            let tasks: Vec<_> = (0..50).map(|id| tokio::spawn(request(id))).collect();
            for task in tasks {
                task.await.unwrap();
            }
        });
    });
    for id in 0..50 {
        let tree = format!(
            "run {id} ok 0ms: 8 events, 4 ops
  op request  #0 ok 0ms by run
    in: {{\"id\":{id}}}
    out: null
    op step  #0 ok 0ms by parent_id
      in: {{}}
      out: null
    op task  #0 ok 0ms by parent_id
      in: {{}}
      out: null
      op step  #0 ok 0ms by parent_id
        in: {{}}
        out: null
"
        );
        let occurrence = tree.replacen(
            "step  #0 ok 0ms by parent_id\n        in",
            "step  #1 ok 0ms by parent_id\n        in",
            1,
        );
        assert!(
            found.contains(&tree) || found.contains(&occurrence),
            "{id}\n{found}"
        );
    }
}

#[test]
fn a_future_that_is_dropped_ends_its_op() {
    let found = recorded(|_| {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        runtime.block_on(async {
            let never =
                std::future::pending::<()>().instrument(info_span!("never", runtrail.run = "r"));
            let task = tokio::spawn(never);
            tokio::task::yield_now().await;
            task.abort();
            assert!(task.await.unwrap_err().is_cancelled());
        });
    });
    assert!(found.contains("op never  #0 ok"), "{found}");
}
