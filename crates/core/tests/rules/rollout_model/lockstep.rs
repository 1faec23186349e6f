//! The core and the rules through the same events, compared after each.

use super::Dice;
use super::cluster::{Cluster, Moves};
use super::rules::{Condition, Kind, Situation, Standing, Task};
use super::story::{Event, Fate, Story};
use std::fmt::Write;

#[derive(Clone, Debug)]
pub struct Setting {
    pub desired: usize,
    pub minimum: usize,
    pub maximum: usize,
    /// Tasks that fit on each instance.
    pub slots: Vec<usize>,
    pub checks_health: bool,
    pub healthy_ms: i64,
}

impl Setting {
    /// Room for everything, on two instances.
    pub fn roomy(desired: usize, minimum: usize, maximum: usize) -> Self {
        Setting { desired, minimum, maximum, slots: vec![64, 64], checks_health: false, healthy_ms: 0 }
    }
}

/// Which of the things that can happen next happens.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Order {
    OldestFirst,
    NewestFirst,
    /// Stops are confirmed when nothing else is left to happen.
    StopsLate,
    /// Tasks come up when nothing else is left to happen.
    StartsLate,
    /// Everything in one batch.
    AllAtOnce,
    Random,
}

impl Order {
    pub const ALL: [Order; 6] =
        [Order::OldestFirst, Order::NewestFirst, Order::StopsLate, Order::StartsLate, Order::AllAtOnce, Order::Random];
}

pub struct Lockstep {
    pub story: Story,
    pub dice: Dice,
    setting: Setting,
    cluster: Cluster,
    standing: Standing,
    complete: bool,
    /// EV-6 and EV-3 were said since the standstill, or the lack of capacity, began for the first time.
    said_blocked: bool,
    said_unplaced: bool,
    steps: Vec<Step>,
}

/// For the trace of a failure.
struct Step {
    events: Vec<Event>,
    starts: usize,
    stops: Vec<Kind>,
    after: Situation,
}

impl Lockstep {
    /// A service that was just created.
    pub fn new(setting: &Setting, seed: u64) -> Self {
        let situation = Situation {
            desired: setting.desired,
            minimum_percent: setting.minimum,
            maximum_percent: setting.maximum,
            newest: 0,
            draining: vec![false; setting.slots.len()],
            slots: setting.slots.clone(),
            may_start: true,
            tasks: Vec::new(),
        };
        let mut cluster = Cluster::new(&setting.slots, setting.healthy_ms);
        let story = Story::new(situation, cluster.now(), setting.checks_health, setting.healthy_ms);
        let moves = cluster.create(setting.desired, setting.minimum, setting.maximum, setting.checks_health);
        let mut lockstep = Lockstep {
            story,
            dice: Dice(seed),
            setting: setting.clone(),
            cluster,
            standing: Standing::UnderWay,
            complete: false,
            said_blocked: false,
            said_unplaced: false,
            steps: Vec::new(),
        };
        lockstep.compare(&[], moves);
        lockstep
    }

    /// One that has reached its steady state.
    pub fn steady(setting: &Setting, seed: u64) -> Self {
        let mut lockstep = Lockstep::new(setting, seed);
        while lockstep.advance(Order::AllAtOnce, |_| Fate::Runs) {}
        lockstep
    }

    pub fn standing(&self) -> Standing {
        self.standing
    }

    /// Starts and stops of the steps so far, the empty ones left out: `+2 -1 | -1`.
    pub fn moves(&self) -> String {
        let text = |step: &Step| match (step.starts, step.stops.len()) {
            (0, 0) => None,
            (starts, 0) => Some(format!("+{starts}")),
            (0, stops) => Some(format!("-{stops}")),
            (starts, stops) => Some(format!("+{starts} -{stops}")),
        };
        self.steps.iter().filter_map(text).collect::<Vec<_>>().join(" | ")
    }

    pub fn forget_steps(&mut self) {
        self.steps.clear();
    }

