//! A place to try a runtime: it can be left by one agent and entered by the next.

// Each test file uses a part of this, and a bench that cannot be set up is a failed test.
#![allow(dead_code, clippy::unwrap_used)]

pub mod engine;
pub mod proxy;

use async_trait::async_trait;
use plimsoll_agent::runtime::docker::DockerRuntime;
use plimsoll_agent::runtime::process::ProcessRuntime;
use plimsoll_agent::runtime::simulated::SimulatedFleet;
use plimsoll_agent::runtime::{Adopted, ContainerRuntime, EventSink};
use plimsoll_agent::{EngineSettings, SimulatedSettings};
use plimsoll_core::node::{ContainerRef, LaunchSpec, RuntimeEvent};
use plimsoll_model::{Family, HealthStatus, InstanceId, TaskDefinition, TaskDefinitionId, TaskId};
use serde_json::{Value, json};
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Once};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// Far above what anything here takes, so that only what hangs fails by it.
const PATIENCE: Duration = Duration::from_secs(60);

/// Which runtime, and what it keeps between agents.
#[async_trait]
pub trait Bench: Send {
    /// Whose containers they are: of no other bench, for they share engines.
    fn instance(&self) -> InstanceId;

    async fn open(&self, events: EventSink, stop: CancellationToken) -> Arc<dyn ContainerRuntime>;

    /// A directory of this machine that the scripts know as `$SHARED`.
    fn shared(&self) -> PathBuf;

    /// Whether containers have a file system of their own.
    fn is_docker(&self) -> bool {
        false
    }

    /// A definition with one container for each shell script.
    fn document(&self, scripts: &[&str]) -> Value;

    /// How the first container of the definition says that it does not exist.
    fn broken(&self) -> (Value, &'static str);
}

pub struct Process {
    data_dir: tempfile::TempDir,
    instance: InstanceId,
}

impl Process {
    pub fn new() -> Self {
        Process { data_dir: tempfile::tempdir().unwrap(), instance: InstanceId::from_u128(random_id()) }
    }
}

impl Process {
    /// Where the containers' files are.
    pub fn root(&self) -> PathBuf {
        self.data_dir.path().join("tasks")
    }
}

#[async_trait]
impl Bench for Process {
    fn instance(&self) -> InstanceId {
        self.instance
    }

    async fn open(&self, events: EventSink, stop: CancellationToken) -> Arc<dyn ContainerRuntime> {
        let shim = vec![env!("CARGO_BIN_EXE_plimsoll-test-shim").into()];
        Arc::new(ProcessRuntime::open(self.data_dir.path(), shim, events, stop).unwrap())
    }

    fn shared(&self) -> PathBuf {
        self.data_dir.path().to_owned()
    }

    fn document(&self, scripts: &[&str]) -> Value {
        definition(scripts, "none", &self.shared())
    }

    fn broken(&self) -> (Value, &'static str) {
        let mut document = self.document(&["true"]);
        document["containerDefinitions"][0]["entryPoint"] = json!(["/nonexistent/program"]);
        (document, "CannotStartContainerError: ")
    }
}

/// A fleet of one. Its containers run no scripts.
pub struct Simulated {
    pub settings: SimulatedSettings,
}

impl Simulated {
    pub fn new() -> Self {
        Simulated {
            settings: SimulatedSettings {
                nodes: NonZeroU32::MIN,
                cpu_units: 1024,
                memory_mib: 1024,
                zones: NonZeroU32::MIN,
                start_latency: 0..=5,
                start_failures_permille: 0,
                run_time: None,
                seed: 1,
            },
        }
    }
}

#[async_trait]
impl Bench for Simulated {
    fn instance(&self) -> InstanceId {
        InstanceId::from_u128(1)
    }

    async fn open(&self, events: EventSink, _stop: CancellationToken) -> Arc<dyn ContainerRuntime> {
        Arc::new(SimulatedFleet::start(&self.settings, |_| events.clone()).node(0))
    }

    fn shared(&self) -> PathBuf {
        PathBuf::new()
    }

