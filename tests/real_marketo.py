"""The checks of real_marketo.sh: real_marketo.py PACELINE WORK_DIR SPECS

marketorestpython talks to the simulator as it is shipped, with its host set to the simulator's. Where the
vendor's description of its answers is found, every answer is held against it.
"""

import contextlib
import csv
import io
import json
import pathlib
import re
import socket
import subprocess
import sys
import time
import traceback

import jsonschema
import requests
from marketorestpython.client import MarketoClient

PACELINE, WORK, SPECS = sys.argv[1], pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3])
passed, failed = 0, 0


def check(name, good, evidence=""):
    """One line for each check, with the evidence under one that failed."""
    global passed, failed
    if good:
        passed += 1
        print(f"ok - {name}", flush=True)
    else:
        failed += 1
        shown = str(evidence).strip()[:2000].replace("\n", "\n    ")
        print(f"not ok - {name}\n    {shown}", flush=True)


@contextlib.contextmanager
def section(name):
    """What breaks in one section does not take the others with it."""
    print(f"# {name}", flush=True)
    try:
        yield
    except Exception:
        check(f"{name}: nothing breaks", False, traceback.format_exc(limit=-4))


def equal(name, is_, should):
    check(name, is_ == should, f"is     {is_!r}\nshould {should!r}")


def refuses(name, code, call):
    """The client raises its error with the vendor's code in it."""
    try:
        result = call()
    except Exception as error:
        told = error.args[0] if error.args else None
        is_code = isinstance(told, dict) and told.get("code") == code
        check(name, is_code, f"raised {type(error).__name__}: {error}")
    else:
        check(name, False, f"no error but {result!r}")


# --- every call goes to the simulator, and every answer is held against the description -----------

open_ports, strangers = set(), []
connect = socket.socket.connect


def connect_to_simulator(self, address):
    """Refuses every other address, so that no mistake here reaches the vendor."""
    if address[0] != "127.0.0.1" or address[1] not in open_ports:
        strangers.append(address)
        raise OSError(f"{address} is no simulator")
    return connect(self, address)


socket.socket.connect = connect_to_simulator


class Description:
    """What the vendor says that its answers look like."""

    def __init__(self, folder):
        self.answers, self.wrong, self.held = [], {}, set()
        for file in sorted(folder.glob("swagger-*.json")):
            spec = json.loads(file.read_text())
            definitions = {"definitions": self.loosened(spec["definitions"])}
            for path, methods in spec["paths"].items():
                for method, told in methods.items():
                    schema = told["responses"].get("200", {}).get("schema")
                    if schema:
                        pattern = re.compile(re.sub(r"\{\w+\}", "[^/]+", path) + "$")
                        validator = jsonschema.Draft4Validator({**definitions, **schema})
                        self.answers.append((method.upper(), path, pattern, validator))
        # A path that names a thing goes before one that has any in its place.
        self.answers.sort(key=lambda answer: "{" in answer[1])

    def loosened(self, schema):
        """The vendor's own examples lack members that it calls required, and have null in others."""
        if isinstance(schema, list):
            return [self.loosened(part) for part in schema]
        if not isinstance(schema, dict):
            return schema
        loose = {name: self.loosened(part) for name, part in schema.items()
                 if name not in ("required", "enum", "format", "example")}
        if isinstance(schema.get("type"), str):
            # Values of attributes are called objects, and are texts and numbers in every example.
            loose["type"] = [schema["type"], "null"]
            if schema["type"] == "object" and "properties" not in schema:
                del loose["type"]
        return loose

    def hold(self, answer):
        path, method = answer.url.split("?")[0].split("/", 3)[3], answer.request.method
        if "json" not in answer.headers.get("content-type", "") or not answer.content:
            return
        if method == "POST" and b"_method=GET" in (answer.request.body or b"") + answer.url.encode():
            method = "GET"
        for known, name, pattern, validator in self.answers:
            if known == method and pattern.match("/" + path):
                self.held.add(name)
                told = answer.json()
                errors = [] if told is None else list(validator.iter_errors(told))
                if errors:
                    self.wrong[f"{method} {name}"] = f"{errors[0].json_path}: {errors[0].message}"[:500]
                return


description = Description(SPECS)
send = requests.Session.send


def send_and_hold(self, request, **options):
    self.trust_env = False
    if isinstance(request.body, str):
        request.body = request.body.encode()
    answer = send(self, request, **options)
    if not options.get("stream") or "file.json" not in answer.url:
        description.hold(answer)
    return answer


requests.Session.send = send_and_hold
# The client waits between its calls, which a simulator has no need of.
time.sleep = lambda secs: None


