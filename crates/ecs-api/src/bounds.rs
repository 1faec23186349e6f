//! ECS bounds that the model file does not carry, one line each: page sizes, batch sizes, text lengths and alphabets,
//! and the members whose refusal has a text of its own.
//!
//! A row applies to a member of a structure, wherever the structure occurs; where an operation is named, only in its
//! requests. Rows say what is written in the request, never what exists: whether a cluster is there is not known here.

use crate::error::{ApiError, code, excerpt};
use crate::generated::shapes;
use crate::shape::{Lengths, Shape};
use serde_json::Value;

pub struct Bound {
    structure: &'static str,
    member: &'static str,
    operation: Option<&'static str>,
    pub rule: Rule,
}

pub enum Rule {
    /// Entries of a list.
    Entries(Lengths),
    /// Characters of a text.
    Characters(Lengths),
    Between(i64, i64),
    Alphabet(Alphabet),
    /// Fewer values than the model's enum has.
    OneOf(&'static [&'static str]),
    /// The refusal's whole text is known.
    OneOfAs(&'static [&'static str], &'static str),
    /// Characters of the JSON text of the member.
    JsonCharacters(u32),
    NoPrefix(&'static str, &'static str),
    /// ATTR-1: values neither begin nor end with a space.
    NoOuterSpace,
}

pub struct Alphabet {
    contains: fn(char) -> bool,
    pub description: &'static str,
}

const fn entries(structure: &'static str, member: &'static str, min: u32, max: u32) -> Bound {
    Bound { structure, member, operation: None, rule: Rule::Entries(Lengths { min, max }) }
}

const fn characters(structure: &'static str, member: &'static str, min: u32, max: u32) -> Bound {
    Bound { structure, member, operation: None, rule: Rule::Characters(Lengths { min, max }) }
}

const fn between(structure: &'static str, member: &'static str, min: i64, max: i64) -> Bound {
    Bound { structure, member, operation: None, rule: Rule::Between(min, max) }
}

const fn page(structure: &'static str) -> Bound {
    between(structure, "maxResults", 1, 100)
}

const fn row(structure: &'static str, member: &'static str, rule: Rule) -> Bound {
    Bound { structure, member, operation: None, rule }
}

impl Bound {
    const fn of(self, operation: &'static str) -> Self {
        Self { operation: Some(operation), ..self }
    }
}

const NAME: Rule = Rule::Alphabet(Alphabet {
    contains: |c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'),
    description: "letters, digits, '_' and '-'",
});
/// ECS documents it without the space, and takes it: ecs-deploy signs its tasks "ECS Deploy".
const STARTED_BY: Rule = Rule::Alphabet(Alphabet {
    contains: |c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '/' | ' '),
    description: "letters, digits, '_', '-', '/' and spaces",
});
const ATTRIBUTE_NAME: Rule = Rule::Alphabet(Alphabet {
    contains: |c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '/' | '\\'),
    description: "letters, digits, '_', '-', '.', '/' and '\\'",
});
const ATTRIBUTE_VALUE: Rule = Rule::Alphabet(Alphabet {
    contains: |c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '@' | '/' | '\\' | ':' | ' '),
    description: "letters, digits, '_', '-', '.', '@', '/', '\\', ':' and spaces",
});
/// W-16: ASCII 33 to 126.
const TOKEN: Rule = Rule::Alphabet(Alphabet {
    contains: |c| c.is_ascii_graphic(),
    description: "printable ASCII characters without spaces",
});
const RUN_PROPAGATE_TAGS: Rule = Rule::OneOf(&["TASK_DEFINITION", "NONE"]);
const SERVICE_GROUP: Rule = Rule::NoPrefix("service:", "names that begin with it belong to services");

