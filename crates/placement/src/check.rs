//! One instance against one request: the checks of RUN-10 in their order.

use crate::fleet::{Kind, Node};
use crate::mutant;
use crate::query::Facts;
use crate::words::Word;
use crate::{Demand, Fleet, GroupIdx, InstanceIdx, Reason, Request};
use plimsoll_model::{PortClaim, Reserved, Timestamp};

/// Ports an instance may have in use, the agent's own included, TCP and UDP together (RES-6).
const PORTS_PER_INSTANCE_MAX: usize = 100;

/// A request with its attribute names looked up, once for all instances.
pub(crate) struct Question<'a> {
    pub request: &'a Request<'a>,
    pub kind: Kind,
    /// Absent when no instance at all has one of them.
    required: Option<Vec<Word>>,
}

impl Fleet {
    /// Whether this very instance takes the task, and what it then holds (RUN-11). The caller leaves out of the
    /// request what it wants bypassed.
    pub fn check(&self, idx: InstanceIdx, request: &Request<'_>) -> Result<Reserved, Reason> {
        let question = self.question(request);
        if !self.hot(idx).is(question.kind) {
            return Err(Reason::Attribute);
        }
        match self.refusal(idx, &question, 0) {
            Some(reason) => Err(reason),
            None => Ok(self.reserve(idx, request.demand, 0)),
        }
    }

    pub(crate) fn question<'a>(&self, request: &'a Request<'a>) -> Question<'a> {
        Question {
            request,
            kind: self.kind(request.external, request.capacity_provider),
            required: request.required_attributes.iter().map(|name| self.word(name)).collect(),
        }
    }

    /// The first check that fails for one more task, when the request's plan already puts `planned` there.
    pub(crate) fn refusal(&self, idx: InstanceIdx, question: &Question<'_>, planned: u32) -> Option<Reason> {
        let request = question.request;
        if !mutant!(PlacesOnDisconnected => true, self.hot(idx).is_reachable()) {
            return Some(Reason::Agent);
        }
        let has = |name: &Word| self.attribute(idx, *name).is_some();
        if !question.required.as_ref().is_some_and(|names| names.iter().all(has)) {
            return Some(Reason::Attribute);
        }
        if let Some(reason) = self.lacks_resources(idx, request, planned) {
            return Some(reason);
        }
        let facts = self.facts(idx, (planned > 0).then_some(request.group));
        let member = request.member_of.iter().all(|expression| expression.holds(&facts));
        if !mutant!(MemberOfIsIgnored => true, member) {
            return Some(Reason::MemberOf);
        }
        let on = self.groups.counts(request.group, idx);
        let occupied = || planned > 0 || mutant!(DistinctForgetsStopping => on.live, on.held) > 0;
        (request.distinct_instance && occupied()).then_some(Reason::DistinctInstance)
    }

    /// What the task holds there, when the plan already puts `planned` of its kind there. GPUs go in order of name.
    pub(crate) fn reserve(&self, idx: InstanceIdx, demand: &Demand, planned: u32) -> Reserved {
        let (gpus, taken) = (demand.gpus as usize, (demand.gpus * planned) as usize);
        Reserved {
            cpu_units: demand.cpu_units,
            memory_mib: demand.memory_mib,
            ports: demand.ports.clone(),
            gpus: self.node(idx).gpus_free.iter().skip(taken).take(gpus).cloned().collect(),
        }
    }

    /// The instance as the query language sees it, with a live task of `planned` counted in.
    pub(crate) fn facts(&self, idx: InstanceIdx, planned: Option<GroupIdx>) -> NodeFacts<'_> {
        NodeFacts { fleet: self, idx, planned }
    }

    fn lacks_resources(&self, idx: InstanceIdx, request: &Request<'_>, planned: u32) -> Option<Reason> {
        let (demand, kept_for_others) = (request.demand, !request.takes_kept_room);
        let (cpu, memory) = self.hot(idx).room(request.takes_kept_room);
        let fits = |need: u32, free: u64| u64::from(need) * (u64::from(planned) + 1) <= free;
        if !fits(demand.cpu_units, u64::from(cpu)) {
            return Some(Reason::Cpu);
        }
        if !fits(demand.memory_mib, u64::from(memory)) {
            return Some(Reason::Memory);
        }
        let ports_fit = || mutant!(PortsAreShared => true, ports_fit(self.node(idx), demand, kept_for_others));
        if !demand.ports.is_empty() && (planned > 0 || !ports_fit()) {
            return Some(Reason::Ports);
        }
        if demand.gpus == 0 {
            return None;
        }
        let kept = if kept_for_others { self.node(idx).kept.gpus } else { 0 };
        let gpus = (self.free_gpus(idx).len() as u64).saturating_sub(u64::from(kept));
        (!fits(demand.gpus, gpus)).then_some(Reason::Gpu)
    }
}

fn ports_fit(node: &Node, demand: &Demand, kept_for_others: bool) -> bool {
    let agents_own = &node.resources.reserved_ports;
    let is_kept = |port: &PortClaim| kept_for_others && node.kept.ports.contains(port);
    let is_taken = |port: &PortClaim| agents_own.contains(port) || node.ports_held.contains(port) || is_kept(port);
    let kept = node.kept.ports.iter().filter(|port| is_kept(port) && !node.ports_held.contains(port)).count();
    let in_use = agents_own.len() + node.ports_held.len() + kept;
    in_use + demand.ports.len() <= PORTS_PER_INSTANCE_MAX && !demand.ports.iter().any(is_taken)
}

pub(crate) struct NodeFacts<'a> {
    fleet: &'a Fleet,
    idx: InstanceIdx,
    planned: Option<GroupIdx>,
}

impl Facts for NodeFacts<'_> {
    fn attribute(&self, name: &str) -> Option<&str> {
        let value = self.fleet.attribute(self.idx, self.fleet.word(name)?)?;
        Some(self.fleet.text(value))
    }

    fn agent_connected(&self) -> bool {
        self.fleet.hot(self.idx).connected
    }

    fn agent_version(&self) -> Option<&str> {
        self.fleet.node(self.idx).agent_version.as_deref()
    }

    fn ec2_instance_id(&self) -> &str {
        &self.fleet.node(self.idx).ec2_instance_id
    }

    fn registered_at(&self) -> Timestamp {
        self.fleet.node(self.idx).registered_at
    }

    fn running_tasks(&self) -> u32 {
        self.fleet.node(self.idx).running
    }

    fn any_group(&self, test: &mut dyn FnMut(&str) -> bool) -> bool {
        let groups = &self.fleet.groups;
        let live =
            self.fleet.node(self.idx).groups.iter().copied().filter(|&group| groups.counts(group, self.idx).live > 0);
        live.chain(self.planned).any(|group| test(groups.name(group)))
    }
}
