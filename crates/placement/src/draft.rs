//! A batch of identical tasks, drafted beside a view: every task takes the best instance there is for it, and the view
//! stays as it is.
//!
//! A leaf is read in its order from the front, and never read again: who is passed has no room, or takes a task. Who
//! took one waits in a heap of its leaf, ranked as it then stands, with the number of tasks that still fit. The best of
//! a leaf is the better of the two fronts. Ranks of domains are numbers of the draft; they only grow, so what was the
//! best key of a leaf is a limit below which it cannot come, and a heap of limits finds the best leaf: one that comes up
//! with an old limit is put back with the present one. A leaf that packs may come below its limit when it takes a task,
//! but no other limit is less at that moment, so it is looked at next and put back as it is.

use crate::check::Question;
use crate::key::Key;
use crate::order::Cursor;
use crate::room::Room;
use crate::view::View;
use crate::{Fleet, InstanceIdx};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;

/// So many tasks, one after another, on an instance that has `planned` of them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Share {
    pub idx: InstanceIdx,
    pub planned: u32,
    pub tasks: u32,
}

/// An instance that may take a task, the ranks of its domains not filled in.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Candidate {
    key: Key,
    item: u32,
    /// Tasks of the draft on it.
    planned: u32,
    /// Tasks that its room is enough for.
    fitting: u32,
}

#[derive(Debug, Default)]
struct Reader {
    cursor: Cursor,
    /// The next in the leaf's order, once it was looked for.
    ahead: Option<Candidate>,
    /// Those that count tasks of the group.
    waiting: BinaryHeap<Reverse<Candidate>>,
}

/// What drafts keep in between, so that the next one finds memory where it needs some.
#[derive(Debug, Default)]
pub(crate) struct Desk {
    /// Tasks by domain.
    pub ranks: Vec<u32>,
    readers: Vec<Reader>,
    /// A key that no instance of a leaf is before, and its reader.
    limits: BinaryHeap<Reverse<(Key, u32)>>,
    /// In order: instances that count tasks of the group, where the view counts nobody's.
    counted: Vec<u32>,
    /// Instances with less room than they are filed with.
    pub stale: Vec<InstanceIdx>,
}

/// Tasks per leaf that make a draft a long one: two nodes of a tree or so.
const LONG: usize = 64;

pub(crate) struct Draft<'a> {
    fleet: &'a Fleet,
    question: &'a Question<'a>,
    view: &'a View,
    need: Room,
    /// Whether most of what is in a node of a tree will be looked at.
    is_long: bool,
    desk: Desk,
}

impl<'a> Draft<'a> {
    /// Of so many tasks at most, with the ranks that are on the desk.
    pub fn new(fleet: &'a Fleet, question: &'a Question<'a>, view: &'a View, count: usize, mut desk: Desk) -> Self {
        let leaves = view.branches.leaves();
        desk.readers.truncate(leaves.len());
        desk.readers.resize_with(leaves.len(), Reader::default);
        desk.limits.clear();
        desk.counted.clear();
        for (nth, leaf) in leaves.iter().enumerate() {
            let reader = &mut desk.readers[nth];
            (reader.cursor, reader.ahead) = (Cursor::Start, None);
            reader.waiting.clear();
            if let Some(key) = leaf.first {
                let limit = view.branches.ranked(leaf, &desk.ranks, key);
                desk.limits.push(Reverse((limit, nth as u32)));
            }
        }
        let is_long = count / LONG >= leaves.len();
        let mut draft = Draft { need: question.need(), is_long, fleet, question, view, desk };
        draft.count_in();
        draft
    }

    /// What may be used again, and the instances to be put right.
    pub fn into_desk(self) -> Desk {
        self.desk
    }

