//! That a core with nothing to do does nothing (I-13, I-14).

use super::{World, update_service};
use plimsoll_core::{Command, Input, Outbox, RequestId};
use plimsoll_model::{Change, ServiceName, ServiceStatus};

const PASSES: u64 = 100;

/// Reconcile passes between now and the instant before the core wants to be woken, or over the next hour: none may write,
/// send or say anything.
pub fn assert_silent(world: &mut World, what: &str) {
    let from = world.now;
    let wakeup = world.core.next_wakeup();
    if let Some(at) = wakeup {
        assert!(at > from, "{what}: wants to be woken at {at:?}, it is {from:?}");
    }
    let millis = wakeup.map_or(3_600_000, |at| at.millis_since(from) - 1);
    for pass in 0..=PASSES {
        world.now = from.plus_millis(millis * pass / PASSES);
        let mut out = Outbox::default();
        world.core.step(world.now, Input::Reconcile, &mut out);
        assert!(out.changes.is_empty(), "{what}, pass {pass}: {:?}", out.changes);
        assert!(out.effects.is_empty(), "{what}, pass {pass}: {:?}", out.effects);
        assert_eq!(world.core.next_wakeup(), wakeup, "{what}, pass {pass}");
    }
}

/// An update that changes nothing makes the scheduler look at every service again: it finds nothing to do.
pub fn assert_silent_when_looked_at(world: &mut World, what: &str) {
    let services = world.committed.services.values().filter(|row| row.status == ServiceStatus::Active);
    let names: Vec<ServiceName> = services.map(|row| row.name.clone()).collect();
    for name in names {
        for pass in 0..PASSES {
            let mut out = Outbox::default();
            let command = Command::UpdateService(Box::new(update_service(name.as_str())));
            world.core.step(world.now, Input::Command { request: RequestId(0), command }, &mut out);
            world.core.step(world.now, Input::Reconcile, &mut out);
            // The row is written again as it was.
            let is_update = |change: &Change| matches!(change, Change::Service(row) if row.name == name);
            assert!(out.changes.iter().all(is_update), "{what}, {name}, pass {pass}: {:?}", out.changes);
            assert!(out.effects.is_empty(), "{what}, {name}, pass {pass}: {:?}", out.effects);
            assert_eq!(world.committed, *world.core.image(), "{what}, {name}, pass {pass}");
            let wakeup = world.core.next_wakeup();
            assert!(wakeup.is_none_or(|at| at > world.now), "{what}, {name}, pass {pass}: to be woken at {wakeup:?}");
        }
    }
}
