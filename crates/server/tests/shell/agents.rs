use crate::{ACCESS_KEY, SECRET, settings, soon, start, with_keys};
use plimsoll_agent_proto::auth;
use plimsoll_agent_proto::v1::agent_gateway_client::AgentGatewayClient;
use plimsoll_agent_proto::v1::{
    AgentMessage, ClusterAddress, ControlMessage, FromNode, FromNodes, Hello, Open, PROTOCOL_VERSION, Registration,
    Resources, ToNode, agent_message, from_node, to_node,
};
use plimsoll_control::Control;
use plimsoll_model::{ClusterKey, ClusterName, Image, Namespace};
use plimsoll_server::{Limits, RunningServer, ServerSettings};
use plimsoll_store::{MemoryStore, Store};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Endpoint;
use tonic::{Code, Request, Status, Streaming};

struct Agent {
    says: mpsc::Sender<AgentMessage>,
    hears: Streaming<ControlMessage>,
}

async fn connect(server: &RunningServer, authorization: Option<String>) -> Result<Agent, Status> {
    let channel = Endpoint::from_shared(format!("http://{}", server.addr)).unwrap().connect().await.unwrap();
    let mut client = AgentGatewayClient::new(channel);
    let (says, messages) = mpsc::channel(10);
    let mut request = Request::new(ReceiverStream::new(messages));
    if let Some(value) = authorization {
        request.metadata_mut().insert(auth::HEADER, value.parse().unwrap());
    }
    let hears = soon("a stream", client.session(request)).await?.into_inner();
    Ok(Agent { says, hears })
}

impl Agent {
    async fn open(&self, protocol_version: u32) {
        let open = Open { protocol_version, agent_version: "test".to_owned() };
        self.say(agent_message::Kind::Open(open)).await;
    }

    async fn say(&self, kind: agent_message::Kind) {
        self.says.send(AgentMessage { kind: Some(kind) }).await.unwrap();
    }

    async fn hello(&self, node: u32, cluster: &str) {
        let resources = Resources { cpu_units: 1024, memory_mib: 1024, ..Resources::default() };
        let registration = Registration { resources: Some(resources), ..Registration::default() };
        let cluster = ClusterAddress { name: cluster.to_owned(), ..ClusterAddress::default() };
        let hello = Hello { cluster: Some(cluster), registration: Some(registration), ..Hello::default() };
        let message = FromNode { node, body: Some(from_node::Body::Hello(hello)) };
        self.say(agent_message::Kind::Nodes(FromNodes { messages: vec![message] })).await;
    }

    /// The next message for any node.
    async fn hear(&mut self) -> Result<ToNode, Status> {
        let message = soon("a message", self.hears.message()).await?;
        let mut messages = message.ok_or_else(|| Status::ok("the stream ended"))?.messages;
        assert_eq!(messages.len(), 1, "{messages:?}");
        Ok(messages.remove(0))
    }
}

fn connected(control: &Control) -> usize {
    let namespace = Namespace { account: "123456789012".into(), region: "us-east-1".into() };
    let key = ClusterKey { namespace, name: ClusterName::default_cluster() };
    let count = |image: &Image| image.instances.values().filter(|row| row.agent_connected).count();
    control.cluster(&key).unwrap().read(count).unwrap()
}

#[tokio::test]
async fn the_first_node_makes_the_default_cluster_and_leaves_with_its_stream() {
    let server = start(settings()).await;
    let mut agent = connect(&server, None).await.unwrap();
    agent.open(PROTOCOL_VERSION).await;
    for (node, cluster) in [(3, ""), (4, "default")] {
        agent.hello(node, cluster).await;
        let told = agent.hear().await.unwrap();
        assert_eq!(told.node, node);
        let Some(to_node::Body::Welcome(welcome)) = told.body else { panic!("CL-3: {told:?}") };
        assert_eq!(welcome.cluster.unwrap().name, "default");
        assert_eq!(welcome.instance.len(), 16);
    }
    assert_eq!(connected(&server.control), 2);
    drop(agent);
    soon("both nodes are gone", async {
        while connected(&server.control) > 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    })
    .await;
    server.shutdown().await;
}

#[tokio::test]
async fn other_clusters_are_not_made_by_their_nodes() {
    let server = start(settings()).await;
    let mut agent = connect(&server, None).await.unwrap();
    agent.open(PROTOCOL_VERSION).await;
    agent.hello(0, "blue").await;
    let told = agent.hear().await.unwrap();
    let Some(to_node::Body::Refused(refused)) = told.body else { panic!("{told:?}") };
    assert_eq!(refused.reason, "cluster blue not found");
    server.shutdown().await;
}

