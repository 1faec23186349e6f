//! RegisterContainerInstance, and the registration in an agent's hello (CI-1..5).
//!
//! An instance registered over the API counts as connected although no session exists: there is an agent of somebody
//! else behind it, or a developer's test, and both expect tasks to be placed. It has no grace to run out; only when
//! this writer loads the cluster again is it silent like every other instance that has not said hello.

use super::super::{ClusterCore, Outbox};
use crate::CommandError;
use crate::command::{CreateCluster, RegisterContainerInstance};
use plimsoll_model::{Attribute, ClusterName, Instance, InstanceId, InstanceStatus};
use std::collections::BTreeMap;
use std::sync::Arc;

impl ClusterCore {
    pub(in super::super) fn register_instance(
        &mut self,
        request: RegisterContainerInstance,
        out: &mut Outbox,
    ) -> Result<Arc<Instance>, CommandError> {
        let known = request.instance.and_then(|id| self.registered(id));
        if let Some(row) = &known
            && (row.registered.cpu_units, row.registered.memory_mib)
                != (request.resources.cpu_units, request.resources.memory_mib)
        {
            return Err(CommandError::InstanceTypeChanged { instance: row.id });
        }
        if let Err(error) = self.require_active_cluster() {
            // CL-3: the first instance brings the default cluster into being, no other one.
            if self.config.cluster.name != ClusterName::default_cluster() {
                return Err(error);
            }
            self.create_cluster(CreateCluster::default(), out);
        }
        match known {
            Some(row) => Ok(self.register_again(&row, request, out)),
            None => Ok(self.register_new(request, out)),
        }
    }

    /// Unknown and INACTIVE identities register anew (CI-3).
    fn registered(&self, id: InstanceId) -> Option<Arc<Instance>> {
        self.image.instances.get(&id).filter(|row| row.status != InstanceStatus::Inactive).cloned()
    }

    fn register_new(&mut self, request: RegisterContainerInstance, out: &mut Outbox) -> Arc<Instance> {
        let ec2_instance_id = match request.ec2_instance_id {
            Some(id) => id,
            None => self.random.ec2_instance_id().into(),
        };
        let row = Instance {
            id: self.new_instance_id(),
            status: InstanceStatus::Active,
            agent_connected: true,
            lost: false,
            base_version: 1,
            registered: request.resources,
            attributes: request.attributes,
            version_info: request.version_info,
            ec2_instance_id,
            registered_at: self.now,
            deregistered_at: None,
            tags: request.tags,
        };
        self.put_instance(row, out)
    }

    fn register_again(
        &mut self,
        known: &Instance,
        request: RegisterContainerInstance,
        out: &mut Outbox,
    ) -> Arc<Instance> {
        let mut attributes: BTreeMap<Arc<str>, Attribute> = request.attributes;
        let custom = known.attributes.iter().filter(|(_, attribute)| attribute.custom);
        attributes.extend(custom.map(|(name, attribute)| (Arc::clone(name), attribute.clone())));
        let row = self.update_instance(
            known.id,
            |row| {
                row.agent_connected = true;
                row.lost = false;
                row.registered = request.resources;
                row.attributes = attributes;
                row.version_info = request.version_info;
            },
            out,
        );
        self.end_grace(row.id);
        row
    }

    fn new_instance_id(&mut self) -> InstanceId {
        loop {
            let id = self.random.instance_id();
            if !self.image.instances.contains_key(&id) {
                return id;
            }
        }
    }
}
