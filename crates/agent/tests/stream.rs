//! Agents against a control plane that says what the test tells it to.

// The helpers are part of the tests.
#![allow(clippy::unwrap_used)]

use plimsoll_agent::{Agent, AgentSettings, RunningAgent, RuntimeChoice, Shutdown, SimulatedSettings};
use plimsoll_agent_proto::v1::agent_gateway_server::{AgentGateway, AgentGatewayServer};
use plimsoll_agent_proto::v1::{self, agent_message::Kind, from_node, to_node};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU32;
use std::path::Path;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio_stream::wrappers::{ReceiverStream, TcpListenerStream};
use tonic::{Request, Response, Status, Streaming};

const PATIENCE: Duration = Duration::from_secs(60);
const INSTANCE: u128 = 7;

/// I-18, I-30, F-10: a task's whole life, over a lost stream and a restarted agent.
#[tokio::test]
async fn a_task_runs_and_stops_over_the_stream() {
    let mut gateway = Gateway::start().await;
    let data_dir = tempfile::tempdir().unwrap();
    let agent = process_agent(&gateway, data_dir.path()).await;

    let mut session = gateway.session().await;
    let hello = session.hello().await;
    let registration = hello.registration.unwrap();
    assert_eq!((registration.instance, hello.epoch), (None, 0));
    assert!(registration.attributes.iter().any(|one| one.name == "ecs.availability-zone"));
    assert_eq!(hello.cluster.unwrap().name, "prod");
    let (quick, lasting) = (id(1), id(2));
    session.send(vec![definition()], welcome(1, vec![assignment(1), assignment(2)])).await;
    session.until_reported(&quick, v1::TaskStatus::Running).await;
    session.until_reported(&lasting, v1::TaskStatus::Running).await;
    drop(session);

    // Nothing but the stream was lost.
    let mut session = gateway.session().await;
    let hello = session.hello().await;
    assert_eq!((hello.registration.unwrap().instance, hello.epoch), (Some(id(INSTANCE)), 3));
    assert_eq!(hello.inventory.len(), 2);
    assert!(hello.inventory.iter().all(|task| task.status() == v1::TaskStatus::Running));
    let mut desired = vec![assignment(1), assignment(2)];
    desired.iter_mut().for_each(|one| one.last_status = v1::TaskStatus::Running.into());
    session.send(vec![definition()], welcome(2, desired.clone())).await;
    let ready = data_dir.path().join(format!("tasks/{:032x}/c/work/ready", 1));
    while !ready.exists() {
        tokio::task::yield_now().await;
    }
    let stop = v1::Commands { epoch: 3, session: 2, sequence: 1, start: vec![], stop: vec![quick.clone()] };
    session.send(vec![], to_node::Body::Commands(stop)).await;
    let report = session.until_reported(&quick, v1::TaskStatus::Stopped).await;
    assert_eq!(report.containers[0].exit_code, Some(3), "TL-6");
    agent.shutdown(Shutdown::LeaveTasks).await;

    // The other task goes on without an agent, and the next agent knows it.
    let agent = process_agent(&gateway, data_dir.path()).await;
    let mut session = gateway.session().await;
    let hello = session.hello().await;
    let of_lasting = hello.inventory.iter().find(|task| task.task == lasting).unwrap();
    assert_eq!(of_lasting.containers[0].last_status(), v1::TaskStatus::Running);
    agent.shutdown(Shutdown::StopTasks).await;
    assert_eq!(std::fs::read_dir(data_dir.path().join("tasks")).unwrap().count(), 0, "no orphan");
}

