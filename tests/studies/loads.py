"""How long a first load from a simulated vendor takes, what it asks for, and how large it gets:

    python3 tests/studies/loads.py target/release/paceline salesforce 1000000

The vendor is salesforce, pipedrive, hubspot, marketo (leads) or ga4 (rows of sessions). Marketo's exports are looked at
once a minute, as the vendor asks: most of such a run is waiting.

The figures are for docs/PERFORMANCE.md. Everything listens on loopback only and ends with this script.
"""

import json
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
    "marketo": 'client_id = "key"\nclient_secret = { file = "secret" }\nsince = "SINCE"\n',
    "ga4": 'property = "123456789"\nkey = { file = "key.json" }\nsince = "SINCE"\n',
}
LIMITS = "[limits]\nenforce = false\n" + {"salesforce": "daily = 100000000\n", "marketo": "status_secs = 0\n"}.get(VENDOR, "")
NOUN = "rows" if VENDOR == "ga4" else "leads"
# How far back is read, where that is configured.
DAYS = 25 if VENDOR == "marketo" else 760
# Requests a second; fewer than the vendor allows, so that the run is bound by it and short.
RATE = 20


def content(count):
    """What the simulator holds. Marketo's leads are of the last days, so that one export holds them all."""
    if VENDOR != "marketo":
        return ["--contacts", str(count)]
    folder = WORK / f"data-{count}"
    folder.mkdir()
    began, step = time.time() - 20 * 86_400, 19 * 86_400 / count
    with (folder / "lead.csv").open("w") as file:
        file.write("id,created_at,channel\n")
        for at in range(count):
            created = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(began + at * step))
            file.write(f"L{at},{created},Web\n")
    return ["--data", str(folder)]


class Simulator:
    def __init__(self, count):
        (WORK / "faults.toml").write_text(LIMITS)
        command = [PACELINE, "simulate", "--vendor", VENDOR, "--port", "0", *content(count)]
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
    since = time.strftime("%Y-%m-%d", time.gmtime(time.time() - DAYS * 86_400))
    secrets = SECRETS[VENDOR].replace("SINCE", since)
    (folder / "secret").write_text("secret\n")
    if VENDOR == "ga4":
        key = subprocess.run(["openssl", "genrsa", "2048"], capture_output=True, text=True, check=True).stdout
        (folder / "key.json").write_text(json.dumps(
            {"client_email": "study@example.com", "private_key": key, "token_uri": f"{url}/token"}))
    (folder / "paceline.toml").write_text(
        '[company]\nname = "Test"\ntime_zone = "UTC"\n[database]\nurl = "sqlite://paceline.db"\n'
        f'[source.crm]\nkind = "{VENDOR}"\nbase_url = "{url}"\nrate_limit = "{rate}"\n{secrets}')
    return folder


def sync(folder):
    """Seconds of the whole process, and the requests that it sent."""
    began = time.monotonic()
    done = subprocess.run([PACELINE, "-v", "--config", "paceline.toml", "sync"], cwd=folder,
                          capture_output=True, text=True, env={"PATH": "/bin"})
    seconds = time.monotonic() - began
    if done.returncode != 0:
        raise SystemExit(done.stderr)
    told = re.search(r"(\d+) requests were sent", done.stderr)
    return seconds, int(told.group(1)) if told else None


with Simulator(COUNT) as simulator:
    folder = configure("first", simulator.url, "none")
    seconds, requests = sync(folder)
    peak_mib = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(f"first load of {COUNT:,} {NOUN}: {seconds:.1f} s, {COUNT / seconds:,.0f} records a second, "
          f"{requests or 'uncounted'} requests, {peak_mib:.0f} MiB at most", flush=True)
    seconds, requests = sync(folder)
    print(f"a sync when nothing changed: {seconds:.2f} s, {requests or 'uncounted'} requests", flush=True)

if VENDOR in ("ga4", "marketo"):
    # A day's report is one question, and an export is waited for: the rate does not bind them.
    raise SystemExit(0)

with Simulator(40_000) as simulator:
    folder = configure("paced", simulator.url, f"{RATE}/1s")
    seconds, requests = sync(folder)
    print(f"40,000 {NOUN} at {RATE} requests a second: {requests} in {seconds:.1f} s, "
          f"{requests / seconds / RATE:.0%} of what is allowed", flush=True)
