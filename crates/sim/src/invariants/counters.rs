//! What is derived from rows is a function of them.

use crate::violation::{Broken, require};
use plimsoll_core::{ClusterConfig, ClusterCore, Input, Outbox};
use plimsoll_model::{Image, Timestamp};

/// I-23: all counters and indexes equal a recount, and the core's image is what its changes add up to.
pub(super) fn i_23_counters_are_a_recount(told: &Image, kept: &Image) -> Result<(), Broken> {
    require(kept.recounted() == *kept, "I-23", || "a counter or index differs from a recount".to_owned())?;
    require(told == kept, "I-23", || format!("the core changed what it did not tell: {}", difference(told, kept)))
}

fn difference(told: &Image, kept: &Image) -> &'static str {
    let differs = [
        (told.cluster != kept.cluster, "cluster"),
        (told.instances != kept.instances, "instances"),
        (told.usage != kept.usage, "usage"),
        (told.services != kept.services, "services"),
        (told.deployments != kept.deployments, "deployments"),
        (told.service_deployments != kept.service_deployments, "service deployments"),
        (told.tasks != kept.tasks, "tasks"),
        (told.events != kept.events, "events"),
        (told.tokens != kept.tokens, "tokens"),
        (told.definitions != kept.definitions, "definitions"),
    ];
    differs.iter().find(|(differs, _)| *differs).map_or("derived counters", |(_, what)| what)
}

/// The one recovery there is must lead to the same place: a core loaded from what is stored has the same indexes as
/// the core that lived through it, and writes the same rows again.
pub(crate) fn load_finds_the_same_state(
    core: &ClusterCore,
    stored: Image,
    config: ClusterConfig,
    now: Timestamp,
) -> Result<(), Broken> {
    let broken = |detail: String| Broken { invariant: "load", detail };
    require(stored == *core.image(), "load", || format!("stored rows differ: {}", difference(&stored, core.image())))?;
    let mut first = Outbox::default();
    let again = stored.clone();
    let loaded =
        ClusterCore::load(config.clone(), stored, now, &mut first).map_err(|error| broken(error.to_string()))?;
    let (lived, loaded_view) = (core.derived(), loaded.derived());
    require(lived == loaded_view, "load", || format!("lived {lived:#?}\nloaded {loaded_view:#?}"))?;
    i_7_the_same_state_and_seed_decide_the_same(loaded, first, (config, again), now)
}

/// I-7: given the same rows, seed and time, two cores decide the same.
fn i_7_the_same_state_and_seed_decide_the_same(
    mut one: ClusterCore,
    mut first: Outbox,
    (config, image): (ClusterConfig, Image),
    now: Timestamp,
) -> Result<(), Broken> {
    let mut second = Outbox::default();
    let other = ClusterCore::load(config, image, now, &mut second);
    let mut other = other.map_err(|error| Broken { invariant: "load", detail: error.to_string() })?;
    one.step(now, Input::Reconcile, &mut first);
    other.step(now, Input::Reconcile, &mut second);
    let same = first.changes == second.changes && first.effects == second.effects;
    require(same, "I-7", || "two loads of the same rows decided differently".to_owned())
}
