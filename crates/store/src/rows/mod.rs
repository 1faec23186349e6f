//! Between rows and columns: what both databases share.

mod decode;
mod encode;
mod intern;
mod split;

pub(crate) use decode::{
    DefinitionRow, EventRow, ImageBuilder, TaskRow, TokenRow, check_usage, corrupt, id, read_definition, read_task,
};
pub(crate) use encode::{integer, json, json_if, text};
pub(crate) use split::{Capacity, PortChanges, UsageChanges, Use, all_found};

use plimsoll_model::{InstanceId, Task};

/// The order in which [`read_task`] takes a task's columns; `json` ones read as text.
pub(crate) const TASK_COLUMNS: &str = "id, instance, family, revision, service, deployment, task_group, started_by, \
     launch_type, cpu_units, memory_mib, ports, gpus, overrides, enable_execute_command, created_at, version, \
     desired_status, last_status, health, stop_code, stopped_reason, pull_started_at, pull_stopped_at, started_at, \
     stopping_at, execution_stopped_at, stopped_at, containers, tags, protected_until, \
     capacity_provider, waiting";

/// Stands for no instance: the column that holds it is older than tasks without one (see migration 6).
const NO_INSTANCE: InstanceId = InstanceId::from_u128(0);

/// As the column `instance` holds it.
pub(crate) fn instance_column(task: &Task) -> InstanceId {
    task.instance.unwrap_or(NO_INSTANCE)
}

/// The order in which [`read_definition`] takes a definition's columns.
pub(crate) const DEFINITION_COLUMNS: &str = "family, revision, status, registered_at, deregistered_at, \
     registered_by, tags, requires_attributes, compatibilities, document, delete_requested_at";
