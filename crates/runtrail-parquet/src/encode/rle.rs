//! Parquet's hybrid of run lengths and packed bits, for levels and the indices of dictionaries.
//!
//! Source: "Run Length Encoding / Bit-Packing Hybrid" of the Parquet format's encodings. A run is a
//! header, twice its length, and the value in whole bytes; packed values come in groups of eight after
//! a header, twice the number of groups and one more.

/// Values that are packed together.
const GROUP: usize = 8;

/// Fewer values of one kind than this are packed: a run of them would not be shorter.
const LEAST_RUN: usize = 8;

/// Returns the bits that values up to `greatest` take.
pub(super) fn bit_width(greatest: u32) -> u32 {
    u32::BITS - greatest.leading_zeros()
}

/// Appends values of at most `width` bits.
pub(super) fn encode(values: impl IntoIterator<Item = u32>, width: u32, out: &mut Vec<u8>) {
    let mut encoder = Hybrid {
        width,
        group: [0; GROUP],
        waiting: 0,
        groups: 0,
        packed: Vec::new(),
        out,
    };
    let mut values = values.into_iter();
    let Some(mut current) = values.next() else {
        return;
    };
    let mut count = 1;
    for value in values {
        if value == current {
            count += 1;
        } else {
            encoder.run(current, count);
            (current, count) = (value, 1);
        }
    }
    encoder.run(current, count);
    encoder.flush();
}

/// Appends levels, after their length, as pages of version 1 have them.
pub(super) fn encode_levels(
    levels: impl IntoIterator<Item = u32>,
    greatest: i16,
    out: &mut Vec<u8>,
) {
    let at = out.len();
    out.extend_from_slice(&[0; 4]);
    encode(levels, bit_width(greatest.unsigned_abs().into()), out);
    let length = (out.len() - at - 4) as u32;
    out[at..at + 4].copy_from_slice(&length.to_le_bytes());
}

struct Hybrid<'o> {
    width: u32,
    /// Values that wait for the rest of their group, and how many.
    group: [u32; GROUP],
    waiting: usize,
    /// Whole groups that wait for their header: how many, and their bytes.
    groups: u64,
    packed: Vec<u8>,
    out: &'o mut Vec<u8>,
}

impl Hybrid<'_> {
    #[inline]
    fn run(&mut self, value: u32, mut count: usize) {
        // Only the last group may be filled up with what is not there.
        while count > 0 && (self.waiting > 0 || count < LEAST_RUN) {
            self.group[self.waiting] = value;
            self.waiting += 1;
            count -= 1;
            if self.waiting == GROUP {
                self.pack();
            }
        }
        if count == 0 {
            return;
        }
        self.flush();
        self.header((count as u64) << 1);
        let bytes = self.width.div_ceil(8) as usize;
        self.out.extend_from_slice(&value.to_le_bytes()[..bytes]);
    }

    /// Packs a group, which takes as many bytes as a value has bits.
    #[inline]
    fn pack(&mut self) {
        let width = self.width as usize;
        if width <= 16 {
            let values = self.group.iter().rev();
            let bits = values.fold(0_u128, |bits, &value| bits << width | u128::from(value));
            self.packed.extend_from_slice(&bits.to_le_bytes()[..width]);
        } else {
            let (mut bits, mut filled) = (0_u64, 0);
            for &value in &self.group {
                bits |= u64::from(value) << filled;
                filled += width;
                while filled >= 8 {
                    self.packed.push(bits as u8);
                    bits >>= 8;
                    filled -= 8;
                }
            }
        }
        self.groups += 1;
        self.waiting = 0;
    }

    fn flush(&mut self) {
        if self.waiting > 0 {
            self.group[self.waiting..].fill(0);
            self.pack();
        }
        if self.groups == 0 {
            return;
        }
        self.header(self.groups << 1 | 1);
        self.out.append(&mut self.packed);
        self.groups = 0;
    }

    fn header(&mut self, mut header: u64) {
        while header > 0x7f {
            self.out.push(header as u8 | 0x80);
            header >>= 7;
        }
        self.out.push(header as u8);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Reads what was written, by the format's own words.
    fn decode(bytes: &[u8], width: u32) -> Vec<u32> {
        let (mut at, mut values) = (0, Vec::new());
        while at < bytes.len() {
            let (mut header, mut shift) = (0_u64, 0);
            loop {
                let byte = bytes[at];
                at += 1;
                header |= u64::from(byte & 0x7f) << shift;
                shift += 7;
                if byte < 0x80 {
                    break;
                }
            }
            if header & 1 == 0 {
                let length = width.div_ceil(8) as usize;
                let mut value = [0; 4];
                value[..length].copy_from_slice(&bytes[at..at + length]);
                at += length;
                let value = u32::from_le_bytes(value);
                values.extend(std::iter::repeat_n(value, (header >> 1) as usize));
            } else {
                let count = (header >> 1) as usize * 8;
                let bit = |bit: usize| u32::from(bytes[at + bit / 8] >> (bit % 8) & 1);
                let value = |n: usize| {
                    (0..width as usize)
                        .map(|b| bit(n * width as usize + b) << b)
                        .sum::<u32>()
                };
                values.extend((0..count).map(value));
                at += count * width as usize / 8;
            }
        }
        values
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            runs in prop::collection::vec((0_u32..70_000, 1_usize..40), 0..40),
            narrow in any::<bool>(),
        ) {
            let values: Vec<u32> = runs
                .iter()
                .flat_map(|&(value, count)| {
                    std::iter::repeat_n(if narrow { value % 5 } else { value }, count)
                })
                .collect();
            let width = bit_width(values.iter().copied().max().unwrap_or(0));
            let mut bytes = Vec::new();
            encode(values.iter().copied(), width, &mut bytes);
            let read = decode(&bytes, width);
            prop_assert_eq!(&read[..values.len()], &values[..]);
            prop_assert!(read.len() - values.len() < 8);
            prop_assert!(read[values.len()..].iter().all(|&rest| rest == 0));
        }
    }

    #[test]
    fn a_run_takes_no_more_than_its_header_and_value() {
        let mut bytes = Vec::new();
        encode_levels(std::iter::repeat_n(1, 20_000), 1, &mut bytes);
        assert_eq!(bytes, [4, 0, 0, 0, 0xc0, 0xb8, 0x02, 1]);
    }

    #[test]
    fn values_of_no_bits_take_none() {
        let mut bytes = Vec::new();
        encode([0; 3], bit_width(0), &mut bytes);
        assert_eq!(bytes, [3]);
    }
}
