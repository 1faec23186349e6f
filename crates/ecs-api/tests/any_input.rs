//! Properties over all operations: whatever JSON comes is answered, and tables and types say the same.

use plimsoll_ecs_api::{Call, OPERATIONS, Operation, Shape, types, validate};
use proptest::prelude::*;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Map, Value, json};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn any_json_is_accepted_or_refused_as_the_callers_fault(operation in operation(), body in any_json()) {
        answered(operation, body.to_string().as_bytes())?;
    }

    #[test]
    fn any_bytes_are_accepted_or_refused_as_the_callers_fault(operation in operation(), body in any::<Vec<u8>>()) {
        answered(operation, &body)?;
    }

    #[test]
    fn near_requests_are_accepted_or_refused_as_the_callers_fault(
        (operation, body) in operation().prop_flat_map(|operation| (Just(operation), value_of(operation.input, 5, 0.9)))
    ) {
        answered(operation, body.to_string().as_bytes())?;
    }

    /// Whatever the table lets through, the struct takes, and loses nothing of it. Responses too.
    #[test]
    fn types_hold_all_that_the_tables_name(
        (operation, request, response) in called().prop_flat_map(|operation| {
            (Just(operation), value_of(operation.input, 6, 1.0), value_of(operation.output, 6, 1.0))
        })
    ) {
        let call = operation.call.unwrap();
        let (request, response) = (without_nulls(request), without_nulls(response));
        let (request_again, response_again) = round_trip(call, request.clone(), response.clone());
        prop_assert_eq!(holds(&request_again, &request), Ok(()));
        prop_assert_eq!(holds(&response_again, &response), Ok(()));
    }
}

fn answered(operation: &'static Operation, body: &[u8]) -> Result<(), TestCaseError> {
    match validate(operation, body) {
        Ok(request) => {
            // A second reading changes nothing.
            let again = validate(operation, request.to_string().as_bytes());
            prop_assert_eq!(again, Ok(request));
        }
        Err(error) => {
            prop_assert!((400..500).contains(&error.status), "{}", error);
            prop_assert!(error.message.len() < 1000, "{}", error);
        }
    }
    Ok(())
}

macro_rules! round_trips {
    ($call:expr, $request:expr, $response:expr, $($name:ident: $input:ident => $output:ident),* $(,)?) => {
        match $call {
            $(Call::$name => (through::<types::$input>($request), through::<types::$output>($response)),)*
        }
    };
}

