"""`make audit`: ask the advisory service about every locked package, and fail when it could not be asked.

pip-audit on its own says "No known vulnerabilities found" and exits 0 when it had to skip every package, for example
because a mirror answers 404 to the questions. Here a package that was not asked about is a failure with its own words.
Exit codes: 0 every package was asked about and none has an advisory; 1 an advisory stands; 2 not audited.
"""

import json
import re
import subprocess
import sys
from pathlib import Path


def audit(lock: Path) -> int:
    """Audit the packages pinned in `lock` and say the outcome; returns the exit code described above."""
    pinned = {name.lower() for name in re.findall(r"^([A-Za-z0-9._-]+)==", lock.read_text(), re.MULTILINE)}
    command = [sys.executable, "-m", "pip_audit", "--format", "json", "--progress-spinner", "off"]
    command += ["--disable-pip", "--require-hashes", "--requirement", str(lock)]
    done = subprocess.run(command, capture_output=True, text=True)
    try:
        answers = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError, TypeError):
        print(f"not audited: {lock}: the advisory service could not be asked.", file=sys.stderr)
        print(done.stderr.strip()[-2000:], file=sys.stderr)
        return 2
    asked = {answer["name"].lower() for answer in answers if "skip_reason" not in answer}
    found = [(answer, advisory) for answer in answers for advisory in answer.get("vulns", [])]
    for answer, advisory in found:
        fixed = ", ".join(advisory["fix_versions"]) or "no release yet"
        print(f"{answer['name']} {answer['version']}: {advisory['id']}, fixed in {fixed}")
    if unasked := sorted(pinned - asked):
        print(
            f"not audited: {lock}: {len(unasked)} of {len(pinned)} packages were skipped: {', '.join(unasked)}",
            file=sys.stderr,
        )
        return 2
    if found or done.returncode:
        print(f"{lock}: {len(found)} advisories.")
        return 1
    print(f"{lock}: {len(pinned)} packages audited, no known advisory.")
    return 0


if __name__ == "__main__":
    sys.exit(max(audit(Path(argument)) for argument in sys.argv[1:]))
