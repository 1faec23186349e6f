//! Virtual nodes: containers that only exist as entries of one queue of future events, shared by the whole fleet.
//!
//! What befalls a container depends on the seed, its node and how many containers that node started before it, never
//! on the order in which nodes happened to be served.

use super::{Adopted, CANNOT_START, ContainerRuntime, EventSink};
use crate::Error;
use crate::settings::{Latency, SimulatedSettings};
use async_trait::async_trait;
use plimsoll_core::node::{ContainerRef, LaunchSpec, Run, RuntimeEvent};
use plimsoll_model::{HealthStatus, InstanceId, NetworkBinding, NetworkMode, TaskId};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::Instant;

/// Where dynamic host ports begin, as on Linux (TD-33).
const DYNAMIC_PORT_FIRST: u16 = 32_768;

/// Random words set aside for each container's fate: more than are ever drawn.
const WORDS_PER_CONTAINER: u128 = 64;

enum Request {
    Start(ContainerRef, Run, Arc<LaunchSpec>),
    Stop(ContainerRef, Duration),
    Remove(TaskId),
}

/// Hands out the runtimes of its nodes. The loop behind it ends with the last of them.
pub struct SimulatedFleet {
    /// Unbounded for the reason given at [`EventSink`].
    requests: mpsc::UnboundedSender<(u32, Request)>,
}

impl SimulatedFleet {
    /// `events_of`: where the events of a node go.
    pub fn start(settings: &SimulatedSettings, events_of: impl Fn(u32) -> EventSink) -> Self {
        let (requests, receiver) = mpsc::unbounded_channel();
        let nodes = (0..settings.nodes.get()).map(|node| VirtualNode::new(events_of(node)));
        let world = World { settings: settings.clone(), nodes: nodes.collect(), future: BTreeMap::new(), planned: 0 };
        tokio::spawn(world.run(receiver));
        SimulatedFleet { requests }
    }

    pub fn node(&self, node: u32) -> SimulatedRuntime {
        SimulatedRuntime { node, requests: self.requests.clone() }
    }
}

/// One node of a fleet.
pub struct SimulatedRuntime {
    node: u32,
    requests: mpsc::UnboundedSender<(u32, Request)>,
}

impl SimulatedRuntime {
    fn request(&self, request: Request) {
        self.requests.send((self.node, request)).ok();
    }
}

#[async_trait]
impl ContainerRuntime for SimulatedRuntime {
    fn identify(&self, _instance: InstanceId) {}

    /// Virtual containers end with the process.
    async fn adopt(&self) -> Result<Adopted, Error> {
        Ok(Adopted::default())
    }

    fn watch(&self) {}

    fn start(&self, container: ContainerRef, run: Run, spec: Arc<LaunchSpec>) {
        self.request(Request::Start(container, run, spec));
    }

    fn stop(&self, container: ContainerRef, grace: Duration) {
        self.request(Request::Stop(container, grace));
    }

    fn remove(&self, task: TaskId) {
        self.request(Request::Remove(task));
    }

    async fn stop_all(&self, _grace: Duration) {}
}

/// The time, then the order of planning: events of one instant happen in the order they were planned.
type Moment = (Instant, u64);

enum Happening {
    /// And how long it will run, if not for ever.
    Starts(Arc<LaunchSpec>, Option<Duration>),
    FailsToStart,
    Exits,
}

struct VirtualNode {
    events: EventSink,
    /// What is alive, and what is planned for it.
    containers: BTreeMap<ContainerRef, Option<Moment>>,
    /// Of those that were started again.
    runs: BTreeMap<ContainerRef, Run>,
    started: u64,
    next_port: u16,
}

impl VirtualNode {
    fn new(events: EventSink) -> Self {
        VirtualNode {
            events,
            containers: BTreeMap::new(),
            runs: BTreeMap::new(),
            started: 0,
            next_port: DYNAMIC_PORT_FIRST,
        }
    }

    fn run(&self, container: ContainerRef) -> Run {
        self.runs.get(&container).copied().unwrap_or_default()
    }

    fn bindings(&mut self, spec: &LaunchSpec, index: usize) -> Vec<NetworkBinding> {
        let Some(container) = spec.definition.containers.get(index) else { return Vec::new() };
        let mut bindings = Vec::new();
        for mapping in &container.port_mappings {
            let Some(container_port) = mapping.container_port else { continue };
            let host_port = match (spec.definition.network_mode, mapping.host_port) {
                (NetworkMode::Bridge, 0) => self.dynamic_port(),
                (NetworkMode::Bridge, fixed) => fixed,
                (NetworkMode::Host | NetworkMode::Awsvpc | NetworkMode::None, _) => container_port,
            };
            let bind_ip = "0.0.0.0".into();
            bindings.push(NetworkBinding { bind_ip, container_port, host_port, protocol: mapping.protocol });
        }
        bindings
    }

    fn dynamic_port(&mut self) -> u16 {
        let port = self.next_port;
        self.next_port = port.checked_add(1).unwrap_or(DYNAMIC_PORT_FIRST);
        port
    }
}

struct World {
    settings: SimulatedSettings,
    nodes: Vec<VirtualNode>,
    future: BTreeMap<Moment, (u32, ContainerRef, Happening)>,
    planned: u64,
}

