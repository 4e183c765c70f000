//! The quarantine file: every reject, as one JSON object a line.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use runtrail_core::json::push_string;

use crate::reject::Reject;

/// Writes rejects to a file that begins to exist with the first one.
///
/// A line is `{"file", "line", "byte", "length", "code", "reason", "text"}`; text that is not UTF-8
/// comes as `"text_hex"` instead, so that nothing of it is lost.
#[derive(Debug)]
pub struct QuarantineFile {
    path: PathBuf,
    file: Option<BufWriter<File>>,
}

impl QuarantineFile {
    /// Names the file; its folder must exist when the first reject comes.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            file: None,
        }
    }

    /// Returns the file's path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Appends a reject.
    pub fn push(&mut self, reject: &Reject) -> io::Result<()> {
        let file = match &mut self.file {
            Some(file) => file,
            None => self.file.insert(BufWriter::new(File::create(&self.path)?)),
        };
        file.write_all(render(reject).as_bytes())
    }

    /// Makes the file durable; whether there is one.
    pub fn finish(&mut self) -> io::Result<bool> {
        let Some(file) = &mut self.file else {
            return Ok(false);
        };
        file.flush()?;
        file.get_ref().sync_all()?;
        Ok(true)
    }
}

fn render(reject: &Reject) -> String {
    let mut line = String::from("{\"file\":");
    push_string(&mut line, &reject.file);
    line.push_str(&format!(
        ",\"line\":{},\"byte\":{},\"length\":{},\"code\":\"{}\",\"reason\":",
        reject.line,
        reject.byte,
        reject.length,
        reject.reason.code()
    ));
    push_string(&mut line, &reject.reason.to_string());
    match std::str::from_utf8(&reject.text) {
        Ok(text) => {
            line.push_str(",\"text\":");
            push_string(&mut line, text);
        }
        Err(_) => {
            line.push_str(",\"text_hex\":\"");
            line.extend(reject.text.iter().map(|byte| format!("{byte:02x}")));
            line.push('"');
        }
    }
    line.push_str("}\n");
    line
}
