//! The fleet as the core holds it: every change of it and every choice goes on a tape, if somebody listens.
//!
//! Reading needs no tape, so all that only reads goes straight to the fleet; there is no other way to change it.

use plimsoll_model::{InstanceId, Reserved, TaskId};
use plimsoll_placement::journal::{Asked, Event};
use plimsoll_placement::policy::{PolicySpec, Typical};
use plimsoll_placement::{Demand, Fleet, GroupIdx, InstanceIdx, NodeSpec, Plan, Request, TaskWasLive};
use rand_chacha::ChaCha8Rng;
use std::ops::Deref;
use std::sync::Arc;

#[derive(Debug, Default)]
pub(super) struct Recorded {
    fleet: Fleet,
    /// What happened since it was last taken; `None` when nobody listens.
    tape: Option<Vec<Event>>,
}

impl Deref for Recorded {
    type Target = Fleet;

    fn deref(&self) -> &Fleet {
        &self.fleet
    }
}

impl Recorded {
    /// Starts a tape: what follows is all there is.
    pub fn listen(&mut self, rng: &ChaCha8Rng) {
        let words = rng.get_seed();
        let word = |nth: usize| u64::from_le_bytes(std::array::from_fn(|at| words[nth * 8 + at]));
        self.tape = Some(vec![Event::Begins { seed: [word(0), word(1), word(2), word(3)], stream: rng.get_stream() }]);
    }

    pub fn take_tape(&mut self) -> Vec<Event> {
        self.tape.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// For questions that leave everything as it was.
    pub fn off_the_record(&mut self) -> &mut Fleet {
        &mut self.fleet
    }

    fn note(&mut self, event: impl FnOnce(&Fleet) -> Event) {
        if let Some(tape) = &mut self.tape {
            tape.push(event(&self.fleet));
        }
    }

    pub fn put(&mut self, spec: NodeSpec) {
        self.note(|_| Event::Instance(spec.clone()));
        self.fleet.put(spec);
    }

    pub fn remove(&mut self, instance: InstanceId) {
        self.note(|_| Event::InstanceLeaves { instance });
        self.fleet.remove(instance);
    }

    pub fn group(&mut self, name: &str) -> GroupIdx {
        self.fleet.group(name)
    }

    pub fn release_group(&mut self, group: GroupIdx) {
        self.fleet.release_group(group);
    }

    pub fn add_task(&mut self, task: TaskId, idx: InstanceIdx, group: &Arc<str>, reserved: &Reserved) -> GroupIdx {
        self.note(|fleet| Event::TaskPlaced {
            task,
            instance: fleet.instance(idx),
            group: Arc::clone(group),
            reserved: reserved.clone(),
        });
        let group = self.fleet.group(group);
        self.fleet.add_task(idx, group, reserved);
        group
    }

    pub fn task_stopping(&mut self, task: TaskId, idx: InstanceIdx, group: GroupIdx) {
        self.note(|fleet| Event::TaskStopping {
            task,
            instance: fleet.instance(idx),
            group: fleet.name_of_group(group).into(),
        });
        self.fleet.task_stopping(idx, group);
    }

    pub fn remove_task(
        &mut self,
        task: TaskId,
        idx: InstanceIdx,
        group: GroupIdx,
        reserved: &Reserved,
        was_live: TaskWasLive,
    ) {
        self.note(|fleet| Event::TaskGone {
            task,
            instance: fleet.instance(idx),
            group: fleet.name_of_group(group).into(),
            reserved: reserved.clone(),
            was_live: was_live == TaskWasLive::Yes,
        });
        self.fleet.remove_task(idx, group, reserved, was_live);
    }

    pub fn set_running(&mut self, idx: InstanceIdx, tasks: u32) {
        if self.fleet.running(idx) == tasks {
            return;
        }
        self.note(|fleet| Event::Running { instance: fleet.instance(idx), tasks });
        self.fleet.set_running(idx, tasks);
    }

    pub fn keep(&mut self, idx: InstanceIdx, owner: &Arc<str>, room: Demand) -> bool {
        let before = self.tape.is_some().then(|| room.clone());
        let changed = self.fleet.keep(idx, owner, room);
        if let Some(room) = before.filter(|_| changed) {
            self.note(|fleet| Event::Kept { instance: fleet.instance(idx), owner: Arc::clone(owner), room });
        }
        changed
    }

    pub fn rule_by(&mut self, policy: Option<PolicySpec>) {
        self.note(|_| Event::Policy { policy: policy.as_ref().map(|policy| policy.as_str().into()) });
        self.fleet.rule_by(policy);
    }

    pub fn expect(&mut self, typical: Vec<Typical>) {
        self.note(|_| Event::Expected { tasks: typical.iter().map(Into::into).collect() });
        self.fleet.expect(typical);
    }

    pub fn plan(&mut self, request: &Request<'_>, count: usize, rng: &mut ChaCha8Rng) -> Plan {
        let asked = self.tape.is_some().then(|| {
            let group = self.fleet.name_of_group(request.group).into();
            // A stream has more words than a cluster has placements by far.
            Asked::new(request, group, count, u64::try_from(rng.get_word_pos()).unwrap_or(u64::MAX))
        });
        let plan = self.fleet.plan(request, count, rng);
        if let Some(mut asked) = asked {
            asked.placed = plan.placed.iter().map(|(idx, _)| self.fleet.instance(*idx)).collect();
            self.note(|_| Event::Asked(asked));
        }
        plan
    }
}
