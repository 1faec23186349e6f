//! ARNs and the short names that may stand for them (ARN-1 to ARN-6).
//!
//! Texts in, texts out: whether the thing exists, and what it is called in the scheduler, is not known here.

use crate::error::{ApiError, excerpt};
use std::fmt;
use std::str::FromStr;

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
fn task_set_id(text: &str) -> Option<String> {
    let digits = text.strip_prefix("ecs-svc/")?;
    let fits = (16..=19).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
    fits.then(|| text.to_owned())
}

/// Ids of containers keep their hyphens.
fn uuid(text: &str) -> Option<String> {
    canonical_id(text).map(|_| text.to_owned())
}

/// Revisions are decimal and begin at 1.
fn revision(text: &str) -> Option<u64> {
    let fits = !text.is_empty() && !text.starts_with('0') && text.bytes().all(|byte| byte.is_ascii_digit());
    if fits { text.parse().ok() } else { None }
}

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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::code;

    const ID: &str = "0123456789abcdef0123456789abcdef";
    const OLD_ID: &str = "01234567-89ab-cdef-0123-456789abcdef";

    fn scope() -> Scope {
        Scope::aws("eu-west-1", "123456789012")
    }

    #[test]
    fn arn1_every_format_reads_back_as_written() {
        let name = || "a_b-1".to_owned();
        for (resource, text) in [
            (Resource::Cluster { name: name() }, "cluster/a_b-1".to_owned()),
            (
                Resource::ContainerInstance { cluster: Some(name()), id: ID.to_owned() },
                format!("container-instance/a_b-1/{ID}"),
            ),
            (Resource::Task { cluster: Some(name()), id: ID.to_owned() }, format!("task/a_b-1/{ID}")),
            (Resource::Service { cluster: Some(name()), name: "web".to_owned() }, "service/a_b-1/web".to_owned()),
            (
                Resource::Container { cluster: Some(name()), task: Some(ID.to_owned()), id: OLD_ID.to_owned() },
                format!("container/a_b-1/{ID}/{OLD_ID}"),
            ),
            (history(HistoryKind::Deployment), "service-deployment/a_b-1/web/7".to_owned()),
            (history(HistoryKind::Revision), "service-revision/a_b-1/web/7".to_owned()),
            (Resource::TaskDefinition { family: name(), revision: 12 }, "task-definition/a_b-1:12".to_owned()),
            (Resource::CapacityProvider { name: name() }, "capacity-provider/a_b-1".to_owned()),
        ] {
            let arn = scope().arn(resource);
            assert_eq!(arn.to_string(), format!("arn:aws:ecs:eu-west-1:123456789012:{text}"));
            assert_eq!(arn.to_string().parse(), Ok(arn));
        }
    }

    fn history(kind: HistoryKind) -> Resource {
        Resource::History(
            kind,
            InService { cluster: "a_b-1".to_owned(), service: "web".to_owned(), id: "7".to_owned() },
        )
    }

    #[test]
    fn arn1_a_revision_is_no_deployment() {
        let arn = scope().arn(history(HistoryKind::Revision)).to_string();
        assert_eq!(scope().history(HistoryKind::Revision, &arn).unwrap().service, "web");
        assert_eq!(scope().history(HistoryKind::Deployment, &arn).unwrap_err().code, code::INVALID_PARAMETER);
    }

    #[test]
    fn arn2_old_formats_are_read() {
        let old = format!("arn:aws:ecs:eu-west-1:123456789012:task/{OLD_ID}");
        assert_eq!(scope().task("any", &old).unwrap(), ID);
        assert_eq!(scope().task("any", OLD_ID).unwrap(), ID);
        assert_eq!(scope().service("any", "arn:aws:ecs:eu-west-1:123456789012:service/web").unwrap(), "web");
        let old = format!("arn:aws:ecs:eu-west-1:123456789012:container-instance/{}", ID.to_uppercase());
        assert_eq!(scope().container_instance("any", &old).unwrap(), ID);
    }

    #[test]
    fn arn4_short_names_and_the_default_cluster() {
        assert_eq!(scope().cluster(None).unwrap(), "default");
        assert_eq!(scope().cluster(Some("")).unwrap(), "default");
        assert_eq!(scope().cluster(Some("arn:aws:ecs:eu-west-1:123456789012:cluster/x")).unwrap(), "x");
        assert_eq!(scope().task_definition("web").unwrap(), DefinitionReference::Family("web".to_owned()));
        let revision = DefinitionReference::Revision { family: "web".to_owned(), revision: 7 };
        assert_eq!(scope().task_definition("web:7").unwrap(), revision);
        let arn = "arn:aws:ecs:eu-west-1:123456789012:task-definition/web:7";
        assert_eq!(scope().task_definition(arn).unwrap(), revision);
    }

    #[test]
    fn arn5_identifiers_of_elsewhere_are_refused() {
        let task = format!("arn:aws:ecs:eu-west-1:123456789012:task/other/{ID}");
        let error = scope().task("mine", &task).unwrap_err();
        assert_eq!(error.message, "Invalid identifier: Identifier is for other. Your cluster is mine");
        for cluster in [
            "arn:aws:ecs:eu-west-2:123456789012:cluster/x",
            "arn:aws:ecs:eu-west-1:210987654321:cluster/x",
            "arn:aws-cn:ecs:eu-west-1:123456789012:cluster/x",
        ] {
            assert_eq!(scope().cluster(Some(cluster)).unwrap_err().code, code::INVALID_PARAMETER, "{cluster}");
        }
    }

    #[test]
    fn arn6_malformed_identifiers_are_refused() {
        let long = "x".repeat(256);
        for text in
            ["a/b", "a b", "a:b", "ü", "arn:aws:ecs:eu-west-1:123456789012:task/x", "arn:", "arn:aws:s3:::x", &long]
        {
            assert_eq!(scope().cluster(Some(text)).unwrap_err().code, code::INVALID_PARAMETER, "{text}");
        }
        for text in [
            "",
            "abc",
            "0123456789abcdef0123456789abcdeg",
            "0123456789abcdef-123456789abcdef0123",
            "日本語日本語日本語日本語",
        ] {
            assert_eq!(scope().task("c", text).unwrap_err().code, code::INVALID_PARAMETER, "{text}");
        }
        for text in ["web:", "web:0", "web:01", "web:-1", "web:x", "web:1:2", ":1", "web:99999999999999999999", ""] {
            assert_eq!(scope().task_definition(text).unwrap_err().code, code::INVALID_PARAMETER, "{text}");
        }
        for text in [
            "cluster/a/b",
            "service/a/b/c",
            "container/a/b",
            "task-definition/web",
            "volume/x",
            "cluster",
            "service-revision/a/1",
        ] {
            assert!(format!("arn:aws:ecs:eu-west-1:123456789012:{text}").parse::<Arn>().is_err(), "{text}");
        }
    }
}
