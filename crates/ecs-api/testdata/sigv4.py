"""Writes sigv4.json: requests signed by botocore, which the verifier must accept.

Run it with the Python of .cache/venv after changing a case; the output depends on nothing but this file.
"""

import datetime
import json
import pathlib

import botocore.auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

NOW = datetime.datetime(2026, 3, 1, 12, 0, 0, tzinfo=datetime.timezone.utc)
KEY = "AKIDEXAMPLE"
SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
TARGET = "AmazonEC2ContainerServiceV20141113."
ECS = {"Host": "localhost:8080", "Content-Type": "application/x-amz-json-1.1"}


class Auth(botocore.auth.SigV4Auth):
    """Signs exactly the headers of the case."""


def sign(name, *, method="POST", url="http://localhost:8080/", headers=None, body="{}", region="us-east-1", token=None):
    botocore.auth.get_current_datetime = lambda *_, **__: NOW.replace(tzinfo=None)
    request = AWSRequest(method=method, url=url, headers={**ECS, **(headers or {})}, data=body.encode())
    Auth(Credentials(KEY, SECRET, token), "ecs", region).add_auth(request)
    path, _, query = url.removeprefix("http://localhost:8080").partition("?")
    return {
        "name": name,
        "method": method,
        "path": path,
        "query": query,
        "headers": [[key, str(value)] for key, value in request.headers.items()],
        "body": body,
        "region": region,
    }


CASES = [
    sign("list clusters", headers={"X-Amz-Target": TARGET + "ListClusters"}),
    sign("empty body", headers={"X-Amz-Target": TARGET + "ListClusters"}, body=""),
    sign(
        "run task",
        headers={"X-Amz-Target": TARGET + "RunTask", "User-Agent": "aws-cli/2", "X-Amz-Client": "a   b \t c"},
        body=json.dumps({"taskDefinition": "web:1", "count": 2, "startedBy": "a/b"}),
        region="eu-central-1",
    ),
    sign("unicode body", headers={"X-Amz-Target": TARGET + "StopTask"}, body=json.dumps({"reason": "grüße"}, ensure_ascii=False)),
    sign("session token", headers={"X-Amz-Target": TARGET + "ListTasks"}, token="FwoGZXIvYXdzE/+=="),
    sign("query", method="GET", url="http://localhost:8080/?b=2&a=1&a=0&c", body=""),
    sign("encoded path", method="GET", url="http://localhost:8080/v1/a%20b/~c", body=""),
    sign("local region", headers={"X-Amz-Target": TARGET + "ListClusters"}, region="local"),
]

output = {"now": int(NOW.timestamp()), "access_key": KEY, "secret": SECRET, "cases": CASES}
path = pathlib.Path(__file__).with_name("sigv4.json")
path.write_text(json.dumps(output, indent=1, ensure_ascii=False) + "\n")
