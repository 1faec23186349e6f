//! A cluster core with perfect nodes around it, and checks after every step.

mod check;
mod node;
pub mod silence;
pub mod trace;

pub use node::{Behaviour, FakeNode};

use plimsoll_core::cluster::{ConnectionId, Decision};
use plimsoll_core::command::StrategyChoice;
use plimsoll_core::{ClusterConfig, ClusterCore, Command, CommandError, Effect, Input, Outbox, Output, RequestId};
use plimsoll_model::{
    Attribute, CircuitBreaker, ClusterKey, ClusterName, DeploymentConfiguration, Epoch, Family, Image, InstanceId,
    LaunchType, Namespace, PropagateTags, Resources, SchedulingStrategy, ServiceName, Tags, TaskDefinition,
    TaskDefinitionId, Timestamp, VersionInfo,
};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Rounds of messages before a test gives up waiting for quiet.
const ROUNDS_MAX: usize = 100_000;

pub struct World {
    pub core: ClusterCore,
    pub now: Timestamp,
    /// What a reader would see: the rows as of the last commit.
    pub committed: Image,
    pub nodes: BTreeMap<String, FakeNode>,
    pub definitions: BTreeMap<String, Arc<TaskDefinition>>,
    pub labels: trace::Labels,
    pub trace: Vec<String>,
    /// Compares the core with a freshly loaded one after every step; quadratic, so big tests turn it off.
    pub check_load: bool,
    /// What the core recorded.
    pub decisions: Vec<Decision>,
    next_request: u64,
    next_connection: u64,
}

pub fn config() -> ClusterConfig {
    let namespace = Namespace { account: "123456789012".into(), region: "eu-test-1".into() };
    ClusterConfig::new(ClusterKey { namespace, name: ClusterName::default_cluster() }, Epoch(1), 7)
}

impl World {
    pub fn new(config: ClusterConfig) -> Self {
        let now = Timestamp::from_millis(1_000_000);
        let mut out = Outbox::default();
        let core = ClusterCore::load(config, Image::default(), now, &mut out).unwrap();
        World {
            core,
            now,
            committed: Image::default(),
            nodes: BTreeMap::new(),
            definitions: BTreeMap::new(),
            labels: trace::Labels::default(),
            trace: Vec::new(),
            check_load: true,
            decisions: out.decisions,
            next_request: 0,
            next_connection: 0,
        }
    }

    /// Steps one batch as the shell does: inputs, reconcile, commit, effects.
    pub fn batch(&mut self, inputs: Vec<Input>) -> Outbox {
        let mut out = Outbox::default();
        for input in inputs {
            self.core.step(self.now, input, &mut out);
        }
        self.core.step(self.now, Input::Reconcile, &mut out);
        self.commit(&out);
        out
    }

    fn commit(&mut self, out: &Outbox) {
        let lines = trace::batch(&self.committed, &out.batch(), &mut self.labels);
        self.trace.extend(lines);
        self.decisions.extend(out.decisions.iter().cloned());
        self.committed.apply_all(&out.changes);
        assert_eq!(self.committed, *self.core.image(), "changes and image differ");
        check::image(&self.committed);
        if self.check_load {
            check::load(&self.core);
        }
        for effect in &out.effects {
            self.deliver(effect);
        }
    }

    fn deliver(&mut self, effect: &Effect) {
        match effect {
            Effect::Send { connection, message } => {
                let Some(node) = self.nodes.values_mut().find(|node| node.connection == Some(*connection)) else {
                    return;
                };
                if let Some(line) = trace::message(&node.name, message, &mut self.labels) {
                    self.trace.push(line);
                }
                node.receive(message);
            }
            Effect::Close { connection } => {
                if let Some(node) = self.nodes.values_mut().find(|node| node.connection == Some(*connection)) {
                    node.connection = None;
                    self.trace.push(format!("{}: connection closed", node.name));
                }
            }
        }
    }

    pub fn command(&mut self, command: Command) -> Result<Output, CommandError> {
        self.next_request += 1;
        let request = RequestId(self.next_request);
        let mut out = self.batch(vec![Input::Command { request, command }]);
        assert_eq!(out.replies.len(), 1, "every command has one reply");
        let reply = out.replies.remove(0);
        assert_eq!(reply.request, request);
        reply.result
    }

    pub fn add_node(&mut self, name: &str, resources: Resources, attributes: BTreeMap<Arc<str>, Attribute>) {
        self.nodes.insert(name.to_owned(), FakeNode::new(name, resources, attributes));
        self.connect(name);
    }

    pub fn connect(&mut self, name: &str) {
        self.next_connection += 1;
        let connection = ConnectionId(self.next_connection);
        let node = self.nodes.get_mut(name).unwrap_or_else(|| panic!("no node {name}"));
        node.connection = Some(connection);
        let message = node.hello();
        self.batch(vec![Input::Node { connection, message }]);
    }