class Simulator:
    """A running `paceline simulate`."""

    def __init__(self, *arguments, faults=None):
        command = [PACELINE, "simulate", "--vendor", "marketo", "--port", "0", *arguments]
        path = WORK / f"faults-{len(open_ports)}.toml"
        path.write_text(faults or "[limits]\nstatus_secs = 0\nper_20_secs = 1000\n")
        command += ["--faults", str(path)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=WORK)
        line = self.process.stdout.readline()
        self.url = line.strip().rpartition(" ")[2]
        if not self.url.startswith("http://127.0.0.1:"):
            raise SystemExit(f"the simulator did not start: {line!r}")
        open_ports.add(int(self.url.rpartition(":")[2]))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(10)

    def client(self, name="client", secret="secret"):
        made = MarketoClient("000-SIM-000", name, secret, max_retry_time=1)
        made.host = self.url
        return made


def extract(client, kind, fields, filters, **more):
    """Runs a bulk extract to its end."""
    call = lambda what, *told, **named: client.execute(what, *told, **named)
    job = call(f"create_{kind}_export_job", fields=fields, filters=filters, **more)[0]["exportId"]
    call(f"enqueue_{kind}_export_job", job)
    statuses = []
    while not statuses or statuses[-1] not in ("Completed", "Failed"):
        told = call(f"get_{kind}_export_job_status", job)[0]
        statuses.append(told["status"])
    return told, statuses, call(f"get_{kind}_export_job_file", job)


def table(content):
    return list(csv.DictReader(io.StringIO(content.decode())))


with section("identity"), Simulator() as simulator:
    client = simulator.client()
    client.authenticate()
    first, left = client.token, client.expires_in
    again = simulator.client()
    again.authenticate()
    equal("the token of a service is given again", again.token, first)
    check("with what is left of its hour", 3590 < again.expires_in <= left <= 3600, again.expires_in)
    other = simulator.client("other")
    other.authenticate()
    check("another service has another", other.token != first)
    stranger = MarketoClient("000-SIM-000", access_token="nobody:int", max_retry_time=1)
    stranger.host = simulator.url
    refuses("a token that nobody gave is refused", "601",
            lambda: stranger.execute(method="describe"))
    old = requests.get(f"{simulator.url}/rest/v1/leads/describe.json", params={"access_token": first})
    equal("a token in the query is none any more", old.json()["errors"][0]["code"], "601")

AUTH = '[auth]\nclient_id = "client"\nclient_secret = "secret"\nquery_token = true\n'

with section("credentials"), Simulator(faults=AUTH) as simulator:
    client = simulator.client()
    check("good ones are let in", client.execute(method="describe"))
    try:
        simulator.client(secret="wrong").authenticate()
        check("a wrong secret is not", False)
    except Exception as error:
        equal("a wrong secret is not", str(error), "Bad client credentials")
    old = requests.get(f"{simulator.url}/rest/v1/leads/describe.json",
                       params={"access_token": client.token})
    check("a token in the query is good where it is allowed", old.json()["success"])

with section("leads"), Simulator("--contacts", "750", "--seed", "3") as simulator:
    client = simulator.client()
    fields = {field["rest"]["name"]: field for field in client.execute(method="describe")}
    check("leads are described", {"email", "leadStatus", "sfdcLeadId", "segment"} <= set(fields))
    again = client.execute(method="describe2")[0]
    check("twice", ["email"] in again["searchableFields"], again["searchableFields"])
    ids = [str(n) for n in range(1000, 1300)]
    found = client.execute(method="get_multiple_leads_by_filter_type", filterType="id",
                           filterValues=ids, fields=["email,leadStatus"], batchSize=100)
    equal("three hundred are found by their ids, page by page", len({l["id"] for l in found}), 300)
    found = client.execute(method="get_multiple_leads_by_filter_type", filterType="email",
                           filterValues=["PERSON5@example.test", "nobody@example.test"])
    equal("an address is found in any case", [l["email"] for l in found], ["person5@example.test"])
    one = client.execute(method="get_lead_by_id", id=1005, fields="leadSource,acquisitionProgramId")
    check("one is found by its id", one[0]["id"] == 1005 and one[0]["acquisitionProgramId"] > 1000)
    refuses("fields that are no key cannot be searched by", "1011",
            lambda: client.execute(method="get_multiple_leads_by_filter_type",
                                   filterType="leadStatus", filterValues=["MQL"]))
    members = client.execute(method="get_multiple_leads_by_program_id",
                             programId=one[0]["acquisitionProgramId"], batchSize=4)
    check("the members of a program are leads", 1005 in {lead["id"] for lead in members})
    check("with their membership", all(lead["membership"]["progressionStatus"] for lead in members))

