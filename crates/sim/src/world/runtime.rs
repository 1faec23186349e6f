//! Container engines: slow, sometimes failing, and they keep containers when the agent dies.

use super::{Event, World};
use crate::coverage::{Coverage, Mishap, Point, Stage};
use crate::definitions::{CRASHES, DONE, MISSING};
use crate::dice::Dice;
use crate::violation::Broken;
use plimsoll_core::node::{Action, AdoptedContainer, AdoptedState, ContainerRef, LaunchSpec, Run, RuntimeEvent};
use plimsoll_model::{HealthStatus, TaskId, Timestamp};
use std::collections::BTreeMap;
use std::sync::Arc;

/// How far an event may lag behind what happened.
const EVENT_MS_MAX: u64 = 50;

#[derive(Debug, Default)]
pub(crate) struct Runtime {
    pub containers: BTreeMap<ContainerRef, SimContainer>,
    /// The last run this agent process asked for; also of what is gone.
    runs: BTreeMap<ContainerRef, Run>,
    next_serial: u64,
}

#[derive(Debug)]
pub(crate) struct SimContainer {
    name: Arc<str>,
    image: Arc<str>,
    checks_health: bool,
    health: HealthStatus,
    runtime_id: Arc<str>,
    pub state: State,
    running_since: Timestamp,
    ran_ms: u64,
    /// How its last run ended, while it starts again.
    ended_before: Option<i32>,
    /// Changes with every turn its life takes, so that what was planned before is void.
    serial: u64,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum State {
    Pulling,
    /// Exists and does not run.
    Created,
    Starting,
    Running,
    Exited {
        exit_code: Option<i32>,
    },
}

impl State {
    pub fn stage(self) -> Stage {
        match self {
            State::Pulling => Stage::Pulling,
            State::Created => Stage::Created,
            State::Starting => Stage::Starting,
            State::Running => Stage::Running,
            State::Exited { .. } => Stage::Exited,
        }
    }
}

/// The next turn of a container's life.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Progress {
    Pulled,
    Started,
    FailedToStart,
    Exits(i32),
    Health(HealthStatus),
}

impl Runtime {
    pub fn serial(&self, container: ContainerRef) -> Option<u64> {
        self.containers.get(&container).map(|one| one.serial)
    }

    pub fn is_alive(&self, task: TaskId) -> bool {
        self.alive().any(|container| container.task == task)
    }

    /// Those with a process.
    pub fn alive(&self) -> impl Iterator<Item = ContainerRef> {
        self.containers.iter().filter(|(_, one)| one.state == State::Running).map(|(container, _)| *container)
    }

    pub fn states(&self) -> impl Iterator<Item = (ContainerRef, State)> {
        self.containers.iter().map(|(container, one)| (*container, one.state))
    }

    /// What an agent finds by label when it starts.
    pub fn found(&mut self, now: Timestamp, coverage: &mut Coverage) -> Vec<AdoptedContainer> {
        self.runs.clear();
        let mut found = Vec::new();
        for (container, one) in &self.containers {
            let (state, what) = match one.state {
                State::Pulling => continue,
                State::Created | State::Starting => (AdoptedState::Created, "node adopted a created container"),
                State::Running => (AdoptedState::Running, "node adopted a running container"),
                State::Exited { exit_code } => {
                    (AdoptedState::Exited { exit_code, reason: None }, "node adopted an exited container")
                }
            };
            coverage.count(what);
            found.push(AdoptedContainer {
                task: container.task,
                index: container.index,
                name: Arc::clone(&one.name),
                runtime_id: Arc::clone(&one.runtime_id),
                ran_ms: if one.state == State::Running { now.millis_since(one.running_since) } else { one.ran_ms },
                state,
                bindings: Vec::new(),
                image_digest: None,
            });
        }
        found
    }

    /// Pulls were the agent's own; what the engine was told to start it may or may not have got to.
    pub fn agent_died(&mut self, dice: &mut Dice, coverage: &mut Coverage) {
        self.containers.retain(|_, one| one.state != State::Pulling);
        for one in self.containers.values_mut().filter(|one| one.state == State::Starting) {
            if dice.coin() {
                let state = match one.ended_before {
                    Some(code) => State::Exited { exit_code: Some(code) },
                    None => State::Created,
                };
                coverage.count(Point::Container(Stage::Starting, state.stage()));
                one.state = state;
                one.serial = u64::MAX;
            }
        }
    }