/// Ascending by structure and member.
static BOUNDS: &[Bound] = &[
    characters("Attribute", "name", 1, 128),                           // ATTR-1
    row("Attribute", "name", ATTRIBUTE_NAME),                          // ATTR-1
    characters("Attribute", "value", 1, 128).of("PutAttributes"),      // ATTR-1
    row("Attribute", "value", ATTRIBUTE_VALUE).of("PutAttributes"),    // ATTR-1
    row("Attribute", "value", Rule::NoOuterSpace).of("PutAttributes"), // ATTR-1
    characters("Attribute", "value", 0, 128).of("RegisterContainerInstance"), // agents send name-only ones as ""
    entries("AwsVpcConfiguration", "securityGroups", 0, 5),            // RUN-3
    entries("AwsVpcConfiguration", "subnets", 1, 16),                  // RUN-3
    characters("CreateCapacityProviderRequest", "name", 1, 255),       // SVC-57
    row("CreateCapacityProviderRequest", "name", NAME),                // SVC-57
    characters("CreateClusterRequest", "clusterName", 1, 255),         // CL-1
    row("CreateClusterRequest", "clusterName", NAME),                  // CL-1
    entries("CreateClusterRequest", "defaultCapacityProviderStrategy", 0, 20), // SVC-55
    characters("CreateDaemonRequest", "clientToken", 1, 36),           // W-16
    row("CreateDaemonRequest", "clientToken", TOKEN),                  // W-16
    entries("CreateServiceRequest", "capacityProviderStrategy", 0, 20), // SVC-55
    characters("CreateServiceRequest", "clientToken", 1, 36),          // W-16
    row("CreateServiceRequest", "clientToken", TOKEN),                 // W-16
    between("CreateServiceRequest", "desiredCount", 0, i32::MAX as i64), // SVC-2
    between("CreateServiceRequest", "healthCheckGracePeriodSeconds", 0, i32::MAX as i64), // SVC-4
    entries("CreateServiceRequest", "placementConstraints", 0, 10),    // RUN-6
    entries("CreateServiceRequest", "placementStrategy", 0, 5),        // RUN-6
    characters("CreateServiceRequest", "serviceName", 1, 255),         // SVC-1
    row("CreateServiceRequest", "serviceName", NAME),                  // SVC-1
    entries("CreateTaskSetRequest", "capacityProviderStrategy", 0, 20), // SVC-55
    characters("CreateTaskSetRequest", "clientToken", 1, 36),          // W-16
    row("CreateTaskSetRequest", "clientToken", TOKEN),                 // W-16
    entries("DeleteAttributesRequest", "attributes", 1, 10),           // ATTR-2
    entries("DeleteTaskDefinitionsRequest", "taskDefinitions", 1, 10), // TD-80
    between("DeploymentConfiguration", "maximumPercent", 100, i32::MAX as i64), // SVC-6
    between("DeploymentConfiguration", "minimumHealthyPercent", 0, 100), // SVC-6
    entries("DescribeCapacityProvidersRequest", "capacityProviders", 0, 100), // §16
    between("DescribeCapacityProvidersRequest", "maxResults", 1, 10),  // W-13
    entries("DescribeClustersRequest", "clusters", 0, 100),            // CL-5
    entries("DescribeContainerInstancesRequest", "containerInstances", 1, 100), // CI-10
    entries("DescribeServiceDeploymentsRequest", "serviceDeploymentArns", 1, 20), // DEP-52
    entries("DescribeServiceRevisionsRequest", "serviceRevisionArns", 1, 20), // DEP-52
    entries("DescribeServicesRequest", "services", 1, 10),             // SVC-10
    entries("DescribeTasksRequest", "tasks", 1, 100),                  // §16
    entries("GetTaskProtectionRequest", "tasks", 1, 100),              // PROT-3
    between("ListAccountSettingsRequest", "maxResults", 1, 10),        // W-13
    page("ListAttributesRequest"),                                     // W-13
    page("ListClustersRequest"),                                       // W-13
    characters("ListContainerInstancesRequest", "filter", 0, 2000),    // CQL-2
    page("ListContainerInstancesRequest"),                             // W-13
    page("ListDaemonDeploymentsRequest"),                              // W-13
    page("ListDaemonTaskDefinitionsRequest"),                          // W-13
    page("ListDaemonsRequest"),                                        // W-13
    page("ListServiceDeploymentsRequest"),                             // W-13
    page("ListServicesByNamespaceRequest"),                            // W-13
    page("ListServicesRequest"),                                       // W-13
    page("ListTaskDefinitionFamiliesRequest"),                         // W-13
    page("ListTaskDefinitionsRequest"),                                // W-13
    page("ListTasksRequest"),                                          // W-13
    characters("PlacementConstraint", "expression", 0, 2000),          // CQL-2
    entries("PutAttributesRequest", "attributes", 1, 10),              // ATTR-2
    entries("PutClusterCapacityProvidersRequest", "defaultCapacityProviderStrategy", 0, 20), // SVC-55
    entries("RegisterTaskDefinitionRequest", "placementConstraints", 0, 10), // TD-66
    entries("RunTaskRequest", "capacityProviderStrategy", 0, 20),      // SVC-55
    characters("RunTaskRequest", "clientToken", 1, 64),                // W-16
    row("RunTaskRequest", "clientToken", TOKEN),                       // W-16
    between("RunTaskRequest", "count", 1, 10),                         // RUN-1
    characters("RunTaskRequest", "group", 0, 255),                     // RUN-5
    row("RunTaskRequest", "group", SERVICE_GROUP),                     // RUN-5
    row("RunTaskRequest", "overrides", Rule::JsonCharacters(8192)),    // RUN-4
    entries("RunTaskRequest", "placementConstraints", 0, 10),          // RUN-6
    entries("RunTaskRequest", "placementStrategy", 0, 5),              // RUN-6
    row("RunTaskRequest", "propagateTags", RUN_PROPAGATE_TAGS),        // TAG-4
    characters("RunTaskRequest", "startedBy", 0, 128),                 // RUN-5
    row("RunTaskRequest", "startedBy", STARTED_BY),                    // RUN-5
    entries("StartTaskRequest", "containerInstances", 1, 10),          // RUN-1
    characters("StartTaskRequest", "group", 0, 255),                   // RUN-5
    row("StartTaskRequest", "group", SERVICE_GROUP),                   // RUN-5
    row("StartTaskRequest", "overrides", Rule::JsonCharacters(8192)),  // RUN-4
    row("StartTaskRequest", "propagateTags", RUN_PROPAGATE_TAGS),      // TAG-4
    characters("StartTaskRequest", "startedBy", 0, 36),                // RUN-5
    row("StartTaskRequest", "startedBy", STARTED_BY),                  // RUN-5
    characters("StopTaskRequest", "reason", 0, 255),                   // RUN-13
    row("Tag", "key", Rule::NoPrefix("aws:", "it is reserved")),       // TAG-1
    characters("TaskDefinitionPlacementConstraint", "expression", 0, 2000), // TD-66
    entries("UpdateContainerInstancesStateRequest", "containerInstances", 1, 10), // CI-6
    row(
        "UpdateContainerInstancesStateRequest",
        "status",
        Rule::OneOfAs(&["ACTIVE", "DRAINING"], "Container instance status should be one of [ACTIVE, DRAINING]"),
    ), // CI-6
    entries("UpdateServiceRequest", "capacityProviderStrategy", 0, 20), // SVC-55
    between("UpdateServiceRequest", "desiredCount", 0, i32::MAX as i64), // SVC-2
    between("UpdateServiceRequest", "healthCheckGracePeriodSeconds", 0, i32::MAX as i64), // SVC-4
    entries("UpdateServiceRequest", "placementConstraints", 0, 10),    // RUN-6
    entries("UpdateServiceRequest", "placementStrategy", 0, 5),        // RUN-6
    between("UpdateTaskProtectionRequest", "expiresInMinutes", 1, 2880), // PROT-1
    entries("UpdateTaskProtectionRequest", "tasks", 1, 10),            // PROT-1
];

