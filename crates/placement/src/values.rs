//! How many different values an attribute has among the instances of a fleet.

use crate::words::Word;
use std::collections::BTreeMap;

/// Instances by name and value. Invariant: no count is 0, and no name is without a value.
#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) struct Values {
    by_name: BTreeMap<Word, BTreeMap<Word, u32>>,
    /// How often a value was the first or the last of its kind.
    changes: u64,
}

impl Values {
    pub fn add(&mut self, name: Word, value: Word) {
        let uses = self.by_name.entry(name).or_default().entry(value).or_default();
        *uses += 1;
        self.changes += u64::from(*uses == 1);
    }

    pub fn remove(&mut self, name: Word, value: Word) {
        let values = self.by_name.get_mut(&name).expect("a value that goes was counted before");
        let uses = values.get_mut(&value).expect("a value that goes was counted before");
        *uses -= 1;
        if *uses == 0 {
            values.remove(&value);
            self.changes += 1;
        }
        if values.is_empty() {
            self.by_name.remove(&name);
        }
    }

    /// A number that is another one when a count is.
    pub fn changes(&self) -> u64 {
        self.changes
    }

    pub fn count(&self, name: Word) -> usize {
        self.by_name.get(&name).map_or(0, BTreeMap::len)
    }
}
