//! Free host ports for containers that leave the choice to the node.

use plimsoll_model::{NetworkBinding, Protocol};
use std::collections::BTreeSet;
use std::io;
use std::net::{Ipv4Addr, TcpListener, UdpSocket};

/// The kernel gives out another port each time; only a machine with almost none free needs many.
const ATTEMPTS_MAX: u32 = 100;

/// Ports of containers that exist: the kernel does not know of them until they listen.
#[derive(Default)]
pub(super) struct Picked {
    held: BTreeSet<(Protocol, u16)>,
}

impl Picked {
    pub(super) fn pick(&mut self, protocol: Protocol) -> io::Result<u16> {
        for _ in 0..ATTEMPTS_MAX {
            let port = free_port(protocol)?;
            if self.held.insert((protocol, port)) {
                return Ok(port);
            }
        }
        Err(io::Error::other(format!("no free {} port found in {ATTEMPTS_MAX} attempts", protocol.as_str())))
    }

    pub(super) fn keep(&mut self, bindings: &[NetworkBinding]) {
        self.held.extend(bindings.iter().map(|binding| (binding.protocol, binding.host_port)));
    }

    pub(super) fn release(&mut self, bindings: &[NetworkBinding]) {
        for binding in bindings {
            self.held.remove(&(binding.protocol, binding.host_port));
        }
    }
}

fn free_port(protocol: Protocol) -> io::Result<u16> {
    let any = (Ipv4Addr::UNSPECIFIED, 0);
    let address = match protocol {
        Protocol::Tcp => TcpListener::bind(any)?.local_addr()?,
        Protocol::Udp => UdpSocket::bind(any)?.local_addr()?,
    };
    Ok(address.port())
}
