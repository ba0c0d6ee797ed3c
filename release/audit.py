"""Known vulnerabilities of what the locks install: python release/audit.py PIP_AUDIT LOCK…

PyPI's database is asked by pip-audit. The status is 1 where one is found, and 0 where there is none or where the
database cannot be reached, which is said.
"""

import json
import subprocess
import sys
from pathlib import Path


def audit(program: str, lock: Path) -> list[str]:
    """A line for each vulnerability. Raises LookupError where nothing could be looked up."""
    options = ("--disable-pip", "--require-hashes", "--format", "json", "--progress-spinner", "off")
    done = subprocess.run([program, *options, "-r", str(lock)], capture_output=True, text=True, check=False)
    try:
        packages = json.loads(done.stdout)["dependencies"]
    except ValueError:
        raise LookupError(done.stderr.strip().rpartition("\n")[2] or "pip-audit gave no answer") from None
    known = [each for each in packages if "skip_reason" not in each]
    if not known:
        raise LookupError("it knows none of the packages")
    return [
        f"{each['name']} {each['version']}: {fault['id']}, fixed in {', '.join(fault['fix_versions']) or 'no version'}"
        for each in known
        for fault in each["vulns"]
    ]


def main(program: str, *locks: str) -> int:
    found: set[str] = set()
    for lock in locks:
        try:
            found |= set(audit(program, Path(lock)))
        except LookupError as error:
            print(f"{lock}: NOT AUDITED, the database of vulnerabilities cannot be used from here: {error}")
        else:
            print(f"{lock}: audited")
    print("\n".join(sorted(found)))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
