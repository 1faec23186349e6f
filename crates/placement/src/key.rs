//! What entries are in order of: the ranks of a chain of strategies, packed so that comparing them is cheap.

/// Ranks of a chain, smallest best, and what breaks ties at last: six numbers that compare from left to right, packed
/// by twos.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub(crate) struct Key {
    first: u64,
    second: u64,
    third: u64,
}

/// The place of a [`Key`] behind all ranks: the position of the instance in order of id.
pub(crate) const LABEL: usize = 5;

impl Key {
    pub const ZERO: Key = Key { first: 0, second: 0, third: 0 };

    pub fn get(self, place: usize) -> u32 {
        let pair = match place {
            0 | 1 => self.first,
            2 | 3 => self.second,
            4 | LABEL => self.third,
            _ => unreachable!("a key has six places"),
        };
        (if place.is_multiple_of(2) { pair >> 32 } else { pair }) as u32
    }

    pub fn set(&mut self, place: usize, value: u32) {
        let pair = match place {
            0 | 1 => &mut self.first,
            2 | 3 => &mut self.second,
            4 | LABEL => &mut self.third,
            _ => unreachable!("a key has six places"),
        };
        let shift = if place.is_multiple_of(2) { 32 } else { 0 };
        *pair = (*pair & !(u64::from(u32::MAX) << shift)) | (u64::from(value) << shift);
    }

    #[must_use]
    pub fn with(mut self, place: usize, value: u32) -> Key {
        self.set(place, value);
        self
    }
}
