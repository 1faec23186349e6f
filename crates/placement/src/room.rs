//! Amounts: what a task needs of an instance, and what an instance has left.

/// Room for tasks: what an entry has, or what is asked of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Room {
    pub cpu: u32,
    pub memory: u32,
    pub gpus: u32,
}

impl Room {
    pub fn covers(self, need: Room) -> bool {
        // Without branches: which of the three fails is as good as random.
        (self.cpu >= need.cpu) & (self.memory >= need.memory) & (self.gpus >= need.gpus)
    }

    /// The smaller of each amount.
    pub fn least(self, other: Room) -> Room {
        Room { cpu: self.cpu.min(other.cpu), memory: self.memory.min(other.memory), gpus: self.gpus.min(other.gpus) }
    }

    /// How many tasks of such a need it is enough for.
    pub fn times(self, need: Room) -> u32 {
        let times = |has: u32, need: u32| has.checked_div(need).unwrap_or(u32::MAX);
        times(self.cpu, need.cpu).min(times(self.memory, need.memory)).min(times(self.gpus, need.gpus))
    }

    /// What is left beside so many tasks, each of which finds room.
    pub fn without(self, need: Room, tasks: u32) -> Room {
        let left = |has: u32, need: u32| has - need * tasks;
        Room { cpu: left(self.cpu, need.cpu), memory: left(self.memory, need.memory), gpus: left(self.gpus, need.gpus) }
    }

    pub fn or(self, other: Room) -> Room {
        Room { cpu: self.cpu.max(other.cpu), memory: self.memory.max(other.memory), gpus: self.gpus.max(other.gpus) }
    }

    pub fn touches(self, other: Room) -> bool {
        (self.cpu == other.cpu) | (self.memory == other.memory) | (self.gpus == other.gpus)
    }
}
