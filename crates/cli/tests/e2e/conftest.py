"""Drives the real binary with the real clients. Every server gets its own port, data directory and cluster."""

import contextlib
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
import uuid

import boto3
import botocore.config
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[4]
PLIMSOLL = os.environ.get("PLIMSOLL_BIN", str(ROOT / "target/debug/plimsoll"))
DOCKER_HOST = os.environ.get("PLIMSOLL_TEST_DOCKER")
IMAGE = os.environ.get("PLIMSOLL_TEST_IMAGE", "plimsoll-test-busybox:latest")
POSTGRES = os.environ.get("PLIMSOLL_TEST_POSTGRES_URL")
REGION = "eu-north-1"
# Generous: the machine is small and shared. Nothing waits this long unless it is broken.
PATIENCE = 90


def wait_for(what, predicate, patience=PATIENCE):
    """Polls until the predicate gives something true, and returns that."""
    deadline = time.monotonic() + patience
    while True:
        last = predicate()
        if last:
            return last
        assert time.monotonic() < deadline, f"still not: {what} after {patience} s"
        time.sleep(0.05)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def client_of(endpoint, key="test", secret="test", region=REGION):
    return boto3.client(
        "ecs",
        endpoint_url=endpoint,
        region_name=region,
        aws_access_key_id=key,
        aws_secret_access_key=secret,
        config=botocore.config.Config(retries={"max_attempts": 0}, read_timeout=30, parameter_validation=True),
    )


class Program:
    """One running plimsoll process and its log."""

    def __init__(self, args, log, env=None):
        self.args, self.log, self.env = args, pathlib.Path(log), env or {}
        self.start()

    def start(self):
        self.output = open(self.log, "ab")
        environment = {**os.environ, "NO_COLOR": "1", **self.env}
        if DOCKER_HOST:
            environment["DOCKER_HOST"] = DOCKER_HOST
        self.process = subprocess.Popen(
            [PLIMSOLL, *self.args], stdout=self.output, stderr=self.output, stdin=subprocess.DEVNULL, env=environment
        )

    def text(self):
        return self.log.read_text(errors="replace")

    def kill(self):
        self.process.kill()
        self.process.wait()

    def interrupt(self, patience=PATIENCE):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            try:
                self.process.wait(patience)
            except subprocess.TimeoutExpired:
                self.kill()
                raise AssertionError(f"{self.args[0]} ignored SIGINT for {patience} s:\n{self.text()[-4000:]}")
        return self.process.returncode


class Listener(Program):
    """A program that answers HTTP: dev or server."""

    def __init__(self, args, log, port, env=None):
        self.port = port
        self.endpoint = f"http://127.0.0.1:{port}"
        super().__init__(args, log, env)
        self.wait_until_up()

    def wait_until_up(self):
        def up():
            assert self.process.poll() is None, f"{self.args} ended:\n{self.text()[-4000:]}"
            with contextlib.suppress(OSError):
                return urllib.request.urlopen(f"{self.endpoint}/healthz", timeout=5).status == 200

        wait_for("healthz answers", up)

    def restart(self):
        self.start()
        self.wait_until_up()

    @property
    def ecs(self):
        return client_of(self.endpoint)

    def metrics(self):
        return urllib.request.urlopen(f"{self.endpoint}/metrics", timeout=5).read().decode()


@pytest.fixture
def programs(tmp_path):
    """Starts programs and interrupts them, newest first, at the end; shows their logs when the test failed."""
    running = []

    def launch(kind, *args, env=None, port=None, name=None):
        log = tmp_path / f"{name or kind}-{len(running)}.log"
        if kind in ("dev", "server"):
            port = port or free_port()
            program = Listener([kind, "--listen", f"127.0.0.1:{port}", *args], log, port, env)
        else:
            program = Program([kind, *args], log, env)
        running.append(program)
        return program

    yield launch
    try:
        for program in reversed(running):
            program.interrupt()
    finally:
        # Agents leave their containers running: that is their job, and ours to clean up.
        for state in tmp_path.glob("**/tasks/*/*/running.json"):
            with contextlib.suppress(OSError, KeyError, ValueError):
                os.killpg(json.loads(state.read_text())["pid"], signal.SIGKILL)
        subprocess.run(["pkill", "-KILL", "-f", str(tmp_path)])
        if DOCKER_HOST and (left := docker("ps", "-aq", "--filter", "label=plimsoll.task")):
            docker("rm", "-f", *left)
        for program in running:
            if program.process.poll() is None:
                program.kill()
            print(f"===== {program.args[0]} log =====\n{program.text()[-6000:]}")


