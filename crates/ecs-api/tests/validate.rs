//! What is refused before any meaning is looked at, and with which words (W-5 to W-9, W-13, W-16, TAG-1, OP-1).

use plimsoll_ecs_api::{
    ApiError, BODY_BYTES_MAX, OPERATIONS, Operation, code, not_implemented, parse, types, validate,
};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

#[test]
fn w5_targets_that_name_no_operation() {
    for target in [
        "",
        "ListClusters",
        "AmazonEC2ContainerServiceV20141113",
        "AmazonEC2ContainerServiceV20141113.",
        "AmazonEC2ContainerServiceV20141113.listClusters",
        "DynamoDB_20120810.ListClusters",
        "AmazonEC2ContainerServiceV20141113.ListClusters ",
    ] {
        let error = Operation::lookup(target).unwrap_err();
        assert_eq!((error.code, error.status), (code::UNKNOWN_OPERATION, 400), "{target}");
    }
    assert_eq!(Operation::lookup("AmazonEC2ContainerServiceV20141113.ListClusters").unwrap().name, "ListClusters");
}

#[test]
fn op1_operations_that_are_not_here_answer_a_typed_400() {
    assert!(OPERATIONS.is_sorted_by_key(|operation| operation.name));
    assert_eq!(OPERATIONS.iter().filter(|operation| operation.call.is_some()).count(), 61);
    for operation in OPERATIONS.iter().filter(|operation| operation.call.is_none()) {
        let error = not_implemented(operation);
        assert_eq!(error.status, 400);
        assert!(operation.declares(error.code), "{} does not declare {}", operation.name, error.code);
    }
    let code_of = |name| not_implemented(Operation::named(name).unwrap()).code;
    assert_eq!(code_of("CreateExpressGatewayService"), code::UNSUPPORTED_FEATURE);
    assert_eq!(code_of("RegisterDaemonTaskDefinition"), code::CLIENT);
}

#[test]
fn w4_error_bodies() {
    let error = ApiError::new(code::CONFLICT, "taken").with("resourceIds", vec!["arn"]);
    assert_eq!(error.body(), json!({"__type": "ConflictException", "message": "taken", "resourceIds": ["arn"]}));
    assert_eq!(error.status, 400);
    assert_eq!(ApiError::server("broken").status, 500);
}

#[test]
fn w6_bodies_that_are_no_requests() {
    for body in [
        "[]",
        "1",
        "\"x\"",
        "null",
        "true",
        "{",
        "{} {}",
        "{\"a\":}",
        "{'a':1}",
        "{\"a\":1,}",
        "\u{feff}{}",
        "{\"a\":\"\\u0000\"}",
        "{\"a\":1e999}",
        "{\"a\":\"\\ud800\"}",
        "{\"a\":1,\"a\":2}",
        "{\"a\":null,\"a\":2}",
        "{\"a\":{\"b\":1,\"b\":1}}",
        "{\"a\":NaN}",
        "{\"\0\":1}",
    ] {
        assert_eq!(refusal("ListTasks", body.as_bytes()).code, code::SERIALIZATION, "{body}");
    }
    assert_eq!(refusal("ListTasks", b"{\"cluster\":\"\xff\xfe\"}").code, code::SERIALIZATION);
    assert_eq!(refusal("ListTasks", b"\0").code, code::SERIALIZATION);
    for body in ["", "  \r\n", "{}", " {} "] {
        assert_eq!(validate(operation("ListTasks"), body.as_bytes()), Ok(json!({})), "{body:?}");
    }
}

#[test]
fn s16_hostile_bodies_are_refused_fast() {
    let nested =
        |open: &str, close: &str, levels: usize| format!("{{\"a\":{}{}}}", open.repeat(levels), close.repeat(levels));
    let bodies = [
        vec![b'['; 10 << 20],
        vec![b' '; 10 << 20],
        nested("[", "]", 10_000).into_bytes(),
        nested("{\"a\":", "}", 10_000).into_bytes(),
        "[".repeat(100_000).into_bytes(),
        "{\"a\":".repeat(100_000).into_bytes(),
        nested("[", "]", 64).into_bytes(),
        format!("{{\"tasks\":[{}\"x\"]}}", "\"x\",".repeat(200_000)).into_bytes(),
        format!("{{\"tasks\":[{}1]}}", "1,".repeat(400_000)).into_bytes(),
        format!("{{\"cluster\":{}}}", "9".repeat(500_000)).into_bytes(),
    ];
    for body in bodies {
        // Far above what a loaded machine needs for one pass, far below what a quadratic reader takes.
        let started = Instant::now();
        let error = refusal("DescribeTasks", &body);
        assert!(started.elapsed() < Duration::from_secs(10), "{} bytes took {:?}", body.len(), started.elapsed());
        assert!((400..500).contains(&error.status), "{error}");
        assert!(error.message.len() < 300, "{}", error.message);
    }
    assert_eq!(refusal("ListTasks", &vec![b' '; BODY_BYTES_MAX + 1]).status, 413);
}

