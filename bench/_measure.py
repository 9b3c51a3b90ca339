"""How the benches measure: CPU time and memory of a process and its children, and a result file beside the script."""

import http.client
import os
import platform
import statistics
from pathlib import Path

TICK = os.sysconf("SC_CLK_TCK")
RESULTS = Path(__file__).parent / "results"


def family(pid: int) -> list[int]:
    """A process and everything below it that lives now."""
    members = [pid]
    for task in Path(f"/proc/{pid}/task").glob("*"):
        try:
            children = (task / "children").read_text().split()
        except OSError:
            continue
        for child in children:
            members += family(int(child))
    return members


def cpu_seconds(pid: int) -> float:
    """User and system time of a process with its ended children and its living ones."""
    total = 0
    for member in family(pid):
        try:
            fields = Path(f"/proc/{member}/stat").read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        # utime, stime, and those of children that were waited for
        total += sum(map(int, fields[11:15]))
    return total / TICK


def memory_mb(pid: int) -> float:
    """Proportional set size of a process and its children, in MB: shared pages count once."""
    total = 0
    for member in family(pid):
        try:
            for line in Path(f"/proc/{member}/smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    total += int(line.split()[1])
        except OSError:
            continue
    return total * 1024 / 1e6


def cost_per_request(
    pid: int, port: int, path: str, count: int, headers: dict[str, str] | None = None
) -> tuple[float, int]:
    """CPU microseconds per GET on one kept-alive connection, and the size of the answer on the wire."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    size = 0

    def fetch() -> int:
        connection.request("GET", path, headers=headers or {})
        reply = connection.getresponse()
        body = reply.read()
        assert reply.status == 200, (path, reply.status)
        return len(body)

    for _ in range(20):
        size = fetch()
    before = cpu_seconds(pid)
    for _ in range(count):
        fetch()
    spent = cpu_seconds(pid) - before
    connection.close()
    return spent / count * 1e6, size


def median(values: list[float]) -> str:
    """The median with the spread, as the results show it."""
    return f"{statistics.median(values):.0f} [{min(values):.0f}-{max(values):.0f}]"


def write(name: str, title: str, command: str, lines: list[str]) -> None:
    """Keep a result beside the scripts and print it."""
    machine = f"{os.cpu_count()} cores, Python {platform.python_version()}, {platform.system()} {platform.machine()}"
    text = "\n".join([f"# {title}", "", f"`{command}` · {machine}", "", *lines, ""])
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.md").write_text(text)
    print(text)
