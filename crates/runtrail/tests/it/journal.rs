//! The journal that a program's lake has beside it.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use runtrail::Config;
use runtrail_core::event::Ctx;
use runtrail_core::export::Batch;
use runtrail_core::pipeline::ExporterState;
use runtrail_journal::{Journal, RunStatus, State, list};

fn config(lake: &Path) -> Config {
    let lake = lake.display().to_string();
    let toml = format!("[[exporters]]\nname = \"parquet\"\npath = {lake:?}\n");
    Config::builder().text("f.toml", toml).load().unwrap()
}

fn journals(lake: &Path) -> Vec<Journal> {
    let files = list(lake.join("_runtrail/journal")).unwrap();
    let read = files.iter().map(|file| Journal::read(file.path()).unwrap());
    read.collect()
}

#[test]
fn it_is_there_while_the_program_runs_and_says_how_it_ended() {
    let folder = tempfile::tempdir().unwrap();
    let trail = config(folder.path()).start().unwrap();
    let run = trail.run("r1");
    run.op("main", &Ctx::default(), || 1).end_ok(|| 2);
    drop(run);
    let _ = trail.flush(Duration::from_secs(5));
    let [running] = &journals(folder.path())[..] else {
        panic!("there is one journal");
    };
    assert!(running.final_outcome().is_none());
    let plan = running.plan_snapshot().unwrap().as_json();
    assert!(
        plan.contains(r#""tables":"events,ops,groups,runs,links""#),
        "{plan}"
    );

    let report = trail.shutdown(Duration::from_secs(20));
    assert!(report.is_complete(), "{report}");
    let ended = &journals(folder.path())[0];
    assert_eq!(ended.final_outcome().unwrap().status, RunStatus::Ok);
    let tables: Vec<&str> = ended
        .files()
        .map(|file| file.part.as_deref().unwrap())
        .collect();
    assert_eq!(tables, ["events", "ops", "runs"]);
    for file in ended.files() {
        let size = fs::metadata(folder.path().join(&file.file)).unwrap().len();
        assert_eq!(size, file.bytes, "{}", file.file);
    }
    assert_eq!(ended.degraded().count(), 0);
}

#[test]
fn one_that_cannot_be_written_costs_no_event_and_is_told_of() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir_all(folder.path().join("_runtrail")).unwrap();
    fs::write(folder.path().join("_runtrail/journal"), "in the way").unwrap();
    let trail = config(folder.path()).start().unwrap();
    trail
        .run("r1")
        .op("main", &Ctx::default(), || 1)
        .end_ok(|| 2);
    let report = trail.shutdown(Duration::from_secs(20));
    let lake = &report.stats.exporters[0];
    assert_eq!((lake.delivered, lake.failed), (2, 0));
    let ExporterState::CloseFailed(why) = &lake.state else {
        panic!("{report}");
    };
    assert!(
        why.contains("is whole, and its journal is not: cannot write the journal"),
        "{why}"
    );
    let parts = fs::read_dir(folder.path().join("events")).unwrap().count();
    assert_eq!(parts, 1);
}

#[test]
fn outside_of_a_pipeline_it_does_not_say_that_nothing_was_lost() {
    let folder = tempfile::tempdir().unwrap();
    let mut parts = config(folder.path()).open().unwrap();
    let mut lake = parts.exporters.remove(0);
    lake.export(&Batch::new(vec![], vec![])).unwrap();
    lake.close(Instant::now() + Duration::from_secs(20))
        .unwrap();
    let journal = &journals(folder.path())[0];
    assert_eq!(journal.state(), State::Completed);
    assert_eq!(journal.warnings().count(), 1);
}

#[test]
fn a_program_that_is_given_up_leaves_an_interrupted_one() {
    let folder = tempfile::tempdir().unwrap();
    let mut parts = config(folder.path()).open().unwrap();
    let mut lake = parts.exporters.remove(0);
    lake.export(&Batch::new(vec![], vec![])).unwrap();
    drop(lake);
    assert_eq!(journals(folder.path())[0].state(), State::Interrupted);
}