    /// What tasks can do next; `fate` decides about those that start, by label.
    pub fn possible(&self, fate: impl Fn(usize) -> Fate) -> Vec<Event> {
        let next = |task: &Task| match (task.condition, fate(task.label)) {
            (Condition::Pending, Fate::FailsToStart) => Some(Event::FailsToStart(task.label)),
            (Condition::Pending, Fate::Runs | Fate::TurnsUnhealthy) => Some(Event::Runs(task.label)),
            (Condition::Undecided, _) if !self.setting.checks_health => None,
            (Condition::Undecided, Fate::TurnsUnhealthy) => Some(Event::BecomesUnhealthy(task.label)),
            (Condition::Undecided, _) => Some(Event::BecomesHealthy(task.label)),
            (Condition::Stopping, _) => Some(Event::Stopped(task.label)),
            (Condition::Healthy | Condition::Unhealthy, _) => None,
        };
        self.story.situation.tasks.iter().filter_map(next).collect()
    }

    /// Lets something happen, or time pass if only that is left; false when all is quiet.
    pub fn advance(&mut self, order: Order, fate: impl Fn(usize) -> Fate) -> bool {
        let mut events = self.possible(fate);
        if events.is_empty() {
            let Some(at) = self.story.next_time() else { return false };
            self.step(&[Event::Time(at.max(self.story.now + 1))]);
            return true;
        }
        let is_stop = |event: &Event| matches!(event, Event::Stopped(_));
        let is_start = |event: &Event| matches!(event, Event::Runs(_) | Event::FailsToStart(_));
        let chosen = match order {
            Order::AllAtOnce => std::mem::take(&mut events),
            Order::OldestFirst => vec![events[0]],
            Order::NewestFirst => vec![events[events.len() - 1]],
            Order::StopsLate => vec![*events.iter().find(|event| !is_stop(event)).unwrap_or(&events[0])],
            Order::StartsLate => vec![*events.iter().find(|event| !is_start(event)).unwrap_or(&events[0])],
            Order::Random => {
                let nth = self.dice.below(events.len());
                vec![events[nth]]
            }
        };
        self.step(&chosen);
        true
    }

    /// Until all is quiet; false if that takes more than so many steps.
    pub fn drive(&mut self, order: Order, steps_max: usize, fate: impl Fn(usize) -> Fate) -> bool {
        (0..steps_max).any(|_| !self.advance(order, &fate))
    }

    pub fn step(&mut self, events: &[Event]) {
        // No two deployments are made at the same time, so which of them is older is never a question.
        let tick = Event::Time(self.story.now + 1);
        for event in std::iter::once(&tick).chain(events) {
            self.story.happens(*event);
            self.complete &= *event != Event::Update;
        }
        let moves = self.cluster.step(&[&[tick], events].concat());
        self.compare(events, moves);
    }

    fn compare(&mut self, events: &[Event], moves: Moves) {
        let before = self.story.situation.clone();
        let expected = before.pass();
        let kind_of =
            |label: &usize| before.tasks.iter().find(|task| task.label == *label).map(|task| before.kind(task));
        let mut stops: Vec<Kind> = moves.stopped.iter().filter_map(kind_of).collect();
        stops.sort();
        self.adopt(&moves);
        let starts = moves.started.len();
        let after = self.story.situation.clone();
        self.steps.push(Step { events: events.to_vec(), starts, stops: stops.clone(), after });

        self.same("tasks started", expected.starts, starts);
        self.same("tasks told to stop that were not to", moves.stopped.len(), stops.len());
        self.same("kinds of the tasks stopped", &expected.stops, &stops);
        for started in &moves.started {
            self.same("deployment of a task started (DEP-5)", before.newest, started.deployment);
            self.same("it is on a DRAINING instance (DEP-33)", false, before.draining[started.instance]);
        }
        self.same("broken limit", None, before.broken_by(starts, &moves.stopped));
        let again = self.story.situation.pass();
        self.same("a second pass does nothing", (0, 0), (again.starts, again.stops.len()));
        self.compare_standing(events, &moves, again.unplaced);
        self.compare_rows();
    }