fn round_trip(call: Call, request: Value, response: Value) -> (Value, Value) {
    round_trips!(call, request, response,
        ContinueServiceDeployment: ContinueServiceDeploymentRequest => ContinueServiceDeploymentResponse,
        CreateCapacityProvider: CreateCapacityProviderRequest => CreateCapacityProviderResponse,
        CreateCluster: CreateClusterRequest => CreateClusterResponse,
        CreateService: CreateServiceRequest => CreateServiceResponse,
        CreateTaskSet: CreateTaskSetRequest => CreateTaskSetResponse,
        DeleteAccountSetting: DeleteAccountSettingRequest => DeleteAccountSettingResponse,
        DeleteAttributes: DeleteAttributesRequest => DeleteAttributesResponse,
        DeleteCapacityProvider: DeleteCapacityProviderRequest => DeleteCapacityProviderResponse,
        DeleteCluster: DeleteClusterRequest => DeleteClusterResponse,
        DeleteService: DeleteServiceRequest => DeleteServiceResponse,
        DeleteTaskDefinitions: DeleteTaskDefinitionsRequest => DeleteTaskDefinitionsResponse,
        DeleteTaskSet: DeleteTaskSetRequest => DeleteTaskSetResponse,
        DeregisterContainerInstance: DeregisterContainerInstanceRequest => DeregisterContainerInstanceResponse,
        DeregisterTaskDefinition: DeregisterTaskDefinitionRequest => DeregisterTaskDefinitionResponse,
        DescribeCapacityProviders: DescribeCapacityProvidersRequest => DescribeCapacityProvidersResponse,
        DescribeClusters: DescribeClustersRequest => DescribeClustersResponse,
        DescribeContainerInstances: DescribeContainerInstancesRequest => DescribeContainerInstancesResponse,
        DescribeServiceDeployments: DescribeServiceDeploymentsRequest => DescribeServiceDeploymentsResponse,
        DescribeServiceRevisions: DescribeServiceRevisionsRequest => DescribeServiceRevisionsResponse,
        DescribeServices: DescribeServicesRequest => DescribeServicesResponse,
        DescribeTaskDefinition: DescribeTaskDefinitionRequest => DescribeTaskDefinitionResponse,
        DescribeTaskSets: DescribeTaskSetsRequest => DescribeTaskSetsResponse,
        DescribeTasks: DescribeTasksRequest => DescribeTasksResponse,
        DiscoverPollEndpoint: DiscoverPollEndpointRequest => DiscoverPollEndpointResponse,
        ExecuteCommand: ExecuteCommandRequest => ExecuteCommandResponse,
        GetTaskProtection: GetTaskProtectionRequest => GetTaskProtectionResponse,
        ListAccountSettings: ListAccountSettingsRequest => ListAccountSettingsResponse,
        ListAttributes: ListAttributesRequest => ListAttributesResponse,
        ListClusters: ListClustersRequest => ListClustersResponse,
        ListContainerInstances: ListContainerInstancesRequest => ListContainerInstancesResponse,
        ListServiceDeployments: ListServiceDeploymentsRequest => ListServiceDeploymentsResponse,
        ListServices: ListServicesRequest => ListServicesResponse,
        ListServicesByNamespace: ListServicesByNamespaceRequest => ListServicesByNamespaceResponse,
        ListTagsForResource: ListTagsForResourceRequest => ListTagsForResourceResponse,
        ListTaskDefinitionFamilies: ListTaskDefinitionFamiliesRequest => ListTaskDefinitionFamiliesResponse,
        ListTaskDefinitions: ListTaskDefinitionsRequest => ListTaskDefinitionsResponse,
        ListTasks: ListTasksRequest => ListTasksResponse,
        PutAccountSetting: PutAccountSettingRequest => PutAccountSettingResponse,
        PutAccountSettingDefault: PutAccountSettingDefaultRequest => PutAccountSettingDefaultResponse,
        PutAttributes: PutAttributesRequest => PutAttributesResponse,
        PutClusterCapacityProviders: PutClusterCapacityProvidersRequest => PutClusterCapacityProvidersResponse,
        RegisterContainerInstance: RegisterContainerInstanceRequest => RegisterContainerInstanceResponse,
        RegisterTaskDefinition: RegisterTaskDefinitionRequest => RegisterTaskDefinitionResponse,
        RunTask: RunTaskRequest => RunTaskResponse,
        StartTask: StartTaskRequest => StartTaskResponse,
        StopServiceDeployment: StopServiceDeploymentRequest => StopServiceDeploymentResponse,
        StopTask: StopTaskRequest => StopTaskResponse,
        SubmitAttachmentStateChanges: SubmitAttachmentStateChangesRequest => SubmitAttachmentStateChangesResponse,
        SubmitContainerStateChange: SubmitContainerStateChangeRequest => SubmitContainerStateChangeResponse,
        SubmitTaskStateChange: SubmitTaskStateChangeRequest => SubmitTaskStateChangeResponse,
        TagResource: TagResourceRequest => TagResourceResponse,
        UntagResource: UntagResourceRequest => UntagResourceResponse,
        UpdateCapacityProvider: UpdateCapacityProviderRequest => UpdateCapacityProviderResponse,
        UpdateCluster: UpdateClusterRequest => UpdateClusterResponse,
        UpdateClusterSettings: UpdateClusterSettingsRequest => UpdateClusterSettingsResponse,
        UpdateContainerAgent: UpdateContainerAgentRequest => UpdateContainerAgentResponse,
        UpdateContainerInstancesState: UpdateContainerInstancesStateRequest => UpdateContainerInstancesStateResponse,
        UpdateService: UpdateServiceRequest => UpdateServiceResponse,
        UpdateServicePrimaryTaskSet: UpdateServicePrimaryTaskSetRequest => UpdateServicePrimaryTaskSetResponse,
        UpdateTaskProtection: UpdateTaskProtectionRequest => UpdateTaskProtectionResponse,
        UpdateTaskSet: UpdateTaskSetRequest => UpdateTaskSetResponse,
    )
}

fn through<T: Serialize + DeserializeOwned>(value: Value) -> Value {
    let typed: T = serde_json::from_value(value).expect("the type takes what its table names");
    serde_json::to_value(typed).expect("types are plain data")
}