@pytest.fixture(params=["process", "docker"])
def runtime(request):
    if request.param == "docker":
        assert DOCKER_HOST, "set PLIMSOLL_TEST_DOCKER to the engine to test with, as cargo xtask ci does"
    return request.param


@pytest.fixture
def dev(programs, tmp_path, runtime):
    program = programs(
        "dev", "--data-dir", str(tmp_path / "data"), "--runtime", runtime, "--no-auth", "--region", REGION,
        "--container-retention", "2",
    )
    wait_for("the node has joined", lambda: program.ecs.list_container_instances()["containerInstanceArns"])
    return program


@pytest.fixture
def two_zones(programs, tmp_path):
    """A server that wants keys, its signed client, and one simulated node in each of the zones a and b."""
    keys = tmp_path / "keys"
    keys.write_text("AKIDZONES secretofzones\n")
    server = programs(
        "server", "--database-url", f"sqlite://{tmp_path}/plimsoll.db", "--region", REGION, "--keys-file", str(keys)
    )
    server.signed = client_of(server.endpoint, "AKIDZONES", "secretofzones")
    server.signed.create_cluster()
    for name, zone in (("one", "a"), ("two", "b")):
        programs(
            "agent", "--server", server.endpoint, "--keys-file", str(keys), "--simulate", "1", "--cpu", "1024",
            "--memory", "1024", "--attribute", f"ecs.availability-zone={zone}", name=f"agent-{name}",
        )
    listed = lambda: server.signed.list_container_instances()["containerInstanceArns"]
    wait_for("both nodes have joined", lambda: len(listed()) == 2)
    server.keys = str(keys)
    return server


@pytest.fixture
def database(tmp_path):
    """A fresh Postgres database on the server that the tests were given."""
    assert POSTGRES, "set PLIMSOLL_TEST_POSTGRES_URL, as cargo xtask ci does"
    base, _, _ = POSTGRES.rpartition("/")
    name = f"e2e_{uuid.uuid4().hex[:12]}"
    psql("postgres", f"CREATE DATABASE {name}")
    yield f"{base}/{name}"
    psql("postgres", f"DROP DATABASE {name} WITH (FORCE)")


def psql(database, sql):
    base, _, _ = POSTGRES.rpartition("/")
    done = subprocess.run(
        [shutil.which("psql") or "/usr/bin/psql", f"{base}/{database}", "-Atqc", sql],
        capture_output=True, text=True, check=True,
    )
    return done.stdout


def aws(endpoint, *args, key="test", secret="test"):
    """The AWS CLI as a user runs it; returns its parsed output."""
    done = subprocess.run(
        [sys.executable, "-m", "awscli", "ecs", *args, "--endpoint-url", endpoint, "--region", REGION, "--output", "json"],
        capture_output=True, text=True,
        env={**os.environ, "AWS_ACCESS_KEY_ID": key, "AWS_SECRET_ACCESS_KEY": secret, "AWS_PAGER": ""},
    )
    assert done.returncode == 0, f"aws ecs {' '.join(args)}: {done.stderr}"
    return json.loads(done.stdout) if done.stdout.strip() else None


# What a container does until it is told to stop.
SLEEPER = ["/bin/sh", "-c", "trap 'exit 0' TERM; while :; do sleep 0.2; done"]


def container(name="app", command=None, **members):
    return {"name": name, "image": IMAGE, "memory": 16, "command": command or SLEEPER, **members}


def register(ecs, family, containers=None, **members):
    reply = ecs.register_task_definition(family=family, containerDefinitions=containers or [container()], **members)
    return reply["taskDefinition"]["taskDefinitionArn"]


def tasks_of(ecs, **filters):
    """Every task the filters select, running or stopped, described."""
    arns = []
    for status in ("RUNNING", "STOPPED"):
        for page in ecs.get_paginator("list_tasks").paginate(desiredStatus=status, **filters):
            arns += page["taskArns"]
    found = []
    for at in range(0, len(arns), 100):
        query = {key: filters[key] for key in ("cluster",) if key in filters}
        found += ecs.describe_tasks(tasks=arns[at : at + 100], **query)["tasks"]
    return found


def service_of(ecs, name, **query):
    return ecs.describe_services(services=[name], **query)["services"][0]


def wait_stable(ecs, name, **query):
    ecs.get_waiter("services_stable").wait(
        services=[name], WaiterConfig={"Delay": 0.2, "MaxAttempts": int(PATIENCE / 0.2)}, **query
    )


def docker(*args):
    done = subprocess.run(["docker", "-H", DOCKER_HOST, *args], capture_output=True, text=True, check=True)
    return done.stdout.split()
