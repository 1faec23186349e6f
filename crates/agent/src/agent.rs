//! Starts the parts of an agent in order and ends them in order.

use crate::Error;
use crate::clock::Clock;
use crate::driver::{Driver, Inputs, Node};
use crate::identity::Identities;
use crate::link::Link;
use crate::registration::{self, Offer};
use crate::runtime::docker::DockerRuntime;
use crate::runtime::process::ProcessRuntime;
use crate::runtime::simulated::SimulatedFleet;
use crate::runtime::{Adopted, ContainerRuntime, EventSink, RuntimeKind};
use crate::settings::{AgentSettings, RuntimeChoice, SimulatedSettings, TimingSettings};
use plimsoll_core::command::RegisterContainerInstance;
use plimsoll_core::node::{Identity, NodeConfig, NodeCore, RuntimeEvent};
use plimsoll_model::{ClusterName, InstanceId};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Between SIGTERM and SIGKILL when an agent takes its tasks with it.
const SHUTDOWN_GRACE: Duration = Duration::from_secs(5);
/// An engine that does not answer must not keep a person at Ctrl-C for ever.
const SHUTDOWN_DEADLINE: Duration = Duration::from_secs(20);

pub struct Agent;

/// What the agent has reached. Changes can be awaited through [`RunningAgent::status`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AgentStatus {
    /// A stream to the control plane is up.
    pub connected: bool,
    /// Nodes that have an instance id.
    pub registered: usize,
    pub nodes: usize,
    pub runtime: RuntimeKind,
    /// Of the first node.
    pub instance: Option<InstanceId>,
    /// The last refusal of a node, which only a person can resolve.
    pub refused: Option<Arc<str>>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Shutdown {
    /// Containers go on; the next agent of this data directory adopts them.
    LeaveTasks,
    /// Every container of the node is stopped and removed. The control plane is not told: it sees the inventory of
    /// the next agent.
    StopTasks,
}

pub struct RunningAgent {
    stop: CancellationToken,
    loops: Vec<JoinHandle<()>>,
    runtimes: Vec<Arc<dyn ContainerRuntime>>,
    status: watch::Receiver<AgentStatus>,
}

impl Agent {
    /// Returns as soon as the runtime is there and earlier containers are adopted; connecting goes on behind it.
    pub async fn start(settings: AgentSettings) -> Result<RunningAgent, Error> {
        ClusterName::parse(&settings.cluster.name)
            .map_err(|_| Error::ClusterName { name: settings.cluster.name.clone() })?;
        let (link, link_events) =
            Link::new(&settings.servers, settings.reconnect.clone(), settings.credentials.clone())?;
        let nodes = match &settings.runtime {
            RuntimeChoice::Simulated(simulated) => simulated.nodes.get() as usize,
            RuntimeChoice::Auto | RuntimeChoice::Docker | RuntimeChoice::Process => 1,
        };
        let identities = Identities::open(settings.data_dir.as_deref(), &settings.cluster, nodes)?;
        let (events, runtime_events) = mpsc::unbounded_channel();
        let stop = CancellationToken::new();
        // Until everything runs: what was begun ends with a start that fails.
        let guard = stop.clone().drop_guard();
        let parts = Parts::assemble(&settings, identities, &events, &stop).await?;
        let status = AgentStatus {
            connected: false,
            registered: parts.identities.registered(nodes),
            nodes,
            runtime: parts.kind,
            instance: parts.identities.get(0).instance,
            refused: None,
        };
        let (status_sender, status) = watch::channel(status);
        let runtimes = parts.runtimes;
        let inputs = Inputs { runtime: runtime_events, link: link_events, stop: stop.clone() };
        let driver = Driver::new(Clock::start(), settings.cluster, parts.nodes, parts.identities, status_sender)?;
        let loops = vec![tokio::spawn(driver.run(inputs)), tokio::spawn(link.run(stop.clone()))];
        Ok(RunningAgent { stop: guard.disarm(), loops, runtimes, status })
    }
}

impl RunningAgent {
    /// Closed when the agent has ended, be it by a bug.
    pub fn status(&self) -> watch::Receiver<AgentStatus> {
        self.status.clone()
    }

    pub async fn shutdown(self, how: Shutdown) {
        // The driver first: it would report the exits to come, and the scheduler would replace them here.
        self.stop.cancel();
        for handle in self.loops {
            if let Err(error) = handle.await {
                tracing::error!(%error, "a loop of the agent did not end by itself");
            }
        }
        match how {
            Shutdown::LeaveTasks => {}
            Shutdown::StopTasks => {
                let all = self.runtimes.iter().map(|runtime| runtime.stop_all(SHUTDOWN_GRACE));
                let all = futures_util::future::join_all(all);
                if tokio::time::timeout(SHUTDOWN_DEADLINE, all).await.is_err() {
                    tracing::error!(after = ?SHUTDOWN_DEADLINE, "containers are left: the runtime did not stop them");
                }
            }
        }
    }
}

/// What a start has to put together before anything runs.
struct Parts {
    kind: RuntimeKind,
    nodes: Vec<Node>,
    runtimes: Vec<Arc<dyn ContainerRuntime>>,
    identities: Identities,
}

