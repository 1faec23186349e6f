//! A fleet whose requests without a strategy are placed by a policy (a cluster's choice by name).
//!
//! The checks of a request hold as ever: an instance that fails one is no node to the policy. Strategies of a request
//! win over the policy, and tasks for which room is kept (daemons) have no choice to make.

use super::spec::AMOUNT_MAX;
use super::{DEVICES_MAX, Models, Node, PolicySpec, Score, Task, Typical, WHOLE_GPU};
use crate::policy::boards::Registered;
use crate::{Demand, Fleet, InstanceIdx, Plan, Request};
use rand_chacha::ChaCha8Rng;

impl Fleet {
    /// Places what comes without a strategy by this policy from now on; `None` by the default of ECS (PL-6).
    pub fn rule_by(&mut self, policy: Option<PolicySpec>) {
        self.boards.rule_by(policy);
    }

    /// The tasks a policy may count on to come, most frequent first.
    pub fn expect(&mut self, typical: Vec<Typical>) {
        self.boards.expect(typical);
    }

    /// The policy that rules, if one does.
    pub fn policy(&self) -> Option<&PolicySpec> {
        self.boards.spec()
    }

    /// The policy that places this request, if one does.
    pub fn policy_of(&self, request: &Request<'_>) -> Option<&PolicySpec> {
        self.boards.spec().filter(|_| request.strategies.is_empty() && !request.takes_kept_room)
    }

    /// As [`Fleet::plan`], by the policy that rules: each task is scored against the instances as the ones before it
    /// leave them. What the last digits of a score cannot tell apart goes to the lowest id, unless the policy draws.
    pub(crate) fn plan_by_policy(&mut self, request: &Request<'_>, count: usize, rng: &mut ChaCha8Rng) -> Plan {
        let mut boards = std::mem::take(&mut self.boards);
        let question = self.question(request);
        let chosen = boards.choose(self, &question, count, rng);
        let mut plan = Plan { placed: Vec::with_capacity(chosen.len()), rejection: None };
        plan.placed.extend(chosen.into_iter().map(|(idx, nth)| (idx, self.reserve(idx, request.demand, nth))));
        if plan.placed.len() < count {
            plan.rejection = Some(self.rejection(&question, &plan));
        }
        self.boards = boards;
        plan
    }

    /// Those that take the task by score, best first.
    pub(crate) fn ranked_by_policy(&self, request: &Request<'_>) -> Vec<(InstanceIdx, Score)> {
        // Explanations are rare and leave the fleet as it is: they score everything anew.
        self.boards.clone().ranked(self, &self.question(request))
    }

    /// What an instance has; `None` when the ordinal stands for none.
    pub(crate) fn registered(&self, idx: InstanceIdx) -> Option<Registered> {
        self.is_there(idx).then(|| {
            let resources = &self.node(idx).resources;
            let gpus = u32::try_from(resources.gpus.len()).unwrap_or(u32::MAX);
            Registered { cpu_units: resources.cpu_units, memory_mib: resources.memory_mib, gpus }
        })
    }

    /// The instance as a policy sees it, with `planned` such tasks on it already. CPU is in ECS's units, 1024 to a core:
    /// to a score all that counts are shares. Devices beyond [`DEVICES_MAX`] are not seen.
    pub(super) fn as_node(&self, idx: InstanceIdx, task: &Task, planned: u32) -> Node {
        let (hot, node) = (self.hot(idx), self.node(idx));
        let devices = node.resources.gpus.len().min(DEVICES_MAX);
        let free = (hot.gpus_free as usize).min(devices);
        let shape = super::NodeShape {
            cpu_milli: node.resources.cpu_units.min(AMOUNT_MAX),
            memory_mib: node.resources.memory_mib.min(AMOUNT_MAX),
            gpus: devices as u8,
            model: None,
            tasks_max: u32::MAX,
        };
        let mut seen = Node::with_free(shape, hot.cpu_free.min(AMOUNT_MAX), hot.memory_free.min(AMOUNT_MAX), free);
        let on = self.groups.on(idx).map(|(_, counts)| counts.held).sum();
        seen.count_tasks(on, node.gpu_tasks.iter().map(|(gpus, tasks)| (*gpus, *tasks)));
        for _ in 0..planned {
            let claim = seen.claim(task, None);
            seen.take(task, claim);
        }
        seen
    }
}

impl Demand {
    /// As a policy sees it.
    pub fn as_task(&self) -> Task {
        let gpus = self.gpus.min(DEVICES_MAX as u32) as u8;
        Task {
            cpu_milli: self.cpu_units.min(AMOUNT_MAX),
            memory_mib: self.memory_mib.min(AMOUNT_MAX),
            gpus,
            gpu_milli: if gpus > 0 { WHOLE_GPU } else { 0 },
            models: Models::ANY,
        }
    }
}
