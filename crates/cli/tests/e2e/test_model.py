"""Every operation of botocore's model: the smallest and the fullest valid request is answered as the model says, and
every request with one fault is refused by name. Writes the table of `docs/operations.md`."""

import os
import re

import pytest

from conftest import REGION, ROOT, Listener, free_port
from model_requests import MODEL, OPERATIONS, body_of, declared, misfits, parsed, violations
from model_world import World

TABLE = ROOT / "docs/operations.md"
NOT_HERE = re.compile(r"is not supported by this server: (.*)", re.S)

# Valid requests that this world must refuse all the same, and how.
REFUSED = {
    "ContinueServiceDeployment": "UnsupportedFeatureException",
    # There are no sessions to give.
    "ExecuteCommand": "TargetNotConnectedException",
    "ListServicesByNamespace": "NamespaceNotFoundException",
    "UpdateContainerAgent": "NoUpdateAvailableException",
    # It is finished.
    "StopServiceDeployment": "ConflictException",
}
DEPLOYMENTS_LEFT_OUT = [
    f"deploymentConfiguration.{name}"
    for name in ("alarms", "lifecycleHooks", "bakeTimeInMinutes", "linearConfiguration", "canaryConfiguration", "earlySuccessCriteria")
]
# The fullest request leaves out what excludes another member or asks for infrastructure that is not there; that each
# of these is refused by name is tested with the operations.
LEFT_OUT = {
    "CreateCapacityProvider": ["managedInstancesProvider", "cluster"],
    "CreateService": [
        "capacityProviderStrategy", "platformVersion", "serviceConnectConfiguration", "volumeConfigurations",
        "vpcLatticeConfigurations", "gatewayConnectors", "monitoring", "networkConfiguration", "availabilityZoneRebalancing",
        *DEPLOYMENTS_LEFT_OUT,
    ],
    "CreateTaskSet": ["capacityProviderStrategy", "platformVersion", "networkConfiguration"],
    "ListTasks": ["startedBy", "daemonName"],
    "RunTask": [
        "capacityProviderStrategy", "platformVersion", "networkConfiguration", "volumeConfigurations",
        "overrides.ephemeralStorage", "overrides.inferenceAcceleratorOverrides",
    ],
    "StartTask": [
        "networkConfiguration", "volumeConfigurations", "overrides.ephemeralStorage",
        "overrides.inferenceAcceleratorOverrides",
    ],
    "UpdateCapacityProvider": ["managedInstancesProvider", "cluster"],
    "UpdateService": [
        "capacityProviderStrategy", "platformVersion", "serviceConnectConfiguration", "volumeConfigurations",
        "vpcLatticeConfigurations", "gatewayConnectors", "monitoring", "networkConfiguration", "availabilityZoneRebalancing",
        *DEPLOYMENTS_LEFT_OUT,
    ],
    # Its fullest forms exclude each other: test_definitions.py sends them all.
    "RegisterTaskDefinition": [
        name for name in MODEL.operation_model("RegisterTaskDefinition").input_shape.members
        if name not in ("family", "containerDefinitions", "tags", "cpu", "memory", "placementConstraints", "requiresCompatibilities")
    ],
}


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    directory = tmp_path_factory.mktemp("model")
    port = free_port()
    program = Listener(
        ["dev", "--listen", f"127.0.0.1:{port}", "--data-dir", str(directory / "data"), "--runtime", "process", "--no-auth", "--region", REGION],
        directory / "dev.log", port,
    )
    yield World(program)
    assert program.process.poll() is None
    assert "panicked" not in program.text()
    program.interrupt()


@pytest.fixture(scope="module")
def members():
    return {}


@pytest.fixture(scope="module")
def table(members):
    rows = {}
    yield rows
    if len(rows) != len(OPERATIONS) or any(len(row) != 3 for row in rows.values()):
        return  # Some tests were left out or failed.
    if len(members) != len(ALONE):
        return
    text = document(rows, members)
    if os.environ.get("PLIMSOLL_GOLDEN") == "write":
        TABLE.write_text(text)
    assert TABLE.read_text() == text, "docs/operations.md is old: run this test with PLIMSOLL_GOLDEN=write"


def answered(world, operation, body):
    """What became of a valid request, as a word for the table."""
    status, headers, reply = world.call(operation, body)
    assert status in (200, 400), (operation, body, status, reply)
    answer = body_of(reply)
    if status == 200:
        shape = MODEL.operation_model(operation).output_shape
        assert misfits(shape, answer) == [] if shape else answer == {}, (operation, body)
        read = parsed(operation, status, headers, reply)
        assert read["ResponseMetadata"]["HTTPStatusCode"] == 200
        assert operation not in REFUSED, f"{operation} answered {answer}"
        return "answered"
    code, message = answer["__type"], answer["message"]
    assert code in declared(operation), (operation, body, answer)
    assert message, answer
    why = NOT_HERE.search(message)
    if why:
        assert code in ("UnsupportedFeatureException", "ClientException"), (operation, answer)
        return f"not here: {why[1]}"
    assert code == REFUSED.get(operation), (operation, body, answer)
    return f"refused: {code}"


@pytest.mark.parametrize("operation", OPERATIONS)
def test_the_smallest_valid_request_is_answered(world, table, operation):
    body = smallest(world, operation)
    table.setdefault(operation, {})["min"] = answered(world, operation, body)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_the_fullest_valid_request_is_answered(world, table, operation):
    shape = MODEL.operation_model(operation).input_shape
    body = world.maker(operation).fullest(shape)
    for name in LEFT_OUT.get(operation, []):
        *outer, inner = name.split(".")
        place = body
        for step in outer:
            place = place[step]
        place.pop(inner, None)
    table.setdefault(operation, {})["full"] = answered(world, operation, body)


