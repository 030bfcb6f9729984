"""How long a document waits from its arrival to its first submission, by each way in which runs are started.

    uv run python benchmarks/arrival.py [--trials 10]

On this machine, one way after another: a Prefect server and a process worker as `trayflow up` keeps them, the embedded
engine in simulation, moto for the bucket and its queue. For each trial a document is put where it belongs, and the
time is taken until the service has been sent it. Prints median and worst:

- watch, folder: the file system tells (`source.settle` and `watch.seconds` as they are by default);
- watch, bucket and queue: the bucket tells its queue;
- event and trigger: an event `trayflow.document.arrived`, emitted right after the put, starts `ingest-on-event`;
- schedule: `ingest-scheduled`, from the moment when the run is due; up to its interval comes on top;
- queue, forwarded event, trigger: `trayflow events forward` makes that event of the queue's message.
"""

from __future__ import annotations

import argparse
import logging
import os
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import boto3
import httpx
from moto.server import ThreadedMotoServer
from reportlab.pdfgen.canvas import Canvas

from deployments import lasting
from deployments.children import LOCALHOST, PYTHON, Child, free_port

KEY = "benchmark-key"
BUCKET, QUEUE = "arrivals", "arrivals"
PATIENCE = 120.0
ROOT = Path(__file__).parents[1]


def document(path: Path) -> Path:
    """A small PDF, unlike any other."""
    canvas = Canvas(str(path.with_suffix(".tmp")), pageCompression=0)
    canvas.drawString(100, 700, uuid.uuid4().hex)
    canvas.save()
    path.with_suffix(".tmp").rename(path)
    return path


class Bench:
    """Everything that runs, and what is asked of it."""

    def __init__(self, root: Path, stack: ExitStack) -> None:
        self.root, self.stack = root, stack
        self.inbox = root / "inbox"
        self.inbox.mkdir()
        self.address = ""
        deployments = (ROOT / "prefect.yaml").read_text().replace("source: samples", "source: inbox")
        (root / "prefect.yaml").write_text(deployments)
        port = free_port()
        self.twin = f"http://{LOCALHOST}:{port}"
        self.env = {"DOCUTRAY_BASE_URL": self.twin, "DOCUTRAY_API_KEY": KEY, "TRAYFLOW_HOME": str(root / ".trayflow")}
        self.start("twin", "engine", "--port", str(port), "--data", str(root / "twin"), "--simulate", "0.2", key=KEY)
        self.aws = self._aws()
        up = self.start("up", "up", "--port", str(free_port()))
        wait_for(lambda: "Ctrl-C" in up.log.read_text())
        found = lasting.find_up(root / ".trayflow")
        assert found is not None
        self.env["PREFECT_API_URL"] = found.api_url
        self.prefect = httpx.Client(base_url=found.api_url, timeout=60, trust_env=False)
        self.service = httpx.Client(base_url=self.twin, timeout=60, trust_env=False)
        self.service.headers["Authorization"] = f"Bearer {KEY}"
        wait_for(lambda: self.service.get("/health").status_code == 200)

    def _aws(self) -> str:
        server = ThreadedMotoServer(ip_address=LOCALHOST, port=free_port(), verbose=False)
        server.start()
        self.stack.callback(server.stop)
        url = "http://{}:{}".format(*server.get_host_and_port())
        self.env |= {
            "AWS_ENDPOINT_URL": url,
            "AWS_ACCESS_KEY_ID": "made-up",
            "AWS_SECRET_ACCESS_KEY": "made-up",
            "AWS_DEFAULT_REGION": "us-east-1",
            "TRAYFLOW_SOURCE__PATH_STYLE": "true",
        }
        os.environ |= self.env
        boto3.client("s3").create_bucket(Bucket=BUCKET)
        self.queue: str = boto3.client("sqs").create_queue(QueueName=QUEUE)["QueueUrl"]
        return url

    def notify(self, on: bool) -> None:
        """Let the bucket tell its queue, or not."""
        arn = f"arn:aws:sqs:us-east-1:123456789012:{QUEUE}"
        told = {"QueueConfigurations": [{"QueueArn": arn, "Events": ["s3:ObjectCreated:*"]}]} if on else {}
        boto3.client("s3").put_bucket_notification_configuration(Bucket=BUCKET, NotificationConfiguration=told)

    def start(self, name: str, *arguments: str, key: str = "") -> Child:
        env = {**self.env, **({"TRAYFLOW_ENGINE_KEY": key} if key else {})}
        command = [*PYTHON, "-m", "deployments.cli", *arguments]
        child = Child(name, command, env=env, log=self.root / f"{name}.log", cwd=self.root)
        self.stack.callback(child.stop)
        return child

    @contextmanager
    def running(self, name: str, *arguments: str) -> Iterator[Child]:
        child = self.start(name, *arguments)
        try:
            yield child
        finally:
            child.stop()

    def submitted(self) -> int:
        return int(self.service.get("/__stats").json()["submissions"]["identify"])

    def put_file(self) -> None:
        self.address = document(self.inbox / f"{uuid.uuid4().hex}.pdf").as_uri()

    def put_object(self) -> None:
        boto3.client("s3").upload_file(str(document(self.root / "object.pdf")), BUCKET, f"in/{uuid.uuid4().hex}.pdf")

    def put_and_tell(self) -> None:
        self.put_file()
        self.tell(self.address)

    def put_and_be_due(self) -> None:
        self.put_file()
        self.due()

    def tell(self, address: str) -> None:
        now, id_ = datetime.now(UTC).isoformat(), str(uuid.uuid4())
        event = {"occurred": now, "event": "trayflow.document.arrived", "id": id_}
        self.prefect.post("events", json=[event | {"resource": {"prefect.resource.id": address}}]).raise_for_status()

    def due(self) -> None:
        deployment = self.prefect.get("deployments/name/ingest/ingest-scheduled").raise_for_status().json()["id"]
        self.prefect.post(f"deployments/{deployment}/create_flow_run", json={}).raise_for_status()

    def deploy(self) -> None:
        """Make the deployments anew."""
        command = [*PYTHON, "-m", "prefect", "--no-prompt", "deploy", "--all"]
        subprocess.run(command, cwd=self.root, env={**os.environ, **self.env}, capture_output=True, check=True)

    def quiet(self) -> bool:
        """Whether no flow run works but a watch, and none is to come."""
        states = {"type": {"any_": ["RUNNING", "PENDING", "SCHEDULED"]}}
        asked = {"flow_runs": {"state": states}}
        runs = self.prefect.post("flow_runs/filter", json=asked).raise_for_status().json()
        return not [run for run in runs if not run["name"].startswith("watch")]

    def trials(self, count: int, begin: Callable[[], None]) -> list[float]:
        """Seconds from the beginning to the submission, for each trial."""
        seconds = []
        for _ in range(count):
            wait_for(self.quiet)
            before = self.submitted()
            began = time.monotonic()
            begin()
            wait_for(lambda before=before: self.submitted() > before)
            seconds.append(time.monotonic() - began)
        return seconds


