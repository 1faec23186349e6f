//! PutAttributes and DeleteAttributes (ATTR-2..4).

use super::super::{ClusterCore, Outbox};
use crate::command::AttributeTarget;
use crate::{CommandError, Output};
use plimsoll_model::{Attribute, InstanceId, InstanceStatus};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// ATTR-2.
const CUSTOM_ATTRIBUTES_MAX: usize = 10;

impl ClusterCore {
    /// All or nothing.
    pub(super) fn put_attributes(
        &mut self,
        targets: Vec<AttributeTarget>,
        out: &mut Outbox,
    ) -> Result<Output, CommandError> {
        let by_instance = self.by_instance(&targets)?;
        for (&instance, targets) in &by_instance {
            let row = &self.image.instances[&instance];
            let custom = row.attributes.iter().filter(|(_, one)| one.custom).map(|(name, _)| name);
            let names: BTreeSet<&Arc<str>> = custom.chain(targets.iter().map(|target| &target.name)).collect();
            if names.len() > CUSTOM_ATTRIBUTES_MAX {
                let (count, limit) = (names.len(), CUSTOM_ATTRIBUTES_MAX);
                return Err(CommandError::AttributeLimitExceeded { instance, count, limit });
            }
        }
        for (instance, targets) in by_instance {
            let mut attributes = self.image.instances[&instance].attributes.clone();
            for target in targets {
                let attribute = Attribute { value: target.value.clone(), custom: true };
                attributes.insert(Arc::clone(&target.name), attribute);
            }
            self.change_attributes(instance, attributes, out);
        }
        Ok(Output::Attributes(targets))
    }

    /// Absent ones are no error; what was deleted is returned (ATTR-4).
    pub(super) fn delete_attributes(
        &mut self,
        targets: Vec<AttributeTarget>,
        out: &mut Outbox,
    ) -> Result<Output, CommandError> {
        let mut deleted = Vec::new();
        for (instance, targets) in self.by_instance(&targets)? {
            let mut attributes = self.image.instances[&instance].attributes.clone();
            for target in targets {
                if let Some(attribute) = attributes.remove(&target.name) {
                    deleted.push(AttributeTarget { value: attribute.value, ..target.clone() });
                }
            }
            self.change_attributes(instance, attributes, out);
        }
        Ok(Output::Attributes(deleted))
    }

    fn change_attributes(&mut self, instance: InstanceId, attributes: BTreeMap<Arc<str>, Attribute>, out: &mut Outbox) {
        if self.image.instances[&instance].attributes != attributes {
            self.update_instance(instance, |row| row.attributes = attributes, out);
        }
    }

    fn by_instance<'a>(
        &self,
        targets: &'a [AttributeTarget],
    ) -> Result<BTreeMap<InstanceId, Vec<&'a AttributeTarget>>, CommandError> {
        let mut grouped: BTreeMap<InstanceId, Vec<&AttributeTarget>> = BTreeMap::new();
        for target in targets {
            let instance = target.instance;
            let known = self.image.instances.get(&instance);
            if known.is_none_or(|row| row.status == InstanceStatus::Inactive) {
                return Err(CommandError::AttributeTargetNotFound { instance });
            }
            grouped.entry(instance).or_default().push(target);
        }
        Ok(grouped)
    }
}