#[tokio::test]
async fn a_fleet_shares_one_stream() {
    const NODES: u32 = 300;
    let mut gateway = Gateway::start().await;
    let agent = Agent::start(settings(&gateway, fleet(NODES))).await.unwrap();
    let mut session = gateway.session().await;
    let mut greeted = BTreeSet::new();
    let mut messages = 0;
    while greeted.len() < NODES as usize {
        messages += 1;
        for (node, body) in session.receive().await {
            assert!(matches!(body, from_node::Body::Hello(_)));
            greeted.insert(node);
        }
    }
    assert!(messages < 30, "{NODES} hellos came in {messages} messages");
    let welcomes = (0..NODES).map(|node| {
        let desired = vec![assignment(u128::from(node) * 2), assignment(u128::from(node) * 2 + 1)];
        v1::ToNode { node, body: Some(welcome(1, desired)) }
    });
    session.send_all(v1::ControlMessage { definitions: vec![definition()], messages: welcomes.collect() }).await;
    let mut running = BTreeSet::new();
    while running.len() < NODES as usize * 2 {
        for (node, body) in session.receive().await {
            let from_node::Body::Report(report) = body else { continue };
            let up = report.tasks.iter().filter(|task| task.status() == v1::TaskStatus::Running);
            running.extend(up.map(|task| task.task.clone()));
            let ack = v1::Acknowledge { session: report.session, sequence: report.sequence };
            session.send_to(node, to_node::Body::Acknowledge(ack)).await;
        }
    }
    agent.shutdown(Shutdown::StopTasks).await;
}

/// The stream goes on: only the node begins again.
#[tokio::test]
async fn a_closed_session_is_opened_again() {
    let mut gateway = Gateway::start().await;
    let agent = Agent::start(settings(&gateway, fleet(1))).await.unwrap();
    let mut session = gateway.session().await;
    session.hello().await;
    session.send(vec![], welcome(1, vec![])).await;
    session.send(vec![], to_node::Body::Closed(v1::Unit {})).await;
    let hello = session.hello().await;
    assert_eq!(hello.registration.unwrap().instance, Some(id(INSTANCE)));
    agent.shutdown(Shutdown::LeaveTasks).await;
}

#[tokio::test]
async fn a_refusal_is_shown() {
    let mut gateway = Gateway::start().await;
    let agent = Agent::start(settings(&gateway, fleet(1))).await.unwrap();
    let mut session = gateway.session().await;
    session.hello().await;
    let reason = "Container instance type changes are not supported.".to_owned();
    session.send(vec![], to_node::Body::Refused(v1::Refused { reason: reason.clone() })).await;
    let mut status = agent.status();
    let refused = status.wait_for(|status| status.refused.as_deref() == Some(&*reason));
    tokio::time::timeout(PATIENCE, refused).await.unwrap().unwrap();
    agent.shutdown(Shutdown::LeaveTasks).await;
}

async fn process_agent(gateway: &Gateway, data_dir: &Path) -> RunningAgent {
    let mut settings = settings(gateway, RuntimeChoice::Process);
    settings.data_dir = Some(data_dir.to_owned());
    settings.shim_command = vec![env!("CARGO_BIN_EXE_plimsoll-test-shim").into()];
    Agent::start(settings).await.unwrap()
}

fn settings(gateway: &Gateway, runtime: RuntimeChoice) -> AgentSettings {
    let mut settings = AgentSettings::new(gateway.url.clone(), "prod", runtime);
    settings.reconnect.initial = Duration::from_millis(10);
    settings
}

fn fleet(nodes: u32) -> RuntimeChoice {
    RuntimeChoice::Simulated(SimulatedSettings {
        nodes: NonZeroU32::new(nodes).unwrap(),
        cpu_units: 4096,
        memory_mib: 8192,
        zones: NonZeroU32::new(3).unwrap(),
        start_latency: 1..=20,
        start_failures_permille: 0,
        run_time: None,
        seed: 1,
    })
}

fn id(raw: u128) -> Vec<u8> {
    raw.to_be_bytes().to_vec()
}

fn definition() -> v1::TaskDefinition {
    let document = json!({"family": "web", "networkMode": "host", "containerDefinitions": [{
        "name": "c", "image": "none", "memory": 64,
        "entryPoint": ["/bin/sh", "-c"], "command": ["trap 'exit 3' TERM; touch ready; while :; do sleep 0.05; done"],
    }]});
    v1::TaskDefinition { id: "web:1".to_owned(), document: serde_json::to_vec(&document).unwrap() }
}

fn assignment(task: u128) -> v1::Assignment {
    v1::Assignment {
        task: id(task),
        definition: "web:1".to_owned(),
        overrides: None,
        reserved: Some(v1::Reserved { cpu_units: 0, memory_mib: 64, ports: vec![], gpus: vec![] }),
        group: "family:web".to_owned(),
        last_status: v1::TaskStatus::Pending.into(),
        stopping: false,
        restart_counts: Vec::new(),
    }
}

