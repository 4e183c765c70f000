//! Recording to several places at once: a lake, trees to read, and an archive of the events.
//!
//! `cargo run -p runtrail --features parquet --example start_up`

use std::error::Error;
use std::io::{self, Write};
use std::path::Path;
use std::time::Duration;

use runtrail::core::event::Ctx;
use runtrail::{Config, Trail};

fn main() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let trail = start(folder.path())?;

    let run = trail.run("req-42");
    let op = run.op("main.fetch", &Ctx::new(["main"]), || {
        ("https://example.org", "api_key=k1")
    });
    op.annotate("cache", || "miss");
    op.end_ok(|| "<html>");
    drop(run);

    // What was recorded is not there before this; the report says what became of every event.
    let report = trail.shutdown(Duration::from_secs(5));
    writeln!(io::stdout(), "{report}")?;
    if !report.is_complete() {
        return Err("something was lost".into());
    }
    Ok(())
}

/// What is usual for this program. A file that `RUNTRAIL_CONFIG` names says otherwise, and so do
/// `RUNTRAIL_PIPELINE_EXPORTERS=json:runs` and its like.
fn start(folder: &Path) -> Result<Trail, Box<dyn Error>> {
    let at = |name: &str| folder.join(name).display().to_string();
    let mut config = Config::builder()
        .environment()
        .otherwise("json", at("runs"))
        .otherwise("jsonl", at("archive"))
        .settings(|settings| settings.max_bytes = 16 << 20);
    if cfg!(feature = "parquet") {
        config = config.otherwise("parquet", at("lake"));
    }
    // Everything that is wrong comes back at once, each mistake with its place.
    Ok(config.load()?.start()?)
}
