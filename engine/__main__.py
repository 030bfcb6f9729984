"""`python -m engine`: the engine alone. Its key comes from the environment, where no list of processes shows it."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from engine.serve import serve


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m engine", description="Serve the DocuTray API on this machine.")
    parser.add_argument("--port", type=int, required=True, help="0 takes a free one, written to DATA/address")
    parser.add_argument("--data", type=Path, required=True, help="folder of the queue and the documents under way")
    parser.add_argument("--key-env", default="TRAYFLOW_ENGINE_KEY", help="variable that holds the key [%(default)s]")
    parser.add_argument("--types", type=Path, help="folder with further document types and steps")
    parser.add_argument("--workers", type=int, help="worker processes [2, or 1 on a machine with one core]")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on [%(default)s]")
    parser.add_argument("--rate-limit", type=int, help="calls per minute, answered with 429 above [none]")
    parser.add_argument("--simulate", type=float, metavar="SECONDS", help="read nothing: made-up answers after SECONDS")
    parser.add_argument("--at-once", type=int, default=50, help="jobs under way in a simulation [%(default)s]")
    parser.add_argument("--faults", type=Path, metavar="FILE", help="misbehave as this TOML file says [not at all]")
    parser.add_argument("--webhook-url", metavar="URL", help="receiver of events, signed with DOCUTRAY_WEBHOOK_SECRET")
    given = parser.parse_args()
    try:
        serve(
            given.port,
            os.environ.get(given.key_env, ""),
            data_dir=given.data,
            types_dir=given.types,
            workers=given.workers,
            host=given.host,
            rate_limit_per_minute=given.rate_limit,
            simulate=given.simulate,
            at_once=given.at_once,
            faults=given.faults,
            webhook_url=given.webhook_url,
        )
    except (ValueError, RuntimeError, OSError) as error:
        sys.stderr.write(f"engine: {error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