    /// What was being started was not.
    pub fn machine_died(&mut self) {
        for one in self.containers.values_mut().filter(|one| one.state == State::Starting) {
            one.state = one.ended_before.map_or(State::Created, |code| State::Exited { exit_code: Some(code) });
            one.serial = u64::MAX;
        }
    }

    fn set_health(&mut self, container: ContainerRef, health: HealthStatus) {
        if let Some(one) = self.containers.get_mut(&container) {
            one.health = health;
        }
    }

    /// Those of running containers that were checked.
    pub fn healths(&self) -> Vec<(ContainerRef, HealthStatus)> {
        let checked = |(_, one): &(&ContainerRef, &SimContainer)| {
            one.state == State::Running && one.health != HealthStatus::Unknown
        };
        self.containers.iter().filter(checked).map(|(container, one)| (*container, one.health)).collect()
    }

    pub fn run(&self, container: ContainerRef) -> Run {
        self.runs.get(&container).copied().unwrap_or_default()
    }

    pub fn remove(&mut self, container: ContainerRef) -> Option<State> {
        self.containers.remove(&container).map(|one| one.state)
    }

    fn turn(&mut self, container: ContainerRef, state: State, coverage: &mut Coverage) -> Option<u64> {
        let one = self.containers.get_mut(&container)?;
        if one.state.stage() != state.stage() {
            coverage.count(Point::Container(one.state.stage(), state.stage()));
        }
        one.state = state;
        one.serial = self.next_serial;
        self.next_serial += 1;
        Some(one.serial)
    }
}

impl World {
    pub(super) fn run(&mut self, node: usize, action: Action) -> Result<(), Broken> {
        match action {
            Action::Start { container, run, spec } => self.start(node, container, run, &spec),
            Action::Stop { container, grace_ms } => {
                self.check_stop(node, container)?;
                self.stop(node, container, grace_ms);
                Ok(())
            }
            Action::Remove { task } => {
                let runtime = &mut self.nodes[node].runtime;
                let all = runtime.states().filter(|(container, _)| container.task == task).map(|(one, _)| one);
                let all: Vec<ContainerRef> = all.collect();
                for container in all {
                    self.vanish(node, container);
                }
                self.tell(node, RuntimeEvent::Removed { task });
                Ok(())
            }
        }
    }

    fn start(
        &mut self,
        node: usize,
        container: ContainerRef,
        run: Run,
        launch: &Arc<LaunchSpec>,
    ) -> Result<(), Broken> {
        self.check_start(node, container)?;
        let runtime = &mut self.nodes[node].runtime;
        let runs_again = runtime.runs.insert(container, run).unwrap_or_default() < run;
        let Some(spec) = launch.definition.containers.get(container.index) else { return Ok(()) };
        match runtime.containers.get(&container).map(|one| one.state) {
            None if runs_again => {
                let reason = "CannotStartContainerError: it was removed".into();
                self.tell(node, RuntimeEvent::Failed { container, reason });
            }
            None => {
                let serial = runtime.next_serial;
                runtime.next_serial += 1;
                let fresh = SimContainer {
                    name: Arc::clone(&spec.name),
                    image: Arc::clone(&spec.image),
                    checks_health: spec.health_check.is_some(),
                    health: HealthStatus::Unknown,
                    runtime_id: format!("{node}-{serial}").into(),
                    state: State::Pulling,
                    running_since: Timestamp::ZERO,
                    ran_ms: 0,
                    ended_before: None,
                    serial,
                };
                runtime.containers.insert(container, fresh);
                self.coverage.count(Point::Container(Stage::Absent, Stage::Pulling));
                self.tell(node, RuntimeEvent::PullStarted(container));
                let delay = self.dice.runtime.between(0, self.swarm.start_ms_max);
                self.plan(node, container, delay, Progress::Pulled);
            }
            Some(State::Created) => self.begin_start(node, container),
            Some(State::Pulling | State::Starting) => {}
            Some(State::Running) => self.tell_started(node, container),
            Some(State::Exited { exit_code }) if runs_again => {
                self.coverage.count("node restarted a container");
                self.nodes[node].memory.runs_again(container);
                if let Some(one) = self.nodes[node].runtime.containers.get_mut(&container) {
                    one.ended_before = exit_code;
                }
                self.begin_start(node, container);
            }
            Some(State::Exited { exit_code }) => self.tell_exited(node, container, exit_code),
        }
        Ok(())
    }

