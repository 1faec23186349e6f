//! One pass over one service, as the rules say it: what is started, what is stopped, and where that leaves it.
//!
//! A *new* task is of the newest deployment and on an instance that stays; any other live task is *old* (DEP-31).

use Condition::{Healthy, Pending, Stopping, Undecided, Unhealthy};

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Condition {
    Pending,
    /// RUNNING, and not known yet whether it is healthy (DEP-11).
    Undecided,
    Unhealthy,
    Healthy,
    /// Told to stop and not STOPPED.
    Stopping,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Task {
    pub label: usize,
    /// Deployments are numbered as they were made.
    pub deployment: usize,
    /// Unknown for one that was started in the pass that is looked at; it is not on a DRAINING one.
    pub instance: Option<usize>,
    pub condition: Condition,
}

/// What the rules see of a task.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Kind {
    pub deployment: usize,
    pub draining: bool,
    pub condition: Condition,
}

#[derive(Clone, Debug)]
pub struct Situation {
    pub desired: usize,
    pub minimum_percent: usize,
    pub maximum_percent: usize,
    pub newest: usize,
    /// By instance.
    pub draining: Vec<bool>,
    /// Tasks that fit on each instance.
    pub slots: Vec<usize>,
    /// No back-off is running (SVC-23).
    pub may_start: bool,
    pub tasks: Vec<Task>,
}

/// What a pass does, and the situation it leaves behind.
#[derive(Clone, Debug)]
pub struct Pass {
    pub starts: usize,
    pub stops: Vec<Kind>,
    /// Fewer than are missing could be started, for want of room or of capacity.
    pub limited: bool,
    /// A task found no instance (SVC-22).
    pub unplaced: bool,
    pub after: Situation,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Standing {
    Steady,
    Blocked,
    UnderWay,
}

/// DEP-10: the smallest count that is at least so many percent.
pub fn healthy_min(desired: usize, minimum_percent: usize) -> usize {
    let mut count = 0;
    while count * 100 < desired * minimum_percent {
        count += 1;
    }
    count
}

/// DEP-10: the largest count that is at most so many percent.
pub fn total_max(desired: usize, maximum_percent: usize) -> usize {
    let mut count = 0;
    while (count + 1) * 100 <= desired * maximum_percent {
        count += 1;
    }
    count
}

impl Situation {
    pub fn healthy_min(&self) -> usize {
        healthy_min(self.desired, self.minimum_percent)
    }

    pub fn total_max(&self) -> usize {
        total_max(self.desired, self.maximum_percent)
    }

    pub fn count(&self, is_meant: impl Fn(&Task) -> bool) -> usize {
        self.tasks.iter().filter(|task| is_meant(task)).count()
    }

    pub fn kind(&self, task: &Task) -> Kind {
        let draining = task.instance.is_some_and(|instance| self.draining[instance]);
        Kind { deployment: task.deployment, draining, condition: task.condition }
    }

    fn is_new(&self, task: &Task) -> bool {
        let kind = self.kind(task);
        kind.deployment == self.newest && !kind.draining && task.condition != Stopping
    }

    fn is_old(&self, task: &Task) -> bool {
        !self.is_new(task) && task.condition != Stopping
    }

    /// A new one that is not known to be good for nothing.
    fn will_do(&self, task: &Task) -> bool {
        self.is_new(task) && task.condition != Unhealthy
    }

    /// A new one that is to be replaced (SVC-25).
    fn is_failing(&self, task: &Task) -> bool {
        self.is_new(task) && task.condition == Unhealthy
    }

    fn healthy(&self) -> usize {
        self.count(|task| task.condition == Healthy)
    }

    fn new_healthy(&self) -> usize {
        self.count(|task| self.is_new(task) && task.condition == Healthy)
    }

    fn missing(&self) -> usize {
        self.desired.saturating_sub(self.count(|task| self.will_do(task)))
    }

    fn stopping(&self) -> usize {
        self.count(|task| task.condition == Stopping)
    }

    /// Places for tasks on instances that stay; a task keeps its place until it is STOPPED.
    fn free_slots(&self) -> usize {
        let mut free = 0;
        for (instance, slots) in self.slots.iter().enumerate() {
            if !self.draining[instance] {
                free += slots - self.count(|task| task.instance == Some(instance));
            }
        }
        free - self.count(|task| task.instance.is_none())
    }

    pub fn pass(&self) -> Pass {
        let mut pass = Pass { starts: 0, stops: Vec::new(), limited: false, unplaced: false, after: self.clone() };
        pass.clear();
        pass.start();
        pass.heal();
        pass.scale_in();
        pass.retire();
        pass.stops.sort();
        pass
    }

    /// DEP-13, of what was really done: labels of the tasks stopped, and how many were started. What it breaks, if
    /// anything.
    pub fn broken_by(&self, starts: usize, stopped: &[usize]) -> Option<&'static str> {
        let is_stopped = |task: &Task| stopped.contains(&task.label);
        let healthy_stopped = self.count(|task| is_stopped(task) && task.condition == Healthy);
        let will_do = self.count(|task| self.will_do(task));
        if starts > 0 && self.tasks.len() + starts > self.total_max() {
            return Some("started above the maximum (DEP-13 a)");
        }
        if healthy_stopped > 0 && self.healthy() - healthy_stopped < self.healthy_min() {
            return Some("stopped a healthy task below the minimum (DEP-13 b)");
        }
        if starts > 0 && will_do + starts > self.desired {
            return Some("started beyond desired (DEP-13 c)");
        }
        None
    }

    /// Older deployments that are still listed (DEP-1).
    pub fn old_deployments(&self) -> usize {
        (0..self.newest).filter(|number| self.count(|task| task.deployment == *number) > 0).count()
    }