pub fn bounds(
    operation: &'static str,
    structure: &'static str,
    member: &'static str,
) -> impl Iterator<Item = &'static Bound> {
    let from = BOUNDS.partition_point(|bound| (bound.structure, bound.member) < (structure, member));
    BOUNDS[from..]
        .iter()
        .take_while(move |bound| (bound.structure, bound.member) == (structure, member))
        .filter(move |bound| bound.operation.is_none_or(|only| only == operation))
}

/// Members that the model leaves optional and ECS does not (TD-3, TAG-1).
pub static ALSO_REQUIRED: &[(&str, &str)] =
    &[("ContainerDefinition", "image"), ("ContainerDefinition", "name"), ("Tag", "key")];

/// Required lists that may be empty: there the empty list says something (CL-11), or goes with `enable: false` (SVC-7).
pub static MAY_BE_EMPTY: &[(&str, &str)] = &[
    ("DeploymentAlarms", "alarmNames"),
    ("PutClusterCapacityProvidersRequest", "capacityProviders"),
    ("PutClusterCapacityProvidersRequest", "defaultCapacityProviderStrategy"),
];

/// The refusal of a required member that is missing or empty, where its text is known (W-7, TD-1 to TD-3, RUN-3).
pub fn missing(structure: &str, member: &str) -> Option<ApiError> {
    let (code, text) = match (structure, member) {
        ("AwsVpcConfiguration", "subnets") => (code::INVALID_PARAMETER, "subnets can not be empty."),
        ("ContainerDefinition", "image") => (code::CLIENT, "Container.image should not be null or empty."),
        ("ContainerDefinition", "name") => (code::CLIENT, "Container.name should not be null or empty."),
        ("DescribeContainerInstancesRequest", "containerInstances") => {
            (code::CLIENT, "Container Instances cannot be empty.")
        }
        ("PutAttributesRequest", "attributes") => (code::INVALID_PARAMETER, "attributes can not be empty"),
        ("RegisterTaskDefinitionRequest", "containerDefinitions") => (code::CLIENT, "Container list cannot be empty."),
        ("RegisterTaskDefinitionRequest", "family") => (code::CLIENT, "Family should not be null or empty."),
        _ => return None,
    };
    Some(ApiError::new(code, text))
}