impl World {
    async fn run(mut self, mut requests: mpsc::UnboundedReceiver<(u32, Request)>) {
        loop {
            let next = self.future.first_key_value().map(|(moment, _)| moment.0);
            let request = match next {
                Some(at) => tokio::time::timeout_at(at, requests.recv()).await,
                None => Ok(requests.recv().await),
            };
            match request {
                Ok(Some((node, request))) => self.serve(node, request),
                Ok(None) => return,
                Err(_due) => {}
            }
            let now = Instant::now();
            while let Some(entry) = self.future.first_entry().filter(|entry| entry.key().0 <= now) {
                let (node, container, happening) = entry.remove();
                self.happen(node, container, happening);
            }
        }
    }

    fn serve(&mut self, number: u32, request: Request) {
        match request {
            Request::Start(container, run, spec) => self.start(number, container, run, spec),
            Request::Stop(container, grace) => self.stop(number, container, grace),
            Request::Remove(task) => {
                for container in self.alive_of(number, task) {
                    self.forget(number, container);
                }
                self.nodes[number as usize].runs.retain(|container, _| container.task != task);
                self.nodes[number as usize].events.emit(RuntimeEvent::Removed { task });
            }
        }
    }

    fn start(&mut self, number: u32, container: ContainerRef, run: Run, spec: Arc<LaunchSpec>) {
        let node = &mut self.nodes[number as usize];
        if node.containers.contains_key(&container) {
            return;
        }
        if run > 0 {
            node.runs.insert(container, run);
        }
        let mut fate = ChaCha8Rng::seed_from_u64(self.settings.seed);
        fate.set_stream(number.into());
        fate.set_word_pos(u128::from(node.started) * WORDS_PER_CONTAINER);
        node.started += 1;
        let latency = sample(&self.settings.start_latency, &mut fate);
        let fails = fate.random_range(0..1000) < self.settings.start_failures_permille;
        let run_time = self.settings.run_time.as_ref().map(|run_time| sample(run_time, &mut fate));
        let happening = if fails { Happening::FailsToStart } else { Happening::Starts(spec, run_time) };
        self.plan(number, container, latency, happening);
    }

    /// Virtual containers obey SIGTERM at once, if they are given the time to.
    fn stop(&mut self, number: u32, container: ContainerRef, grace: Duration) {
        let signal = if grace.is_zero() { 9 } else { 15 };
        let had_started = self.forget(number, container);
        let exit_code = had_started.then_some(128 + signal);
        let node = &self.nodes[number as usize];
        node.events.exited(container, node.run(container), exit_code, None);
    }

    fn happen(&mut self, number: u32, container: ContainerRef, happening: Happening) {
        let node = &mut self.nodes[number as usize];
        match happening {
            Happening::Starts(spec, run_time) => {
                let bindings = node.bindings(&spec, container.index);
                let runtime_id = format!("simulated-{}-{}", container.task, container.index).into();
                let run = node.run(container);
                node.events.emit(RuntimeEvent::Started { container, run, runtime_id, bindings, image_digest: None });
                if let Some(health) = health(&spec, container) {
                    node.events.health(container, health);
                }
                node.containers.insert(container, None);
                if let Some(run_time) = run_time {
                    self.plan(number, container, run_time, Happening::Exits);
                }
            }
            Happening::FailsToStart => {
                node.containers.remove(&container);
                node.events.failed(container, CANNOT_START, "simulated failure");
            }
            Happening::Exits => {
                node.containers.remove(&container);
                node.events.exited(container, node.run(container), Some(0), None);
            }
        }
    }

    fn plan(&mut self, number: u32, container: ContainerRef, after: Duration, happening: Happening) {
        let moment = (Instant::now() + after, self.planned);
        self.planned += 1;
        self.future.insert(moment, (number, container, happening));
        self.nodes[number as usize].containers.insert(container, Some(moment));
    }

    /// Whether it had started: what is stopped on its way there has no exit code, and its task never ran (TL-9).
    fn forget(&mut self, number: u32, container: ContainerRef) -> bool {
        match self.nodes[number as usize].containers.remove(&container) {
            None => false,
            Some(None) => true,
            Some(Some(moment)) => matches!(self.future.remove(&moment), Some((_, _, Happening::Exits))),
        }
    }

    fn alive_of(&self, number: u32, task: TaskId) -> Vec<ContainerRef> {
        let first = ContainerRef { task, index: 0 };
        let last = ContainerRef { task, index: usize::MAX };
        self.nodes[number as usize].containers.range(first..=last).map(|(container, _)| *container).collect()
    }
}

/// What its check would say: healthy, unless the image is called `unhealthy`. `None`: it has no check.
fn health(spec: &LaunchSpec, container: ContainerRef) -> Option<HealthStatus> {
    let own = spec.definition.containers.get(container.index)?;
    own.health_check.as_ref()?;
    let name = own.image.rsplit('/').next().and_then(|name| name.split([':', '@']).next());
    Some(if name == Some("unhealthy") { HealthStatus::Unhealthy } else { HealthStatus::Healthy })
}

fn sample(latency: &Latency, rng: &mut ChaCha8Rng) -> Duration {
    let millis = if latency.is_empty() { *latency.start() } else { rng.random_range(latency.clone()) };
    Duration::from_millis(millis)
}
