"""How long a first load from a simulated vendor takes, what it asks for, and how large it gets:

    python3 tests/studies/loads.py target/release/paceline salesforce 1000000

The figures are for docs/PERFORMANCE.md. Everything listens on loopback only and ends with this script.
"""

import pathlib
import re
import resource
import subprocess
import sys
import tempfile
import time

PACELINE, VENDOR, COUNT = pathlib.Path(sys.argv[1]).resolve(), sys.argv[2], int(sys.argv[3])
WORK = pathlib.Path(tempfile.mkdtemp())
SECRETS = {
    "salesforce": 'client_id = "key"\nclient_secret = { file = "secret" }\n',
    "pipedrive": 'token = { file = "secret" }\n',
    "hubspot": 'token = { file = "secret" }\n',
}
LIMITS = "[limits]\nenforce = false\n" + ("daily = 100000000\n" if VENDOR == "salesforce" else "")
# Requests a second; fewer than the vendor allows, so that the run is bound by it and short.
RATE = 20


class Simulator:
    def __init__(self, count):
        (WORK / "faults.toml").write_text(LIMITS)
        command = [PACELINE, "simulate", "--vendor", VENDOR, "--port", "0", "--contacts", str(count)]
        self.process = subprocess.Popen(
            [*command, "--faults", WORK / "faults.toml"], stdout=subprocess.PIPE, text=True)
        self.url = self.process.stdout.readline().strip().rpartition(" ")[2]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(30)


def configure(name, url, rate):
    folder = WORK / name
    folder.mkdir()
    (folder / "secret").write_text("secret\n")
    (folder / "paceline.toml").write_text(
        '[company]\nname = "Test"\ntime_zone = "UTC"\n[database]\nurl = "sqlite://paceline.db"\n'
        f'[source.crm]\nkind = "{VENDOR}"\nbase_url = "{url}"\nrate_limit = "{rate}"\n{SECRETS[VENDOR]}')
    return folder


def sync(folder):
    """Seconds of the whole process, and the requests that it sent."""
    began = time.monotonic()
    done = subprocess.run([PACELINE, "-v", "--config", "paceline.toml", "sync"], cwd=folder,
                          capture_output=True, text=True, env={"PATH": "/bin"})
    seconds = time.monotonic() - began
    if done.returncode != 0:
        raise SystemExit(done.stderr)
    return seconds, int(re.search(r"(\d+) requests were sent", done.stderr).group(1))


with Simulator(COUNT) as simulator:
    folder = configure("first", simulator.url, "none")
    seconds, requests = sync(folder)
    peak_mib = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(f"first load of {COUNT:,} leads: {seconds:.1f} s, {COUNT / seconds:,.0f} records a second, "
          f"{requests:,} requests, {peak_mib:.0f} MiB at most", flush=True)
    seconds, requests = sync(folder)
    print(f"a sync when nothing changed: {seconds:.2f} s, {requests} requests", flush=True)

with Simulator(40_000) as simulator:
    folder = configure("paced", simulator.url, f"{RATE}/1s")
    seconds, requests = sync(folder)
    print(f"40,000 leads at {RATE} requests a second: {requests} in {seconds:.1f} s, "
          f"{requests / seconds / RATE:.0%} of what is allowed", flush=True)
