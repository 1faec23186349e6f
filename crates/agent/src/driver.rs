//! One loop for all nodes of the process: inputs to `NodeCore::step`, what comes out to the runtimes and the stream.
//!
//! Everything that is ready is stepped before anything is sent, so that thousands of nodes share one message, one
//! write of their identities and one timer.

use crate::Error;
use crate::agent::AgentStatus;
use crate::clock::Clock;
use crate::identity::Identities;
use crate::link::{LinkEvent, Stream, pause, unpredictable};
use crate::runtime::ContainerRuntime;
use crate::settings::{ClusterAddress, ReconnectSettings};
use crate::wire::{self, Told};
use plimsoll_agent_proto::v1::{self, agent_message::Kind};
use plimsoll_core::node::{Action, Input, NodeCore, Outbox, RuntimeEvent};
use plimsoll_core::protocol::ToNode;
use plimsoll_model::Timestamp;
use prost::Message;
use rand_chacha::ChaCha8Rng;
use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

/// Inputs stepped before anything is sent.
const BATCH_INPUTS_MAX: usize = 4_096;
/// A quarter of what a gRPC peer accepts by default. One node's own message may be larger.
const MESSAGE_BYTES_MAX: usize = 1 << 20;
/// Messages waiting for the stream. A server that reads no faster is left; everything is said again to the next one.
const OUTGOING_MAX: usize = 4_096;

pub(crate) struct Node {
    core: NodeCore,
    runtime: Arc<dyn ContainerRuntime>,
    /// The entry of the wakeup queue that counts; others of this node are left over.
    wakeup: Option<Timestamp>,
    session: Session,
}

/// A node's place on the stream, beneath the core's own session.
struct Session {
    /// Closed by the control plane while the stream went on: when to say hello again.
    reopen_at: Option<Timestamp>,
    opened_at: Timestamp,
    /// Closed soon after it was opened, this many times in a row.
    closed_early: u32,
}

impl Node {
    pub(crate) fn new(core: NodeCore, runtime: Arc<dyn ContainerRuntime>) -> Self {
        let session = Session { reopen_at: None, opened_at: Timestamp::ZERO, closed_early: 0 };
        Node { core, runtime, wakeup: None, session }
    }

    fn next_wakeup(&self) -> Option<Timestamp> {
        self.core.next_wakeup().into_iter().chain(self.session.reopen_at).min()
    }
}

/// Between a closed session and the next hello. Two agents with one identity throw each other out; they are to do so
/// once a minute at most (F-12).
const REOPEN: ReconnectSettings =
    ReconnectSettings { initial: Duration::from_millis(250), max: Duration::from_secs(120) };
/// A session that was closed after this was a good one.
const EARLY_MS: u64 = 60_000;

pub(crate) struct Inputs {
    pub runtime: mpsc::UnboundedReceiver<(u32, RuntimeEvent)>,
    pub link: mpsc::Receiver<LinkEvent>,
    pub stop: CancellationToken,
}

pub(crate) struct Driver {
    clock: Clock,
    cluster: ClusterAddress,
    nodes: Vec<Node>,
    wakeups: BinaryHeap<Reverse<(Timestamp, u32)>>,
    identities: Identities,
    /// Not yet on disk: nothing may be said until it is.
    identities_changed: bool,
    stream: Option<Stream>,
    /// What the steps of this round led to.
    actions: Vec<(u32, Action)>,
    said: Vec<v1::FromNode>,
    outgoing: VecDeque<v1::AgentMessage>,
    status: watch::Sender<AgentStatus>,
    rng: ChaCha8Rng,
}

impl Driver {
    pub(crate) fn new(
        clock: Clock,
        cluster: ClusterAddress,
        nodes: Vec<Node>,
        identities: Identities,
        status: watch::Sender<AgentStatus>,
    ) -> Result<Self, Error> {
        Ok(Driver {
            clock,
            cluster,
            nodes,
            wakeups: BinaryHeap::new(),
            identities,
            identities_changed: false,
            stream: None,
            actions: Vec::new(),
            said: Vec::new(),
            outgoing: VecDeque::new(),
            status,
            rng: unpredictable()?,
        })
    }