with section("writes"), Simulator("--contacts", "0") as simulator:
    client = simulator.client()
    written = [{"email": f"{n}@example.test", "leadStatus": "New"} for n in "abc"]
    made = client.execute(method="create_update_leads", leads=written)
    equal("leads are created", [row["status"] for row in made], ["created"] * 3)
    a, b, c = [row["id"] for row in made]
    again = client.execute(method="create_update_leads",
                           leads=[{"email": "A@example.test", "leadStatus": "MQL"}])
    equal("and updated", again, [{"id": a, "status": "updated"}])
    only = client.execute(method="create_update_leads", leads=written[:1], action="createOnly")
    equal("or skipped", only[0]["reasons"][0]["code"], "1005")
    program = client.execute(method="browse_programs", maxReturn=200)[0]["id"]
    moved = client.execute(method="change_lead_program_status", id=program, leadIds=[a, b],
                           status="Engaged")
    equal("they join programs", [row["status"] for row in moved], ["updated"] * 2)
    members = client.execute(method="get_multiple_leads_by_program_id", programId=program)
    check("and reach success there", all(m["membership"]["reachedSuccess"] for m in members), members)
    check("they are merged", client.execute(method="merge_lead", id=a, leadIds=[b]))
    refuses("the loser is gone", "1004", lambda: client.execute(method="get_lead_by_id", id=b))
    gone = client.execute(method="delete_lead", id=[c, b])
    equal("and deleted", [row["status"] for row in gone], ["deleted", "skipped"])
    since = "2020-01-01T00:00:00Z"
    deleted = client.execute(method="get_deleted_leads", sinceDatetime=since)
    equal("deletions are told", [row["leadId"] for row in deleted], [c])
    types = {kind["name"]: kind["id"] for kind in client.execute(method="get_activity_types")}
    merges = client.execute(method="get_lead_activities", sinceDatetime=since,
                            activityTypeIds=[str(types["Merge Leads"])])
    told = {entry["name"]: entry["value"] for entry in merges[0]["attributes"]}
    check("so is the merge", merges[0]["leadId"] == a and str(b) in told["Merge IDs"], merges)
    changes = client.execute(method="get_lead_changes", sinceDatetime=since, fields=["leadStatus"])
    moved = [(row["leadId"], field["newValue"]) for row in changes for field in row["fields"]]
    equal("and the change", moved, [(a, "MQL")])

with section("activities"), Simulator("--as-of", "2026-11-23T12:00:00Z") as simulator:
    client = simulator.client()
    types = {kind["name"]: kind["id"] for kind in client.execute(method="get_activity_types")}
    equal("types are told by name", (types["Fill Out Form"], types["Send Email"]), (2, 6))
    wanted = [str(types[name]) for name in ("Send Email", "Fill Out Form", "New Lead")]
    pages = list(client.execute(method="get_lead_activities_yield", activityTypeIds=wanted,
                                sinceDatetime="2026-11-02T00:00:00Z", return_full_result=True))
    rows = [row for page in pages for row in page["result"]]
    check("a page has 300 rows at most", max(len(page["result"]) for page in pages) == 300)
    rare = list(client.execute(method="get_lead_activities_yield", return_full_result=True,
                               activityTypeIds=[str(types["Unsubscribe Email"])],
                               sinceDatetime="2026-10-01T00:00:00Z"))
    check("short pages are not the end", len(rare) > 1 and rare[0]["moreResult"], len(rare))
    equal("no activity comes twice", len({row["marketoGUID"] for row in rows}), len(rows))
    check("they come in order", [r["activityDate"] for r in rows] == sorted(r["activityDate"] for r in rows))
    sends = [row for row in rows if row["activityTypeId"] == types["Send Email"]]
    check("the newsletter was sent", len(sends) > 3000, len(sends))
    emails = {email["id"]: email for email in client.execute(method="get_emails", maxReturn=200)}
    email = emails[sends[0]["primaryAttributeValueId"]]
    equal("its e-mail has a name", email["name"], "Rack notes 2026-11")
    program = client.execute(method="get_program_by_id", id=email["folder"]["value"])[0]
    equal("and a program", program["name"], "Newsletter: Rack notes")
    check("with costs and tags", len(program["costs"]) == 2 and program["tags"], program)
    equal("which the activity names too", sends[0]["primaryAttributeValue"],
          "Newsletter: Rack notes.Rack notes 2026-11")
    changes = client.execute(method="get_lead_changes", sinceDatetime="2026-11-16T00:00:00Z",
                             fields=["leadStatus"])
    values = [field["newValue"] for row in changes for field in row["fields"]]
    check("statuses change", values.count("MQL") > 30 and values.count("Disqualified") > 30, len(values))
    programs = client.execute(method="browse_programs", maxReturn=20)
    check("programs come page by page", len({p["id"] for p in programs}) > 40, len(programs))
    check("and their end is a warning", "Search ads: Brand" in {p["name"] for p in programs})
    told, statuses, content = extract(
        client, "activities", None,
        {"createdAt": {"startAt": "2026-11-02T00:00:01Z", "endAt": "2026-11-30T00:00:00Z"},
         "activityTypeIds": [types["Send Email"]]})
    equal("a bulk extract has the same sends", {row["marketoGUID"] for row in table(content)},
          {row["marketoGUID"] for row in sends})
    lead = table(content)[0]["leadId"]
    found = client.execute(method="get_multiple_leads_by_filter_type", filterType="id",
                           filterValues=[lead], fields=["email", "sfdcLeadId", "sfdcType"])
    check("of leads that the CRM knows", found[0]["email"].endswith("@lead.example.com"), found)

