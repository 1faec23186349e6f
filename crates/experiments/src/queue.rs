//! Tasks that wait for a place.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, VecDeque};

/// What becomes of a task that fits nowhere at the moment. One that fits on no empty node is refused in any case.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Queue {
    /// It is refused for good.
    #[default]
    None,
    /// It waits, and nobody passes: while a task waits, all that come later wait behind it.
    Fifo,
    /// It waits, and whoever fits passes: tasks that arrive are tried at once, and when something leaves, all that wait
    /// are tried in the order of their arrival. Nothing is kept free for those who wait, so a large task can wait long.
    Backfill,
}

/// The waiting tasks of one run, by number of arrival and shape.
#[derive(Debug, Default)]
pub(crate) struct Waiting {
    by_shape: BTreeMap<u32, VecDeque<usize>>,
    count: u64,
}

impl Waiting {
    pub fn count(&self) -> u64 {
        self.count
    }

    /// `nth` is larger than that of all tasks that wait.
    pub fn push(&mut self, nth: usize, shape: u32) {
        self.by_shape.entry(shape).or_default().push_back(nth);
        self.count += 1;
    }

    /// Offers waiting tasks to `start`, which says whether one was started, in the order of their arrival. Nothing leaves
    /// meanwhile: after one of a shape was not started, no other of that shape is offered; with [`Queue::Fifo`] none is.
    pub fn offer(&mut self, queue: Queue, mut start: impl FnMut(usize) -> bool) {
        let heads = self.by_shape.iter().filter_map(|(shape, list)| Some(Reverse((*list.front()?, *shape))));
        let mut heads: BinaryHeap<Reverse<(usize, u32)>> = heads.collect();
        while let Some(Reverse((nth, shape))) = heads.pop() {
            if !start(nth) {
                if queue == Queue::Fifo {
                    return;
                }
                continue;
            }
            self.count -= 1;
            let list = self.by_shape.get_mut(&shape).expect("it has a head");
            list.pop_front();
            match list.front() {
                Some(next) => heads.push(Reverse((*next, shape))),
                None => {
                    self.by_shape.remove(&shape);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Offers with room for `room` tasks of shape 1 and none of shape 0; who was started.
    fn started(queue: Queue, mut room: u32) -> (Vec<usize>, u64) {
        let mut waiting = Waiting::default();
        [(3, 1), (5, 0), (6, 1), (9, 1)].into_iter().for_each(|(nth, shape)| waiting.push(nth, shape));
        let mut started = Vec::new();
        waiting.offer(queue, |nth| {
            let fits = nth != 5 && room > 0;
            if fits {
                room -= 1;
                started.push(nth);
            }
            fits
        });
        (started, waiting.count())
    }

    #[test]
    fn only_backfill_passes_a_task_that_does_not_fit() {
        assert_eq!(started(Queue::Fifo, 9), (vec![3], 3));
        assert_eq!(started(Queue::Backfill, 9), (vec![3, 6, 9], 1));
        assert_eq!(started(Queue::Backfill, 2), (vec![3, 6], 2));
        assert_eq!(started(Queue::Fifo, 0), (vec![], 4));
    }
}