#[tokio::test]
async fn streams_that_cannot_be_understood_are_ended() {
    let server = start(settings()).await;
    let mut agent = connect(&server, None).await.unwrap();
    agent.open(PROTOCOL_VERSION + 1).await;
    assert_eq!(agent.hear().await.unwrap_err().code(), Code::FailedPrecondition);

    let mut agent = connect(&server, None).await.unwrap();
    agent.hello(0, "").await;
    assert_eq!(agent.hear().await.unwrap_err().code(), Code::InvalidArgument);

    let mut agent = connect(&server, None).await.unwrap();
    agent.open(PROTOCOL_VERSION).await;
    let empty = from_node::Body::Hello(Hello::default());
    let messages = vec![FromNode { node: 0, body: Some(empty) }];
    agent.say(agent_message::Kind::Nodes(FromNodes { messages })).await;
    assert_eq!(agent.hear().await.unwrap_err().code(), Code::InvalidArgument);
    server.shutdown().await;
}

#[tokio::test]
async fn a_stream_carries_a_bounded_number_of_nodes() {
    let limits = Limits { nodes_per_stream_max: 1, ..settings().limits };
    let server = start(ServerSettings { limits, ..settings() }).await;
    let mut agent = connect(&server, None).await.unwrap();
    agent.open(PROTOCOL_VERSION).await;
    agent.hello(0, "").await;
    agent.hear().await.unwrap();
    agent.hello(1, "").await;
    assert_eq!(agent.hear().await.unwrap_err().code(), Code::ResourceExhausted);
    server.shutdown().await;
}

/// What bounds the time to a connection's first request does not bound what it carries afterwards.
#[tokio::test]
async fn a_stream_outlives_the_deadline_of_its_connections_first_request() {
    let header_timeout = Duration::from_millis(100);
    let limits = Limits { header_timeout, ..settings().limits };
    let server = start(ServerSettings { limits, ..settings() }).await;
    let mut agent = connect(&server, None).await.unwrap();
    agent.open(PROTOCOL_VERSION).await;
    let started = Instant::now();
    while started.elapsed() < header_timeout * 3 {
        agent.hello(0, "").await;
        agent.hear().await.unwrap();
    }
    server.shutdown().await;
}

#[tokio::test]
async fn agents_prove_their_key() {
    let server = start(with_keys()).await;
    let now = SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs();
    let wrong = [
        None,
        Some("Bearer x".to_owned()),
        Some(auth::header_value(ACCESS_KEY, "other", now)),
        Some(auth::header_value(ACCESS_KEY, SECRET, now - 1000)),
    ];
    for authorization in wrong {
        let refused = connect(&server, authorization.clone()).await.err().unwrap();
        assert_eq!(refused.code(), Code::Unauthenticated, "S-8: {authorization:?}");
    }
    let mut agent = connect(&server, Some(auth::header_value(ACCESS_KEY, SECRET, now))).await.unwrap();
    agent.open(PROTOCOL_VERSION).await;
    agent.hello(0, "").await;
    agent.hear().await.unwrap();
    server.shutdown().await;
}

/// The agent has the addresses of both servers, and the one it is told nothing by is the wrong one.
#[tokio::test]
async fn a_server_without_the_lease_sends_agents_away() {
    let store = MemoryStore::new();
    let holder = Arc::new(store.another_process());
    let server = start(ServerSettings { store: Arc::new(store), ..settings() }).await;
    let namespace = Namespace { account: "123456789012".into(), region: "us-east-1".into() };
    holder.acquire(&ClusterKey { namespace, name: ClusterName::default_cluster() }).await.unwrap();
    let mut agent = connect(&server, None).await.unwrap();
    agent.open(PROTOCOL_VERSION).await;
    agent.hello(0, "").await;
    assert_eq!(agent.hear().await.unwrap_err().code(), Code::Unavailable);
    server.shutdown().await;
}

#[tokio::test]
async fn a_stopping_server_ends_its_streams() {
    let server = start(settings()).await;
    let mut agent = connect(&server, None).await.unwrap();
    agent.open(PROTOCOL_VERSION).await;
    agent.hello(0, "").await;
    agent.hear().await.unwrap();
    let stopping = tokio::spawn(server.shutdown());
    assert_eq!(agent.hear().await.unwrap_err().code(), Code::Unavailable);
    soon("the end", stopping).await.unwrap();
}
