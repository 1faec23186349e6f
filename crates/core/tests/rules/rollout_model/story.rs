//! What happens to a service from outside, and what that makes of its tasks.

use super::rules::{Condition, Situation};

/// One thing that happens. Tasks go by their labels, instances and deployments by their numbers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Event {
    /// A PENDING task is reported RUNNING.
    Runs(usize),
    /// A PENDING task is reported STOPPED.
    FailsToStart(usize),
    BecomesHealthy(usize),
    BecomesUnhealthy(usize),
    /// The container of a RUNNING task exits by itself.
    Exits(usize),
    /// A stop is confirmed.
    Stopped(usize),
    /// A forced deployment.
    Update,
    Resize(usize),
    /// minimumHealthyPercent and maximumPercent.
    Bounds(usize, usize),
    Drain(usize),
    Activate(usize),
    /// Time passes until then.
    Time(i64),
}

/// What becomes of a task that is told to start.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Fate {
    #[default]
    Runs,
    FailsToStart,
    TurnsUnhealthy,
}

/// A situation and what the rules remember beside it.
#[derive(Clone, Debug)]
pub struct Story {
    pub situation: Situation,
    pub now: i64,
    pub checks_health: bool,
    /// Time in RUNNING before a task counts as healthy, where nothing checks it (DEP-11).
    pub healthy_ms: i64,
    /// Labels of RUNNING tasks that will count as healthy, and when.
    healthy_at: Vec<(usize, i64)>,
    /// Of the newest deployment (SVC-23).
    failures_in_a_row: u32,
    start_again_at: Option<i64>,
}

impl Story {
    pub fn new(situation: Situation, now: i64, checks_health: bool, healthy_ms: i64) -> Self {
        Story {
            situation,
            now,
            checks_health,
            healthy_ms,
            healthy_at: Vec::new(),
            failures_in_a_row: 0,
            start_again_at: None,
        }
    }

    pub fn happens(&mut self, event: Event) {
        match event {
            Event::Runs(label) => self.runs(label),
            Event::FailsToStart(label) => self.fails_to_start(label),
            Event::BecomesHealthy(label) => self.set(label, Condition::Healthy),
            Event::BecomesUnhealthy(label) => self.set(label, Condition::Unhealthy),
            Event::Exits(label) | Event::Stopped(label) => self.remove(label),
            Event::Update => {
                self.situation.newest += 1;
                self.failures_in_a_row = 0;
                self.start_again_at = None;
            }
            Event::Resize(desired) => self.situation.desired = desired,
            Event::Bounds(minimum, maximum) => {
                self.situation.minimum_percent = minimum;
                self.situation.maximum_percent = maximum;
            }
            Event::Drain(instance) => self.situation.draining[instance] = true,
            Event::Activate(instance) => self.situation.draining[instance] = false,
            Event::Time(now) => self.now = now,
        }
        self.look_at_the_clock();
    }

    /// When time alone will change something.
    pub fn next_time(&self) -> Option<i64> {
        let start = self.start_again_at.filter(|at| *at > self.now);
        let undecided =
            self.healthy_at.iter().filter(|(label, _)| self.condition(*label) == Some(Condition::Undecided));
        undecided.map(|(_, at)| *at).chain(start).min()
    }

    pub fn condition(&self, label: usize) -> Option<Condition> {
        self.situation.tasks.iter().find(|task| task.label == label).map(|task| task.condition)
    }

    fn runs(&mut self, label: usize) {
        let decided = if self.checks_health || self.healthy_ms > 0 { Condition::Undecided } else { Condition::Healthy };
        self.set(label, decided);
        if !self.checks_health && self.healthy_ms > 0 {
            self.healthy_at.push((label, self.now + self.healthy_ms));
        }
        if self.is_of_the_newest(label) {
            self.failures_in_a_row = 0;
            self.start_again_at = None;
        }
    }

    /// SVC-23: from the third in a row on, 10 s, doubling up to 900 s.
    fn fails_to_start(&mut self, label: usize) {
        if self.is_of_the_newest(label) {
            self.failures_in_a_row += 1;
            let mut seconds = 10;
            for _ in 3..self.failures_in_a_row {
                seconds = i64::min(900, seconds * 2);
            }
            self.start_again_at = (self.failures_in_a_row >= 3).then_some(self.now + seconds * 1_000);
        }
        self.remove(label);
    }

    fn look_at_the_clock(&mut self) {
        let due: Vec<usize> =
            self.healthy_at.iter().filter(|(_, at)| *at <= self.now).map(|(label, _)| *label).collect();
        self.healthy_at.retain(|(_, at)| *at > self.now);
        for label in due {
            if self.condition(label) == Some(Condition::Undecided) {
                self.set(label, Condition::Healthy);
            }
        }
        self.situation.may_start = self.start_again_at.is_none_or(|at| at <= self.now);
    }

    fn is_of_the_newest(&self, label: usize) -> bool {
        self.situation.tasks.iter().any(|task| task.label == label && task.deployment == self.situation.newest)
    }

    fn set(&mut self, label: usize, condition: Condition) {
        let task = self.situation.tasks.iter_mut().find(|task| task.label == label);
        task.unwrap_or_else(|| panic!("no task t{label}")).condition = condition;
    }

    fn remove(&mut self, label: usize) {
        self.situation.tasks.retain(|task| task.label != label);
        self.healthy_at.retain(|(other, _)| *other != label);
    }
}