    /// Ranks the instances with tasks of the group, where the view counts nobody's.
    fn count_in(&mut self) {
        let (view, request) = (self.view, self.question.request);
        if !view.leaves_tasks_to_others(request) {
            return;
        }
        let on_instance = view.chain.place_of_tasks();
        for (idx, counts) in self.fleet.groups.instances(request.group) {
            self.desk.counted.push(idx.at() as u32);
            let fitting = self.fitting(idx);
            let Some((leaf, key)) = view.filed(idx) else { continue };
            if fitting > 0 && !self.fleet.is_occupied(idx, request, 0) {
                let key = on_instance.map_or(key, |place| key.with(place, counts.live));
                let nth = view.branches.nth_leaf(leaf);
                self.desk.readers[nth].waiting.push(Reverse(Candidate {
                    key,
                    item: idx.at() as u32,
                    planned: 0,
                    fitting,
                }));
            }
        }
        self.desk.counted.sort_unstable();
    }

    /// The best instance for the next task, and for at most so many: where the chain only packs, each makes its instance
    /// a better place than it was, and no other.
    pub fn next(&mut self, most: usize) -> Option<Share> {
        loop {
            let &Reverse((limit, nth)) = self.desk.limits.peek()?;
            let best = self.best_of(nth as usize);
            let mut top = self.desk.limits.peek_mut().expect("it was there a moment ago");
            let Some(best) = best else {
                PeekMut::pop(top);
                continue;
            };
            let row = &self.view.branches.leaves()[nth as usize];
            let key = self.view.branches.ranked(row, &self.desk.ranks, best.key);
            if key == limit {
                drop(top);
                return Some(self.take(nth as usize, best, most));
            }
            top.0.0 = key;
        }
    }

    fn take(&mut self, nth: usize, best: Candidate, most: usize) -> Share {
        let reader = &mut self.desk.readers[nth];
        match reader.waiting.peek_mut() {
            Some(first) if first.0 == best => drop(PeekMut::pop(first)),
            _ => reader.ahead = None,
        }
        let (idx, request) = (InstanceIdx::new(best.item), self.question.request);
        let goes_on = !request.distinct_instance
            && best.fitting > 1
            && self.fleet.takes_besides_amounts(idx, self.question, best.planned + 1);
        let run = if goes_on && self.view.chain.only_packs() { best.fitting } else { 1 };
        let tasks = run.min(u32::try_from(most).unwrap_or(u32::MAX));
        for &domain in self.view.branches.path(&self.view.branches.leaves()[nth]) {
            self.desk.ranks[domain as usize] += tasks;
        }
        if goes_on && best.fitting > tasks {
            reader.waiting.push(Reverse(Candidate {
                key: self.view.chain.with_more(best.key, request.demand, tasks),
                item: best.item,
                planned: best.planned + tasks,
                fitting: best.fitting - tasks,
            }));
        }
        Share { idx, planned: best.planned, tasks }
    }

    fn best_of(&mut self, nth: usize) -> Option<Candidate> {
        if self.desk.readers[nth].ahead.is_none() {
            self.read_on(nth);
        }
        let Reader { ahead, waiting, .. } = &self.desk.readers[nth];
        waiting.peek().map(|first| first.0).into_iter().chain(*ahead).min()
    }

    fn read_on(&mut self, nth: usize) {
        let order = self.view.branches.order(self.view.branches.leaves()[nth].leaf);
        let mut cursor = self.desk.readers[nth].cursor;
        while let Some(slot) = order.next_fitting(&mut cursor, self.need) {
            if self.is_long {
                self.fleet.read_ahead(order.entered(cursor).iter().map(|slot| InstanceIdx::new(slot.item)));
            }
            if self.desk.counted.binary_search(&slot.item).is_ok() {
                continue;
            }
            let fitting = self.fitting(InstanceIdx::new(slot.item));
            if fitting > 0 {
                self.desk.readers[nth].ahead = Some(Candidate { key: slot.key, item: slot.item, planned: 0, fitting });
                break;
            }
            self.desk.stale.push(InstanceIdx::new(slot.item));
        }
        self.desk.readers[nth].cursor = cursor;
    }

    /// Tasks that an instance has room for.
    fn fitting(&self, idx: InstanceIdx) -> u32 {
        self.fleet.hot(idx).room(self.question.request.takes_kept_room).times(self.need)
    }
}