    /// Until stopped. Containers are left as they are.
    pub(crate) async fn run(mut self, mut inputs: Inputs) {
        loop {
            let wakeup = self.next_wakeup().map(|at| self.clock.instant_of(at));
            let room = self.stream.as_ref().filter(|_| !self.outgoing.is_empty()).map(|stream| stream.messages.clone());
            tokio::select! {
                () = inputs.stop.cancelled() => return,
                Some((node, event)) = inputs.runtime.recv() => self.step(node, Input::Runtime(event)),
                Some(event) = inputs.link.recv() => self.linked(event),
                () = sleep_until(wakeup) => {}
                () = room_in(room) => {}
            }
            self.drain(&mut inputs);
            self.wake_due();
            self.finish_round().await;
        }
    }

    fn drain(&mut self, inputs: &mut Inputs) {
        for _ in 0..BATCH_INPUTS_MAX {
            if let Ok((node, event)) = inputs.runtime.try_recv() {
                self.step(node, Input::Runtime(event));
            } else if let Ok(event) = inputs.link.try_recv() {
                self.linked(event);
            } else {
                return;
            }
        }
    }

    fn linked(&mut self, event: LinkEvent) {
        match event {
            LinkEvent::Up(stream) => {
                self.stream = Some(stream);
                // Closed over an earlier stream, perhaps by another server: that says nothing of this one.
                self.nodes.iter_mut().for_each(|node| node.session.closed_early = 0);
                self.status.send_modify(|status| status.connected = true);
                self.step_all(Input::Connected);
            }
            LinkEvent::Down => {
                self.stream = None;
                self.outgoing.clear();
                self.said.clear();
                self.status.send_modify(|status| status.connected = false);
                self.step_all(Input::Disconnected);
            }
            LinkEvent::Messages(messages) => {
                for (node, told) in messages {
                    match told {
                        Told::Message(message) => {
                            self.note_refusal(node, &message);
                            self.step(node, Input::Control(message));
                        }
                        Told::Closed => self.closed(node),
                    }
                }
            }
        }
    }

    /// Disconnected as far as the node is concerned; it says hello again after a pause.
    fn closed(&mut self, number: u32) {
        let now = self.clock.now();
        if let Some(node) = self.nodes.get_mut(number as usize) {
            let early = now.millis_since(node.session.opened_at) < EARLY_MS;
            node.session.closed_early = if early { node.session.closed_early.saturating_add(1) } else { 0 };
            let pause = pause(&REOPEN, node.session.closed_early, &mut self.rng);
            tracing::info!(
                node = number,
                again_in_ms = pause.as_millis(),
                "the control plane closed the node's session"
            );
            node.session.reopen_at = Some(now.plus_millis(u64::try_from(pause.as_millis()).unwrap_or(u64::MAX)));
        }
        self.step(number, Input::Disconnected);
    }

    fn note_refusal(&mut self, node: u32, message: &ToNode) {
        let ToNode::Refused { reason } = message else { return };
        tracing::error!(node, %reason, "the control plane refuses this node");
        self.status.send_modify(|status| status.refused = Some(Arc::clone(reason)));
    }

    /// The stream is up or down; so is every node.
    fn step_all(&mut self, input: Input) {
        let now = self.clock.now();
        for node in 0..self.nodes.len() {
            self.nodes[node].session.reopen_at = None;
            self.nodes[node].session.opened_at = now;
            self.step(u32::try_from(node).expect("node numbers are u32 from the start"), input.clone());
        }
    }

    fn step(&mut self, number: u32, input: Input) {
        let Some(node) = self.nodes.get_mut(number as usize) else {
            tracing::warn!(node = number, nodes = self.nodes.len(), "message for a node that does not exist");
            return;
        };
        let mut out = Outbox::default();
        node.core.step(self.clock.now(), input, &mut out);
        if let Some(identity) = out.identity {
            self.identities.set(number as usize, identity);
            self.identities_changed = true;
            if let Some(instance) = identity.instance {
                node.runtime.identify(instance);
            }
        }
        self.actions.extend(out.actions.into_iter().map(|action| (number, action)));
        let cluster = &self.cluster;
        self.said.extend(out.messages.into_iter().map(|message| wire::encode(number, cluster, message)));
        let wakeup = node.next_wakeup();
        if wakeup != node.wakeup {
            node.wakeup = wakeup;
            self.wakeups.extend(wakeup.map(|at| Reverse((at, number))));
        }
    }

