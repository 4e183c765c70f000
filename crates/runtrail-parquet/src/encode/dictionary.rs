//! Columns of text whose values repeat, as dictionaries and indices into them.
//!
//! The Arrow writer would take each value through an array and look it up by its text; here a value
//! that follows itself is known by its place in memory, and a list of texts is looked up as a whole.

use std::borrow::Cow;
use std::hash::BuildHasher;
use std::ops::Range;

use arrow::array::{Array, ArrayRef, AsArray};
use foldhash::fast::FixedState;
use hashbrown::HashTable;
use parquet::basic::{BoundaryOrder, Compression, Encoding, Type};
use parquet::bloom_filter::Sbbf;
use parquet::data_type::ByteArray;
use parquet::errors::Result;
use parquet::file::metadata::ColumnIndexBuilder;
use parquet::file::statistics::{Statistics, ValueStatistics};
use parquet::schema::types::ColumnDescPtr;

use super::chunk::{ChunkWriter, DataPage, Extras, OwnChunk, Scratch};
use super::order::WINDOW;
use super::rle;

/// Rows of a page: enough that its header costs nothing, few enough that readers can skip.
const PAGE_ROWS: usize = 20 * WINDOW;

/// Stands for a missing value.
const MISSING: u32 = u32::MAX;

/// The share of texts that a filter claims to hold and does not.
const FALSE_POSITIVES: f64 = 0.05;

/// The longest least and greatest values that are written whole.
const BOUND_BYTES: usize = 64;

/// Different texts, in the order that they were first seen, as a dictionary page holds them.
#[derive(Default)]
struct Texts {
    plain: Vec<u8>,
    /// Where each begins and ends in `plain`.
    places: Vec<(u32, u32)>,
    index: HashTable<u32>,
    hasher: FixedState,
}

impl Texts {
    fn get(&self, number: u32) -> &[u8] {
        let place = self.places.get(number as usize);
        let (start, end) = place.copied().unwrap_or_default();
        self.plain
            .get(start as usize..end as usize)
            .unwrap_or_default()
    }

    fn len_of(&self, number: u32) -> u64 {
        let place = self.places.get(number as usize);
        place.map_or(0, |(start, end)| u64::from(end - start))
    }

    fn number_of(&mut self, text: &[u8]) -> u32 {
        let hash = self.hasher.hash_one(text);
        if let Some(&number) = self.index.find(hash, |&other| self.get(other) == text) {
            return number;
        }
        let number = self.places.len() as u32;
        self.plain
            .extend_from_slice(&(text.len() as u32).to_le_bytes());
        let start = self.plain.len() as u32;
        self.plain.extend_from_slice(text);
        self.places.push((start, self.plain.len() as u32));
        let Self {
            plain,
            places,
            index,
            hasher,
        } = self;
        index.insert_unique(hash, number, |&other| {
            let (start, end) = places[other as usize];
            hasher.hash_one(&plain[start as usize..end as usize])
        });
        number
    }
}

/// Different lists of texts, as the numbers of their texts.
#[derive(Default)]
struct Lists {
    numbers: Vec<u32>,
    /// Where each begins and ends in `numbers`.
    places: Vec<(u32, u32)>,
    index: HashTable<u32>,
    hasher: FixedState,
    /// A list that is being put together.
    current: Vec<u32>,
}

impl Lists {
    fn get(&self, number: u32) -> &[u32] {
        let place = self.places.get(number as usize);
        let (start, end) = place.copied().unwrap_or_default();
        self.numbers
            .get(start as usize..end as usize)
            .unwrap_or_default()
    }

    /// Returns the number of the list that was put together.
    fn number_of_current(&mut self) -> u32 {
        let current = std::mem::take(&mut self.current);
        let hash = self.hasher.hash_one(&current);
        let found = self
            .index
            .find(hash, |&other| self.get(other) == current)
            .copied();
        let number = found.unwrap_or_else(|| {
            let (number, start) = (self.places.len() as u32, self.numbers.len() as u32);
            self.numbers.extend_from_slice(&current);
            self.places.push((start, self.numbers.len() as u32));
            let (places, numbers, hasher) = (&self.places, &self.numbers, &self.hasher);
            self.index.insert_unique(hash, number, |&other| {
                let (start, end) = places[other as usize];
                hasher.hash_one(&numbers[start as usize..end as usize])
            });
            number
        });
        self.current = current;
        self.current.clear();
        number
    }
}