#[test]
fn w6_members_of_the_wrong_type_are_named() {
    for (name, body, message) in [
        ("ListTasks", json!({"cluster": 3}), "cluster must be a string, was the number 3"),
        ("ListTasks", json!({"maxResults": "3"}), "maxResults must be an integer, was the string \"3\""),
        ("ListTasks", json!({"maxResults": 2.5}), "maxResults must be an integer, was 2.5"),
        (
            "ListTasks",
            json!({"maxResults": 2147483648_i64}),
            "maxResults must be between -2147483648 and 2147483647, was 2147483648",
        ),
        (
            "ListTasks",
            json!({"maxResults": 1e300}),
            "maxResults must be between -2147483648 and 2147483647, was 1e+300",
        ),
        (
            "ListTasks",
            json!({"maxResults": u64::MAX}),
            "maxResults must be between -2147483648 and 2147483647, was 18446744073709551615",
        ),
        (
            "RegisterContainerInstance",
            json!({"totalResources": [{"longValue": u64::MAX}]}),
            "totalResources[0].longValue must be between -9223372036854775808 and 9223372036854775807, was 18446744073709551615",
        ),
        ("DescribeTasks", json!({"tasks": {}}), "tasks must be a list, was an object"),
        ("DescribeTasks", json!({"tasks": ["a", true]}), "tasks[1] must be a string, was true"),
        ("CreateService", json!({"tags": [{"key": []}]}), "tags[0].key must be a string, was a list"),
        (
            "RegisterTaskDefinition",
            json!({"containerDefinitions": [{"dockerLabels": {"a": 1}}]}),
            "containerDefinitions[0].dockerLabels[\"a\"] must be a string, was the number 1",
        ),
        ("DeleteService", json!({"force": "true"}), "force must be true or false, was the string \"true\""),
        (
            "SubmitTaskStateChange",
            json!({"pullStartedAt": "soon"}),
            "pullStartedAt must be a time (seconds since 1970 or ISO-8601), was \"\\\"soon\\\"\"",
        ),
        (
            "SubmitTaskStateChange",
            json!({"pullStartedAt": 1e300}),
            "pullStartedAt must be a time (seconds since 1970 or ISO-8601), was \"1e+300\"",
        ),
        ("RunTask", json!({"overrides": []}), "overrides must be an object, was a list"),
    ] {
        let error = refusal(name, body.to_string().as_bytes());
        assert_eq!((error.code, error.message.as_str()), (code::SERIALIZATION, message), "{name} {body}");
    }
}

#[test]
fn w6_what_is_accepted_comes_out_normalised() {
    for (name, given, expected) in [
        ("ListTasks", json!({"maxResults": 3.0}), json!({"maxResults": 3})),
        ("ListTasks", json!({"cluster": null, "family": "f"}), json!({"family": "f"})),
        ("ListTasks", json!({"unknown": {"deep": [1]}, "family": "f"}), json!({"family": "f"})),
        ("DescribeTasks", json!({"tasks": [null, "a", null]}), json!({"tasks": ["a"]})),
        ("StopTask", json!({"task": "t", "reason": null}), json!({"task": "t"})),
        (
            "SubmitTaskStateChange",
            json!({"pullStartedAt": "2015-05-12T15:24:04.347Z"}),
            json!({"pullStartedAt": 1431444244.347}),
        ),
        (
            "SubmitTaskStateChange",
            json!({"pullStartedAt": "2015-05-12T15:24:04"}),
            json!({"pullStartedAt": 1431444244.0}),
        ),
        ("SubmitTaskStateChange", json!({"pullStartedAt": "2015-05-12"}), json!({"pullStartedAt": 1431388800.0})),
        ("SubmitTaskStateChange", json!({"pullStartedAt": 1431444244}), json!({"pullStartedAt": 1431444244.0})),
    ] {
        assert_eq!(validate(operation(name), given.to_string().as_bytes()), Ok(expected), "{name} {given}");
    }
}