def wait_for(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            if condition():
                return
        except httpx.HTTPError:
            pass
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def measure(bench: Bench, trials: int) -> Iterator[tuple[str, list[float]]]:
    with bench.running("watch-folder", "watch", "inbox", "--to", "tables") as watch:
        wait_for(lambda: "Watching" in watch.log.read_text())
        bench.trials(1, bench.put_file)  # the first one may be found by the look at everything
        yield "watch, folder", bench.trials(trials, bench.put_file)
    bench.notify(True)
    with bench.running("watch-bucket", "watch", f"s3://{BUCKET}/in", "--to", "tables", "--queue", bench.queue) as watch:
        wait_for(lambda: "Watching" in watch.log.read_text())
        bench.trials(1, bench.put_object)
        yield "watch, bucket and queue", bench.trials(trials, bench.put_object)
    yield "event and trigger", bench.trials(trials, bench.put_and_tell)
    yield "schedule, from when it is due", bench.trials(trials, bench.put_and_be_due)
    deployments = bench.root / "prefect.yaml"
    deployments.write_text(deployments.read_text().replace("source: inbox", f"source: s3://{BUCKET}/in"))
    bench.deploy()
    with bench.running("forward", "events", "forward", "--queue", bench.queue) as forward:
        wait_for(lambda: "Forwarding" in forward.log.read_text())
        yield "queue, forwarded event, trigger", bench.trials(trials, bench.put_object)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=10)
    trials = parser.parse_args().trials
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        bench = Bench(Path(folder), stack)
        for way, seconds in measure(bench, trials):
            print(f"{way:<32} median {statistics.median(seconds):5.1f} s   worst {max(seconds):5.1f} s", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
