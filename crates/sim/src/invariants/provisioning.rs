//! Tasks that wait for an instance.

use super::Step;
use crate::violation::{Broken, require};
use crate::world::World;
use plimsoll_model::{Reserved, Task};

/// RUN-12, of rows: a task is PROVISIONING exactly as long as it may still get an instance. It holds nothing before it
/// has one, and no service's task waits.
pub(super) fn run_12_what_waits_holds_nothing(step: &Step) -> Result<(), Broken> {
    for task in step.tasks_created().chain(step.tasks_updated()) {
        let is_whole = match task.instance {
            Some(_) => task.waiting.is_none() && !task.is_waiting(),
            None => task.waiting.is_some() && holds_nothing(task) && task.is_waiting() == task.is_live(),
        };
        require(is_whole, "RUN-12", || format!("{task:?} waits and does not"))?;
    }
    Ok(())
}

fn holds_nothing(task: &Task) -> bool {
    task.reserved == Reserved::default() && task.service.is_none()
}

/// RUN-12, of a core that has just been reconciled: no more tasks wait than may, none longer than it may, and when
/// nothing is left to do none that an instance would take.
pub(crate) fn run_12_nothing_waits_in_vain(world: &mut World) -> Result<(), Broken> {
    let local = world.control.clock.shows(world.now);
    let (max, timeout_ms) = (world.swarm.provisioning_tasks_max, world.swarm.provisioning_timeout_ms);
    let Some(core) = &mut world.control.core else { return Ok(()) };
    let now = core.now();
    let waiting = core.image().waiting_tasks().len();
    require(waiting <= max, "RUN-12", || format!("{waiting} tasks wait; {max} may"))?;
    let oldest = core.image().waiting_tasks().next();
    let is_over = oldest.filter(|task| task.created_at.plus_millis(timeout_ms) < now);
    let is_done = core.next_wakeup().is_none_or(|at| at > local);
    require(!is_done || is_over.is_none(), "RUN-12", || format!("at {now:?} there still waits {is_over:?}"))?;
    let in_vain = if is_done && waiting > 0 { core.waits_in_vain() } else { None };
    require(in_vain.is_none(), "RUN-12", || format!("{in_vain:?} waits although an instance takes it"))?;
    if waiting == max {
        world.coverage.count("as many tasks wait as may");
    }
    Ok(())
}