#[test]
fn w7_required_members() {
    for (name, body, code, message) in [
        ("DescribeTasks", json!({}), code::INVALID_PARAMETER, "Tasks cannot be empty."),
        ("DescribeTasks", json!({"tasks": []}), code::INVALID_PARAMETER, "Tasks cannot be empty."),
        ("DescribeTasks", json!({"tasks": null}), code::INVALID_PARAMETER, "Tasks cannot be empty."),
        ("DescribeContainerInstances", json!({}), code::CLIENT, "Container Instances cannot be empty."),
        ("StartTask", json!({"taskDefinition": "t"}), code::INVALID_PARAMETER, "Container Instances cannot be empty."),
        ("PutAttributes", json!({"attributes": []}), code::INVALID_PARAMETER, "attributes can not be empty"),
        ("RunTask", json!({}), code::INVALID_PARAMETER, "Task Definition cannot be empty."),
        ("DeleteCluster", json!({"cluster": ""}), code::INVALID_PARAMETER, "Cluster cannot be empty."),
        (
            "RegisterTaskDefinition",
            json!({"containerDefinitions": []}),
            code::CLIENT,
            "Container list cannot be empty.",
        ),
        (
            "RegisterTaskDefinition",
            json!({"containerDefinitions": [{}]}),
            code::CLIENT,
            "Container.image should not be null or empty.",
        ),
        (
            "RegisterTaskDefinition",
            json!({"family": "f", "containerDefinitions": [{"image": "i"}]}),
            code::CLIENT,
            "Container.name should not be null or empty.",
        ),
        (
            "RegisterTaskDefinition",
            json!({"containerDefinitions": [{"name": "n", "image": "i"}]}),
            code::CLIENT,
            "Family should not be null or empty.",
        ),
        (
            "RegisterTaskDefinition",
            json!({"family": "f", "containerDefinitions": [{"name": "n", "image": "i", "ulimits": [{"softLimit": 1, "hardLimit": 1}]}]}),
            code::CLIENT,
            "containerDefinitions[0].ulimits[0].name cannot be empty.",
        ),
        (
            "RunTask",
            json!({"taskDefinition": "t", "networkConfiguration": {"awsvpcConfiguration": {"subnets": []}}}),
            code::INVALID_PARAMETER,
            "subnets can not be empty.",
        ),
        ("CreateCluster", json!({"tags": [{"value": "v"}]}), code::INVALID_PARAMETER, "tags[0].key cannot be empty."),
    ] {
        refused(name, body, code, message);
    }
    // CL-11: there an empty list says something.
    accepted(
        "PutClusterCapacityProviders",
        json!({"cluster": "c", "capacityProviders": [], "defaultCapacityProviderStrategy": []}),
    );
}

#[test]
fn w8_enums() {
    for (name, body, code, message) in [
        (
            "ListTasks",
            json!({"desiredStatus": "running"}),
            code::INVALID_PARAMETER,
            "desiredStatus should be one of [RUNNING,PENDING,STOPPED], was \"running\"",
        ),
        (
            "UpdateContainerInstancesState",
            json!({"containerInstances": ["i"], "status": "REGISTERING"}),
            code::INVALID_PARAMETER,
            "Container instance status should be one of [ACTIVE, DRAINING]",
        ),
        (
            "UpdateContainerInstancesState",
            json!({"containerInstances": ["i"], "status": "NONSENSE"}),
            code::INVALID_PARAMETER,
            "Container instance status should be one of [ACTIVE, DRAINING]",
        ),
        (
            "RegisterTaskDefinition",
            json!({"family": "f", "containerDefinitions": [{"name": "n", "image": "i"}], "networkMode": "nat"}),
            code::CLIENT,
            "networkMode should be one of [bridge,host,awsvpc,none], was \"nat\"",
        ),
        (
            "RunTask",
            json!({"taskDefinition": "t", "propagateTags": "SERVICE"}),
            code::INVALID_PARAMETER,
            "propagateTags should be one of [TASK_DEFINITION,NONE], was \"SERVICE\"",
        ),
        (
            "RunTask",
            json!({"taskDefinition": "t", "placementStrategy": [{"type": "best"}]}),
            code::INVALID_PARAMETER,
            "placementStrategy[0].type should be one of [random,spread,binpack], was \"best\"",
        ),
    ] {
        refused(name, body, code, message);
    }
}

