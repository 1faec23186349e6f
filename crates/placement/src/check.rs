//! One instance against one request: the checks of RUN-10 in their order.

use crate::hot::Kind;
use crate::mutant;
use crate::node::Node;
use crate::query::Facts;
use crate::room::Room;
use crate::words::Word;
use crate::{Demand, Fleet, GroupIdx, InstanceIdx, Reason, Request};
use plimsoll_model::{PortClaim, Reserved, Timestamp};
use std::cell::OnceCell;

/// Ports an instance may have in use, the agent's own included, TCP and UDP together (RES-6).
const PORTS_PER_INSTANCE_MAX: usize = 100;

/// A request with its attribute names looked up, once for all instances.
pub(crate) struct Question<'a> {
    pub request: &'a Request<'a>,
    pub kind: Kind,
    /// Absent when no instance at all has one of them. Looked up when an instance is asked for the first time.
    required: OnceCell<Option<Vec<Word>>>,
    /// The attributes that the strategies spread over, one after the other, as far as an instance has them.
    pub spread_over: OnceCell<Vec<Option<Word>>>,
}

impl Question<'_> {
    /// The amounts one task needs.
    pub fn need(&self) -> Room {
        self.request.demand.room()
    }
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
            required: OnceCell::new(),
            spread_over: OnceCell::new(),
        }
    }

    /// The first check that fails for one more task, when the request's plan already puts `planned` there.
    pub(crate) fn refusal(&self, idx: InstanceIdx, question: &Question<'_>, planned: u32) -> Option<Reason> {
        let request = question.request;
        if !mutant!(PlacesOnDisconnected => true, self.hot(idx).is_reachable()) {
            return Some(Reason::Agent);
        }
        if !self.has_required(idx, question) {
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
        self.is_occupied(idx, request, planned).then_some(Reason::DistinctInstance)
    }

    /// The checks that only another specification of the instance can change.
    pub(crate) fn suits_request(&self, idx: InstanceIdx, question: &Question<'_>) -> bool {
        let (hot, facts) = (self.hot(idx), self.facts(idx, None));
        let mut lasting = question.request.member_of.iter().filter(|expression| !expression.looks_at_tasks());
        hot.active
            && mutant!(PlacesOnDisconnected => true, hot.is_reachable())
            && hot.is(question.kind)
            && self.has_required(idx, question)
            && mutant!(MemberOfIsIgnored => true, lasting.all(|expression| expression.holds(&facts)))
    }

    /// The checks that tasks can change, but for those of amounts and distinctInstance, when the plan already puts
    /// `planned` there.
    pub(crate) fn takes_besides_amounts(&self, idx: InstanceIdx, question: &Question<'_>, planned: u32) -> bool {
        let request = question.request;
        let facts = self.facts(idx, (planned > 0).then_some(request.group));
        let mut passing = request.member_of.iter().filter(|expression| expression.looks_at_tasks());
        self.has_ports(idx, request, planned)
            && mutant!(MemberOfIsIgnored => true, passing.all(|expression| expression.holds(&facts)))
    }

    fn has_required(&self, idx: InstanceIdx, question: &Question<'_>) -> bool {
        let look_up = || question.request.required_attributes.iter().map(|name| self.word(name)).collect();
        let names = question.required.get_or_init(look_up);
        names.as_ref().is_some_and(|names| names.iter().all(|&name| self.attribute(idx, name).is_some()))
    }

    /// Whether a task of the group is in the way of one that wants an instance without.
    pub(crate) fn is_occupied(&self, idx: InstanceIdx, request: &Request<'_>, planned: u32) -> bool {
        let held = || {
            let on = self.groups.counts(request.group, idx);
            mutant!(DistinctForgetsStopping => on.live, on.held) > 0
        };
        request.distinct_instance && (planned > 0 || held())
    }

    pub(crate) fn is_port_taken(&self, idx: InstanceIdx, port: &PortClaim, kept_for_others: bool) -> bool {
        is_port_taken(self.node(idx), port, kept_for_others)
    }

    pub(crate) fn has_ports(&self, idx: InstanceIdx, request: &Request<'_>, planned: u32) -> bool {
        let demand = request.demand;
        let fit = || mutant!(PortsAreShared => true, ports_fit(self.node(idx), demand, !request.takes_kept_room));
        demand.ports.is_empty() || (planned == 0 && fit())
    }

    /// What the task holds there, when the plan already puts `planned` of its kind there. GPUs go in order of name.
    pub(crate) fn reserve(&self, idx: InstanceIdx, demand: &Demand, planned: u32) -> Reserved {
        let (gpus, taken) = (demand.gpus as usize, (demand.gpus * planned) as usize);
        // The names are far from what a plan reads otherwise.
        let names = || self.node(idx).gpus_free.iter().skip(taken).take(gpus).cloned().collect();
        Reserved {
            cpu_units: demand.cpu_units,
            memory_mib: demand.memory_mib,
            ports: demand.ports.clone(),
            gpus: if gpus > 0 { names() } else { Vec::new() },
        }
    }

    /// The instance as the query language sees it, with a live task of `planned` counted in.
    pub(crate) fn facts(&self, idx: InstanceIdx, planned: Option<GroupIdx>) -> NodeFacts<'_> {
        NodeFacts { fleet: self, idx, planned }
    }

    fn lacks_resources(&self, idx: InstanceIdx, request: &Request<'_>, planned: u32) -> Option<Reason> {
        let (demand, room) = (request.demand, self.hot(idx).room(request.takes_kept_room));
        let fits = |need: u32, free: u32| u64::from(need) * (u64::from(planned) + 1) <= u64::from(free);
        if !fits(demand.cpu_units, room.cpu) {
            return Some(Reason::Cpu);
        }
        if !fits(demand.memory_mib, room.memory) {
            return Some(Reason::Memory);
        }
        if !self.has_ports(idx, request, planned) {
            return Some(Reason::Ports);
        }
        (!fits(demand.gpus, room.gpus)).then_some(Reason::Gpu)
    }
}

fn is_port_taken(node: &Node, port: &PortClaim, kept_for_others: bool) -> bool {
    let is_kept = kept_for_others && node.kept.ports.contains(port);
    is_kept || node.resources.reserved_ports.contains(port) || node.ports_held.contains(port)
}

fn ports_fit(node: &Node, demand: &Demand, kept_for_others: bool) -> bool {
    let agents_own = &node.resources.reserved_ports;
    let is_kept = |port: &PortClaim| kept_for_others && node.kept.ports.contains(port);
    let is_taken = |port: &PortClaim| is_port_taken(node, port, kept_for_others);
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
        let live = groups.on(self.idx).filter(|(_, counts)| counts.live > 0).map(|(group, _)| group);
        live.chain(self.planned).any(|group| test(groups.name(group)))
    }
}