/// Whether all of `part` is in `whole`; `whole` may have zeros that `part` left out.
fn holds(whole: &Value, part: &Value) -> Result<(), String> {
    match (whole, part) {
        (Value::Object(whole), Value::Object(part)) => {
            part.iter().try_for_each(|(name, value)| match whole.get(name) {
                Some(there) => holds(there, value),
                None => Err(format!("{name} is lost")),
            })
        }
        (Value::Array(whole), Value::Array(part)) if whole.len() == part.len() => {
            whole.iter().zip(part).try_for_each(|(whole, part)| holds(whole, part))
        }
        (whole, part) if whole == part => Ok(()),
        (whole, part) => Err(format!("{part} became {whole}")),
    }
}

fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(members) => members
            .into_iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(name, value)| (name, without_nulls(value)))
            .collect::<Map<_, _>>()
            .into(),
        Value::Array(list) => list.into_iter().map(without_nulls).collect(),
        value => value,
    }
}

fn operation() -> impl Strategy<Value = &'static Operation> {
    prop::sample::select(OPERATIONS.iter().collect::<Vec<_>>())
}

fn called() -> impl Strategy<Value = &'static Operation> {
    prop::sample::select(OPERATIONS.iter().filter(|operation| operation.call.is_some()).collect::<Vec<_>>())
}

fn scalar() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ]
}

fn any_json() -> impl Strategy<Value = Value> {
    let keys = prop_oneof![
        any::<String>(),
        prop::sample::select(vec![
            "cluster",
            "tasks",
            "tags",
            "key",
            "name",
            "overrides",
            "maxResults",
            "containerDefinitions"
        ])
        .prop_map(str::to_owned),
    ];
    scalar().prop_recursive(6, 64, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map(keys.clone(), inner, 0..6)
                .prop_map(|members| members.into_iter().collect::<Map<_, _>>().into()),
        ]
    })
}

/// A value of the shape, with this chance at each place of being of the right type.
fn value_of(shape: &'static Shape, depth: u32, right: f64) -> BoxedStrategy<Value> {
    let value = match shape {
        Shape::Structure(_) | Shape::List { .. } | Shape::Map(_) if depth == 0 => match shape {
            Shape::List { .. } => Just(json!([])).boxed(),
            _ => Just(json!({})).boxed(),
        },
        Shape::Structure(structure) => {
            if structure.members.is_empty() {
                return Just(json!({})).boxed();
            }
            let some = prop::sample::subsequence(
                structure.members.iter().collect::<Vec<_>>(),
                0..=structure.members.len().min(6),
            );
            some.prop_flat_map(move |members| {
                let names: Vec<&str> = members.iter().map(|member| member.name).collect();
                let values: Vec<_> = members.iter().map(|member| value_of(member.shape, depth - 1, right)).collect();
                values.prop_map(move |values| {
                    names.iter().map(|name| name.to_string()).zip(values).collect::<Map<_, _>>().into()
                })
            })
            .boxed()
        }
        Shape::List { element, .. } => {
            prop::collection::vec(value_of(element, depth - 1, right), 0..3).prop_map(Value::from).boxed()
        }
        Shape::Map(element) => prop::collection::btree_map("[a-c]", value_of(element, depth - 1, right), 0..3)
            .prop_map(|members| members.into_iter().collect::<Map<_, _>>().into())
            .boxed(),
        Shape::Text { .. } => prop_oneof!["[a-z:/-]{0,12}", any::<String>()].prop_map(Value::from).boxed(),
        Shape::Enum(values) => prop::sample::select(*values).prop_map(Value::from).boxed(),
        Shape::Integer { .. } => prop_oneof![0..20, any::<i32>()].prop_map(Value::from).boxed(),
        Shape::Long { .. } => any::<i64>().prop_map(Value::from).boxed(),
        // Written and read back, a double may differ in its last bit; halves do not.
        Shape::Double { .. } | Shape::Timestamp => any::<i32>().prop_map(|n| Value::from(f64::from(n) / 2.0)).boxed(),
        Shape::Boolean => any::<bool>().prop_map(Value::from).boxed(),
        Shape::Document => Just(json!({"any": ["thing"]})).boxed(),
    };
    if right < 1.0 {
        prop_oneof![(right * 100.0) as u32 => value, 100 - (right * 100.0) as u32 => any_json()].boxed()
    } else {
        value
    }
}