type Events = mpsc::UnboundedSender<(u32, RuntimeEvent)>;

impl Parts {
    async fn assemble(
        settings: &AgentSettings,
        mut identities: Identities,
        events: &Events,
        stop: &CancellationToken,
    ) -> Result<Self, Error> {
        if let RuntimeChoice::Simulated(simulated) = &settings.runtime {
            return Ok(Parts::simulated(settings, simulated, identities, events));
        }
        let (runtime, offer) = real_runtime(settings, events, stop).await?;
        let registration = registration::of_machine(settings, &offer)?;
        let remembered = identities.get(0);
        if let Some(instance) = remembered.instance {
            runtime.identify(instance);
        }
        let Adopted { containers, healths, instance } = runtime.adopt().await?;
        if remembered.instance.is_none()
            && let Some(instance) = instance
        {
            tracing::info!(%instance, "identity restored from the containers found");
            runtime.identify(instance);
            identities.set(0, Identity { instance: Some(instance), ..remembered });
        }
        if !containers.is_empty() {
            tracing::info!(containers = containers.len(), "containers of an earlier agent adopted");
        }
        let sink = EventSink::new(0, events.clone());
        sink.emit(RuntimeEvent::Adopted(containers));
        for (container, health) in healths {
            sink.health(container, health);
        }
        runtime.watch();
        let core = NodeCore::new(node_config(registration, &settings.timing), identities.get(0));
        let nodes = vec![Node::new(core, Arc::clone(&runtime))];
        Ok(Parts { kind: offer.kind, nodes, runtimes: vec![runtime], identities })
    }

    fn simulated(
        settings: &AgentSettings,
        simulated: &SimulatedSettings,
        identities: Identities,
        events: &Events,
    ) -> Self {
        let fleet = SimulatedFleet::start(simulated, |node| EventSink::new(node, events.clone()));
        let capabilities = registration::everything_local();
        let offer = Offer { kind: RuntimeKind::Simulated, capabilities, engine_version: None };
        let mut nodes = Vec::new();
        let mut runtimes: Vec<Arc<dyn ContainerRuntime>> = Vec::new();
        for node in 0..simulated.nodes.get() {
            let runtime: Arc<dyn ContainerRuntime> = Arc::new(fleet.node(node));
            let registration = registration::of_simulated(settings, simulated, &offer, node);
            let core = NodeCore::new(node_config(registration, &settings.timing), identities.get(node as usize));
            EventSink::new(node, events.clone()).emit(RuntimeEvent::Adopted(Vec::new()));
            nodes.push(Node::new(core, Arc::clone(&runtime)));
            runtimes.push(runtime);
        }
        Parts { kind: RuntimeKind::Simulated, nodes, runtimes, identities }
    }
}

fn node_config(registration: RegisterContainerInstance, timing: &TimingSettings) -> NodeConfig {
    let millis = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    NodeConfig {
        registration,
        heartbeat_ms: millis(timing.heartbeat),
        retention_ms: millis(timing.retention),
        start_timeout_ms: millis(timing.start_timeout),
        stop_timeout_ms: millis(timing.stop_timeout),
    }
}

async fn real_runtime(
    settings: &AgentSettings,
    events: &Events,
    stop: &CancellationToken,
) -> Result<(Arc<dyn ContainerRuntime>, Offer), Error> {
    match settings.runtime {
        RuntimeChoice::Docker => docker(settings, events, stop).await,
        RuntimeChoice::Process => process(settings, events, stop),
        RuntimeChoice::Auto => match docker(settings, events, stop).await {
            Ok(docker) => Ok(docker),
            Err(error @ (Error::EngineUnreachable { .. } | Error::EngineSlow { .. } | Error::Engine { .. })) => {
                tracing::info!(%error, "containers will be plain processes");
                process(settings, events, stop)
            }
            Err(error) => Err(error),
        },
        RuntimeChoice::Simulated(_) => unreachable!("simulated fleets are assembled without a real runtime"),
    }
}

async fn docker(
    settings: &AgentSettings,
    events: &Events,
    stop: &CancellationToken,
) -> Result<(Arc<dyn ContainerRuntime>, Offer), Error> {
    let data_dir = data_dir(settings, RuntimeKind::Docker)?;
    let sink = EventSink::new(0, events.clone());
    let runtime =
        DockerRuntime::connect(settings.engine.clone(), &settings.cluster.name, data_dir, sink, stop.clone()).await?;
    let offer = runtime.offer();
    Ok((Arc::new(runtime), offer))
}

fn process(
    settings: &AgentSettings,
    events: &Events,
    stop: &CancellationToken,
) -> Result<(Arc<dyn ContainerRuntime>, Offer), Error> {
    let data_dir = data_dir(settings, RuntimeKind::Process)?;
    let sink = EventSink::new(0, events.clone());
    let runtime = ProcessRuntime::open(data_dir, settings.shim_command.clone(), sink, stop.clone())?;
    let offer = runtime.offer();
    Ok((Arc::new(runtime), offer))
}

fn data_dir(settings: &AgentSettings, kind: RuntimeKind) -> Result<&Path, Error> {
    settings.data_dir.as_deref().ok_or(Error::NoDataDir { runtime: kind.as_str() })
}
