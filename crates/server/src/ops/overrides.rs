//! What RunTask and StartTask change about a definition (RUN-4).

use super::input::{invalid, non_empty, unsupported};
use plimsoll_core::task_definition::{task_cpu_units, task_memory_mib};
use plimsoll_ecs_api::{ApiError, types};
use plimsoll_model::{ContainerOverride, TaskOverrides};
use std::collections::BTreeMap;

/// Docker refuses less, as in definitions (TD-13).
const CONTAINER_MEMORY_MIB_MIN: u32 = 4;

/// `None` when nothing is overridden; an empty object is allowed.
pub(super) fn read(given: Option<types::TaskOverride>) -> Result<Option<TaskOverrides>, ApiError> {
    let Some(given) = given.filter(|given| *given != types::TaskOverride::default()) else { return Ok(None) };
    if given.ephemeral_storage.is_some() {
        return Err(unsupported("An ephemeralStorage override needs launch type FARGATE, which is not supported."));
    }
    if non_empty(given.inference_accelerator_overrides.as_ref()) {
        return Err(unsupported(
            "inferenceAcceleratorOverrides: inference accelerators are not supported by this server.",
        ));
    }
    let document = serde_json::to_value(&given).expect("wire types have text keys and finite numbers");
    let cpu_units = given.cpu.map(|cpu| task_cpu_units(&cpu).ok_or_else(|| not_a_size("cpu", &cpu))).transpose()?;
    let memory_mib =
        given.memory.map(|memory| task_memory_mib(&memory).ok_or_else(|| not_a_size("memory", &memory))).transpose()?;
    let containers = given.container_overrides.unwrap_or_default().into_iter().map(container);
    Ok(Some(TaskOverrides { cpu_units, memory_mib, containers: containers.collect::<Result<_, _>>()?, document }))
}

fn not_a_size(member: &str, given: &str) -> ApiError {
    invalid(format!("Invalid '{member}' setting for task override: {given:?}."))
}

/// Whether the definition has a container of that name is the core's to say.
fn container(given: types::ContainerOverride) -> Result<ContainerOverride, ApiError> {
    let name = given.name.unwrap_or_default();
    if non_empty(given.environment_files.as_ref()) {
        return Err(unsupported(format!("environmentFiles in the override of container {name} are not supported.")));
    }
    let at_least = |member: &str, number: Option<i32>, min: u32| match number.map(u32::try_from) {
        None => Ok(None),
        Some(Ok(number)) if number >= min => Ok(Some(number)),
        Some(_) => Err(invalid(format!("{member} in the override of container {name} must be at least {min}."))),
    };
    let cpu_units = at_least("cpu", given.cpu, 0)?;
    let memory_mib = at_least("memory", given.memory, CONTAINER_MEMORY_MIB_MIN)?;
    let memory_reservation_mib = at_least("memoryReservation", given.memory_reservation, CONTAINER_MEMORY_MIB_MIN)?;
    Ok(ContainerOverride {
        command: given.command,
        environment: environment(&name, given.environment.unwrap_or_default())?,
        cpu_units,
        memory_mib,
        memory_reservation_mib,
        gpus: gpus(&name, given.resource_requirements.as_deref())?,
        name: name.into(),
    })
}

/// Duplicates: the last one wins, as in definitions (TD-54).
fn environment(container: &str, pairs: Vec<types::KeyValuePair>) -> Result<BTreeMap<String, String>, ApiError> {
    let pair = |pair: types::KeyValuePair| match pair.name.filter(|name| !name.is_empty()) {
        Some(name) => Ok((name, pair.value.unwrap_or_default())),
        None => {
            Err(invalid(format!("environment in the override of container {container} has an entry without name.")))
        }
    };
    pairs.into_iter().map(pair).collect()
}

fn gpus(container: &str, requirements: Option<&[types::ResourceRequirement]>) -> Result<Option<u32>, ApiError> {
    let Some(requirements) = requirements else { return Ok(None) };
    let mut gpus = None;
    for requirement in requirements {
        let kind = requirement.r#type.as_deref().unwrap_or_default();
        if kind != "GPU" || requirement.sharing_strategy.is_some() {
            let message = format!("{kind} in the override of container {container}: only whole GPUs are supported.");
            return Err(unsupported(message));
        }
        let value = requirement.value.as_deref().unwrap_or_default();
        let count = value.parse::<u32>().ok().filter(|count| *count > 0 && gpus.is_none());
        gpus = Some(count.ok_or_else(|| {
            invalid(format!("The GPU override of container {container} must be one positive number, was {value:?}."))
        })?);
    }
    Ok(gpus)
}

#[cfg(test)]
mod tests {
    use super::read;
    use serde_json::json;

    #[test]
    fn run4_an_empty_object_overrides_nothing() {
        assert_eq!(read(serde_json::from_value(json!({})).unwrap()), Ok(None));
    }

    #[test]
    fn run4_sizes_environment_and_gpus_are_read_and_the_document_is_kept() {
        let given = json!({
            "cpu": "0.5 vCPU", "memory": "1GB",
            "containerOverrides": [{
                "name": "a", "command": ["x"], "memory": 64,
                "environment": [{"name": "A", "value": "1"}, {"name": "A", "value": "2"}],
                "resourceRequirements": [{"type": "GPU", "value": "2"}],
            }],
        });
        let read = read(serde_json::from_value(given.clone()).unwrap()).unwrap().unwrap();
        assert_eq!((read.cpu_units, read.memory_mib, read.document), (Some(512), Some(1024), given));
        let container = &read.containers[0];
        assert_eq!(
            (container.gpus, container.memory_mib, container.environment["A"].as_str()),
            (Some(2), Some(64), "2")
        );
    }

    #[test]
    fn run4_what_cannot_be_done_is_refused() {
        for (given, code) in [
            (json!({"cpu": "much"}), "InvalidParameterException"),
            (json!({"ephemeralStorage": {"sizeInGiB": 30}}), "UnsupportedFeatureException"),
            (json!({"containerOverrides": [{"name": "a", "memory": 3}]}), "InvalidParameterException"),
            (json!({"containerOverrides": [{"name": "a", "cpu": -1}]}), "InvalidParameterException"),
            (
                json!({"containerOverrides": [{"name": "a", "environmentFiles": [{"type": "s3", "value": "x"}]}]}),
                "UnsupportedFeatureException",
            ),
            (
                json!({"containerOverrides": [{"name": "a", "resourceRequirements": [{"type": "GPU", "value": "0"}]}]}),
                "InvalidParameterException",
            ),
        ] {
            let error = read(serde_json::from_value(given.clone()).unwrap()).unwrap_err();
            assert_eq!(error.code, code, "{given}");
        }
    }
}
