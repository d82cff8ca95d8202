"""Size, start and memory of the daemon, for docs/PERFORMANCE.md; nothing beside Python is needed:

    python3 tests/studies/daemon.py target/release/paceline [LEADS]

The store is loaded from the simulated vendor; the start is the time from the process to READY=1.
"""

import os
import pathlib
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

ROUNDS = 5
CONFIG = """
[company]
name = "Study"
time_zone = "UTC"
currency = "USD"
[source.crm]
kind = "hubspot"
base_url = "{url}"
token = {{ file = "token" }}
rate_limit = "none"
[operator]
file = "operator.txt"
[http]
listen = "127.0.0.1:{port}"
[plan]
file = "plan.toml"
"""
PLAN = """
[[goal]]
name = "leads"
from = "2026-01-01"
to = "2036-01-01"
leads = 5000000
every = "quarter"
"""


def resident_mib(process):
    for line in pathlib.Path(f"/proc/{process}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise SystemExit("no VmRSS")


def start(paceline, folder):
    """Starts the daemon and gives it with the milliseconds until it was ready."""
    path = str(folder / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(path)
        manager.settimeout(60)
        begun = time.perf_counter()
        daemon = subprocess.Popen(
            [paceline, "--quiet", "--config", "paceline.toml", "run"], cwd=folder,
            env={**os.environ, "NOTIFY_SOCKET": path}, stderr=subprocess.DEVNULL)
        told = manager.recv(4096)
        ready_ms = (time.perf_counter() - begun) * 1000
    os.unlink(path)
    assert told.startswith(b"READY=1"), told
    return daemon, ready_ms


def main():
    paceline = os.path.realpath(sys.argv[1])
    leads = int(sys.argv[2]) if len(sys.argv) > 2 else 100_000
    with tempfile.TemporaryDirectory() as work:
        folder = pathlib.Path(work)
        faults = folder / "faults.toml"
        faults.write_text("[limits]\nenforce = false\nheaders = false\n")
        vendor = subprocess.Popen(
            [paceline, "simulate", "--vendor", "hubspot", "--port", "0", "--contacts", str(leads),
             "--faults", str(faults)], stdout=subprocess.PIPE, text=True, cwd=folder)
        url = vendor.stdout.readline().strip().rpartition(" ")[2]
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        (folder / "paceline.toml").write_text(CONFIG.format(url=url, port=port))
        (folder / "plan.toml").write_text(PLAN)
        (folder / "token").write_text("a-token")
        empty, _ = start(paceline, folder)
        idle_empty = resident_mib(empty.pid)
        empty.terminate()
        empty.wait(20)
        subprocess.run([paceline, "--quiet", "--config", "paceline.toml", "sync"], cwd=folder,
                       check=True, stdout=subprocess.DEVNULL)
        starts, stops = [], []
        for _ in range(ROUNDS):
            daemon, ready_ms = start(paceline, folder)
            starts.append(ready_ms)
            begun = time.perf_counter()
            daemon.terminate()
            assert daemon.wait(20) == 0
            stops.append((time.perf_counter() - begun) * 1000)
        daemon, _ = start(paceline, folder)
        time.sleep(25)
        checked = resident_mib(daemon.pid)
        urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=30).read()
        paged = resident_mib(daemon.pid)
        peak = [line for line in pathlib.Path(f"/proc/{daemon.pid}/status").read_text().splitlines()
                if line.startswith("VmHWM")][0].split()[1]
        daemon.terminate()
        daemon.wait(20)
        vendor.terminate()
        vendor.wait(20)
    print(f"binary                                   {os.path.getsize(paceline) / 2**20:8.1f} MiB")
    print(f"memory right after the start, empty      {idle_empty:8.1f} MiB")
    print(f"start to READY, {leads:,} leads, median  {sorted(starts)[ROUNDS // 2]:8.1f} ms "
          f"(largest {max(starts):.1f})")
    print(f"SIGTERM to the end, largest              {max(stops):8.1f} ms")
    print(f"memory after syncs and checks            {checked:8.1f} MiB (peak {int(peak) / 1024:.1f})")
    print(f"memory after the page was shown          {paged:8.1f} MiB")


main()
