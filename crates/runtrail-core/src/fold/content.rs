//! Content that is held for open spans, within a budget.

use super::Map;
use crate::event::Payload;
use crate::json::{RawJson, push_string};
use crate::span::Note;
use crate::text::Text;

/// How many bytes of content the open spans of a run hold.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub(super) struct HeldBytes {
    held: usize,
    limit: usize,
}

impl HeldBytes {
    pub(super) fn new(limit: usize) -> Self {
        Self { held: 0, limit }
    }

    /// Makes room for a text; where there is none its size is added to `dropped`.
    pub(super) fn admit(&mut self, bytes: usize, dropped: &mut u64) -> bool {
        let fits = self.held + bytes <= self.limit;
        if fits {
            self.held += bytes;
        } else {
            *dropped += bytes as u64;
        }
        fits
    }

    /// Keeps a value of a payload, if there is room, as text that shares the payload's chunk.
    pub(super) fn share(
        &mut self,
        payload: &Payload,
        value: RawJson<'_>,
        dropped: &mut u64,
    ) -> Option<Text> {
        let fits = self.admit(value.text().len(), dropped);
        fits.then(|| payload.share(value))
    }

    /// Copies a text, if there is room, so that a small one does not keep a large chunk alive.
    pub(super) fn keep_text(&mut self, text: &str, dropped: &mut u64) -> Option<Text> {
        self.admit(text.len(), dropped).then(|| Text::from(text))
    }

    pub(super) fn release(&mut self, bytes: usize) {
        self.held = self.held.saturating_sub(bytes);
    }
}

/// A JSON object that grows by keys; setting a key again replaces its value.
#[derive(Debug, Default, serde::Serialize, serde::Deserialize)]
#[serde(from = "Fields")]
pub(super) struct Metadata {
    fields: Vec<Note>,
    #[serde(skip)]
    positions: Map<Text, usize>,
}

/// What is saved of metadata.
#[derive(serde::Deserialize)]
struct Fields {
    fields: Vec<Note>,
}

impl From<Fields> for Metadata {
    fn from(saved: Fields) -> Self {
        let mut metadata = Self::default();
        for note in saved.fields {
            metadata.set(note);
        }
        metadata
    }
}

impl Metadata {
    /// Sets a key and returns the bytes that its former value held.
    pub(super) fn set(&mut self, note: Note) -> usize {
        if let Some(&at) = self.positions.get(&note.key) {
            let replaced = std::mem::replace(&mut self.fields[at], note);
            return replaced.key.len() + replaced.value.len();
        }
        self.positions.insert(note.key.clone(), self.fields.len());
        self.fields.push(note);
        0
    }

    pub(super) fn held_bytes(&self) -> usize {
        self.fields
            .iter()
            .map(|field| field.key.len() + field.value.len())
            .sum()
    }

    pub(super) fn to_json(&self) -> Option<Text> {
        if self.fields.is_empty() {
            return None;
        }
        let mut object = String::with_capacity(self.held_bytes() + 8 * self.fields.len());
        for field in &self.fields {
            object.push(if object.is_empty() { '{' } else { ',' });
            push_string(&mut object, &field.key);
            object.push(':');
            object.push_str(&field.value);
        }
        object.push('}');
        Some(Text::new(object))
    }
}