    fn document(&self, scripts: &[&str]) -> Value {
        definition(scripts, "none", Path::new("/"))
    }

    fn broken(&self) -> (Value, &'static str) {
        (self.document(&["false"]), "CannotStartContainerError: ")
    }
}

/// An engine that was asked for by name: it has to answer.
pub struct Docker {
    host: String,
    pub settings: EngineSettings,
    data_dir: tempfile::TempDir,
    instance: InstanceId,
}

const IMAGE: &str = "plimsoll-test/busybox:1";

impl Docker {
    pub fn host(&self) -> &str {
        &self.host
    }

    /// One that has the image.
    pub fn at(host: String) -> Self {
        let data_dir = tempfile::tempdir().unwrap();
        let settings = EngineSettings::documented();
        Docker { host, settings, data_dir, instance: InstanceId::from_u128(random_id()) }
    }

    /// `None` when no engine is named.
    pub fn asked_for() -> Option<Self> {
        match std::env::var("PLIMSOLL_TEST_DOCKER") {
            Ok(host) => {
                provide_image(&host);
                Some(Docker::at(host))
            }
            Err(_) => {
                println!("PLIMSOLL_TEST_DOCKER is not set: Docker was not asked for");
                None
            }
        }
    }
}

#[async_trait]
impl Bench for Docker {
    fn instance(&self) -> InstanceId {
        self.instance
    }

    async fn open(&self, events: EventSink, stop: CancellationToken) -> Arc<dyn ContainerRuntime> {
        let mut settings = self.settings.clone();
        settings.host = Some(self.host.clone());
        let runtime = DockerRuntime::connect(settings, "conformance", self.data_dir.path(), events, stop).await;
        Arc::new(runtime.expect("the engine of PLIMSOLL_TEST_DOCKER answers"))
    }

    fn is_docker(&self) -> bool {
        true
    }

    fn shared(&self) -> PathBuf {
        self.data_dir.path().to_owned()
    }

    fn document(&self, scripts: &[&str]) -> Value {
        let mut document = definition(scripts, IMAGE, Path::new("/shared"));
        document["volumes"] = json!([{"name": "shared", "host": {"sourcePath": self.shared()}}]);
        for container in document["containerDefinitions"].as_array_mut().unwrap() {
            container["mountPoints"] = json!([{"sourceVolume": "shared", "containerPath": "/shared"}]);
        }
        document
    }

    fn broken(&self) -> (Value, &'static str) {
        let mut document = self.document(&["true"]);
        document["containerDefinitions"][0]["image"] = json!("localhost:1/plimsoll-test/missing:1");
        (document, "CannotPullContainerError: ")
    }
}

/// A static busybox and nothing else, imported: no registry is needed.
fn provide_image(host: &str) {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| import_image(host));
}

pub fn import_image(host: &str) {
    let script = format!(
        r#"docker --host {host} image inspect {IMAGE} >/dev/null 2>&1 && exit 0
            root=$(mktemp -d) && mkdir $root/bin && cp "$(command -v busybox)" $root/bin/busybox &&
            for name in sh sleep touch true; do ln -s busybox $root/bin/$name || exit 1; done &&
            tar -C $root -c . | docker --host {host} import - {IMAGE}; status=$?; rm -r $root; exit $status"#
    );
    let output = Command::new("sh").arg("-c").arg(script).output().unwrap();
    assert!(output.status.success(), "no test image: {}", String::from_utf8_lossy(&output.stderr));
}

fn definition(scripts: &[&str], image: &str, shared: &Path) -> Value {
    let containers = scripts.iter().enumerate().map(|(index, script)| {
        json!({
            "name": format!("c{index}"), "image": image, "memory": 64,
            "entryPoint": ["/bin/sh", "-c"], "command": [script],
            "environment": [{"name": "SHARED", "value": shared}],
        })
    });
    json!({"family": "bench", "networkMode": "host", "containerDefinitions": containers.collect::<Vec<_>>()})
}

