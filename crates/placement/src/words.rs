//! Attribute names and values as ordinals: thousands of instances repeat the same few, and a scan compares integers.

use std::collections::BTreeMap;
use std::sync::Arc;

/// A name or value while some instance has it. Ordinals are reused.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Word(u32);

#[derive(Clone, PartialEq, Debug)]
struct Row {
    text: Arc<str>,
    uses: usize,
}

#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) struct Words {
    by_text: BTreeMap<Arc<str>, Word>,
    rows: Vec<Option<Row>>,
    vacant: Vec<Word>,
}

impl Words {
    pub fn find(&self, text: &str) -> Option<Word> {
        self.by_text.get(text).copied()
    }

    pub fn text(&self, word: Word) -> &str {
        &self.rows[word.0 as usize].as_ref().expect("a word has a row while it is used").text
    }

    /// One use more; every use is given back with [`Words::release`].
    pub fn acquire(&mut self, text: &Arc<str>) -> Word {
        let word = self.find(text).unwrap_or_else(|| self.add(text));
        self.row(word).as_mut().expect("a word that is found has a row").uses += 1;
        word
    }

    pub fn release(&mut self, word: Word) {
        let row = self.row(word).as_mut().expect("a word has a row while it is used");
        row.uses -= 1;
        if row.uses > 0 {
            return;
        }
        if let Some(row) = self.row(word).take() {
            self.by_text.remove(&row.text);
        }
        self.vacant.push(word);
    }

    fn add(&mut self, text: &Arc<str>) -> Word {
        let word = self.vacant.pop().unwrap_or_else(|| {
            self.rows.push(None);
            Word(u32::try_from(self.rows.len() - 1).expect("fewer than 2^32 words fit in memory"))
        });
        *self.row(word) = Some(Row { text: Arc::clone(text), uses: 0 });
        self.by_text.insert(Arc::clone(text), word);
        word
    }

    fn row(&mut self, word: Word) -> &mut Option<Row> {
        &mut self.rows[word.0 as usize]
    }
}
