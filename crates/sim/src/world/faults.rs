//! What goes wrong by itself.

use super::runtime::State;
use super::{Event, World};
use crate::coverage::Mishap;
use crate::swarm::Swarm;
use crate::violation::Broken;
use plimsoll_core::node::Identity;

/// The exit code of what was removed by force.
const KILLED: i32 = 137;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Fault {
    ConnectionBreak,
    /// A node is cut off for longer than most graces.
    Partition,
    CoreCrash,
    CorePause,
    NodeCrash,
    NodePause,
    NodeReboot,
    /// The agent comes back without its state file (F-11).
    IdentityLoss,
    ContainerExit,
    /// A person removes a container by hand (F-21).
    ContainerRemoval,
}

const ALL: [Fault; 10] = [
    Fault::ConnectionBreak,
    Fault::Partition,
    Fault::CoreCrash,
    Fault::CorePause,
    Fault::NodeCrash,
    Fault::NodePause,
    Fault::NodeReboot,
    Fault::IdentityLoss,
    Fault::ContainerExit,
    Fault::ContainerRemoval,
];

impl Fault {
    fn mean_ms(self, swarm: &Swarm) -> Option<u64> {
        match self {
            Fault::ConnectionBreak => swarm.connection_break_ms,
            Fault::Partition => swarm.partition_ms,
            Fault::CoreCrash => swarm.core_crash_ms,
            Fault::CorePause => swarm.core_pause_ms,
            Fault::NodeCrash => swarm.node_crash_ms,
            Fault::NodePause => swarm.node_pause_ms,
            Fault::NodeReboot => swarm.node_reboot_ms,
            Fault::IdentityLoss => swarm.identity_loss_ms,
            Fault::ContainerExit => swarm.container_exit_ms,
            Fault::ContainerRemoval => swarm.container_removal_ms,
        }
    }

    pub fn is_on(self, swarm: &Swarm) -> bool {
        self.mean_ms(swarm).is_some()
    }
}

impl World {
    pub(super) fn schedule_faults(&mut self) {
        for fault in ALL {
            self.schedule_fault(fault);
        }
    }

    fn schedule_fault(&mut self, fault: Fault) {
        if let Some(mean_ms) = fault.mean_ms(&self.swarm) {
            let delay = self.dice.faults.between(1, 2 * mean_ms);
            self.schedule(delay, Event::Fault(fault));
        }
    }

    pub(super) fn fault(&mut self, fault: Fault) -> Result<(), Broken> {
        self.schedule_fault(fault);
        let node = usize::try_from(self.dice.faults.below(self.nodes.len() as u64)).unwrap_or(0);
        match fault {
            Fault::ConnectionBreak => self.cut(node, Mishap::ConnectionBroken),
            Fault::Partition => {
                self.nodes[node].cut_off_ms = self.dice.faults.between(5_000, 60_000);
                self.cut(node, Mishap::Partition);
            }
            Fault::CoreCrash => return self.core_crashes(),
            Fault::CorePause => return self.core_pauses(),
            Fault::NodeCrash => {
                self.coverage.count(Mishap::NodeCrash);
                self.node_crashes(node);
            }
            Fault::NodePause => self.node_pauses(node),
            Fault::NodeReboot => self.node_reboots(node),
            Fault::IdentityLoss => {
                self.coverage.count(Mishap::IdentityLost);
                self.node_crashes(node);
                self.nodes[node].identity = Identity::default();
            }
            Fault::ContainerExit => {
                let alive: Vec<_> = self.nodes[node].runtime.alive().collect();
                if let Some(container) = self.dice.faults.pick(&alive).copied() {
                    self.coverage.count(Mishap::ContainerExit);
                    let code = if self.dice.faults.coin() { 0 } else { 139 };
                    self.exit(node, container, code);
                }
            }
            Fault::ContainerRemoval => self.remove_by_hand(node),
        }
        Ok(())
    }

    fn cut(&mut self, node: usize, what: Mishap) {
        if let Some(connection) = self.nodes[node].connection {
            self.coverage.count(what);
            self.break_connection(connection);
        }
    }

    pub(super) fn reconnect_delay(&mut self, node: usize) -> u64 {
        let cut_off_ms = std::mem::take(&mut self.nodes[node].cut_off_ms);
        cut_off_ms + self.dice.faults.between(10, 1_500)
    }

    fn remove_by_hand(&mut self, node: usize) {
        let states = self.nodes[node].runtime.states();
        // What is being pulled is no container yet.
        let all: Vec<_> = states.filter(|(_, state)| *state != State::Pulling).map(|(one, _)| one).collect();
        let Some(container) = self.dice.faults.pick(&all).copied() else { return };
        self.coverage.count(Mishap::ContainerRemoved);
        // The engine reports the end of what had a process; one that only existed goes quietly.
        if matches!(self.vanish(node, container), Some(State::Starting | State::Running)) {
            self.tell_exited(node, container, Some(KILLED));
        }
    }
}