/// A column of texts, or of lists of texts, of one row group.
///
/// Rows are counted from the beginning of a window, see [`DictionaryColumn::end_window`]; those that
/// nothing is pushed for have no value.
pub(crate) struct DictionaryColumn {
    texts: Texts,
    /// Where the rows are lists.
    lists: Option<Lists>,
    /// What each row of the page holds: the number of a text or of a list.
    rows: Vec<u32>,
    window: usize,
    chunk: ChunkWriter,
    bounds: Option<Bounds>,
    filter: Option<Sbbf>,
    /// How many texts the filter holds.
    filtered: usize,
}

impl DictionaryColumn {
    pub(super) fn new(descriptor: ColumnDescPtr, compression: Compression, lists: bool) -> Self {
        Self {
            texts: Texts::default(),
            lists: lists.then(Lists::default),
            rows: Vec::new(),
            window: 0,
            chunk: ChunkWriter::new(descriptor, compression, Encoding::RLE_DICTIONARY),
            bounds: None,
            filter: None,
            filtered: 0,
        }
    }

    /// Writes the least and greatest values, of the column and of each page.
    pub(super) fn with_bounds(self) -> Self {
        Self {
            bounds: Some(Bounds::default()),
            ..self
        }
    }

    /// Writes a filter for up to so many texts.
    pub(super) fn with_bloom_filter(self, texts: u64) -> Result<Self> {
        Ok(Self {
            filter: Some(Sbbf::new_with_ndv_fpp(texts, FALSE_POSITIVES)?),
            ..self
        })
    }

    /// Returns the number of a text in the dictionary, to push.
    #[inline]
    pub(crate) fn number_of(&mut self, text: &str) -> u32 {
        let text = text.as_bytes();
        match self.rows.last() {
            Some(&last) if last != MISSING && self.texts.get(last) == text => last,
            _ => self.texts.number_of(text),
        }
    }

