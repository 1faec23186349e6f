//! Taking over a cluster: everything derived is built anew, what is volatile starts from nothing.

use super::derived::Derived;
use super::flapping::Flapping;
use super::loss::Losses;
use super::random::Streams;
use super::reconcile::Work;
use super::sessions::Sessions;
use super::timers::Timers;
use super::{ClusterConfig, ClusterCore, LoadError, Outbox};
use crate::CommandError;
use plimsoll_model::{
    DeploymentStatus, Image, Instance, InstanceId, InstanceStatus, ServiceStatus, TaskDefinitionId, Timestamp, Usage,
};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

pub(super) fn load(
    config: ClusterConfig,
    image: Image,
    now: Timestamp,
    out: &mut Outbox,
) -> Result<ClusterCore, LoadError> {
    let inconsistent = |detail: String| LoadError { cluster: config.cluster.to_string(), detail };
    check(&image).map_err(inconsistent)?;
    let mut core = ClusterCore {
        random: Streams::new(config.seed, config.epoch.0, now),
        config,
        now,
        image: Image::default(),
        derived: Derived::new(),
        work: Work::default(),
        timers: Timers::default(),
        sessions: Sessions::new(now),
        losses: Losses::default(),
        flapping: Flapping::default(),
        undelivered: BTreeSet::new(),
        expressions: super::expressions::Expressions::default(),
    };
    core.image = image;
    core.derive_everything()
        .map_err(|error| LoadError { cluster: core.config.cluster.to_string(), detail: error.to_string() })?;
    core.disconnect_everyone(out);
    Ok(core)
}

impl ClusterCore {
    fn derive_everything(&mut self) -> Result<(), CommandError> {
        self.derive_definitions()?;
        let instances: Vec<Arc<Instance>> = self.image.instances.values().cloned().collect();
        instances.iter().for_each(|row| self.derive_instance(row));
        let services: Vec<_> = self.image.services.values().cloned().collect();
        for row in &services {
            self.expressions.parse_constraints(&row.placement_constraints)?;
            self.derive_service(row);
            self.work.mark(&row.name);
        }
        let tasks: Vec<_> = self.image.tasks.values().cloned().collect();
        tasks.iter().for_each(|row| self.derive_new_task(row));
        let tokens: Vec<_> = self.image.tokens.values().cloned().collect();
        tokens.iter().for_each(|row| self.derive_token(row));
        // With all tasks in the fleet, because what is on an instance can decide.
        services.iter().for_each(|row| self.derive_coverage(row));
        Ok(())
    }

    fn derive_definitions(&mut self) -> Result<(), CommandError> {
        let image = &self.image;
        let references = image
            .services
            .values()
            .filter_map(|row| row.definition.as_ref())
            .chain(image.deployments.values().map(|row| &row.definition))
            .chain(image.tasks.values().map(|row| &row.definition));
        for id in references {
            let definition = &image.definitions[id];
            let member_of = self.expressions.parse_all(&definition.member_of)?;
            self.derived.definitions.reference(definition, member_of);
        }
        // A store may know more definitions than the rows name.
        let named = self.derived.definitions.references();
        self.image.definitions.retain(|id, _| named.contains_key(id));
        Ok(())
    }

    /// Nobody has said hello to this writer yet.
    fn disconnect_everyone(&mut self, out: &mut Outbox) {
        let silent: Vec<(InstanceId, bool)> = self
            .image
            .instances
            .values()
            .filter(|row| row.status != InstanceStatus::Inactive)
            .map(|row| (row.id, row.agent_connected))
            .collect();
        for (id, was_connected) in silent {
            if was_connected {
                self.update_instance(id, |row| row.agent_connected = false, out);
            }
            if !self.image.instances[&id].lost {
                self.start_grace_after_load(id);
            }
        }
    }
}

/// What must hold between rows, whoever wrote them.
fn check(image: &Image) -> Result<(), String> {
    let defined = |id: &TaskDefinitionId, whose: String| match image.definitions.contains_key(id) {
        true => Ok(()),
        false => Err(format!("{whose} names task definition {id}, which is not stored")),
    };
    for service in image.services.values() {
        match &service.definition {
            Some(definition) => defined(definition, format!("service {}", service.name))?,
            None => return Err(format!("service {} has no task definition", service.name)),
        }
        let primaries = image
            .deployments_of_service(&service.name)
            .filter(|deployment| deployment.status == DeploymentStatus::Primary)
            .count();
        let expected = usize::from(service.status != ServiceStatus::Inactive);
        if primaries != expected {
            return Err(format!("service {} has {primaries} primary deployments", service.name));
        }
    }
    for deployment in image.deployments.values() {
        defined(&deployment.definition, format!("deployment {}", deployment.id))?;
    }
    let mut used: BTreeMap<InstanceId, Usage> = BTreeMap::new();
    for task in image.tasks.values() {
        defined(&task.definition, format!("task {}", task.id))?;
        if task.is_stopped() {
            continue;
        }
        let on = image.instances.get(&task.instance).filter(|row| row.status != InstanceStatus::Inactive);
        if on.is_none() {
            return Err(format!("task {} is on instance {}, which is gone", task.id, task.instance));
        }
        let sum = used.entry(task.instance).or_default();
        sum.cpu_units += u64::from(task.reserved.cpu_units);
        sum.memory_mib += u64::from(task.reserved.memory_mib);
    }
    for id in image.instances.keys() {
        let stored = image.usage.get(id).copied().unwrap_or_default();
        let counted = used.get(id).copied().unwrap_or_default();
        if stored != counted {
            return Err(format!("instance {id} stores {stored:?} as used, its tasks hold {counted:?}"));
        }
    }
    Ok(())
}
