//! The most valuable set of tasks for one node, exactly: a table over every size a node can have left.

/// Sizes are whole numbers of units, per dimension.
pub(super) type Units = [usize; 3];

/// Prices of tasks in whole numbers; each task may be taken any number of times.
pub(super) struct Knapsack {
    /// One more than the largest capacity, per dimension.
    extent: Units,
    value: Vec<u64>,
    /// The task that was added last to reach the value; `NOTHING` where nothing fits.
    choice: Vec<u16>,
}

const NOTHING: u16 = u16::MAX;

/// Cells of a table for these capacities.
pub(super) fn cells(capacity: Units) -> u64 {
    capacity.iter().map(|size| *size as u64 + 1).fold(1, u64::saturating_mul)
}

impl Knapsack {
    pub fn new(capacity: Units) -> Self {
        let extent = capacity.map(|size| size + 1);
        let cells = extent.iter().product();
        Knapsack { extent, value: vec![0; cells], choice: vec![NOTHING; cells] }
    }

    fn at(&self, [first, second, third]: Units) -> usize {
        (first * self.extent[1] + second) * self.extent[2] + third
    }

    /// Fills the table. No task is of size 0 in all dimensions.
    pub fn fill(&mut self, sizes: &[Units], prices: &[u64]) {
        self.value.fill(0);
        self.choice.fill(NOTHING);
        for (nth, (size, price)) in sizes.iter().zip(prices).enumerate() {
            let too_large = (0..3).any(|at| size[at] >= self.extent[at]);
            if *price == 0 || too_large {
                continue;
            }
            let back = self.at(*size);
            for first in size[0]..self.extent[0] {
                for second in size[1]..self.extent[1] {
                    let row = self.at([first, second, 0]);
                    for cell in row + size[2]..row + self.extent[2] {
                        let better = self.value[cell - back] + price;
                        if better > self.value[cell] {
                            self.value[cell] = better;
                            self.choice[cell] = nth as u16;
                        }
                    }
                }
            }
        }
    }

    /// The most a node of this capacity is worth.
    pub fn best(&self, capacity: Units) -> u64 {
        self.value[self.at(capacity)]
    }

    /// How often each of `count` tasks is in the most valuable set.
    pub fn set(&self, capacity: Units, sizes: &[Units], count: usize) -> Vec<u32> {
        let mut taken = vec![0; count];
        let mut left = capacity;
        loop {
            let choice = self.choice[self.at(left)];
            if choice == NOTHING {
                return taken;
            }
            taken[usize::from(choice)] += 1;
            left = std::array::from_fn(|at| left[at] - sizes[usize::from(choice)][at]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_set_is_found() {
        // 2 x (3, 1) and 1 x (4, 2) fill (10, 4) best.
        let sizes = [[3, 1, 0], [4, 2, 0], [11, 0, 0]];
        let mut knapsack = Knapsack::new([10, 4, 0]);
        knapsack.fill(&sizes, &[5, 8, 100]);
        assert_eq!(knapsack.best([10, 4, 0]), 18);
        assert_eq!(knapsack.set([10, 4, 0], &sizes, 3), [2, 1, 0]);
        assert_eq!((knapsack.best([2, 4, 0]), knapsack.best([7, 3, 0])), (0, 13));
        assert_eq!(cells([10, 4, 0]), 55);
    }
}