    /// Returns the number of a list of texts, to push.
    pub(crate) fn number_of_list<'a>(&mut self, texts: impl Iterator<Item = &'a str>) -> u32 {
        let lists = self.lists.get_or_insert_default();
        for text in texts {
            lists.current.push(self.texts.number_of(text.as_bytes()));
        }
        lists.number_of_current()
    }

    /// Sets what a row of the window holds; rows before it that nothing was pushed for have none.
    #[inline]
    pub(crate) fn push(&mut self, row: usize, number: u32) {
        let row = self.window + row;
        if self.rows.len() < row {
            self.rows.resize(row, MISSING);
        }
        self.rows.push(number);
    }

    /// Ends a window of so many rows.
    pub(crate) fn end_window(&mut self, rows: usize) {
        self.window += rows;
        self.rows.resize(self.window, MISSING);
    }

    /// Adds rows of an array of the column's type, as a window.
    pub(super) fn push_array(&mut self, array: &ArrayRef, rows: Range<usize>) {
        let count = rows.len();
        let valid = rows
            .clone()
            .zip(0..)
            .filter(|&(row, _)| array.is_valid(row));
        if self.lists.is_some() {
            let lists = array.as_list::<i32>();
            let (texts, ends) = (lists.values().as_string::<i32>(), lists.value_offsets());
            for (row, at) in valid {
                let elements = ends[row] as usize..ends[row + 1] as usize;
                let number = self.number_of_list(elements.map(|element| texts.value(element)));
                self.push(at, number);
            }
        } else {
            let texts = array.as_string::<i32>();
            for (row, at) in valid {
                let number = self.number_of(texts.value(row));
                self.push(at, number);
            }
        }
        self.end_window(count);
    }

    pub(super) fn is_full(&self) -> bool {
        self.rows.len() >= PAGE_ROWS
    }

    /// Ends a page.
    pub(super) fn write_page(&mut self, scratch: &mut Scratch) -> Result<()> {
        if self.rows.is_empty() {
            return Ok(());
        }
        let page = &mut scratch.page;
        page.clear();
        let (values, numbers) = match &self.lists {
            Some(lists) => {
                let (values, elements) = self.list_levels(lists, page);
                (values, Cow::Owned(elements))
            }
            None => (self.rows.len(), self.text_levels(page)),
        };
        let width = rle::bit_width(self.texts.places.len().saturating_sub(1) as u32);
        page.push(width as u8);
        rle::encode(numbers.iter().copied(), width, page);
        let text_bytes = numbers
            .iter()
            .map(|&number| self.texts.len_of(number))
            .sum();
        if let Some(bounds) = &mut self.bounds {
            bounds.add_page(&self.texts, &self.rows);
        }
        if let Some(filter) = &mut self.filter {
            for number in self.filtered..self.texts.places.len() {
                filter.insert(self.texts.get(number as u32));
            }
            self.filtered = self.texts.places.len();
        }
        let page = DataPage {
            bytes: page,
            rows: self.rows.len() as u32,
            values: values as u32,
            text_bytes,
        };
        self.chunk.write(&page, &mut scratch.zstd)?;
        self.rows.clear();
        self.window = 0;
        Ok(())
    }

    /// Begins a page of texts with their levels. Returns what is there.
    fn text_levels(&self, page: &mut Vec<u8>) -> Cow<'_, [u32]> {
        let greatest = self.chunk.descriptor().max_def_level();
        if greatest == 0 && !self.rows.contains(&MISSING) {
            return Cow::Borrowed(&self.rows);
        }
        if greatest > 0 {
            let levels = self.rows.iter().map(|&row| u32::from(row != MISSING));
            rle::encode_levels(levels, greatest, page);
        }
        let rows = self.rows.iter().copied();
        Cow::Owned(rows.filter(|&row| row != MISSING).collect())
    }

    /// Begins a page of lists with their levels. Returns how many there are, and the elements.
    fn list_levels(&self, lists: &Lists, page: &mut Vec<u8>) -> (usize, Vec<u32>) {
        let descriptor = self.chunk.descriptor();
        let greatest = u32::from(descriptor.max_def_level().unsigned_abs());
        // Most lists are short.
        let room = 2 * self.rows.len();
        let (mut repetitions, mut definitions) =
            (Vec::with_capacity(room), Vec::with_capacity(room));
        let mut elements = Vec::with_capacity(room);
        for &row in &self.rows {
            let list = lists.get(row);
            repetitions.push(0);
            if list.is_empty() {
                // The levels are: no list, one without elements, a missing element, an element.
                let level = greatest.saturating_sub(if row == MISSING { 3 } else { 2 });
                definitions.push(level);
                continue;
            }
            repetitions.extend(std::iter::repeat_n(1, list.len() - 1));
            definitions.extend(std::iter::repeat_n(greatest, list.len()));
            elements.extend_from_slice(list);
        }
        let levels = repetitions.len();
        rle::encode_levels(repetitions, descriptor.max_rep_level(), page);
        rle::encode_levels(definitions, descriptor.max_def_level(), page);
        (levels, elements)
    }

    pub(super) fn close(mut self, scratch: &mut Scratch) -> Result<OwnChunk> {
        self.write_page(scratch)?;
        let (statistics, column_index) = self.bounds.map(Bounds::finish).unzip();
        if let Some(filter) = &mut self.filter {
            filter.fold_to_target_fpp(FALSE_POSITIVES);
        }
        let extras = Extras {
            dictionary: Some((&self.texts.plain, self.texts.places.len() as u32)),
            statistics,
            column_index,
            bloom_filter: self.filter,
        };
        self.chunk.close(extras, &mut scratch.zstd)
    }
}

/// The least and greatest values of pages.
struct Bounds {
    index: ColumnIndexBuilder,
    /// Of the chunk, cut, and whether they are whole.
    least: Option<(Vec<u8>, bool)>,
    greatest: Option<(Vec<u8>, bool)>,
    /// Of the page before.
    previous: Option<(Vec<u8>, Vec<u8>)>,
    ascending: bool,
    missing: u64,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            index: ColumnIndexBuilder::new(Type::BYTE_ARRAY),
            least: None,
            greatest: None,
            previous: None,
            ascending: true,
            missing: 0,
        }
    }
}

impl Bounds {
    fn add_page(&mut self, texts: &Texts, rows: &[u32]) {
        let mut previous = MISSING;
        let mut bounds: Option<(&[u8], &[u8])> = None;
        let mut missing = 0;
        for &row in rows {
            missing += u64::from(row == MISSING);
            if row == previous || row == MISSING {
                continue;
            }
            previous = row;
            let text = texts.get(row);
            bounds = Some(match bounds {
                None => (text, text),
                Some((least, greatest)) => (least.min(text), greatest.max(text)),
            });
        }
        self.missing += missing;
        let Some((least, greatest)) = bounds else {
            self.index
                .append(true, Vec::new(), Vec::new(), missing as i64);
            return;
        };
        let (least, greatest) = (lower_bound(least), upper_bound(greatest));
        if let Some((before, until)) = &self.previous {
            self.ascending &= *before <= least.0 && *until <= greatest.0;
        }
        self.previous = Some((least.0.clone(), greatest.0.clone()));
        self.index
            .append(false, least.0.clone(), greatest.0.clone(), missing as i64);
        if self.least.as_ref().is_none_or(|chunk| least.0 < chunk.0) {
            self.least = Some(least);
        }
        if self
            .greatest
            .as_ref()
            .is_none_or(|chunk| greatest.0 > chunk.0)
        {
            self.greatest = Some(greatest);
        }
    }

