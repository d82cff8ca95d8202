"""The measurements of first_load.sh: first_load.py PACELINE WORK_DIR CONTACTS

`first_load.py --plain URL DATABASE` is the script that paceline is compared with.
"""

import csv
import datetime
import json
import os
import pathlib
import platform
import re
import sqlite3
import statistics
import subprocess
import sys
import time
import urllib.request

ROUNDS = 3
CHANGED = 1000
TOKEN = "a-token"
PROPERTIES = (
    "createdate",
    "hs_v2_date_entered_marketingqualifiedlead",
    "hs_lifecyclestage_marketingqualifiedlead_date",
    "hs_analytics_source",
    "hs_analytics_source_data_1",
    "hubspot_owner_id",
    "hs_merged_object_ids",
    "lastmodifieddate",
)


# --- the plain script -----------------------------------------------------------------------------


def plain(url, path):
    """Reads all contacts page by page into SQLite, as one would write it: one connection that is
    kept, one statement for a page's rows, one commit for a page. Prints the count of requests."""
    import httpx

    database = sqlite3.connect(path)
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("PRAGMA synchronous = NORMAL")
    columns = ", ".join(f"{name} TEXT" for name in PROPERTIES)
    database.execute(f"CREATE TABLE contact (id TEXT PRIMARY KEY, {columns}) WITHOUT ROWID")
    names = ", ".join(PROPERTIES)
    updates = ", ".join(f"{name} = excluded.{name}" for name in PROPERTIES)
    marks = ", ".join("?" * (1 + len(PROPERTIES)))
    upsert = (
        f"INSERT INTO contact (id, {names}) VALUES ({marks}) "
        f"ON CONFLICT (id) DO UPDATE SET {updates}"
    )
    requests, parameters = 0, {"limit": "100", "properties": ",".join(PROPERTIES)}
    headers = {"Authorization": f"Bearer {TOKEN}"}
    with httpx.Client(base_url=url, headers=headers, timeout=30) as client:
        while True:
            answer = client.get("/crm/objects/2026-09/contacts", params=parameters)
            answer.raise_for_status()
            requests += 1
            page = answer.json()
            rows = [
                (row["id"], *(row["properties"].get(name) for name in PROPERTIES))
                for row in page["results"]
            ]
            with database:
                database.executemany(upsert, rows)
            after = page.get("paging", {}).get("next", {}).get("after")
            if after is None:
                break
            parameters["after"] = after
    database.close()
    print(requests)


# --- the study ------------------------------------------------------------------------------------


