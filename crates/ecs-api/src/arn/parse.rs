//! From text to ARN, and what names and ids look like.

use super::{Arn, ArnError, HistoryKind, InService, Resource, Scope};
use crate::error::excerpt;
use std::str::FromStr;

impl FromStr for Arn {
    type Err = ArnError;

    fn from_str(text: &str) -> Result<Self, ArnError> {
        read(text).ok_or_else(|| ArnError { text: excerpt(text) })
    }
}

fn read(text: &str) -> Option<Arn> {
    let mut parts = text.splitn(6, ':');
    let mut next = || parts.next();
    let ("arn", partition, "ecs", region, account, resource) = (next()?, next()?, next()?, next()?, next()?, next()?)
    else {
        return None;
    };
    let plain = |part: &str| part.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    if partition.is_empty() || !plain(partition) || !plain(region) || !plain(account) {
        return None;
    }
    let scope = Scope { partition: partition.to_owned(), region: region.to_owned(), account: account.to_owned() };
    let (kind, path) = resource.split_once('/')?;
    let segments: Vec<&str> = path.split('/').collect();
    let name = |text: &str| is_name(text).then(|| text.to_owned());
    let resource = match (kind, segments.as_slice()) {
        ("cluster", [cluster]) => Resource::Cluster { name: name(cluster)? },
        ("container-instance", [id]) => Resource::ContainerInstance { cluster: None, id: canonical_id(id)? },
        ("container-instance", [cluster, id]) => {
            Resource::ContainerInstance { cluster: Some(name(cluster)?), id: canonical_id(id)? }
        }
        ("task", [id]) => Resource::Task { cluster: None, id: canonical_id(id)? },
        ("task", [cluster, id]) => Resource::Task { cluster: Some(name(cluster)?), id: canonical_id(id)? },
        ("service", [service]) => Resource::Service { cluster: None, name: name(service)? },
        ("service", [cluster, service]) => Resource::Service { cluster: Some(name(cluster)?), name: name(service)? },
        ("task-set", [cluster, service, prefix, digits]) => Resource::TaskSet {
            cluster: name(cluster)?,
            service: name(service)?,
            id: task_set_id(&format!("{prefix}/{digits}"))?,
        },
        ("container", [id]) => Resource::Container { cluster: None, task: None, id: uuid(id)? },
        ("container", [cluster, task, id]) => {
            Resource::Container { cluster: Some(name(cluster)?), task: Some(canonical_id(task)?), id: uuid(id)? }
        }
        ("service-deployment", [cluster, service, id]) => {
            let of = InService { cluster: name(cluster)?, service: name(service)?, id: name(id)? };
            Resource::History(HistoryKind::Deployment, of)
        }
        ("service-revision", [cluster, service, id]) => {
            let of = InService { cluster: name(cluster)?, service: name(service)?, id: name(id)? };
            Resource::History(HistoryKind::Revision, of)
        }
        ("task-definition", [definition]) => {
            let (family, number) = definition.split_once(':')?;
            Resource::TaskDefinition { family: name(family)?, revision: revision(number)? }
        }
        ("capacity-provider", [provider]) => Resource::CapacityProvider { name: name(provider)? },
        _ => return None,
    };
    Some(Arn { scope, resource })
}

/// Names of clusters, services, families and capacity providers: 1 to 255 letters, digits, `_` and `-`.
pub fn is_name(text: &str) -> bool {
    (1..=255).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'))
}

/// Ids of tasks and instances: 32 hexadecimal digits, or a UUID with hyphens as in old ARNs; given back as 32 lower-case
/// digits.
pub fn canonical_id(text: &str) -> Option<String> {
    let hyphenated = text.len() == 36 && [8, 13, 18, 23].iter().all(|&at| text.as_bytes()[at] == b'-');
    let digits = if hyphenated { text.replace('-', "") } else { text.to_owned() };
    let fits = digits.len() == 32 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    fits.then(|| digits.to_ascii_lowercase())
}

/// Ids of task sets are those of deployments (ARN-7).
pub(super) fn task_set_id(text: &str) -> Option<String> {
    let digits = text.strip_prefix("ecs-svc/")?;
    let fits = (16..=19).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
    fits.then(|| text.to_owned())
}

/// Ids of containers keep their hyphens.
fn uuid(text: &str) -> Option<String> {
    canonical_id(text).map(|_| text.to_owned())
}

/// Revisions are decimal and begin at 1.
pub(super) fn revision(text: &str) -> Option<u64> {
    let fits = !text.is_empty() && !text.starts_with('0') && text.bytes().all(|byte| byte.is_ascii_digit());
    if fits { text.parse().ok() } else { None }
}