with section("bulk extracts"), Simulator("--contacts", "500") as simulator:
    client = simulator.client()
    january = {"createdAt": {"startAt": "2024-01-01T00:00:00Z", "endAt": "2024-01-31T00:00:00Z"}}
    names = ["id", "email", "country", "leadStatus"]
    told, statuses, content = extract(client, "leads", names, january,
                                      columnHeaderNames={"email": "Address"})
    equal("a job goes its way", statuses, ["Queued", "Processing", "Completed"])
    rows = table(content)
    equal("its file has the rows that are told", len(rows), told["numberOfRecords"])
    equal("and the bytes", len(content), told["fileSize"])
    check("what is empty is null", {row["country"] for row in rows} == {"null"}, rows[:2])
    check("columns can be renamed", rows[0]["Address"].endswith("@example.test"), rows[0])
    jobs = client.execute(method="get_leads_export_jobs_list")
    equal("jobs are listed", [job["status"] for job in jobs], ["Completed"])
    equal("to whom they belong", simulator.client("other").execute(method="get_leads_export_jobs_list"), [])
    program = client.execute(method="browse_programs", maxReturn=1)[0]["id"]
    told, _, content = extract(client, "program_members", ["leadId", "statusName"], {"programId": program})
    check("members have files", {row["Status"] for row in table(content)} == {"Member"}, content[:200])
    long = {"createdAt": {"startAt": "2024-01-01T00:00:00Z", "endAt": "2024-02-02T00:00:00Z"}}
    refuses("32 days are too many", "1003", lambda: client.execute(
        method="create_leads_export_job", fields=names, filters=long))
    job = client.execute(method="create_leads_export_job", fields=names, filters=january)[0]
    equal("a job can be cancelled",
          client.execute("cancel_leads_export_job", job["exportId"])[0]["status"], "Cancelled")

FAULTS = """
[limits]
daily = 7
[subscription]
updated_filter = false
hidden_fields = ["leadStatus"]
[[fault]]
on = "types"
answer = 614
[[fault]]
on = "usage"
answer = 603
"""

with section("what goes wrong"), Simulator("--contacts", "5", faults=FAULTS) as simulator:
    client = simulator.client()
    refuses("an error that comes with 200 is one", "614",
            lambda: client.execute(method="get_activity_types"))
    refuses("what is not allowed is an error", "603", lambda: client.execute(method="get_daily_usage"))
    names = {field["rest"]["name"] for field in client.execute(method="describe")}
    check("hidden fields are not described", "leadStatus" not in names and "email" in names)
    updated = {"updatedAt": {"startAt": "2024-01-01T00:00:00Z", "endAt": "2024-01-02T00:00:00Z"}}
    refuses("filters may not be provisioned", "1035", lambda: client.execute(
        method="create_leads_export_job", fields=["id"], filters=updated))
    usage = client.execute(method="get_daily_usage")
    equal("usage is told by user", usage[0]["users"],
          [{"userId": "client@api.example.test", "count": 5}])
    client.execute(method="get_last_7_days_usage")
    client.execute(method="describe")
    refuses("the day's quota ends", "607", lambda: client.execute(method="describe"))

if description.answers:
    print("# the vendor's description", flush=True)
    equal("every answer is as the vendor describes it", description.wrong, {})
    check("most paths were held against it", len(description.held) > 20, sorted(description.held))
else:
    print("# answers are not held against the vendor's description: it was not found", flush=True)
equal("nothing else was called", strangers, [])
print(f"{passed} passed, {failed} failed")
sys.exit(1 if failed else 0)