    pub fn disconnect(&mut self, name: &str) {
        let node = self.nodes.get_mut(name).unwrap_or_else(|| panic!("no node {name}"));
        let connection = node.connection.take().expect("connected");
        node.outgoing.clear();
        self.batch(vec![Input::NodeDisconnected { connection }]);
    }

    /// Answers of all nodes in one batch, until nobody has anything to say and nothing is due.
    pub fn settle(&mut self) {
        for _ in 0..ROUNDS_MAX {
            let inputs: Vec<Input> = self.nodes.values_mut().flat_map(FakeNode::take_all).collect();
            if inputs.is_empty() && self.core.next_wakeup().is_none_or(|at| at > self.now) {
                return;
            }
            self.batch(inputs);
        }
        panic!("not quiet after {ROUNDS_MAX} rounds");
    }

    /// One answer of one node, chosen by `pick`; false when there is none.
    pub fn settle_one(&mut self, pick: usize) -> bool {
        let talking: Vec<String> =
            self.nodes.values().filter(|node| !node.outgoing.is_empty()).map(|node| node.name.clone()).collect();
        if talking.is_empty() {
            if self.core.next_wakeup().is_some_and(|at| at <= self.now) {
                self.batch(Vec::new());
                return true;
            }
            return false;
        }
        let node = self.nodes.get_mut(&talking[pick % talking.len()]).expect("listed above");
        let input = node.take_one().expect("it has something to say");
        self.batch(vec![input]);
        true
    }

    /// Lets time pass, stopping wherever the core wants to be woken.
    pub fn advance(&mut self, millis: u64) {
        let end = self.now.plus_millis(millis);
        self.settle();
        while let Some(at) = self.core.next_wakeup().filter(|at| *at <= end) {
            self.now = self.now.max(at);
            self.batch(Vec::new());
            self.settle();
        }
        self.now = end;
    }

    pub fn define(&mut self, name: &str, container: serde_json::Value) -> Arc<TaskDefinition> {
        let (family, revision) = name.split_once(':').expect("family:revision");
        let id = TaskDefinitionId { family: Family::parse(family).unwrap(), revision: revision.parse().unwrap() };
        let mut container = container;
        container["name"] = "app".into();
        container["image"] = "busybox".into();
        let document = serde_json::json!({ "family": family, "containerDefinitions": [container] });
        let definition = Arc::new(TaskDefinition::from_document(id, Arc::new(document)).unwrap());
        self.definitions.insert(name.to_owned(), Arc::clone(&definition));
        definition
    }

    pub fn definition(&self, name: &str) -> Arc<TaskDefinition> {
        Arc::clone(self.definitions.get(name).unwrap_or_else(|| panic!("no definition {name}")))
    }

    pub fn instance(&self, node: &str) -> InstanceId {
        self.nodes[node].instance.expect("registered")
    }
}

pub fn resources(cpu_units: u32, memory_mib: u32) -> Resources {
    Resources { cpu_units, memory_mib, ..Resources::default() }
}

pub fn create_service(
    name: &str,
    definition: impl Into<Option<Arc<TaskDefinition>>>,
    desired_count: u32,
) -> plimsoll_core::command::CreateService {
    plimsoll_core::command::CreateService {
        name: ServiceName::parse(name).unwrap(),
        definition: definition.into(),
        desired_count,
        launch_type: LaunchType::Ec2,
        capacity_provider_strategy: StrategyChoice::ClusterDefault,
        scheduling_strategy: SchedulingStrategy::Replica,
        deployment_configuration: DeploymentConfiguration {
            maximum_percent: 200,
            minimum_healthy_percent: 100,
            circuit_breaker: CircuitBreaker::off(),
        },
        placement_constraints: Vec::new(),
        placement_strategy: Vec::new(),
        health_check_grace_period_seconds: 0,
        availability_zone_rebalancing: false,
        propagate_tags: PropagateTags::None,
        enable_ecs_managed_tags: false,
        enable_execute_command: false,
        created_by: "tester".into(),
        tags: Tags::new(),
        echo: serde_json::Map::new(),
        client_token: None,
    }
}

pub fn update_service(name: &str) -> plimsoll_core::command::UpdateService {
    plimsoll_core::command::UpdateService::unchanged(ServiceName::parse(name).unwrap())
}

pub fn launch() -> plimsoll_core::command::TaskLaunch {
    plimsoll_core::command::TaskLaunch {
        launch_type: LaunchType::Ec2,
        group: None,
        started_by: None,
        overrides: None,
        enable_execute_command: false,
        tags: Tags::new(),
    }
}

pub fn version_info() -> VersionInfo {
    VersionInfo { agent_version: Some("1.0.0".into()), ..VersionInfo::default() }
}