/// Page size of a list operation when the request names none, and the largest (W-13).
pub fn page_sizes(operation: &str) -> (usize, usize) {
    match operation {
        "ListServices" | "ListServicesByNamespace" => (10, 100),
        "ListServiceDeployments" | "ListDaemonDeployments" => (20, 100),
        "ListAccountSettings" | "DescribeCapacityProviders" => (10, 10),
        _ => (100, 100),
    }
}

impl Rule {
    /// Why the value is refused, with the member's name left to the caller to put in front; the type is known to fit.
    pub fn refusal(&self, value: &Value) -> Option<Refusal> {
        let says = |text: String| Some(Refusal::About(text));
        match (self, value) {
            (Rule::Entries(length), Value::Array(list)) => {
                length_refusal(*length, list.len(), "entries").and_then(says)
            }
            (Rule::Characters(length), Value::String(text)) => {
                length_refusal(*length, text.chars().count(), "characters").and_then(says)
            }
            (Rule::Between(min, max), Value::Number(number)) => {
                let fits = number.as_i64().is_some_and(|number| (*min..=*max).contains(&number));
                if fits { None } else { says(range_refusal(number, min, max)) }
            }
            (Rule::Alphabet(alphabet), Value::String(text)) => {
                let odd = text.chars().find(|&c| !(alphabet.contains)(c))?;
                says(format!(" {} holds {odd:?}: only {} are allowed", excerpt(text), alphabet.description))
            }
            (Rule::OneOf(values), Value::String(text)) => {
                if values.contains(&text.as_str()) {
                    None
                } else {
                    says(enum_refusal(values, text))
                }
            }
            (Rule::OneOfAs(values, refusal), Value::String(text)) => {
                if values.contains(&text.as_str()) {
                    None
                } else {
                    Some(Refusal::Whole(refusal))
                }
            }
            (Rule::JsonCharacters(max), value) => {
                let length = Lengths { min: 0, max: *max };
                length_refusal(length, value.to_string().chars().count(), "characters of JSON").and_then(says)
            }
            (Rule::NoPrefix(prefix, why), Value::String(text)) => {
                let begins = text.get(..prefix.len()).is_some_and(|head| head.eq_ignore_ascii_case(prefix));
                if begins { says(format!(" {} must not begin with {prefix:?}: {why}", excerpt(text))) } else { None }
            }
            (Rule::NoOuterSpace, Value::String(text)) => {
                let outer = text.starts_with(' ') || text.ends_with(' ');
                if outer { says(format!(" {} must not begin or end with a space", excerpt(text))) } else { None }
            }
            // A row about a member of another type: a test walks all rows against the model to keep this from hiding one.
            _ => None,
        }
    }
}

