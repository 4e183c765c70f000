//! Where trees are written to.

use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use runtrail_core::export::ExportError;
use runtrail_core::name::file_name;

use super::TreeFile;
use crate::tree::RunTree;
use crate::whole::{Folder, WholeFile, failed, given_up};
use crate::write::{TreeStyle, write_tree};

/// A folder of files, one a run, or a file of lines, one a run.
#[derive(Debug)]
pub(super) enum Sink {
    Dir {
        folder: Folder,
        style: TreeStyle,
        unsynced: bool,
    },
    Lines {
        folder: Folder,
        name: PathBuf,
        open: Option<Lines>,
        gave_up: bool,
    },
}

/// The file of lines in the making.
#[derive(Debug)]
pub(super) struct Lines {
    out: Counted<BufWriter<WholeFile>>,
    runs: u64,
}

impl Sink {
    pub(super) fn dir(path: PathBuf) -> Self {
        Self::Dir {
            folder: Folder::new(path),
            style: TreeStyle::default(),
            unsynced: false,
        }
    }

    pub(super) fn lines(path: &Path) -> Self {
        let name = path.file_name().map(PathBuf::from).unwrap_or_default();
        Self::Lines {
            folder: Folder::of(path),
            name,
            open: None,
            gave_up: false,
        }
    }

    pub(super) fn set_style(&mut self, wanted: TreeStyle) {
        if let Self::Dir { style, .. } = self {
            *style = wanted;
        }
    }

    /// Writes a tree; returns the file that became visible with it, if one did.
    pub(super) fn write(&mut self, tree: &RunTree) -> Result<Option<TreeFile>, ExportError> {
        match self {
            Self::Dir {
                folder,
                style,
                unsynced,
            } => {
                let name = file_name(&tree.summary().request_id, "json");
                let mut out = Counted::new(BufWriter::new(folder.begin(Path::new(&name))?));
                write_line(tree, *style, &mut out)?;
                let (file, bytes) = out.into_file()?;
                let path = file.target().to_owned();
                file.finish()?;
                *unsynced = true;
                Ok(Some(TreeFile {
                    path,
                    runs: 1,
                    bytes,
                }))
            }
            Self::Lines {
                folder,
                name,
                open,
                gave_up,
            } => {
                let written = if *gave_up {
                    Err(given_up(&folder.path().join(&*name)))
                } else {
                    add(tree, folder, name, open)
                };
                if written.is_err() {
                    // Half a line may stand at the end of the file: it is not to become visible.
                    *gave_up = true;
                    *open = None;
                }
                written.map(|()| None)
            }
        }
    }

    /// Makes the names of the files that became visible durable, all at once.
    pub(super) fn settle(&mut self) -> Result<(), ExportError> {
        if let Self::Dir {
            folder, unsynced, ..
        } = self
            && *unsynced
        {
            folder.sync()?;
            *unsynced = false;
        }
        Ok(())
    }

    /// Makes what was written durable, as far as it is visible or will be.
    pub(super) fn flush(&mut self) -> Result<(), ExportError> {
        match self {
            Self::Lines {
                open: Some(lines), ..
            } => {
                lines
                    .out
                    .flush()
                    .map_err(|e| failed("write", lines.out.target(), e))?;
                lines.out.inner.get_ref().sync()
            }
            _ => self.settle(),
        }
    }

    /// Ends writing; returns the file that became visible with it, if one did.
    pub(super) fn close(mut self) -> Result<Option<TreeFile>, ExportError> {
        self.settle()?;
        let Self::Lines {
            folder,
            name,
            open,
            gave_up,
        } = self
        else {
            return Ok(None);
        };
        if gave_up {
            return Err(given_up(&folder.path().join(name)));
        }
        let Some(Lines { out, runs }) = open else {
            return Ok(None);
        };
        let (file, bytes) = out.into_file()?;
        let path = file.target().to_owned();
        file.finish()?;
        folder.sync()?;
        Ok(Some(TreeFile { path, runs, bytes }))
    }
}

/// Adds a tree to the file of lines, which the first one begins.
fn add(
    tree: &RunTree,
    folder: &mut Folder,
    name: &Path,
    open: &mut Option<Lines>,
) -> Result<(), ExportError> {
    let lines = match open {
        Some(lines) => lines,
        None => open.insert(Lines {
            out: Counted::new(BufWriter::new(folder.begin(name)?)),
            runs: 0,
        }),
    };
    write_line(tree, TreeStyle::OneLine, &mut lines.out)?;
    lines.runs += 1;
    Ok(())
}

fn write_line(
    tree: &RunTree,
    style: TreeStyle,
    out: &mut Counted<BufWriter<WholeFile>>,
) -> Result<(), ExportError> {
    write_tree(tree, out, style)
        .and_then(|()| out.write_all(b"\n"))
        .map_err(|e| failed("write", out.target(), e))
}

/// A writer that counts what it is given.
#[derive(Debug)]
pub(super) struct Counted<W> {
    inner: W,
    bytes: u64,
}

impl Counted<BufWriter<WholeFile>> {
    fn new(inner: BufWriter<WholeFile>) -> Self {
        Self { inner, bytes: 0 }
    }

    fn target(&self) -> &Path {
        self.inner.get_ref().target()
    }

    fn into_file(self) -> Result<(WholeFile, u64), ExportError> {
        let target = self.target().to_owned();
        match self.inner.into_inner() {
            Ok(file) => Ok((file, self.bytes)),
            Err(error) => Err(failed("write", &target, error.into_error())),
        }
    }
}

impl<W: Write> Write for Counted<W> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.inner.flush()
    }
}