    /// Gone without a trace. What state it was in.
    pub(super) fn vanish(&mut self, node: usize, container: ContainerRef) -> Option<State> {
        let state = self.nodes[node].runtime.remove(container)?;
        self.nodes[node].memory.forgets(container);
        self.coverage.count(Point::Container(state.stage(), Stage::Absent));
        Some(state)
    }

    fn turn(&mut self, node: usize, container: ContainerRef, state: State) {
        self.nodes[node].runtime.turn(container, state, &mut self.coverage);
    }

    fn begin_start(&mut self, node: usize, container: ContainerRef) {
        self.turn(node, container, State::Starting);
        let delay = self.dice.runtime.between(1, self.swarm.start_ms_max / 2 + 1);
        let fails = self.dice.runtime.permille(self.swarm.start_failure);
        self.plan(node, container, delay, if fails { Progress::FailedToStart } else { Progress::Started });
    }

    fn stop(&mut self, node: usize, container: ContainerRef, grace_ms: u64) {
        if self.dice.runtime.permille(self.swarm.stop_lost) {
            self.coverage.count(Mishap::StopLost);
            return;
        }
        match self.nodes[node].runtime.containers.get(&container).map(|one| one.state) {
            None => self.tell_exited(node, container, None),
            Some(State::Pulling) => {
                self.vanish(node, container);
                let reason = "CannotPullContainerError: stopped while pulling".into();
                self.tell(node, RuntimeEvent::Failed { container, reason });
            }
            Some(State::Created | State::Starting) => {
                self.turn(node, container, State::Exited { exit_code: None });
                self.tell_exited(node, container, None);
            }
            Some(State::Running) => {
                // Some ignore SIGTERM and are killed when the grace is over.
                let patient = self.dice.runtime.permille(800);
                let (delay, code) =
                    if patient { (self.dice.runtime.between(1, grace_ms), 143) } else { (grace_ms, 137) };
                self.plan(node, container, delay, Progress::Exits(code));
            }
            Some(State::Exited { exit_code }) => self.tell_exited(node, container, exit_code),
        }
    }

    pub(super) fn container_progresses(
        &mut self,
        node: usize,
        container: ContainerRef,
        progress: Progress,
    ) -> Result<(), Broken> {
        match progress {
            Progress::Pulled => {
                let missing = self.image(node, container).is_some_and(|image| &*image == MISSING);
                if missing {
                    self.vanish(node, container);
                    let reason = "CannotPullContainerError: no such image".into();
                    self.tell(node, RuntimeEvent::Failed { container, reason });
                } else {
                    self.tell(node, RuntimeEvent::PullStopped(container));
                    self.begin_start(node, container);
                }
            }
            Progress::FailedToStart => {
                self.coverage.count(Mishap::StartFailed);
                self.nodes[node].memory.fails(container);
                self.turn(node, container, State::Exited { exit_code: None });
                let reason = "CannotStartContainerError: the engine says no".into();
                self.tell(node, RuntimeEvent::Failed { container, reason });
            }
            Progress::Started => {
                self.turn(node, container, State::Running);
                let now = self.now;
                if let Some(one) = self.nodes[node].runtime.containers.get_mut(&container) {
                    (one.running_since, one.ended_before, one.health) = (now, None, HealthStatus::Unknown);
                }
                self.check_running(node, container)?;
                self.tell_started(node, container);
                self.plan_life(node, container);
            }
            Progress::Exits(code) => self.exit(node, container, code),
            Progress::Health(health) => self.health_turns(node, container, health),
        }
        Ok(())
    }

