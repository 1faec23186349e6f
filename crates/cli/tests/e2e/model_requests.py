"""Requests made from botocore's own model of ECS: smallest ones, fullest ones, and ones with a single fault."""

import copy
import json

import botocore.parsers
import botocore.session

MODEL = botocore.session.get_session().get_service_model("ecs")
OPERATIONS = sorted(MODEL.operation_names)
# Deeper than any shape of the model that does not contain itself.
DEPTH_MAX = 12


class Maker:
    """Makes values of shapes; `known` has what means something to the server, by (structure, member) or by member."""

    def __init__(self, known):
        self.known = known

    def smallest(self, shape):
        return self.value(shape, "", full=False)

    def fullest(self, shape):
        return self.value(shape, "", full=True)

    def value(self, shape, owner, full, name="", depth=0):
        for key in ((owner, name), name):
            if key in self.known:
                return copy.deepcopy(self.known[key])
        kind = shape.type_name
        if kind == "structure":
            members = shape.members if full and depth < DEPTH_MAX else shape.required_members
            return {
                member: self.value(shape.members[member], shape.name, full, member, depth + 1) for member in members
            }
        if kind == "list":
            count = max(shape.metadata.get("min", 1), 1)
            return [self.value(shape.member, owner, full, f"{name}[]", depth + 1)] * count
        if kind == "map":
            return {"k": self.value(shape.value, owner, full, f"{name}{{}}", depth + 1)}
        if kind == "string":
            if getattr(shape, "enum", None):
                return shape.enum[0]
            return "x" * max(shape.metadata.get("min", 1), 1)
        if kind in ("integer", "long"):
            return max(shape.metadata.get("min", 1), 1)
        return {"boolean": True, "timestamp": 1700000000, "double": 1.5, "float": 1.5}[kind]


def violations(shape, body, path=()):
    """(what, body) for every fault of one member that the model knows of, inside the members that the body has."""
    kind = shape.type_name
    for what, value in faults_of(shape, body):
        yield f"{dotted(path)} {what}", value
    if kind == "structure":
        for name in shape.required_members:
            yield f"{dotted((*path, name))} missing", {key: value for key, value in body.items() if key != name}
        for name, value in body.items():
            for what, faulty in violations(shape.members[name], value, (*path, name)):
                yield what, {**body, name: faulty}
    elif kind == "list" and body:
        for what, faulty in violations(shape.member, body[0], (*path, "[]")):
            yield what, [faulty, *body[1:]]
    elif kind == "map":
        for key, value in body.items():
            for what, faulty in violations(shape.value, value, (*path, key)):
                yield what, {**body, key: faulty}


def faults_of(shape, value):
    kind, bounds = shape.type_name, shape.metadata
    wrong = {"structure": [], "list": {}, "map": [], "string": 5, "boolean": "true", "integer": "1", "long": "1"}
    yield "of the wrong type", wrong.get(kind, [] if kind == "timestamp" else "x")
    if kind == "string":
        if getattr(shape, "enum", None):
            yield "not in the enum", "NONSENSE"
        if "max" in bounds:
            yield "too long", "x" * (bounds["max"] + 1)
        if bounds.get("min", 0) > 0:
            yield "too short", "x" * (bounds["min"] - 1)
        if "pattern" in bounds:
            yield "off its pattern", "\u0007" * max(bounds.get("min", 1), 1)
    if kind in ("integer", "long"):
        bits = 31 if kind == "integer" else 63
        yield "beyond its type", 2**bits
        yield "with a fraction", 1.5
        if "max" in bounds:
            yield "too big", bounds["max"] + 1
        if "min" in bounds:
            yield "too small", bounds["min"] - 1
    if kind == "list":
        if "max" in bounds and value:
            yield "with too many entries", (value * (bounds["max"] + 1))[: bounds["max"] + 1]
        if bounds.get("min", 0) > 0:
            yield "with too few entries", value[: bounds["min"] - 1]


def dotted(path):
    return ".".join(path).replace(".[]", "[]") or "the request"


def misfits(shape, answer, path="answer"):
    """What an answer has that its shape has not, and values of another type than the shape's."""
    kind = shape.type_name
    if answer is None:
        return [f"{path} is null"]
    if kind == "structure":
        if not isinstance(answer, dict):
            return [f"{path} is no object"]
        unknown = [f"{path}.{name} is not in the model" for name in answer if name not in shape.members]
        known = [
            one
            for name, value in answer.items()
            if name in shape.members
            for one in misfits(shape.members[name], value, f"{path}.{name}")
        ]
        return unknown + known
    if kind == "list":
        if not isinstance(answer, list):
            return [f"{path} is no list"]
        return [one for at, value in enumerate(answer) for one in misfits(shape.member, value, f"{path}[{at}]")]
    if kind == "map":
        return [one for key, value in answer.items() for one in misfits(shape.value, value, f"{path}[{key}]")]
    types = {
        "string": str, "boolean": bool, "integer": int, "long": int, "timestamp": (int, float),
        "double": (int, float), "float": (int, float),
    }
    fits = isinstance(answer, types[kind]) and (kind == "boolean" or not isinstance(answer, bool))
    if fits and kind == "string" and getattr(shape, "enum", None) and answer not in shape.enum:
        return [f"{path} is {answer!r}, which is not in the enum"]
    return [] if fits else [f"{path} is {answer!r}, which is no {kind}"]


def parsed(operation, status, headers, body):
    """As the client would read it."""
    parser = botocore.parsers.create_parser("json")
    response = {"status_code": status, "headers": headers, "body": body}
    return parser.parse(response, MODEL.operation_model(operation).output_shape)


def declared(operation):
    return {shape.name for shape in MODEL.operation_model(operation).error_shapes}


def body_of(reply):
    return json.loads(reply)
