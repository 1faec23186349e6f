//! RegisterContainerInstance over the API (CI-1 to CI-4). Our own agents register through their stream instead.

use super::input::{invalid, shared, unexpected};
use super::tags;
use crate::Context;
use crate::render::{InstanceView, ShowTags};
use crate::resolve;
use plimsoll_core::{Command, Output, command};
use plimsoll_ecs_api::{ApiError, types};
use plimsoll_model::{Attribute, PortClaim, Protocol, Resources, VersionInfo};
use std::collections::BTreeMap;
use std::sync::Arc;

pub(super) async fn run(
    context: &Context,
    request: types::RegisterContainerInstanceRequest,
) -> Result<types::RegisterContainerInstanceResponse, ApiError> {
    let arns = resolve::cluster_name(context, request.cluster.as_deref())?;
    let known = request.container_instance_arn.filter(|arn| !arn.is_empty());
    let registration = command::RegisterContainerInstance {
        instance: known.map(|arn| arns.instance_id(&arn)).transpose()?,
        resources: resources(
            request.total_resources.unwrap_or_default(),
            request.platform_devices.unwrap_or_default(),
        )?,
        attributes: attributes(request.attributes.unwrap_or_default()),
        version_info: version_info(request.version_info.unwrap_or_default()),
        ec2_instance_id: ec2_instance_id(request.instance_identity_document.as_deref())?,
        tags: tags::read(request.tags),
    };
    let cluster = resolve::cluster_for_registration(context, arns).await?;
    let row = match cluster.submit(Command::RegisterContainerInstance(Box::new(registration))).await? {
        Output::Instance(row) => row,
        other => return Err(unexpected("RegisterContainerInstance", &other)),
    };
    let view = cluster.read(|image| InstanceView::collect(image, &row))?;
    Ok(types::RegisterContainerInstanceResponse { container_instance: Some(view.render(&cluster.arns, ShowTags::Yes)) })
}

fn resources(totals: Vec<types::Resource>, devices: Vec<types::PlatformDevice>) -> Result<Resources, ApiError> {
    let mut resources = Resources::default();
    for total in totals {
        let name = total.name.clone().unwrap_or_default();
        match name.as_str() {
            "CPU" => resources.cpu_units = amount(&name, &total)?,
            "MEMORY" => resources.memory_mib = amount(&name, &total)?,
            "PORTS" => resources.reserved_ports.extend(ports(&name, Protocol::Tcp, total)?),
            "PORTS_UDP" => resources.reserved_ports.extend(ports(&name, Protocol::Udp, total)?),
            "GPU" => resources.gpus.extend(total.string_set_value.unwrap_or_default().into_iter().map(Arc::from)),
            _ => {
                let number = i64::from(total.integer_value).max(total.long_value);
                resources.others.insert(name.into(), number);
            }
        }
    }
    let gpus = devices.into_iter().filter(|device| device.r#type.as_deref() == Some("GPU"));
    resources.gpus.extend(gpus.filter_map(|device| device.id).map(Arc::from));
    Ok(resources)
}

fn amount(name: &str, total: &types::Resource) -> Result<u32, ApiError> {
    u32::try_from(total.integer_value)
        .map_err(|_| invalid(format!("resource {name} must be at least 0, was {}", total.integer_value)))
}

fn ports(name: &str, protocol: Protocol, total: types::Resource) -> Result<Vec<PortClaim>, ApiError> {
    let read = |text: String| match text.parse::<u16>() {
        Ok(port) => Ok(PortClaim { protocol, port }),
        Err(_) => Err(invalid(format!("resource {name} holds {text:?}, which is not a port"))),
    };
    total.string_set_value.unwrap_or_default().into_iter().map(read).collect()
}

/// An empty value is no value (CQL-6).
fn attributes(given: Vec<types::Attribute>) -> BTreeMap<Arc<str>, Attribute> {
    let pair = |one: types::Attribute| {
        (one.name.unwrap_or_default().into(), Attribute { value: shared(one.value), custom: false })
    };
    given.into_iter().map(pair).collect()
}

fn version_info(given: types::VersionInfo) -> VersionInfo {
    VersionInfo {
        agent_version: shared(given.agent_version),
        agent_hash: shared(given.agent_hash),
        docker_version: shared(given.docker_version),
    }
}

/// Only the instance's id is taken from the document. Its signature is EC2's and proves nothing here.
fn ec2_instance_id(document: Option<&str>) -> Result<Option<Arc<str>>, ApiError> {
    let Some(document) = document.filter(|document| !document.is_empty()) else { return Ok(None) };
    let document: serde_json::Value = serde_json::from_str(document)
        .map_err(|error| invalid(format!("instanceIdentityDocument is not a JSON document: {error}")))?;
    Ok(document.get("instanceId").and_then(|id| id.as_str()).filter(|id| !id.is_empty()).map(Arc::from))
}
