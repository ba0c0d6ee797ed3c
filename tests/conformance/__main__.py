"""python -m tests.conformance ws://127.0.0.1:8000/v1/stream: does a service keep to fer.v1?

One line for each rule: pass, FAIL and why, or skip and why; the status is 0 where none has failed. Needs websockets
and nothing of the service's code. It opens as many sessions as max_streams allows and misbehaves on purpose: let it
loose on services that nobody else is using. Limits that are too wide to be reached here are skipped;
FER_STREAM_IDLE_S=5 FER_STREAM_SESSION_S=20 python -m service is checked in full.
"""

import argparse
import sys

from tests.conformance.client import Service
from tests.conformance.rules import closing, frames, misuse, opening
from tests.conformance.rules.base import Rule, Skipped, answers_a_good_client

# Last those that misbehave, and at the very end the one that counts places.
RULES = [*opening.rule, *frames.rule, *closing.rule, *misuse.rule]


def judge(rule: Rule, service: Service) -> str:
    """pass, or skip or FAIL with the reason."""
    try:
        rule.check(service)
    except Skipped as reason:
        return f"skip  {rule.says}: {reason}"
    except Exception as error:
        return f"FAIL  {rule.says}: {type(error).__name__}: {error}"
    try:
        answers_a_good_client(service)
    except Exception as error:
        return f"FAIL  {rule.says}: afterwards a good client is not answered: {type(error).__name__}: {error}"
    return f"pass  {rule.says}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url", help="such as ws://127.0.0.1:8000/v1/stream")
    parser.add_argument("--only", default="", help="rules with these words")
    parser.add_argument("--without", help="not the rules with these words")
    given = parser.parse_args()
    try:
        service = Service(given.url)
    except (OSError, ValueError) as error:
        print(f"FAIL  the service publishes its limits at /v1/limits: {error}")
        return 1
    failed = False
    for rule in RULES:
        if given.only in rule.says and (given.without is None or given.without not in rule.says):
            verdict = judge(rule, service)
            failed |= verdict.startswith("FAIL")
            print(verdict, flush=True)
    return failed


if __name__ == "__main__":
    sys.exit(main())
