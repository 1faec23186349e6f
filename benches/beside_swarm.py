#!/usr/bin/env python3
"""Plimsoll and Docker Swarm on the same engine, beside what the engine itself can do.

    python3 benches/beside_swarm.py --plimsoll target/release/plimsoll --docker unix:///var/run/docker.sock \\
        --image NAME [--counts 1,20,100] [--repeat 3]

Needs boto3, a Docker engine that may become a swarm, and an image with `sh` and `sleep`. Everything is watched the same
way, in the engine's own stream of events, so that no system is believed about itself. Every container runs the same
command on the engine's default bridge. Swarm's delays (restart, update, monitor) are set to zero. The three take turns,
and the table shows medians.

The floor is the engine asked by this script to create and start the same containers, as many at a time as was fastest.
"""

import argparse
import contextlib
import http.client
import json
import os
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import boto3

COMMAND = ["sh", "-c", "trap 'exit 0' TERM; while :; do sleep 3600 & wait $!; done"]
# Containers at a time that the floor is looked for with.
PARALLEL = [1, 4, 8, 16, 32]
ROLLED, AT_ONCE = 20, 5
LABEL = "beside-swarm"
DEADLINE_S = 300


class Engine:
    """The Engine API over its unix socket."""

    def __init__(self, url):
        self.url, self.path = url, url.removeprefix("unix://")

    def connection(self):
        connection = http.client.HTTPConnection("engine")
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.connect(self.path)
        return connection

    def call(self, method, path, body=None):
        connection = self.connection()
        try:
            headers = {"Content-Type": "application/json"}
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            answer = connection.getresponse()
            text = answer.read()
            if answer.status >= 400:
                raise RuntimeError(f"{method} {path}: {answer.status} {text.decode()}")
            return json.loads(text) if text.strip() else None
        finally:
            connection.close()

    def ids(self):
        return [row["Id"] for row in self.call("GET", "/containers/json?all=1")]

    def remove_all(self, ids):
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda one: self.remove(one), ids))

    def remove(self, one):
        with contextlib.suppress(RuntimeError):  # another removal was faster
            self.call("DELETE", f"/containers/{one}?force=1&v=1")


class Watch:
    """Start and end of every container since it began, with the moment at which the engine said so."""

    def __init__(self, engine):
        self.changed = threading.Condition()
        self.running, self.started, self.images = set(), {}, {}
        connection = engine.connection()
        filters = json.dumps({"type": ["container"], "event": ["start", "die"]}).replace('"', "%22").replace(" ", "")
        connection.request("GET", f"/events?filters={filters}")
        self.answer = connection.getresponse()
        threading.Thread(target=self.follow, daemon=True).start()

    def follow(self):
        for line in self.answer:
            event = json.loads(line)
            one = event["Actor"]["ID"]
            with self.changed:
                if event["Action"] == "start":
                    self.running.add(one)
                    self.started[one] = event["timeNano"] / 1e9
                    self.images[one] = event["Actor"]["Attributes"]["image"]
                else:
                    self.running.discard(one)
                self.changed.notify_all()

    def wait(self, holds, what):
        with self.changed:
            if not self.changed.wait_for(holds, DEADLINE_S):
                raise TimeoutError(f"after {DEADLINE_S} s not: {what}; {len(self.running)} run")
        return time.time()

    def until_running(self, count):
        return self.wait(lambda: len(self.running) >= count, f"{count} containers run")


def floor(engine, watch, image, count, parallel):
    """Seconds for the bare engine."""
    body = {"Image": image, "Cmd": COMMAND, "Labels": {LABEL: "floor"}}

    def start(_):
        one = engine.call("POST", "/containers/create", body)["Id"]
        engine.call("POST", f"/containers/{one}/start")
        return one

    begun = time.time()
    with ThreadPoolExecutor(parallel) as pool:
        made = list(pool.map(start, range(count)))
    seconds = watch.until_running(count) - begun
    engine.remove_all(made)
    watch.wait(lambda: not watch.running, "all are gone")
    return seconds


