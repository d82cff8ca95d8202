"""How long a first load from a simulated vendor takes, what it asks for, and how large it gets; then the same of an
increment of new leads, and the share of the allowed rate that is used:

    python3 tests/studies/loads.py target/release/paceline salesforce 1000000

The vendor is salesforce, pipedrive, hubspot, marketo (leads), ga4 (rows of sessions) or search-console (as many days as ga4
has, of a hundred queries each). Marketo's exports are looked at once a minute, as the vendor asks: most of such a run is
waiting. Of Google's two the increment is what every sync reads: the last days, which may have been restated.

The figures are for docs/PERFORMANCE.md. Everything listens on loopback only and ends with this script.
"""

import http.client
import json
import pathlib
import re
import resource
import sqlite3
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
    "search-console": 'site = "sc-domain:example.com"\nkey = { file = "key.json" }\nsince = "SINCE"\n',
}
LIMITS = "[limits]\nenforce = false\n" + {"salesforce": "daily = 100000000\n", "marketo": "status_secs = 0\n"}.get(VENDOR, "")
GOOGLE = VENDOR in ("ga4", "search-console")
NOUN = "rows" if GOOGLE else "leads"
# How far back is read, where that is configured.
DAYS = 25 if VENDOR == "marketo" else 760
# Leads of an increment.
NEW = 5_000
# Leads, or rows, of a load that the rate binds.
PACED = COUNT if GOOGLE else 100_000
# Requests in seconds: what the vendor allows where it names a rate, else one that binds.
RATE = {"pipedrive": (20, 2), "hubspot": (190, 10), "ga4": (1, 1), "search-console": (10, 1)}.get(VENDOR, (5, 1))


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


class Writer:
    """Creates leads by the vendor's own API."""

    def __init__(self, url):
        self.connection = http.client.HTTPConnection(url.removeprefix("http://"))
        self.headers = {"content-type": "application/json", "x-api-token": "any", "authorization": "Bearer any"}
        if VENDOR == "salesforce":
            form = "grant_type=client_credentials&client_id=key&client_secret=secret"
            kind = {"content-type": "application/x-www-form-urlencoded"}
            token = self.ask("POST", "/services/oauth2/token", form, kind)["access_token"]
            self.headers["authorization"] = f"Bearer {token}"
        elif VENDOR == "marketo":
            path = "/identity/oauth/token?grant_type=client_credentials&client_id=key&client_secret=secret"
            self.headers["authorization"] = f"Bearer {self.ask('GET', path, None, {})['access_token']}"

    def ask(self, method, path, body, headers):
        self.connection.request(method, path, body, headers)
        answer = self.connection.getresponse()
        text = answer.read()
        if answer.status >= 300:
            raise SystemExit(f"{method} {path}: {answer.status} {text[:300]}")
        return json.loads(text)

    def post(self, path, body):
        return self.ask("POST", path, json.dumps(body), self.headers)

    def create(self, count):
        if VENDOR == "salesforce":
            for at in range(count):
                self.post("/services/data/v66.0/sobjects/Lead",
                          {"LastName": f"New {at}", "Company": "New", "LeadSource": "Web"})
        elif VENDOR == "pipedrive":
            for at in range(count):
                self.post("/api/v1/leads", {"title": f"New {at}", "organization_id": 1})
        elif VENDOR == "hubspot":
            for _ in range(0, count, 100):
                rows = [{"properties": {"lifecyclestage": "lead"}} for _ in range(100)]
                self.post("/crm/v3/objects/contacts/batch/create", {"inputs": rows})
        elif VENDOR == "marketo":
            for begin in range(0, count, 250):
                rows = [{"email": f"new{begin + at}@example.com", "leadSource": "Web"} for at in range(250)]
                told = self.post("/rest/v1/leads.json",
                                 {"action": "createOnly", "lookupField": "email", "input": rows})
                if not told["success"]:
                    raise SystemExit(str(told)[:300])


def leads(folder):
    """How many leads are stored."""
    database = sqlite3.connect(folder / "paceline.db")
    return database.execute("SELECT count(*) FROM lead").fetchone()[0]


def configure(name, url, rate):
    folder = WORK / name
    folder.mkdir()
    since = time.strftime("%Y-%m-%d", time.gmtime(time.time() - DAYS * 86_400))
    secrets = SECRETS[VENDOR].replace("SINCE", since)
    (folder / "secret").write_text("secret\n")
    if GOOGLE:
        key = subprocess.run(["openssl", "genrsa", "2048"], capture_output=True, text=True, check=True).stdout
        (folder / "key.json").write_text(json.dumps(
            {"client_email": "study@example.com", "private_key": key, "token_uri": f"{url}/token"}))
    (folder / "paceline.toml").write_text(
        '[company]\nname = "Test"\ntime_zone = "UTC"\n[database]\nurl = "sqlite://paceline.db"\n'
        f'[source.crm]\nkind = "{VENDOR}"\nbase_url = "{url}"\nrate_limit = "{rate}"\n{secrets}')
    return folder


def sync(folder):
    """Seconds of the whole process, the requests that it sent, and the records that it read."""
    began = time.monotonic()
    done = subprocess.run([PACELINE, "-v", "--config", "paceline.toml", "sync"], cwd=folder,
                          capture_output=True, text=True, env={"PATH": "/bin"})
    seconds = time.monotonic() - began
    if done.returncode != 0:
        raise SystemExit(done.stderr)
    told = re.search(r"(\d+) requests were sent", done.stderr)
    read = re.search(r"([\d,]+) (?:records )?read", done.stdout)
    return seconds, int(told.group(1)), int(read.group(1).replace(",", ""))


with Simulator(COUNT) as simulator:
    folder = configure("first", simulator.url, "none")
    seconds, requests, read = sync(folder)
    peak_mib = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(f"first load of {read if GOOGLE else COUNT:,} {NOUN}: {seconds:.1f} s, {read / seconds:,.0f} records a second, "
          f"{requests} requests, {peak_mib:.0f} MiB at most", flush=True)
    seconds, requests, read = sync(folder)
    print(f"a sync when nothing changed: {seconds:.2f} s, {read:,} records, {requests} requests", flush=True)
    if not GOOGLE:
        Writer(simulator.url).create(NEW)
        # Some vendors are read up to some seconds ago.
        time.sleep(5)
        seconds, requests, _ = sync(folder)
        print(f"{NEW:,} new {NOUN}: {seconds:.2f} s, {NEW / seconds:,.0f} records a second, {requests} requests, "
              f"{leads(folder) - COUNT:,} of them stored", flush=True)

if VENDOR == "marketo":
    # Its exports are waited for: the rate does not bind them, and of what follows a test tells the share.
    raise SystemExit(0)

with Simulator(PACED) as simulator:
    count, secs = RATE
    folder = configure("paced", simulator.url, f"{count}/{secs}s")
    seconds, requests, _ = sync(folder)
    # The least time that the limit allows: the first requests of each window may go at once.
    least = (requests - 1) // count * secs
    print(f"{PACED:,} {NOUN} at {count} requests in {secs} s: {requests} in {seconds:.1f} s, {least} s at least: "
          f"{least / seconds:.0%} of what is allowed", flush=True)
