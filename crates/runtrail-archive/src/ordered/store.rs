//! Keeping what can be read only once, or only from its start, until it is handed out.

use std::fs::File;
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;

use runtrail_core::event::TraceEvent;

use super::runs::RunTable;
use super::survey::UnitRuns;
use super::unit::Unit;
use crate::hash::IdHasher;
use crate::sort::{FrameBuilder, temp_file};

/// Units in the order they came, in memory up to a limit and beyond it in one temporary file.
pub(super) struct Store {
    units: Vec<Unit>,
    table: RunTable,
    runs: UnitRuns,
    held: usize,
    limit: usize,
    dir: Option<PathBuf>,
    spill: Option<Spill>,
}

struct Spill {
    file: Arc<File>,
    at: u64,
    frame: FrameBuilder,
}

impl Store {
    pub(super) fn new(hasher: IdHasher, runs: usize, limit: usize, dir: Option<PathBuf>) -> Self {
        Self {
            units: Vec::new(),
            table: RunTable::new(runs),
            runs: UnitRuns::new(hasher),
            held: 0,
            limit,
            dir,
            spill: None,
        }
    }

    /// Takes events that keep about `bytes` of text alive.
    pub(super) fn push(&mut self, events: Vec<TraceEvent>, bytes: usize) -> io::Result<()> {
        self.runs.add_events(&events);
        self.table.add_unit(&self.runs.take());
        if let Some(spill) = &mut self.spill {
            self.units.push(spill.push(&events)?);
            return Ok(());
        }
        self.held += bytes + events.capacity() * size_of::<TraceEvent>();
        self.units.push(Unit::Held(events, bytes));
        if self.held <= self.limit {
            return Ok(());
        }
        let spill = self.spill.insert(Spill {
            file: Arc::new(temp_file(self.dir.as_deref())?),
            at: 0,
            frame: FrameBuilder::default(),
        });
        for unit in &mut self.units {
            if let Unit::Held(events, _) = unit {
                *unit = spill.push(&std::mem::take(events))?;
            }
        }
        self.held = 0;
        Ok(())
    }

    pub(super) fn table(&self) -> &RunTable {
        &self.table
    }

    /// Returns how much memory the units take.
    pub(super) fn held(&self) -> usize {
        self.held
    }

    /// Returns whether everything is in memory.
    pub(super) fn is_in_memory(&self) -> bool {
        self.spill.is_none()
    }

    pub(super) fn into_units(self) -> Vec<Unit> {
        self.units
    }
}

impl Spill {
    fn push(&mut self, events: &[TraceEvent]) -> io::Result<Unit> {
        let (at, mut frames) = (self.at, 0);
        for (index, event) in events.iter().enumerate() {
            self.frame.push(event);
            if self.frame.is_full() || index + 1 == events.len() {
                for part in self.frame.finish() {
                    (&*self.file).write_all(part)?;
                    self.at += part.len() as u64;
                }
                self.frame.clear();
                frames += 1;
            }
        }
        Ok(Unit::Spilled {
            file: Arc::clone(&self.file),
            at,
            frames,
        })
    }
}