    /// The earliest wakeup that still counts.
    fn next_wakeup(&mut self) -> Option<Timestamp> {
        while let Some(&Reverse((at, node))) = self.wakeups.peek() {
            if self.nodes[node as usize].wakeup == Some(at) {
                return Some(at);
            }
            self.wakeups.pop();
        }
        None
    }

    fn wake_due(&mut self) {
        let now = self.clock.now();
        while let Some(at) = self.next_wakeup().filter(|at| *at <= now) {
            let Some(Reverse((_, node))) = self.wakeups.pop() else { return };
            self.nodes[node as usize].wakeup = None;
            let session = &mut self.nodes[node as usize].session;
            let input = match session.reopen_at.take_if(|reopen_at| *reopen_at <= now) {
                Some(_) => {
                    session.opened_at = now;
                    Input::Connected
                }
                None => Input::Tick,
            };
            self.step(node, input);
            // A core that wants to be woken at an instant that has passed would keep this loop for itself.
            if self.nodes[node as usize].wakeup == Some(at) {
                return;
            }
        }
    }

    /// Identity first, then actions and messages: nothing follows from an epoch that a crash could forget (I-30).
    async fn finish_round(&mut self) {
        if self.identities_changed && !self.save_identities().await {
            self.hang_up();
        }
        for (number, action) in self.actions.drain(..) {
            let runtime = &self.nodes[number as usize].runtime;
            match action {
                Action::Start { container, run, spec } => runtime.start(container, run, spec),
                Action::Stop { container, grace_ms } => runtime.stop(container, Duration::from_millis(grace_ms)),
                Action::Remove { task } => runtime.remove(task),
            }
        }
        self.pack();
        self.send();
    }

    async fn save_identities(&mut self) -> bool {
        if let Err(error) = self.identities.save().await {
            tracing::error!(%error, source = ?std::error::Error::source(&error), "identity could not be saved");
            return false;
        }
        self.identities_changed = false;
        let registered = self.identities.registered(self.nodes.len());
        let instance = self.identities.get(0).instance;
        self.status.send_modify(|status| {
            status.registered = registered;
            status.instance = instance;
        });
        true
    }

    /// What cannot be said is dropped with the stream: the next one begins with everything.
    fn hang_up(&mut self) {
        self.said.clear();
        self.outgoing.clear();
        if let Some(stream) = self.stream.take() {
            stream.hang_up.cancel();
        }
    }

    fn pack(&mut self) {
        if self.stream.is_none() {
            self.said.clear();
            return;
        }
        let mut bytes = 0;
        let mut messages = Vec::new();
        for message in self.said.drain(..) {
            let size = message.encoded_len();
            if bytes + size > MESSAGE_BYTES_MAX && !messages.is_empty() {
                self.outgoing.push_back(from_nodes(std::mem::take(&mut messages)));
                bytes = 0;
            }
            bytes += size;
            messages.push(message);
        }
        if !messages.is_empty() {
            self.outgoing.push_back(from_nodes(messages));
        }
    }

    /// As much as the stream takes without waiting.
    fn send(&mut self) {
        let Some(stream) = &self.stream else { return };
        while let Ok(permit) = stream.messages.try_reserve() {
            let Some(message) = self.outgoing.pop_front() else { return };
            permit.send(message);
        }
        if self.outgoing.len() > OUTGOING_MAX {
            tracing::warn!(waiting = self.outgoing.len(), max = OUTGOING_MAX, "the server does not read the stream");
            self.hang_up();
        }
    }
}

fn from_nodes(messages: Vec<v1::FromNode>) -> v1::AgentMessage {
    v1::AgentMessage { kind: Some(Kind::Nodes(v1::FromNodes { messages })) }
}

async fn sleep_until(at: Option<tokio::time::Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

/// When the stream takes another message. Never, when there is none to send; when the stream ends, its `Down` tells.
async fn room_in(messages: Option<mpsc::Sender<v1::AgentMessage>>) {
    let Some(messages) = messages else { return std::future::pending().await };
    if messages.reserve().await.is_err() {
        std::future::pending().await
    }
}