class Swarm:
    name = "Docker Swarm"

    def __init__(self, engine, image):
        self.engine, self.image = engine, image

    def __enter__(self):
        self.engine.call("POST", "/swarm/init", {"ListenAddr": "127.0.0.1:2377", "AdvertiseAddr": "127.0.0.1"})
        return self

    def __exit__(self, *_):
        self.engine.call("POST", "/swarm/leave?force=1")

    def spec(self, count, image):
        return {
            "Name": "bench",
            "TaskTemplate": {
                "ContainerSpec": {"Image": image, "Command": COMMAND},
                "RestartPolicy": {"Condition": "any", "Delay": 0},
            },
            "Mode": {"Replicated": {"Replicas": count}},
            "UpdateConfig": {"Parallelism": AT_ONCE, "Delay": 0, "Monitor": 1, "Order": "stop-first"},
        }

    def create(self, count):
        self.engine.call("POST", "/services/create", self.spec(count, self.image))

    def roll(self, count, image):
        row = self.engine.call("GET", "/services/bench")
        self.engine.call("POST", f"/services/bench/update?version={row['Version']['Index']}", self.spec(count, image))

    def delete(self):
        self.engine.call("DELETE", "/services/bench")


class Plimsoll:
    name = "Plimsoll"

    def __init__(self, binary, engine, image, arguments):
        self.binary, self.engine, self.image, self.arguments = binary, engine, image, arguments
        self.revisions = {}

    def __enter__(self):
        self.directory = tempfile.TemporaryDirectory()
        environment = os.environ | {"DOCKER_HOST": self.engine.url, "NO_COLOR": "1"}
        home = self.directory.name
        common = ["--no-auth", "--region", "eu-west-1", "--listen", "127.0.0.1:0"]
        self.log = open(os.path.join(home, "log"), "w+")
        command = [self.binary, "dev", "--runtime", "docker", "--data-dir", home, *common, *self.arguments]
        self.process = subprocess.Popen(command, env=environment, stdout=self.log, stderr=self.log)
        ends = time.time() + 30
        while not (found := re.search(r"http://127\.0\.0\.1:\d+", self.text())):
            if self.process.poll() is not None or time.time() > ends:
                raise RuntimeError(f"plimsoll does not start: {self.text()}")
            time.sleep(0.02)
        keys = {"aws_access_key_id": "any", "aws_secret_access_key": "any"}
        self.ecs = boto3.client("ecs", endpoint_url=found[0], region_name="eu-west-1", **keys)
        while not self.ecs.list_container_instances()["containerInstanceArns"]:
            time.sleep(0.02)
        return self

    def text(self):
        with open(self.log.name) as log:
            return log.read()

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(60)
        self.directory.cleanup()

    def definition(self, image):
        if image not in self.revisions:
            container = {"name": "main", "image": image, "command": COMMAND, "memory": 8, "cpu": 1}
            made = self.ecs.register_task_definition(family="bench", containerDefinitions=[container])
            self.revisions[image] = made["taskDefinition"]["taskDefinitionArn"]
        return self.revisions[image]

    def prepare(self, images):
        for image in images:
            self.definition(image)

    def create(self, count):
        bounds = {"minimumHealthyPercent": 100 - 100 * AT_ONCE // ROLLED, "maximumPercent": 100}
        definition = self.definition(self.image)
        self.ecs.create_service(
            serviceName="bench", taskDefinition=definition, desiredCount=count, deploymentConfiguration=bounds
        )

    def roll(self, count, image):
        self.ecs.update_service(service="bench", taskDefinition=self.definition(image), desiredCount=count)

    def delete(self):
        self.ecs.delete_service(service="bench", force=True)


def cleared(system, watch):
    system.delete()
    watch.wait(lambda: not watch.running, "the service is gone")
    if isinstance(system, Plimsoll):
        while system.ecs.list_tasks()["taskArns"]:
            time.sleep(0.05)
    else:
        while system.engine.call("GET", "/tasks"):
            time.sleep(0.05)
    time.sleep(0.5)


def measure(system, watch, images, counts):
    """Seconds by row of the table."""
    figures = {}
    for count in counts:
        begun = time.time()
        system.create(count)
        figures[f"create to {count} running"] = watch.until_running(count) - begun
        cleared(system, watch)
    system.create(1)
    watch.until_running(1)
    time.sleep(1)
    with watch.changed:
        (victim,) = watch.running
    begun = time.time()
    system.engine.call("POST", f"/containers/{victim}/kill")
    watch.wait(lambda: watch.running - {victim}, "a replacement runs")
    figures["death to replacement running"] = time.time() - begun
    cleared(system, watch)
    system.create(ROLLED)
    watch.until_running(ROLLED)
    time.sleep(1)
    begun = time.time()
    system.roll(ROLLED, images[1])

    def rolled():
        running = [watch.images[one] for one in watch.running]
        return len(running) == ROLLED and all(image.startswith(images[1]) for image in running)

    watch.wait(rolled, "all run the new image")
    figures[f"roll of {ROLLED}, {AT_ONCE} at a time"] = time.time() - begun
    cleared(system, watch)
    return figures


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--plimsoll", required=True, help="the release binary")
    parser.add_argument("--docker", default="unix:///var/run/docker.sock", help="the engine's socket")
    parser.add_argument("--image", required=True, help="an image with sh and sleep")
    parser.add_argument("--counts", default="1,20,100")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--argument", action="append", default=[], help="one more argument for `plimsoll dev`")
    parser.add_argument("--json", help="write all figures there")
    given = parser.parse_args()
    counts = [int(count) for count in given.counts.split(",")]
    engine = Engine(given.docker)
    if engine.ids():
        sys.exit("there are containers on this engine; this bench wants it for itself")
    images = ["beside-swarm:one", "beside-swarm:two"]
    for image in images:
        engine.call("POST", f"/images/{given.image.replace('/', '%2F')}/tag?repo=beside-swarm&tag={image.split(':')[1]}")
    watch = Watch(engine)
    taken = {"the engine alone": [], Swarm.name: [], Plimsoll.name: []}
    best = {}
    for turn in range(given.repeat):
        alone = {}
        for count in counts:
            tried = [best[count]] if count in best else sorted({min(one, count) for one in PARALLEL})
            seconds = {parallel: floor(engine, watch, images[0], count, parallel) for parallel in tried}
            best[count] = min(seconds, key=seconds.get)
            alone[f"create to {count} running"] = seconds[best[count]]
        taken["the engine alone"].append(alone)
        with Swarm(engine, images[0]) as system:
            taken[system.name].append(measure(system, watch, images, counts))
        engine.remove_all(engine.ids())
        with Plimsoll(given.plimsoll, engine, images[0], given.argument) as system:
            system.prepare(images)
            taken[system.name].append(measure(system, watch, images, counts))
        engine.remove_all(engine.ids())
        print(f"turn {turn + 1} of {given.repeat}: {json.dumps({name: runs[-1] for name, runs in taken.items()})}")
    print(f"\nEngine starts at once for the floor: {best}. Medians of {given.repeat}, in seconds.\n")
    median = lambda name, row: statistics.median(run[row] for run in taken[name])
    print(f"| | engine alone | {Swarm.name} | {Plimsoll.name} | beside the floor | beside Swarm |\n|---|---|---|---|---|---|")
    for row in taken[Swarm.name][0]:
        swarm, ours = median(Swarm.name, row), median(Plimsoll.name, row)
        has_floor = row in taken["the engine alone"][0]
        alone = median("the engine alone", row) if has_floor else None
        cells = [f"{alone:.2f}" if has_floor else "", f"{swarm:.2f}", f"{ours:.2f}"]
        ratios = [f"{ours / alone:.2f}x" if has_floor else "", f"{ours / swarm:.2f}x"]
        print(f"| {row} | {' | '.join(cells + ratios)} |")
    if given.json:
        with open(given.json, "w") as out:
            json.dump(taken, out, indent=1)


if __name__ == "__main__":
    main()