    /// DEP-20, DEP-21: exactly what is desired, new and healthy, and nothing else.
    pub fn is_steady(&self) -> bool {
        self.new_healthy() == self.desired && self.tasks.len() == self.desired
    }

    /// DEP-17. A pass that did something, a back-off and a lack of capacity are no standstill: each has an event or a
    /// time of its own.
    pub fn standing(&self) -> Standing {
        let next = self.pass();
        let incomplete = self.missing() > 0
            || self.count(|task| self.is_old(task)) > 0
            || self.count(|task| self.is_failing(task)) > 0;
        let moves = next.starts > 0 || !next.stops.is_empty();
        let under_way = self.count(|task| matches!(task.condition, Pending | Undecided | Stopping)) > 0;
        let waits = next.unplaced || (!self.may_start && self.missing() > 0);
        if self.is_steady() {
            Standing::Steady
        } else if incomplete && !moves && !under_way && !waits {
            Standing::Blocked
        } else {
            Standing::UnderWay
        }
    }

    /// Every task as a letter, by deployment: `d1[HHs] d2[PP]`. A dash follows one on a DRAINING instance.
    pub fn picture(&self) -> String {
        let mut text = format!("desired {}, {}..{}:", self.desired, self.healthy_min(), self.total_max());
        for number in 0..=self.newest {
            let mut letters: Vec<&str> = Vec::new();
            for condition in [Pending, Undecided, Unhealthy, Healthy, Stopping] {
                for task in self.tasks.iter().filter(|task| task.deployment == number && task.condition == condition) {
                    letters.push(match condition {
                        Pending => "P",
                        Undecided => "?",
                        Unhealthy => "U",
                        Healthy => "H",
                        Stopping => "s",
                    });
                    if self.kind(task).draining {
                        letters.push("-");
                    }
                }
            }
            if !letters.is_empty() || number == self.newest {
                text += &format!(" d{}[{}]", number + 1, letters.concat());
            }
        }
        text
    }
}

impl Pass {
    /// DEP-14, first step, and DEP-30: old tasks that serve nobody go at once.
    fn clear(&mut self) {
        while self.stop_one(|now, task| now.is_old(task) && matches!(task.condition, Pending | Unhealthy)) {}
    }

    /// DEP-14, second step; DEP-16 is the same without old tasks. During a back-off nothing is started (SVC-23).
    fn start(&mut self) {
        while self.after.may_start && self.after.missing() > 0 && !self.limited {
            let full = self.after.tasks.len() >= self.after.total_max();
            self.unplaced = !full && self.after.free_slots() == 0;
            self.limited = full || self.unplaced;
            if !self.limited {
                let task = Task { label: 0, deployment: self.after.newest, instance: None, condition: Pending };
                self.after.tasks.push(task);
                self.starts += 1;
            }
        }
    }

    /// SVC-25: an unhealthy task goes when the others are enough without it, or, where there is no room for its
    /// replacement, alone: while enough others are healthy, or when of nothing it is still to be seen what it is worth.
    fn heal(&mut self) {
        let enough_without_one = |now: &Situation| {
            now.count(|task| now.is_old(task) || now.is_failing(task)) + now.new_healthy() > now.desired
        };
        let nothing_to_come = self.after.count(|task| matches!(task.condition, Pending | Undecided)) == 0;
        let enough = self.after.healthy() >= self.after.healthy_min() || nothing_to_come;
        let alone = self.limited && self.after.stopping() == 0 && enough;
        let mut gone = 0;
        while (enough_without_one(&self.after) || (alone && gone == 0)) && self.stop_one(Situation::is_failing) {
            gone += 1;
        }
    }

    /// DEP-16: new tasks beyond desired go, those of least use first (TERM-2).
    fn scale_in(&mut self) {
        for condition in [Pending, Undecided, Healthy] {
            while self.after.count(|task| self.after.will_do(task)) > self.after.desired
                && (condition != Healthy || self.after.healthy() > self.after.healthy_min())
                && self.stop_one(|now, task| now.is_new(task) && task.condition == condition)
            {}
        }
    }

    /// DEP-14, third step, and DEP-15: healthy old tasks go while enough others are healthy, if a healthy new one
    /// covers them (*start-first*), or if what is missing could not be started and what is stopping anyway does not
    /// leave places enough for it (*make-room*).
    fn retire(&mut self) {
        while self.after.healthy() > self.after.healthy_min()
            && (self.is_covered() || self.lacks_room())
            && self.stop_one(|now, task| now.is_old(task) && task.condition == Healthy)
        {}
        // The end: the new ones suffice, so an old one whose health was never known is not waited for.
        while self.after.new_healthy() >= self.after.desired
            && self.stop_one(|now, task| now.is_old(task) && task.condition == Undecided)
        {}
    }

    fn is_covered(&self) -> bool {
        self.after.count(|task| self.after.is_old(task)) + self.after.new_healthy() > self.after.desired
    }

    fn lacks_room(&self) -> bool {
        let now = &self.after;
        let live = now.tasks.len() - now.stopping();
        self.limited && (live + now.missing() > now.total_max() || (self.unplaced && now.missing() > now.stopping()))
    }

    /// On DRAINING instances first, and there and elsewhere the oldest deployment first (DEP-34).
    fn stop_one(&mut self, is_meant: impl Fn(&Situation, &Task) -> bool) -> bool {
        let now = &self.after;
        let order = |nth: &usize| (!now.kind(&now.tasks[*nth]).draining, now.tasks[*nth].deployment);
        let first = (0..now.tasks.len()).filter(|nth| is_meant(now, &now.tasks[*nth])).min_by_key(order);
        let Some(nth) = first else { return false };
        self.stops.push(now.kind(&now.tasks[nth]));
        self.after.tasks[nth].condition = Stopping;
        true
    }
}