#[test]
fn bounds_name_the_member_the_value_and_the_bound() {
    let many = |count: usize| (0..count).map(|n| format!("n{n}")).collect::<Vec<_>>();
    let tags = |count: usize| many(count).into_iter().map(|key| json!({"key": key})).collect::<Vec<_>>();
    for (name, body, message) in [
        ("ListTasks", json!({"maxResults": 0}), "maxResults must be between 1 and 100, was 0"),
        ("ListServices", json!({"maxResults": 101}), "maxResults must be between 1 and 100, was 101"),
        ("ListAccountSettings", json!({"maxResults": 11}), "maxResults must be between 1 and 10, was 11"),
        ("DescribeServices", json!({"services": many(11)}), "services must have 1 to 10 entries, has 11"),
        ("DescribeTasks", json!({"tasks": many(101)}), "tasks must have 1 to 100 entries, has 101"),
        ("RunTask", json!({"taskDefinition": "t", "count": 11}), "count must be between 1 and 10, was 11"),
        (
            "RunTask",
            json!({"taskDefinition": "t", "clientToken": "x".repeat(65)}),
            "clientToken must have 1 to 64 characters, has 65",
        ),
        (
            "RunTask",
            json!({"taskDefinition": "t", "clientToken": "a b"}),
            "clientToken \"a b\" holds ' ': only printable ASCII characters without spaces are allowed",
        ),
        (
            "RunTask",
            json!({"taskDefinition": "t", "startedBy": "é"}),
            "startedBy \"é\" holds 'é': only letters, digits, '_', '-', '/' and spaces are allowed",
        ),
        (
            "RunTask",
            json!({"taskDefinition": "t", "group": "service:web"}),
            "group \"service:web\" must not begin with \"service:\": names that begin with it belong to services",
        ),
        (
            "RunTask",
            json!({"taskDefinition": "t", "overrides": {"containerOverrides": [{"name": "x".repeat(9000)}]}}),
            "overrides must have at most 8192 characters of JSON, has 9036",
        ),
        (
            "StartTask",
            json!({"taskDefinition": "t", "containerInstances": many(11)}),
            "containerInstances must have 1 to 10 entries, has 11",
        ),
        (
            "CreateService",
            json!({"serviceName": "s", "desiredCount": -1}),
            "desiredCount must be between 0 and 2147483647, was -1",
        ),
        (
            "CreateService",
            json!({"serviceName": "a.b"}),
            "serviceName \"a.b\" holds '.': only letters, digits, '_' and '-' are allowed",
        ),
        (
            "CreateService",
            json!({"serviceName": "s", "placementStrategy": vec![json!({"type": "random"}); 6]}),
            "placementStrategy must have at most 5 entries, has 6",
        ),
        (
            "CreateService",
            json!({"serviceName": "s", "deploymentConfiguration": {"minimumHealthyPercent": 101}}),
            "deploymentConfiguration.minimumHealthyPercent must be between 0 and 100, was 101",
        ),
        (
            "CreateService",
            json!({"serviceName": "s", "capacityProviderStrategy": [{"capacityProvider": "p", "weight": 1001}]}),
            "capacityProviderStrategy[0].weight must be between 0 and 1000, was 1001",
        ),
        ("CreateCluster", json!({"tags": tags(51)}), "tags must have at most 50 entries, has 51"),
        (
            "CreateCluster",
            json!({"tags": [{"key": "k", "value": "x".repeat(257)}]}),
            "tags[0].value must have at most 256 characters, has 257",
        ),
        ("CreateCluster", json!({"tags": [{"key": "a"}, {"key": "a"}]}), "tags has the key \"a\" twice"),
        (
            "CreateCluster",
            json!({"tags": [{"key": "AWS:x"}]}),
            "tags[0].key \"AWS:x\" must not begin with \"aws:\": it is reserved",
        ),
        (
            "CreateCluster",
            json!({"tags": [{"key": "a#"}]}),
            "tags[0].key \"a#\" does not match ([\\p{L}\\p{Z}\\p{N}_.:/=+\\-@]*)",
        ),
        (
            "PutAttributes",
            json!({"attributes": [{"name": "a", "value": " v"}]}),
            "attributes[0].value \" v\" must not begin or end with a space",
        ),
        (
            "PutAttributes",
            json!({"attributes": [{"name": "a b"}]}),
            "attributes[0].name \"a b\" holds ' ': only letters, digits, '_', '-', '.', '/' and '\\' are allowed",
        ),
        (
            "StopTask",
            json!({"task": "t", "reason": "x".repeat(256)}),
            "reason must have at most 255 characters, has 256",
        ),
        (
            "UpdateTaskProtection",
            json!({"cluster": "c", "tasks": ["t"], "protectionEnabled": true, "expiresInMinutes": 2881}),
            "expiresInMinutes must be between 1 and 2880, was 2881",
        ),
    ] {
        refused(name, body, code::INVALID_PARAMETER, message);
    }
}