    fn health_turns(&mut self, node: usize, container: ContainerRef, health: HealthStatus) {
        self.nodes[node].runtime.set_health(container, health);
        self.tell(node, RuntimeEvent::Health { container, health });
        let delay = self.dice.runtime.between(500, 10_000);
        if health != HealthStatus::Unhealthy && self.dice.runtime.permille(self.swarm.unhealthy) {
            self.coverage.count(Mishap::Unhealthy);
            self.plan(node, container, delay, Progress::Health(HealthStatus::Unhealthy));
        } else if health == HealthStatus::Unhealthy {
            // Some get well again; the others have to be replaced.
            if self.dice.runtime.coin() {
                self.plan(node, container, delay, Progress::Health(HealthStatus::Healthy));
            } else {
                self.coverage.count(Mishap::UnhealthyForGood);
            }
        }
    }

    /// For good.
    pub(super) fn turn_unhealthy(&mut self, node: usize, container: ContainerRef) {
        self.coverage.count(Mishap::UnhealthyForGood);
        let row = self.control.stored.tasks.get(&container.task);
        if row.is_some_and(|row| row.service.is_some() && row.is_live()) {
            self.coverage.count("unhealthy at the end");
        }
        // What was planned for it is void.
        self.turn(node, container, State::Running);
        self.nodes[node].runtime.set_health(container, HealthStatus::Unhealthy);
        self.tell(node, RuntimeEvent::Health { container, health: HealthStatus::Unhealthy });
    }

    fn plan_life(&mut self, node: usize, container: ContainerRef) {
        let Some(one) = self.nodes[node].runtime.containers.get(&container) else { return };
        let (image, checks_health) = (Arc::clone(&one.image), one.checks_health);
        let delay = self.dice.runtime.between(10, 3_000);
        match &*image {
            DONE => self.plan(node, container, delay, Progress::Exits(0)),
            CRASHES => self.plan(node, container, delay, Progress::Exits(1)),
            _ if checks_health => self.plan(node, container, delay, Progress::Health(HealthStatus::Healthy)),
            _ => {}
        }
    }

    pub(super) fn exit(&mut self, node: usize, container: ContainerRef, code: i32) {
        let exit_code = Some(code);
        let now = self.now;
        if let Some(one) = self.nodes[node].runtime.containers.get_mut(&container) {
            one.ran_ms = now.millis_since(one.running_since);
        }
        self.turn(node, container, State::Exited { exit_code });
        self.nodes[node].memory.exits(container, code);
        self.tell_exited(node, container, exit_code);
    }

    pub(super) fn tell_exited(&mut self, node: usize, container: ContainerRef, exit_code: Option<i32>) {
        let run = self.nodes[node].runtime.run(container);
        self.tell(node, RuntimeEvent::Exited { container, run, exit_code, reason: None });
    }

    /// Everything planned for the container before stays planned, unless its life takes a turn.
    fn plan(&mut self, node: usize, container: ContainerRef, delay_ms: u64, progress: Progress) {
        if let Some(serial) = self.nodes[node].runtime.serial(container) {
            self.schedule(delay_ms, Event::Container { node, container, serial, progress });
        }
    }

    fn image(&self, node: usize, container: ContainerRef) -> Option<Arc<str>> {
        self.nodes[node].runtime.containers.get(&container).map(|one| Arc::clone(&one.image))
    }

    fn tell_started(&mut self, node: usize, container: ContainerRef) {
        let Some(one) = self.nodes[node].runtime.containers.get(&container) else { return };
        let runtime_id = Arc::clone(&one.runtime_id);
        let run = self.nodes[node].runtime.run(container);
        let bindings = Vec::new();
        self.tell(node, RuntimeEvent::Started { container, run, runtime_id, bindings, image_digest: None });
    }

    /// Events reach an agent that lives, in their own time and sometimes twice.
    pub(super) fn tell(&mut self, node: usize, event: RuntimeEvent) {
        let incarnation = self.nodes[node].incarnation;
        if self.nodes[node].agent.is_none() {
            return;
        }
        let delay = self.dice.runtime.between(0, EVENT_MS_MAX);
        // Checks come in their order, once each: an old result after a new one would be believed.
        let repeatable = !matches!(event, RuntimeEvent::Health { .. });
        if repeatable && self.dice.runtime.permille(self.swarm.event_twice) {
            self.coverage.count(Mishap::RuntimeEventDoubled);
            let again = self.dice.runtime.between(0, 20 * EVENT_MS_MAX);
            self.schedule(again, Event::Runtime { node, incarnation, event: event.clone() });
        }
        self.schedule(delay, Event::Runtime { node, incarnation, event });
    }
}