    /// Which of the tasks of a kind the core chose, and where it put new ones, is free.
    fn adopt(&mut self, moves: &Moves) {
        let situation = &mut self.story.situation;
        for task in situation.tasks.iter_mut().filter(|task| moves.stopped.contains(&task.label)) {
            task.condition = Condition::Stopping;
        }
        situation.tasks.extend(moves.started.iter().map(|started| Task {
            label: started.label,
            deployment: started.deployment,
            instance: Some(started.instance),
            condition: Condition::Pending,
        }));
    }

    /// EV-1, EV-3, EV-6 and EV-9: each when its cause begins, and not again while it lasts.
    fn compare_standing(&mut self, events: &[Event], moves: &Moves, unplaced: bool) {
        let updated = events.contains(&Event::Update);
        let before = self.standing;
        let standing = self.story.situation.standing();
        let is_steady = standing == Standing::Steady;
        let newly_steady = is_steady && (before != Standing::Steady || updated);
        let newly_complete = is_steady && !self.complete;
        self.standing = standing;
        self.complete |= is_steady;
        self.same("said steady (EV-1)", usize::from(newly_steady), moves.said.steady);
        self.same("said completed (EV-9)", usize::from(newly_complete), moves.said.completed);
        self.same("rolloutState COMPLETED (DEP-3)", self.complete, self.cluster.is_complete());

        if is_steady || updated {
            self.said_blocked = updated && before == Standing::Blocked && self.said_blocked;
            self.said_unplaced &= updated;
        }
        let blocked = standing == Standing::Blocked;
        let may_say = usize::from(blocked && (before != Standing::Blocked || updated));
        let must_say = may_say.min(usize::from(!self.said_blocked));
        self.within("said blocked (EV-6)", must_say, may_say, moves.said.blocked);
        self.said_blocked |= blocked;
        let must_say = usize::from(unplaced && !self.said_unplaced);
        self.within("said unplaced (EV-3)", must_say, usize::from(unplaced), moves.said.unplaced);
        self.said_unplaced |= unplaced;
    }

    fn compare_rows(&self) {
        let situation = &self.story.situation;
        let counts = self.cluster.core.image().service_counts(&self.cluster.service);
        self.same("tasks not STOPPED", situation.tasks.len(), counts.not_stopped as usize);
        let live = situation.count(|task| task.condition != Condition::Stopping);
        self.same("live tasks", live, counts.live as usize);
        self.same("older deployments listed (DEP-1)", situation.old_deployments(), self.cluster.old_deployments());
        let wakeup = self.cluster.core.next_wakeup().map(|at| at.as_millis());
        if let Some(at) = wakeup.filter(|at| *at <= self.cluster.now()) {
            self.fail(&format!("wants to be woken at {at}, it is {} (I-14)", self.cluster.now()));
        }
        if let Some(due) = self.story.next_time().filter(|due| wakeup.is_none_or(|at| at > *due)) {
            self.fail(&format!("something is due at {due}, it wants to be woken at {wakeup:?}"));
        }
    }

    fn same<T: PartialEq + std::fmt::Debug>(&self, what: &str, rules: T, core: T) {
        if rules != core {
            self.fail(&format!("{what}: by the rules {rules:?}, the core {core:?}"));
        }
    }

    fn within(&self, what: &str, least: usize, most: usize, core: usize) {
        if core < least || core > most {
            self.fail(&format!("{what}: by the rules {least}..={most} times, the core {core}"));
        }
    }

    pub fn fail(&self, why: &str) -> ! {
        panic!("{:?}\n{}  {why}", self.setting, self.trace());
    }

    pub fn trace(&self) -> String {
        let mut text = String::new();
        for step in &self.steps {
            let events: Vec<String> = step.events.iter().map(|event| format!("{event:?}")).collect();
            let stops: Vec<String> = step.stops.iter().map(kind_in_words).collect();
            let _infallible = writeln!(
                text,
                "  {}: start {}, stop [{}]\n      {}",
                events.join(", "),
                step.starts,
                stops.join(", "),
                step.after.picture()
            );
        }
        text
    }
}

fn kind_in_words(kind: &Kind) -> String {
    let place = if kind.draining { " on a draining instance" } else { "" };
    format!("{:?} of d{}{place}", kind.condition, kind.deployment + 1)
}