/// One agent's view of the bench.
pub struct Agent {
    pub runtime: Arc<dyn ContainerRuntime>,
    pub found: Adopted,
    events: mpsc::UnboundedReceiver<(u32, RuntimeEvent)>,
    stop: CancellationToken,
}

impl Agent {
    pub async fn on(bench: &dyn Bench) -> Self {
        let (sender, events) = mpsc::unbounded_channel();
        let stop = CancellationToken::new();
        let runtime = bench.open(EventSink::new(0, sender), stop.clone()).await;
        runtime.identify(bench.instance());
        let found = runtime.adopt().await.unwrap();
        runtime.watch();
        Agent { runtime, found, events, stop }
    }

    /// Ends as if it were killed: nothing is told to any container.
    pub fn die(self) {
        self.stop.cancel();
    }

    /// The next event that is not about pulling.
    pub async fn event(&mut self) -> RuntimeEvent {
        loop {
            let event = tokio::time::timeout(PATIENCE, self.events.recv()).await;
            let (_, event) = event.expect("an event in time").expect("the runtime lives");
            if !matches!(event, RuntimeEvent::PullStarted(_) | RuntimeEvent::PullStopped(_)) {
                return event;
            }
        }
    }

    pub async fn started(&mut self) -> ContainerRef {
        match self.event().await {
            RuntimeEvent::Started { container, .. } => container,
            other => panic!("{other:?} instead of a start"),
        }
    }

    pub async fn exited(&mut self, container: ContainerRef) -> (Option<i32>, Option<Arc<str>>) {
        match self.event().await {
            RuntimeEvent::Exited { container: exited, exit_code, reason, .. } if exited == container => {
                (exit_code, reason)
            }
            other => panic!("{other:?} instead of the exit of {container:?}"),
        }
    }

    pub async fn health(&mut self, container: ContainerRef) -> HealthStatus {
        match self.event().await {
            RuntimeEvent::Health { container: checked, health } if checked == container => health,
            other => panic!("{other:?} instead of the health of {container:?}"),
        }
    }

    /// What was known may be told again.
    pub async fn health_other_than(&mut self, container: ContainerRef, known: HealthStatus) -> HealthStatus {
        loop {
            let health = self.health(container).await;
            if health != known {
                return health;
            }
        }
    }

    pub async fn removed(&mut self, task: TaskId) {
        loop {
            match self.event().await {
                RuntimeEvent::Removed { task: removed } if removed == task => return,
                // What was alive may be seen to end first.
                RuntimeEvent::Exited { .. } => {}
                other => panic!("{other:?} instead of the removal of {task}"),
            }
        }
    }

    /// Asks for one container and waits until it runs.
    pub async fn run(&mut self, spec: &Arc<LaunchSpec>, index: usize) -> ContainerRef {
        let container = ContainerRef { task: spec.task, index };
        self.runtime.start(container, 0, Arc::clone(spec));
        assert_eq!(self.started().await, container);
        container
    }
}

pub fn spec(document: Value) -> Arc<LaunchSpec> {
    let id = TaskDefinitionId { family: Family::parse("bench").unwrap(), revision: 1 };
    Arc::new(LaunchSpec {
        task: TaskId::from_u128(random_id()),
        cluster: "conformance".into(),
        group: "family:bench".into(),
        definition: Arc::new(TaskDefinition::from_document(id, Arc::new(document)).unwrap()),
        overrides: None,
        gpus: Vec::new(),
    })
}

fn random_id() -> u128 {
    uuid::Uuid::new_v4().as_u128()
}

/// Waits for a file that a script makes when it has got so far.
pub async fn appeared(file: &Path) {
    let search = async {
        while !file.exists() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, search).await.expect("the file in time");
}

/// Agents come and go until one finds what is looked for.
pub async fn eventually_found<T>(bench: &dyn Bench, look: impl Fn(&Adopted) -> Option<T>) -> T {
    let search = async {
        loop {
            let agent = Agent::on(bench).await;
            let found = look(&agent.found);
            agent.die();
            if let Some(found) = found {
                return found;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, search).await.expect("found in time")
}
