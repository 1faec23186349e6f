//! Registering a task definition: validation (TD-1 to TD-67), stored defaults (TD-60) and derived fields (TD-70, 71).
//!
//! Works on the ECS document itself, whose members already have the right JSON types, enums and model bounds; revision
//! numbers and persistence belong to others. Every refusal names the container or member it is about.

mod containers;
mod defaults;
mod dependencies;
mod derived;
mod document;
mod fargate;
mod network;
mod placement;
mod sizes;
#[cfg(test)]
mod tests;
mod volumes;

pub use sizes::{task_cpu_units, task_memory_mib};

use document::Document;
use plimsoll_model::{Family, LaunchType, Tags};
use serde_json::{Map, Value};
use std::sync::Arc;

/// Serialized size of a definition (TD-6).
pub const DEFINITION_BYTES_MAX: usize = 64 * 1024;
/// Containers of a definition (TD-2).
pub const CONTAINERS_MAX: usize = 10;

/// A definition that may be stored under the next revision of its family.
#[derive(Clone, PartialEq, Debug)]
pub struct Prepared {
    pub family: Family,
    /// Without `tags`; with the defaults ECS shows.
    pub document: Value,
    /// `None` when the request named none: the reply then names none either (TD-61).
    pub tags: Option<Tags>,
    pub requires_attributes: Vec<Arc<str>>,
    pub compatibilities: Vec<LaunchType>,
}

/// A definition that ECS would refuse. Nearly all are client exceptions (TD preamble).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DefinitionError {
    #[error("{0}")]
    Client(String),
}

type Checked = Result<(), DefinitionError>;

fn refuse<T>(message: impl Into<String>) -> Result<T, DefinitionError> {
    Err(DefinitionError::Client(message.into()))
}

/// Validates and normalises the members of a RegisterTaskDefinition request.
pub fn prepare(mut request: Map<String, Value>) -> Result<Prepared, DefinitionError> {
    let tags = request.remove("tags").map(|tags| read_tags(&tags));
    let family = read_family(&request)?;
    sizes::normalise_task_sizes(&mut request)?;
    {
        let document = Document::new(&request);
        containers::check(&document)?;
        sizes::check(&document)?;
        network::check(&document)?;
        dependencies::check(&document)?;
        volumes::check(&document)?;
        placement::check(&document)?;
    }
    defaults::fill(&mut request);
    let document = Document::new(&request);
    let compatibilities = derived::compatibilities(&document)?;
    let requires_attributes = derived::requires_attributes(&document);
    let document = Value::Object(request);
    let bytes = document.to_string().len();
    if bytes > DEFINITION_BYTES_MAX {
        return refuse(format!("Task definition is {bytes} bytes; the maximum is {DEFINITION_BYTES_MAX}."));
    }
    Ok(Prepared { family, document, tags, requires_attributes, compatibilities })
}

/// TD-1.
fn read_family(request: &Map<String, Value>) -> Result<Family, DefinitionError> {
    let family = request.get("family").and_then(Value::as_str).unwrap_or_default();
    if family.is_empty() {
        return refuse("Family should not be null or empty.");
    }
    Family::parse(family).or_else(|_| refuse("Family contains invalid characters."))
}

fn read_tags(tags: &Value) -> Tags {
    let text = |tag: &Value, member: &str| -> Arc<str> { tag[member].as_str().unwrap_or_default().into() };
    tags.as_array().into_iter().flatten().map(|tag| (text(tag, "key"), text(tag, "value"))).collect()
}