    fn finish(mut self) -> (Statistics, ColumnIndexBuilder) {
        let order = if self.ascending {
            BoundaryOrder::ASCENDING
        } else {
            BoundaryOrder::UNORDERED
        };
        self.index.set_boundary_order(order);
        let exact = |bound: &Option<(Vec<u8>, bool)>| bound.as_ref().is_none_or(|bound| bound.1);
        let (least_is_exact, greatest_is_exact) = (exact(&self.least), exact(&self.greatest));
        let value = |bound: Option<(Vec<u8>, bool)>| bound.map(|bound| ByteArray::from(bound.0));
        let statistics = ValueStatistics::new(
            value(self.least),
            value(self.greatest),
            None,
            Some(self.missing),
            false,
        );
        let statistics = statistics
            .with_min_is_exact(least_is_exact)
            .with_max_is_exact(greatest_is_exact);
        (Statistics::ByteArray(statistics), self.index)
    }
}

/// Returns a text that is no greater, and whether it is the same.
fn lower_bound(text: &[u8]) -> (Vec<u8>, bool) {
    let head = head(text);
    (head.as_bytes().to_vec(), head.len() == text.len())
}

/// Returns a text that is no less, and whether it is the same.
fn upper_bound(text: &[u8]) -> (Vec<u8>, bool) {
    let head = head(text);
    if head.len() == text.len() {
        return (text.to_vec(), true);
    }
    // The order of UTF-8 is that of the characters, whatever bytes they take.
    for (at, last) in head.char_indices().rev() {
        let next = (last..=char::MAX).nth(1);
        if let Some(next) = next {
            return (format!("{}{next}", &head[..at]).into_bytes(), false);
        }
    }
    (text.to_vec(), true)
}

/// Returns what of a text is written as a bound.
fn head(text: &[u8]) -> &str {
    let text = std::str::from_utf8(text).unwrap_or_default();
    let mut end = text.len().min(BOUND_BYTES);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn bounds_are_bounds(text in "[a-z\u{d7ff}\u{e000}\u{10ffff}é]{0,80}") {
            let (least, same) = lower_bound(text.as_bytes());
            prop_assert!(least.as_slice() <= text.as_bytes());
            prop_assert_eq!(same, least == text.as_bytes());
            let (greatest, same) = upper_bound(text.as_bytes());
            prop_assert!(greatest.as_slice() >= text.as_bytes());
            prop_assert_eq!(same, greatest == text.as_bytes());
            prop_assert!(std::str::from_utf8(&greatest).is_ok());
        }
    }

    #[test]
    fn a_long_bound_is_cut_where_one_can_be_found() {
        let long = "x".repeat(70);
        assert_eq!(lower_bound(long.as_bytes()).0.len(), BOUND_BYTES);
        let greatest = upper_bound(long.as_bytes()).0;
        assert_eq!(greatest, format!("{}y", "x".repeat(63)).into_bytes());
        let last = char::MAX.to_string().repeat(20);
        assert_eq!(upper_bound(last.as_bytes()), (last.into_bytes(), true));
    }

    #[test]
    fn texts_and_lists_are_numbered_as_they_are_first_seen() {
        let mut texts = Texts::default();
        let numbers: Vec<u32> = (0..3000)
            .map(|n| texts.number_of(format!("t{}", n % 1000).as_bytes()))
            .collect();
        assert!(
            numbers
                .iter()
                .enumerate()
                .all(|(at, &number)| number as usize == at % 1000)
        );
        assert_eq!(texts.get(7), b"t7");
        let mut lists = Lists::default();
        let mut number = |list: &[u32]| {
            lists.current.extend_from_slice(list);
            lists.number_of_current()
        };
        let numbers = [&[1, 2][..], &[], &[1], &[1, 2], &[]].map(&mut number);
        assert_eq!(numbers, [0, 1, 2, 0, 1]);
        assert_eq!(lists.get(0), [1, 2]);
        assert_eq!(lists.get(MISSING), [0_u32; 0]);
    }
}