def smallest(world, operation):
    """Valid also where the model leaves optional what one of several forms needs."""
    body = world.maker(operation).smallest(MODEL.operation_model(operation).input_shape)
    if operation in ("CreateCapacityProvider", "UpdateCapacityProvider"):
        # The model leaves optional both kinds of provider that there are.
        group = f"arn:aws:autoscaling:eu-north-1:{world.account}:autoScalingGroup:a:autoScalingGroupName/b"
        body |= {"autoScalingGroupProvider": {"autoScalingGroupArn": group}}
    if operation == "CreateService":
        # The model leaves optional what the ECS controller needs.
        body |= {"taskDefinition": "web", "desiredCount": 0}
    if operation in ("SubmitTaskStateChange", "SubmitContainerStateChange"):
        body |= {"task": world.task, "containerName": "app"}
    return body


ALONE = [
    (operation, member) for operation, members in LEFT_OUT.items() if operation != "RegisterTaskDefinition"
    for member in members
]


@pytest.mark.parametrize(("operation", "member"), ALONE)
def test_what_the_fullest_request_leaves_out_is_answered_by_itself(world, members, operation, member):
    """Each member that goes with no other, beside the smallest request: it is taken, or refused by name."""
    body, shape = smallest(world, operation), MODEL.operation_model(operation).input_shape
    place, maker = body, world.maker(operation)
    *outer, inner = member.split(".")
    for step in outer:
        place, shape = place.setdefault(step, {}), shape.members[step]
    place[inner] = maker.value(shape.members[inner], shape.name, True, inner)
    if inner == "networkConfiguration":
        body["taskDefinition"] = "vpc"  # The only network mode that has one.
    status, headers, reply = world.call(operation, body)
    answer = body_of(reply)
    if status == 200:
        output = MODEL.operation_model(operation).output_shape
        assert misfits(output, answer) == [], (operation, body)
        members[operation, member] = "answered"
        return
    assert status == 400, (operation, body, answer)
    assert answer["__type"] in declared(operation), (operation, body, answer)
    assert inner.lower() in answer["message"].lower().replace(" ", ""), (operation, body, answer)
    members[operation, member] = f"{answer['__type']}: {answer['message']}"


@pytest.mark.parametrize("operation", OPERATIONS)
def test_every_fault_of_one_member_is_refused(world, table, operation):
    """The faults are put into a body with every member, whether or not they go together: syntax comes first (W-9)."""
    shape = MODEL.operation_model(operation).input_shape
    maker = world.maker(operation)
    count, passed = 0, []
    for what, faulty in violations(shape, maker.fullest(shape)):
        status, _, reply = world.call(operation, faulty)
        answer = body_of(reply)
        count += 1
        if status == 200:
            passed.append(what)
            continue
        assert status == 400, (operation, what, status, reply)
        assert answer["__type"] in declared(operation) | {"SerializationException"}, (operation, what, answer)
        assert answer["message"], (operation, what, answer)
    assert passed == [], f"{operation} takes {passed}"
    assert count or not shape.members, operation
    table.setdefault(operation, {})["violations"] = count


def document(rows, members):
    tests = behaviour_tests()
    lines = [
        "# Operations, one by one",
        "",
        "Written by `crates/cli/tests/e2e/test_model.py` from botocore's model and the answers of a running server.",
        "*Smallest* and *fullest* are valid requests made from the model; *violations* counts requests with one fault",
        "(a member missing, of the wrong type, outside its enum or its bounds), all of them refused with an error the",
        "model declares; *behaviour* says whether tests of what it does name the operation.",
        "",
        "| operation | smallest | fullest | violations | behaviour |",
        "|---|---|---|---|---|",
    ]
    absent = {}
    for operation in OPERATIONS:
        row = rows[operation]
        if row["min"].startswith("not here: "):
            absent[operation] = row["min"].removeprefix("not here: ")
        words = [row[name].split(":")[0] if row[name].startswith("not here") else row[name] for name in ("min", "full")]
        lines.append(f"| {operation} | {words[0]} | {words[1]} | {row['violations']} | {'yes' if operation in tests else '–'} |")
    lines += [
        "",
        "## Not here",
        "",
        "Known by name, checked as every request is, and then refused with the error that the model declares for it",
        "(`UnsupportedFeatureException`, or `ClientException` where that is not declared), because:",
        "",
    ]
    for why in sorted(set(absent.values())):
        names = ", ".join(name for name, given in absent.items() if given == why)
        lines += [f"- {names}: {why}"]
    lines += [
        "",
        "## Members that go with no others",
        "",
        "The fullest requests above leave these out. Each was sent beside the smallest request.",
        "",
        "| operation | member | |",
        "|---|---|---|",
    ]
    lines += [f"| {operation} | `{member}` | {members[operation, member]} |" for operation, member in ALONE]
    return "\n".join(lines) + "\n"


def behaviour_tests():
    """Operations that tests call: by name in Rust, by method in Python."""
    rust = [path.read_text() for path in (ROOT / "crates/server/src/ops/tests").rglob("*.rs")]
    here = os.path.dirname(__file__)
    python = [open(os.path.join(here, name)).read() for name in sorted(os.listdir(here)) if name.startswith("test_")]
    text, calls = "\n".join(rust), "\n".join(python)
    snake = lambda name: re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()
    return {name for name in OPERATIONS if f'"{name}"' in text or f".{snake(name)}(" in calls}
