//! ARNs and the short names that may stand for them (ARN-1 to ARN-6).
//!
//! Texts in, texts out: whether the thing exists, and what it is called in the scheduler, is not known here.

mod parse;
mod reference;
#[cfg(test)]
mod tests;

pub use parse::{canonical_id, is_name};
pub use reference::DefinitionReference;

use crate::error::ApiError;
use std::fmt;

/// Partition, region and account that a server speaks for; they stand in front of every ARN it writes.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Scope {
    pub partition: String,
    pub region: String,
    pub account: String,
}

impl Scope {
    /// The usual partition.
    pub fn aws(region: impl Into<String>, account: impl Into<String>) -> Self {
        Self { partition: "aws".to_owned(), region: region.into(), account: account.into() }
    }

    pub fn arn(&self, resource: Resource) -> Arn {
        Arn { scope: self.clone(), resource }
    }
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Arn {
    pub scope: Scope,
    pub resource: Resource,
}

/// What an ARN names. Old ARNs of things in a cluster do not name the cluster (ARN-2); those we write always do.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Resource {
    Cluster {
        name: String,
    },
    ContainerInstance {
        cluster: Option<String>,
        id: String,
    },
    Task {
        cluster: Option<String>,
        id: String,
    },
    Service {
        cluster: Option<String>,
        name: String,
    },
    /// Its id is `ecs-svc/` and digits.
    TaskSet {
        cluster: String,
        service: String,
        id: String,
    },
    Container {
        cluster: Option<String>,
        task: Option<String>,
        id: String,
    },
    TaskDefinition {
        family: String,
        revision: u64,
    },
    CapacityProvider {
        name: String,
    },
    History(HistoryKind, InService),
}

/// What the history of a service is made of.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum HistoryKind {
    Deployment,
    Revision,
}

impl HistoryKind {
    fn word(self) -> &'static str {
        match self {
            HistoryKind::Deployment => "service-deployment",
            HistoryKind::Revision => "service-revision",
        }
    }
}

/// Something of a service, which is of a cluster.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct InService {
    pub cluster: String,
    pub service: String,
    pub id: String,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ArnError {
    text: String,
}

impl fmt::Display for ArnError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is not an ARN of this service", self.text)
    }
}

impl std::error::Error for ArnError {}

impl From<ArnError> for ApiError {
    fn from(error: ArnError) -> Self {
        ApiError::invalid_parameter(error.to_string())
    }
}

impl fmt::Display for Arn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Scope { partition, region, account } = &self.scope;
        write!(f, "arn:{partition}:ecs:{region}:{account}:{}", self.resource)
    }
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let segments = |f: &mut fmt::Formatter<'_>, kind: &str, outer: &[Option<&String>], last: &str| {
            write!(f, "{kind}/")?;
            outer.iter().flatten().try_for_each(|segment| write!(f, "{segment}/"))?;
            f.write_str(last)
        };
        match self {
            Resource::Cluster { name } => segments(f, "cluster", &[], name),
            Resource::ContainerInstance { cluster, id } => segments(f, "container-instance", &[cluster.as_ref()], id),
            Resource::Task { cluster, id } => segments(f, "task", &[cluster.as_ref()], id),
            Resource::Service { cluster, name } => segments(f, "service", &[cluster.as_ref()], name),
            Resource::TaskSet { cluster, service, id } => segments(f, "task-set", &[Some(cluster), Some(service)], id),
            Resource::Container { cluster, task, id } => {
                segments(f, "container", &[cluster.as_ref(), task.as_ref()], id)
            }
            Resource::History(kind, of) => segments(f, kind.word(), &[Some(&of.cluster), Some(&of.service)], &of.id),
            Resource::TaskDefinition { family, revision } => write!(f, "task-definition/{family}:{revision}"),
            Resource::CapacityProvider { name } => segments(f, "capacity-provider", &[], name),
        }
    }
}
