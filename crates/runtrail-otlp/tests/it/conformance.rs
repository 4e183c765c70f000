//! The file exporter passes the suite for exporters that write below a folder.

use std::fs;
use std::path::Path;

use runtrail_core::export::Exporter;
use runtrail_otlp::OtlpLines;
use runtrail_otlp_wire::json;
use runtrail_testkit::conformance::Suite;

fn says_truncated(path: &Path, run: &str) -> bool {
    let text = fs::read_to_string(path).unwrap_or_default();
    let requests = text
        .lines()
        .filter_map(|line| json::read_request(line).ok());
    let mut truncated = 0;
    for request in requests {
        for span in request.spans() {
            let has = |key: &str, value: &str| {
                let found = span.attributes.iter().find(|attr| attr.key == key);
                found.and_then(|attr| attr.value.as_str()) == Some(value)
            };
            truncated +=
                usize::from(has("runtrail.run.id", run) && has("runtrail.status", "truncated"));
        }
    }
    // The op, its group and the run itself.
    truncated == 3
}

#[test]
fn a_file_of_requests() {
    Suite::new(|dest: &Path| {
        let lines = OtlpLines::file(dest.join("spans.jsonl")).variables([]);
        Box::new(lines.into_exporter()) as Box<dyn Exporter>
    })
    .truncated_by(|dest, run| says_truncated(&dest.join("spans.jsonl"), run))
    .check();
}