class Simulator:
    """`paceline simulate` without limits."""

    def __init__(self, paceline, work, *arguments):
        faults = work / "faults.toml"
        faults.write_text("[limits]\nenforce = false\nheaders = false\n")
        self.process = subprocess.Popen(
            [paceline, "simulate", "--vendor", "hubspot", "--port", "0", *arguments,
             "--faults", str(faults)],
            stdout=subprocess.PIPE, text=True, cwd=work,
        )
        line = self.process.stdout.readline()
        self.url = line.strip().rpartition(" ")[2]
        if not self.url.startswith("http://127.0.0.1:"):
            raise SystemExit(f"the simulator did not start: {line!r}")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(10)

    def ask(self, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data=data, headers={
            "Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.loads(answer.read())

    def change(self, kind, ids, value):
        """Changes records in batches of a hundred, as the vendor allows."""
        for at in range(0, len(ids), 100):
            inputs = [{"id": id, "properties": value} for id in ids[at : at + 100]]
            self.ask(f"/crm/objects/2026-09/{kind}/batch/update", {"inputs": inputs})


class Run:
    """One process to its end: wall time from its start, peak memory from the kernel."""

    def __init__(self, command, folder):
        with open(folder / "out", "w+") as out, open(folder / "err", "w+") as err:
            begun = time.perf_counter()
            process = subprocess.Popen(
                command, cwd=folder, stdout=out, stderr=err,
                env={**os.environ, "HUBSPOT_TOKEN": TOKEN},
            )
            _, status, usage = os.wait4(process.pid, 0)
            self.secs = time.perf_counter() - begun
            process.returncode = os.waitstatus_to_exitcode(status)
            self.memory_mib = usage.ru_maxrss / 1024
            self.cpu_secs = usage.ru_utime + usage.ru_stime
            out.seek(0)
            err.seek(0)
            self.out, self.err = out.read(), err.read()
        if process.returncode != 0:
            raise SystemExit(f"{command} ended with {process.returncode}:\n{self.err}")


def configure(folder, url):
    folder.mkdir()
    (folder / "paceline.toml").write_text(
        '[company]\nname = "Study"\ntime_zone = "UTC"\ncurrency = "USD"\n'
        '[database]\nurl = "sqlite://paceline.db"\n'
        f'[source.crm]\nkind = "hubspot"\nbase_url = "{url}"\n'
        'token = { env = "HUBSPOT_TOKEN" }\nrate_limit = "none"\n'
    )
    return folder


def counted(path, query):
    with sqlite3.connect(path) as database:
        return database.execute(query).fetchone()[0]


def expect(what, is_, should):
    if is_ != should:
        raise SystemExit(f"{what}: {is_}, and not {should}")


def requests_of(run):
    """The requests that a run without --quiet logs; none where it logs nothing of the kind."""
    found = re.search(r"requests=(\d+)", run.err)
    return int(found.group(1)) if found else None


def spread(values, digits=0):
    told = (min(values), statistics.median(values), max(values))
    return " ".join(f"{value:12,.{digits}f}" for value in told)


def sync(paceline, quiet=True):
    return [paceline, "--config", "paceline.toml", *(["--quiet"] if quiet else []), "sync"]


def first_loads(paceline, work, contacts, url):
    runs = {"plain Python": [], "paceline": []}
    for round in range(ROUNDS):
        def by_script():
            folder = work / f"plain-{round}"
            folder.mkdir()
            run = Run([sys.executable, __file__, "--plain", url, "plain.db"], folder)
            there = counted(folder / "plain.db", "SELECT count(*) FROM contact")
            expect("contacts that the script read", there, contacts)
            runs["plain Python"].append(run)

        def by_paceline():
            folder = configure(work / f"paceline-{round}", url)
            run = Run(sync(paceline), folder)
            there = counted(folder / "paceline.db", "SELECT count(*) FROM lead")
            expect("contacts that paceline read", there, contacts)
            runs["paceline"].append(run)

        # Who begins changes, so that neither always has the machine as the other left it.
        for step in (by_script, by_paceline) if round % 2 == 0 else (by_paceline, by_script):
            step()
    # Quiet runs do not tell how often they asked, so that is a run of its own.
    loud = Run(sync(paceline, quiet=False), configure(work / "loud", url))
    requests = {"plain Python": int(runs["plain Python"][0].out), "paceline": requests_of(loud)}

    print(f"\n{contacts:,} contacts into an empty database, {ROUNDS} rounds, alternating, "
          "records/s of the whole process")
    print(f"{'':14}{'min':>12} {'median':>12} {'max':>12} {'wall s':>8} {'CPU s':>8} {'MiB':>8} "
          f"{'requests':>9}")
    medians = {}
    for name, of in runs.items():
        rates = [contacts / run.secs for run in of]
        medians[name] = statistics.median(rates)
        wall = statistics.median(run.secs for run in of)
        cpu = statistics.median(run.cpu_secs for run in of)
        memory = max(run.memory_mib for run in of)
        print(f"{name:14}{spread(rates)} {wall:8.2f} {cpu:8.2f} {memory:8.1f} "
              f"{requests[name] if requests[name] is not None else '?':>9}")
    ratio = medians["paceline"] / medians["plain Python"]
    print(f"paceline / plain Python, of the medians: {ratio:.2f}")


def increments(paceline, simulator, folder, kind, ids, change, landed):
    """`change(round)` is what is written, `landed` the query that counts what has arrived."""
    Run(sync(paceline), folder)
    rows = {"nothing changed": [], f"{len(ids):,} {kind} changed": [], "paceline --version": []}
    for round in range(ROUNDS):
        rows["paceline --version"].append(Run([paceline, "--version"], folder).secs)
        rows["nothing changed"].append(Run(sync(paceline), folder).secs)
        simulator.change(kind, ids, change(round))
        rows[f"{len(ids):,} {kind} changed"].append(Run(sync(paceline), folder).secs)
        there = counted(folder / "paceline.db", landed(round))
        expect(f"changed {kind} that arrived", there, len(ids))
    simulator.change(kind, ids, change(ROUNDS))
    requests = requests_of(Run(sync(paceline, quiet=False), folder))
    print(f"\nthe increment: `paceline sync` after {len(ids):,} {kind} were changed through the "
          "API, seconds of the whole process")
    print(f"{'':26}{'min':>12} {'median':>12} {'max':>12}")
    for name, secs in rows.items():
        print(f"{name:26}{spread(secs, 3)}")
    print("from the second round on, what changed just before is in the hour that is read again")
    print(f"requests of a sync after changes: {requests if requests is not None else '?'}")


def write_deals(folder, count):
    """A folder of canonical files: a contact and a deal each, with three changes of stage."""
    folder.mkdir()
    begin = datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0)
    begin -= datetime.timedelta(days=90)

    def at(n, days):
        return (begin + datetime.timedelta(days=days, minutes=n)).strftime("%Y-%m-%dT%H:%M:%SZ")

    def write(name, columns, rows):
        with open(folder / f"{name}.csv", "w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(columns.split(","))
            writer.writerows(rows)

    numbers = range(count)
    write("owner", "id,email,name,active",
          [(f"o{n}", f"o{n}@example.test", f"Owner {n}", "true") for n in range(12)])
    write("lead", "id,created_at,mql_at,channel,campaign,owner",
          [(f"l{n}", at(n, 0), at(n, 1), "ORGANIC_SEARCH", f"c{n % 80}", f"o{n % 12}")
           for n in numbers])
    write("opportunity", "id,lead,created_at,closed_at,outcome,owner,amount,currency,stage",
          [(f"d{n}", f"l{n}", at(n, 2), "", "open", f"o{n % 12}", 100 + n, "USD", "contractsent")
           for n in numbers])
    stages = ["appointmentscheduled", "qualifiedtobuy", "presentationscheduled", "contractsent"]
    write("stage_change", "opportunity,at,from,to",
          [(f"d{n}", at(n, 3 + step), stages[step], stages[step + 1])
           for n in numbers for step in range(3)])
    write("owner_change", "opportunity,at,owner",
          [(f"d{n}", at(n, 2 + step), f"o{(n + step) % 12}") for n in numbers for step in range(2)])
    write("activity", "id,opportunity,lead,kind,at,owner",
          [(f"a{n}", f"d{n}", f"l{n}", "call", at(n, 4), f"o{n % 12}") for n in numbers])


def main():
    paceline, work, contacts = sys.argv[1], pathlib.Path(sys.argv[2]), int(sys.argv[3])
    if contacts < CHANGED:
        raise SystemExit(f"at least {CHANGED} contacts are needed")
    version = subprocess.run([paceline, "--version"], capture_output=True, text=True, check=True)
    print(f"{version.stdout.strip()} ({os.path.getsize(paceline) / 2**20:.1f} MiB), "
          f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version} in Python, "
          f"{os.cpu_count()} CPUs, {platform.platform()}")
    with Simulator(paceline, work, "--contacts", str(contacts)) as simulator:
        first_loads(paceline, work, contacts, simulator.url)
        # The contacts' ids begin with 1001; the thousand lie all over.
        ids = [str(1001 + n * (contacts // CHANGED)) for n in range(CHANGED)]
        increments(
            paceline, simulator, work / "paceline-0", "contacts", ids,
            lambda round: {"hs_analytics_source_data_1": f"changed-{round}"},
            lambda round: f"SELECT count(*) FROM lead WHERE campaign = 'changed-{round}'",
        )
    write_deals(work / "data", CHANGED)
    with Simulator(paceline, work, "--data", "data") as simulator:
        folder = configure(work / "deals", simulator.url)
        ids, after = [], ""
        while after is not None:
            page = simulator.ask(f"/crm/objects/2026-09/deals?limit=100{after}")
            ids += [row["id"] for row in page["results"]]
            following = page.get("paging", {}).get("next", {}).get("after")
            after = None if following is None else f"&after={following}"
        expect("deals of the simulator", len(ids), CHANGED)
        increments(
            paceline, simulator, folder, "deals", ids,
            lambda round: {"amount": str(9_000_001 + round)},
            lambda round: "SELECT count(*) FROM opportunity "
                          f"WHERE CAST(amount AS REAL) = {9_000_001 + round}",
        )


if sys.argv[1:2] == ["--plain"]:
    plain(*sys.argv[2:4])
else:
    main()