#[test]
fn w16_clients_tokens_at_their_bounds_pass() {
    let token: String = (33_u8..=126).map(char::from).collect();
    accepted("RunTask", json!({"taskDefinition": "t", "clientToken": &token[..64]}));
    accepted("RunTask", json!({"taskDefinition": "t", "clientToken": &token[30..]}));
    accepted("CreateService", json!({"serviceName": "s", "clientToken": &token[..36]}));
}

#[test]
fn tag1_letters_of_every_script_pass_and_task_definitions_answer_as_others_do() {
    accepted(
        "CreateCluster",
        json!({"tags": [{"key": "größe/Ж 漢", "value": "a_b.c:d/e=f+g-h@i"}, {"key": "k", "value": ""}]}),
    );
    let definition =
        |tags: Value| json!({"family": "f", "containerDefinitions": [{"name": "n", "image": "i"}], "tags": tags});
    accepted("RegisterTaskDefinition", definition(json!([{"key": "k"}])));
    refused(
        "RegisterTaskDefinition",
        definition(json!([{"key": "a#"}])),
        code::INVALID_PARAMETER,
        "tags[0].key \"a#\" does not match ([\\p{L}\\p{Z}\\p{N}_.:/=+\\-@]*)",
    );
    let many: Vec<Value> = (0..51).map(|n| json!({"key": format!("k{n}")})).collect();
    refused(
        "RegisterTaskDefinition",
        definition(many.into()),
        code::LIMIT_EXCEEDED,
        "tags must have at most 50 entries, has 51",
    );
}

#[test]
fn w9_types_come_before_required_members_and_those_before_bounds() {
    let code_of = |body: Value| refusal("DescribeServices", body.to_string().as_bytes()).message;
    assert!(code_of(json!({"cluster": 1})).starts_with("cluster must be a string"));
    assert_eq!(code_of(json!({"include": ["NONSENSE"]})), "Services cannot be empty.");
    assert!(code_of(json!({"include": ["NONSENSE"], "services": ["s"]})).starts_with("include[0] should be one of"));
}

#[test]
fn w11_scalars_that_are_not_boxed_are_always_written() {
    let written =
        serde_json::to_value(types::Resource { name: Some("PORTS".to_owned()), ..Default::default() }).unwrap();
    assert_eq!(written, json!({"name": "PORTS", "doubleValue": 0.0, "longValue": 0, "integerValue": 0}));
    let written = serde_json::to_value(types::Service::default()).unwrap();
    let expected = json!({"desiredCount": 0, "runningCount": 0, "pendingCount": 0, "enableECSManagedTags": false, "enableExecuteCommand": false});
    assert_eq!(written, expected);
    assert_eq!(serde_json::to_value(types::CreateServiceRequest::default()).unwrap(), json!({}));
    let request: types::CreateServiceRequest =
        parse(json!({"serviceName": "s", "enableECSManagedTags": true})).unwrap();
    assert_eq!((request.enable_ecs_managed_tags, request.enable_execute_command), (Some(true), None));
}

fn operation(name: &str) -> &'static Operation {
    Operation::named(name).expect(name)
}

fn refusal(name: &str, body: &[u8]) -> ApiError {
    validate(operation(name), body).expect_err(name)
}

fn refused(name: &str, body: Value, code: &str, message: &str) {
    let error = refusal(name, body.to_string().as_bytes());
    assert_eq!((error.code, error.message.as_str(), error.status), (code, message, 400), "{name} {body:.200}");
}

fn accepted(name: &str, body: Value) {
    let result = validate(operation(name), body.to_string().as_bytes());
    assert!(result.is_ok(), "{name} {body}: {result:?}");
}