fn welcome(session: u64, desired: Vec<v1::Assignment>) -> to_node::Body {
    let cluster = v1::ClusterAddress { account: "1".into(), region: "r".into(), name: "prod".into() };
    to_node::Body::Welcome(v1::Welcome {
        cluster: Some(cluster),
        instance: id(INSTANCE),
        epoch: 3,
        session,
        sequence: 0,
        desired,
    })
}

/// Listens, and hands every stream to the test.
struct Gateway {
    url: String,
    sessions: mpsc::UnboundedReceiver<Session>,
}

impl Gateway {
    async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (sender, sessions) = mpsc::unbounded_channel();
        let server = tonic::transport::Server::builder().add_service(AgentGatewayServer::new(Acceptor(sender)));
        tokio::spawn(server.serve_with_incoming(TcpListenerStream::new(listener)));
        Gateway { url, sessions }
    }

    async fn session(&mut self) -> Session {
        let session = tokio::time::timeout(PATIENCE, self.sessions.recv()).await;
        let mut session = session.expect("a stream in time").expect("the server lives");
        let Kind::Open(open) = session.next().await else { panic!("a stream begins with Open") };
        assert_eq!(open.protocol_version, v1::PROTOCOL_VERSION);
        session
    }
}

struct Acceptor(mpsc::UnboundedSender<Session>);

#[tonic::async_trait]
impl AgentGateway for Acceptor {
    type SessionStream = ReceiverStream<Result<v1::ControlMessage, Status>>;

    async fn session(
        &self,
        request: Request<Streaming<v1::AgentMessage>>,
    ) -> Result<Response<Self::SessionStream>, Status> {
        let (outbound, receiver) = mpsc::channel(1024);
        self.0.send(Session { inbound: request.into_inner(), reported: BTreeMap::new(), outbound }).ok();
        Ok(Response::new(ReceiverStream::new(receiver)))
    }
}

struct Session {
    inbound: Streaming<v1::AgentMessage>,
    /// The last report of each task.
    reported: BTreeMap<Vec<u8>, v1::TaskReport>,
    outbound: mpsc::Sender<Result<v1::ControlMessage, Status>>,
}

impl Session {
    async fn next(&mut self) -> Kind {
        let message = tokio::time::timeout(PATIENCE, self.inbound.message()).await.expect("a message in time");
        message.unwrap().expect("the stream goes on").kind.unwrap()
    }

    async fn receive(&mut self) -> Vec<(u32, from_node::Body)> {
        let Kind::Nodes(nodes) = self.next().await else { panic!("Open comes only once") };
        nodes.messages.into_iter().map(|one| (one.node, one.body.unwrap())).collect()
    }

    async fn hello(&mut self) -> v1::Hello {
        loop {
            for (_, body) in self.receive().await {
                if let from_node::Body::Hello(hello) = body {
                    return hello;
                }
            }
        }
    }

    /// Acknowledges all that comes on the way.
    async fn until_reported(&mut self, task: &[u8], status: v1::TaskStatus) -> v1::TaskReport {
        let give_up = tokio::time::Instant::now() + PATIENCE;
        loop {
            if let Some(report) = self.reported.get(task).filter(|report| report.status() == status) {
                return report.clone();
            }
            let received = tokio::time::timeout_at(give_up, self.receive()).await;
            for (node, body) in received.expect("the status in time") {
                let from_node::Body::Report(report) = body else { continue };
                let ack = v1::Acknowledge { session: report.session, sequence: report.sequence };
                self.send_to(node, to_node::Body::Acknowledge(ack)).await;
                self.reported.extend(report.tasks.into_iter().map(|one| (one.task.clone(), one)));
            }
        }
    }

    async fn send(&self, definitions: Vec<v1::TaskDefinition>, body: to_node::Body) {
        let messages = vec![v1::ToNode { node: 0, body: Some(body) }];
        self.send_all(v1::ControlMessage { definitions, messages }).await;
    }

    async fn send_to(&self, node: u32, body: to_node::Body) {
        let messages = vec![v1::ToNode { node, body: Some(body) }];
        self.send_all(v1::ControlMessage { definitions: vec![], messages }).await;
    }

    async fn send_all(&self, message: v1::ControlMessage) {
        self.outbound.send(Ok(message)).await.unwrap();
    }
}
