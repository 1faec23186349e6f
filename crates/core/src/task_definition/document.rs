//! Reading an ECS document whose types are known to be right: absent members read as empty.

use plimsoll_model::NetworkMode;
use serde_json::{Map, Value};

#[derive(Clone, Copy)]
pub(super) struct Document<'a> {
    pub(super) root: &'a Map<String, Value>,
}

impl<'a> Document<'a> {
    pub(super) fn new(root: &'a Map<String, Value>) -> Self {
        Document { root }
    }

    pub(super) fn containers(self) -> impl Iterator<Item = ContainerDocument<'a>> {
        objects(self.root, "containerDefinitions").map(|members| ContainerDocument { members })
    }

    pub(super) fn container(self, name: &str) -> Option<ContainerDocument<'a>> {
        self.containers().find(|container| container.name() == name)
    }

    /// Bridge when absent (TD-30).
    pub(super) fn network_mode(self) -> NetworkMode {
        text(self.root, "networkMode").and_then(NetworkMode::parse).unwrap_or(NetworkMode::Bridge)
    }

    pub(super) fn requires_fargate(self) -> bool {
        texts(self.root, "requiresCompatibilities").any(|one| one == "FARGATE")
    }

    pub(super) fn execution_role(self) -> Option<&'a str> {
        text(self.root, "executionRoleArn").filter(|role| !role.is_empty())
    }
}

#[derive(Clone, Copy)]
pub(super) struct ContainerDocument<'a> {
    pub(super) members: &'a Map<String, Value>,
}

impl<'a> ContainerDocument<'a> {
    pub(super) fn name(self) -> &'a str {
        text(self.members, "name").unwrap_or_default()
    }

    pub(super) fn essential(self) -> bool {
        flag(self.members, "essential").unwrap_or(true)
    }

    pub(super) fn linux(self) -> Option<&'a Map<String, Value>> {
        object(self.members, "linuxParameters")
    }
}

pub(super) fn text<'a>(members: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    members.get(name).and_then(Value::as_str)
}

pub(super) fn integer(members: &Map<String, Value>, name: &str) -> Option<i64> {
    members.get(name).and_then(Value::as_i64)
}

pub(super) fn flag(members: &Map<String, Value>, name: &str) -> Option<bool> {
    members.get(name).and_then(Value::as_bool)
}

pub(super) fn object<'a>(members: &'a Map<String, Value>, name: &str) -> Option<&'a Map<String, Value>> {
    members.get(name).and_then(Value::as_object)
}

pub(super) fn objects<'a>(
    members: &'a Map<String, Value>,
    name: &str,
) -> impl Iterator<Item = &'a Map<String, Value>> + use<'a> {
    members.get(name).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_object)
}

pub(super) fn texts<'a>(members: &'a Map<String, Value>, name: &str) -> impl Iterator<Item = &'a str> + use<'a> {
    members.get(name).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
}

/// Present and holding something.
pub(super) fn given(members: &Map<String, Value>, name: &str) -> bool {
    match members.get(name) {
        None | Some(Value::Null) => false,
        Some(Value::Array(items)) => !items.is_empty(),
        Some(Value::Object(members)) => !members.is_empty(),
        Some(Value::String(text)) => !text.is_empty(),
        Some(Value::Bool(_) | Value::Number(_)) => true,
    }
}
