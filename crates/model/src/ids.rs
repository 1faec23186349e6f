//! One type per kind of id, so that a task id can never be passed where an instance id is meant.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{given:?} is not a valid {kind}")]
pub struct IdError {
    pub kind: &'static str,
    pub given: String,
}

/// Declares a 128-bit id shown as 32 hex digits (ARN-2); 36-character UUIDs are accepted on input.
macro_rules! hex_id {
    ($(#[$doc:meta])* $name:ident, $kind:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(u128);

        impl $name {
            pub const fn from_u128(raw: u128) -> Self {
                $name(raw)
            }

            pub const fn as_u128(self) -> u128 {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:032x}", self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({:032x})"), self.0)
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                parse_hex_id(text).map($name).ok_or_else(|| IdError { kind: $kind, given: text.to_owned() })
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

fn parse_hex_id(text: &str) -> Option<u128> {
    let digits: String = match text.len() {
        32 => text.to_owned(),
        36 if [8, 13, 18, 23].iter().all(|&at| text.as_bytes()[at] == b'-') => text.replace('-', ""),
        _ => return None,
    };
    if digits.len() != 32 || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    u128::from_str_radix(&digits, 16).ok()
}

hex_id!(
    /// A task. Never reused: a replacement is a new task.
    TaskId, "task id"
);
hex_id!(
    /// A container instance.
    InstanceId, "container instance id"
);

/// A short name, shared between rows so that a million tasks do not hold a million copies.
macro_rules! name_id {
    ($(#[$doc:meta])* $name:ident, $kind:literal) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Accepts 1 to 255 of `[A-Za-z0-9_-]` (CL-1, SVC-1, TD-1).
            pub fn parse(text: &str) -> Result<Self, IdError> {
                let valid = (1..=255).contains(&text.len())
                    && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-');
                if valid { Ok($name(text.into())) } else { Err(IdError { kind: $kind, given: text.to_owned() }) }
            }

            pub fn as_str(&self) -> &str {
                &self.0
            }

            pub fn shared(&self) -> Arc<str> {
                Arc::clone(&self.0)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:?}", &*self.0)
            }
        }
    };
}

name_id!(ClusterName, "cluster name");
name_id!(ServiceName, "service name");
name_id!(
    /// The name under which revisions of a task definition are counted.
    Family,
    "task definition family"
);

impl ClusterName {
    /// The cluster meant when a request names none (ARN-4).
    pub fn default_cluster() -> Self {
        ClusterName("default".into())
    }
}

/// Account and region: every object lives in exactly one.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Namespace {
    pub account: Arc<str>,
    pub region: Arc<str>,
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct ClusterKey {
    pub namespace: Namespace,
    pub name: ClusterName,
}

impl fmt::Display for ClusterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.namespace.account, self.namespace.region, self.name)
    }
}

/// One revision of one family.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct TaskDefinitionId {
    pub family: Family,
    pub revision: u32,
}

impl fmt::Display for TaskDefinitionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.family, self.revision)
    }
}

/// A deployment of a service, shown as `ecs-svc/` and 19 digits (ARN-7).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DeploymentId(u64);

impl DeploymentId {
    /// Keeps the id inside 19 decimal digits and inside a signed 64-bit database column.
    pub const fn from_random(raw: u64) -> Self {
        DeploymentId(raw % 9_000_000_000_000_000_000)
    }

    pub const fn from_u64(raw: u64) -> Self {
        DeploymentId(raw)
    }

    pub const fn as_u64(self) -> u64 {
        self.0
    }
}

impl fmt::Display for DeploymentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ecs-svc/{:019}", self.0)
    }
}

impl fmt::Debug for DeploymentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl FromStr for DeploymentId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let invalid = || IdError { kind: "deployment id", given: text.to_owned() };
        let digits = text.strip_prefix("ecs-svc/").ok_or_else(invalid)?;
        if !(16..=19).contains(&digits.len()) || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(invalid());
        }
        digits.parse().map(DeploymentId).map_err(|_| invalid())
    }
}

/// The right to write a cluster: grows by one with every take-over of its lease.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Epoch(pub u64);

/// One connection of one node, numbered by the cluster's writer. A report of an older session is stale.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SessionId(pub u64);

/// The UUID in a container's ARN. Derived from the task and the container's position, so that it is never stored.
pub fn container_uuid(task: TaskId, position: usize) -> u128 {
    let mut mixed = task.as_u128() ^ ((position as u128 + 1) << 64 | 0x9e37_79b9_7f4a_7c15);
    mixed = mixed.wrapping_mul(0x2d99_787e_a4a5_9b27_9fb2_1c65_1e98_df25);
    mixed ^ (mixed >> 61)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_shown_and_read_as_32_hex_digits() {
        let id = TaskId::from_u128(0xabc);
        assert_eq!(id.to_string(), "00000000000000000000000000000abc");
        assert_eq!(id.to_string().parse::<TaskId>(), Ok(id));
        assert_eq!("00000000-0000-0000-0000-000000000abc".parse::<TaskId>(), Ok(id));
        for wrong in ["", "abc", "g0000000000000000000000000000abc", "+0000000000000000000000000000abc"] {
            assert!(wrong.parse::<TaskId>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn deployment_ids_have_between_16_and_19_digits() {
        let id = DeploymentId::from_random(u64::MAX);
        assert_eq!(id.to_string().parse::<DeploymentId>(), Ok(id));
        assert!("ecs-svc/12".parse::<DeploymentId>().is_err());
    }
}