pub enum Refusal {
    /// Goes behind the member's name.
    About(String),
    /// The whole message.
    Whole(&'static str),
}

pub fn length_refusal(bound: Lengths, length: usize, unit: &str) -> Option<String> {
    let Lengths { min, max } = bound;
    if (min as usize..=max as usize).contains(&length) {
        return None;
    }
    Some(match (min, max) {
        (min, u32::MAX) => format!(" must have at least {min} {unit}, has {length}"),
        (0, max) => format!(" must have at most {max} {unit}, has {length}"),
        (min, max) => format!(" must have {min} to {max} {unit}, has {length}"),
    })
}

pub fn range_refusal(
    number: impl std::fmt::Display,
    min: impl std::fmt::Display,
    max: impl std::fmt::Display,
) -> String {
    format!(" must be between {min} and {max}, was {number}")
}

/// Names of our own beside those of the model; a client that knows only the model never sends them.
pub fn is_own(shape: &'static Shape, given: &str) -> bool {
    std::ptr::eq(shape, &shapes::CLUSTER_SETTING_NAME) && given == PLACEMENT_POLICY_SETTING
}

/// The cluster setting that names a placement policy.
pub const PLACEMENT_POLICY_SETTING: &str = "plimsoll.placementPolicy";

pub fn enum_refusal(values: &[&str], given: &str) -> String {
    format!(" should be one of [{}], was {}", values.join(","), excerpt(given))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generated::operations::OPERATIONS;
    use crate::shape::{Shape, Structure};
    use std::collections::BTreeMap;

    #[test]
    fn rows_are_sorted_and_name_members_of_a_fitting_type() {
        let structures = structures();
        assert!(BOUNDS.is_sorted_by_key(|bound| (bound.structure, bound.member)));
        for bound in BOUNDS {
            let name = format!("{}.{}", bound.structure, bound.member);
            let structure = structures.get(bound.structure).unwrap_or_else(|| panic!("{name}: no such structure"));
            let member = structure.member(bound.member).unwrap_or_else(|| panic!("{name}: no such member"));
            let fits = match bound.rule {
                Rule::Entries(_) => matches!(member.shape, Shape::List { .. }),
                Rule::Between(..) => matches!(member.shape, Shape::Integer { .. } | Shape::Long { .. }),
                Rule::OneOf(_) | Rule::OneOfAs(..) => matches!(member.shape, Shape::Enum(_)),
                Rule::JsonCharacters(_) => matches!(member.shape, Shape::Structure(_)),
                Rule::Characters(_) | Rule::Alphabet(_) | Rule::NoPrefix(..) | Rule::NoOuterSpace => {
                    matches!(member.shape, Shape::Text { .. })
                }
            };
            assert!(fits, "{name} is of type {:?}", member.shape);
            assert!(bound.operation.is_none_or(|operation| crate::Operation::named(operation).is_some()), "{name}");
        }
        for (structure, member) in ALSO_REQUIRED.iter().chain(MAY_BE_EMPTY) {
            assert!(structures[structure].member(member).is_some(), "{structure}.{member}");
        }
    }

    #[test]
    fn w13_every_page_size_we_answer_has_a_bound_that_agrees_with_the_default() {
        for operation in OPERATIONS.iter().filter(|operation| operation.call.is_some()) {
            let Some(structure) = operation.input.as_structure() else { panic!("{} has no structure", operation.name) };
            if structure.member("maxResults").is_some() {
                let rules: Vec<&Bound> = bounds(operation.name, structure.name, "maxResults").collect();
                let (default, max) = page_sizes(operation.name);
                assert!(default <= max, "{}", operation.name);
                let bounded =
                    matches!(rules.as_slice(), [Bound { rule: Rule::Between(1, most), .. }] if *most == max as i64);
                assert!(bounded, "{}", operation.name);
            }
        }
    }

    fn structures() -> BTreeMap<&'static str, &'static Structure> {
        let mut found = BTreeMap::new();
        let mut open: Vec<&'static Shape> = OPERATIONS.iter().flat_map(|op| [op.input, op.output]).collect();
        while let Some(shape) = open.pop() {
            match shape {
                Shape::Structure(structure) if found.insert(structure.name, structure).is_none() => {
                    open.extend(structure.members.iter().map(|member| member.shape));
                }
                Shape::List { element, .. } => open.push(element),
                Shape::Map(value) => open.push(value),
                _ => {}
            }
        }
        found
    }
}
