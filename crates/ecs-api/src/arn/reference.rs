//! What a member of a request means: a short name or an ARN, of this account, region and cluster (ARN-4 to ARN-6).

use super::parse::{canonical_id, is_name, revision, task_set_id};
use super::{Arn, HistoryKind, InService, Resource, Scope};
use crate::error::{ApiError, excerpt};

/// A `taskDefinition` member: the latest active revision of a family, or one revision (ARN-4).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum DefinitionReference {
    Family(String),
    Revision { family: String, revision: u64 },
}

impl Scope {
    /// The name of the cluster a `cluster` member means; absent and empty mean `default` (ARN-4).
    pub fn cluster(&self, given: Option<&str>) -> Result<String, ApiError> {
        match given {
            None | Some("") => Ok("default".to_owned()),
            Some(text) if text.starts_with("arn:") => match self.own(text)?.resource {
                Resource::Cluster { name } => Ok(name),
                _ => Err(wrong_kind(text, "a cluster")),
            },
            Some(text) if is_name(text) => Ok(text.to_owned()),
            Some(text) => Err(malformed(text, "name", "a cluster")),
        }
    }

    /// The name of the service a `service` member means, in that cluster (ARN-4, ARN-5).
    pub fn service(&self, cluster: &str, given: &str) -> Result<String, ApiError> {
        if !given.starts_with("arn:") {
            return if is_name(given) { Ok(given.to_owned()) } else { Err(malformed(given, "name", "a service")) };
        }
        match self.own(given)?.resource {
            Resource::Service { cluster: named, name } => within(cluster, named).map(|()| name),
            _ => Err(wrong_kind(given, "a service")),
        }
    }

    /// The id of the task set that a `taskSet` member means, in that service (ARN-7).
    pub fn task_set(&self, cluster: &str, service: &str, given: &str) -> Result<String, ApiError> {
        if !given.starts_with("arn:") {
            return task_set_id(given).ok_or_else(|| malformed(given, "id (ecs-svc/ and digits)", "a task set"));
        }
        match self.own(given)?.resource {
            Resource::TaskSet { cluster: named, .. } if named != cluster => Err(foreign(&named, "cluster", cluster)),
            Resource::TaskSet { service: named, .. } if named != service => Err(foreign(&named, "service", service)),
            Resource::TaskSet { id, .. } => Ok(id),
            _ => Err(wrong_kind(given, "a task set")),
        }
    }

    /// The id, as 32 hexadecimal digits, of the task a `task` member means (ARN-2, ARN-4 to ARN-6).
    pub fn task(&self, cluster: &str, given: &str) -> Result<String, ApiError> {
        if !given.starts_with("arn:") {
            return canonical_id(given).ok_or_else(|| malformed(given, SHORT_ID, "a task"));
        }
        match self.own(given)?.resource {
            Resource::Task { cluster: named, id } => within(cluster, named).map(|()| id),
            _ => Err(wrong_kind(given, "a task")),
        }
    }

    /// The id, as 32 hexadecimal digits, of the instance a `containerInstance` member means.
    pub fn container_instance(&self, cluster: &str, given: &str) -> Result<String, ApiError> {
        if !given.starts_with("arn:") {
            return canonical_id(given).ok_or_else(|| malformed(given, SHORT_ID, "a container instance"));
        }
        match self.own(given)?.resource {
            Resource::ContainerInstance { cluster: named, id } => within(cluster, named).map(|()| id),
            _ => Err(wrong_kind(given, "a container instance")),
        }
    }

    /// What the ARN of a service deployment or service revision names. There are no short names for them.
    pub fn history(&self, kind: HistoryKind, given: &str) -> Result<InService, ApiError> {
        let what = match kind {
            HistoryKind::Deployment => "a service deployment",
            HistoryKind::Revision => "a service revision",
        };
        match self.own(given)?.resource {
            Resource::History(named, of) if named == kind => Ok(of),
            _ => Err(wrong_kind(given, what)),
        }
    }

    /// What a `taskDefinition` member means: `family`, `family:revision` or an ARN with its revision (ARN-4).
    pub fn task_definition(&self, given: &str) -> Result<DefinitionReference, ApiError> {
        if given.starts_with("arn:") {
            return match self.own(given)?.resource {
                Resource::TaskDefinition { family, revision } => Ok(DefinitionReference::Revision { family, revision }),
                _ => Err(wrong_kind(given, "a task definition")),
            };
        }
        match given.split_once(':') {
            None if is_name(given) => Ok(DefinitionReference::Family(given.to_owned())),
            Some((family, number)) if is_name(family) => match revision(number) {
                Some(revision) => Ok(DefinitionReference::Revision { family: family.to_owned(), revision }),
                // The text is TD-76's.
                None => {
                    let number = excerpt(number);
                    let message = format!("Invalid revision number. Number: {}", number.trim_matches('"'));
                    Err(ApiError::invalid_parameter(message))
                }
            },
            _ => Err(malformed(given, "name", "a task definition")),
        }
    }

    /// The name of the capacity provider a member means (ARN-4).
    pub fn capacity_provider(&self, given: &str) -> Result<String, ApiError> {
        if !given.starts_with("arn:") {
            return if is_name(given) {
                Ok(given.to_owned())
            } else {
                Err(malformed(given, "name", "a capacity provider"))
            };
        }
        match self.own(given)?.resource {
            Resource::CapacityProvider { name } => Ok(name),
            _ => Err(wrong_kind(given, "a capacity provider")),
        }
    }

    /// What an ARN of this scope names, whatever it is.
    pub fn resource(&self, given: &str) -> Result<Resource, ApiError> {
        self.own(given).map(|arn| arn.resource)
    }

    /// An ARN that belongs to this scope.
    fn own(&self, text: &str) -> Result<Arn, ApiError> {
        let arn: Arn = text.parse()?;
        for (what, named, ours) in [
            ("partition", &arn.scope.partition, &self.partition),
            ("region", &arn.scope.region, &self.region),
            ("account", &arn.scope.account, &self.account),
        ] {
            if named != ours {
                return Err(foreign(named, what, ours));
            }
        }
        Ok(arn)
    }
}

/// ARN-5: an ARN that names a cluster names the one of the request.
fn within(cluster: &str, named: Option<String>) -> Result<(), ApiError> {
    match named {
        Some(named) if named != cluster => Err(foreign(&named, "cluster", cluster)),
        _ => Ok(()),
    }
}

fn foreign(named: &str, what: &str, ours: &str) -> ApiError {
    ApiError::invalid_parameter(format!("Invalid identifier: Identifier is for {named}. Your {what} is {ours}"))
}

/// Tasks and instances have no names.
const SHORT_ID: &str = "id (32 hexadecimal digits)";

fn malformed(given: &str, short: &str, what: &str) -> ApiError {
    ApiError::invalid_parameter(format!("{} is neither the {short} nor the ARN of {what}", excerpt(given)))
}

fn wrong_kind(given: &str, what: &str) -> ApiError {
    ApiError::invalid_parameter(format!("{} is not the ARN of {what}", excerpt(given)))
}
