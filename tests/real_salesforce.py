"""The checks of real_salesforce.sh: real_salesforce.py PACELINE WORK_DIR

simple-salesforce talks to the simulator as it is shipped. It knows no other addresses than those of
https://*.salesforce.com, so that an adapter of its session sends all of them to the simulator.
"""

import contextlib
import csv
import datetime
import io
import json
import pathlib
import socket
import subprocess
import sys
import traceback
from urllib.parse import urlsplit

import requests
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from requests.adapters import HTTPAdapter
from simple_salesforce import Salesforce, format_soql
from simple_salesforce.exceptions import (
    SalesforceAuthenticationFailed,
    SalesforceExpiredSession,
    SalesforceGeneralError,
    SalesforceMalformedRequest,
    SalesforceOperationError,
    SalesforceRefusedRequest,
    SalesforceResourceNotFound,
)

PACELINE, WORK = sys.argv[1], pathlib.Path(sys.argv[2])
VERSION = "67.0"
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


def refuses(name, kind, call, code=None, status=None):
    """The client raises its error of that kind, with the vendor's code in it."""
    try:
        result = call()
    except kind as error:
        content = getattr(error, "content", None)
        told = content[0]["errorCode"] if isinstance(content, list) else None
        good = (code is None or told == code) and (status is None or error.status == status)
        check(name, good, f"{error!r}\n{content!r}")
    except Exception as error:
        check(name, False, f"raised {type(error).__name__}: {error}")
    else:
        check(name, False, f"no error but {result!r}")


# --- every call goes to the simulator -------------------------------------------------------------

open_ports, strangers = set(), []
connect = socket.socket.connect


def connect_to_simulator(self, address):
    """Refuses every other address, so that no mistake here reaches the vendor."""
    if address[0] != "127.0.0.1" or address[1] not in open_ports:
        strangers.append(address)
        raise OSError(f"{address} is no simulator")
    return connect(self, address)


socket.socket.connect = connect_to_simulator


class ToSimulator(HTTPAdapter):
    """Sends what is meant for the vendor to the simulator, and remembers the last answer."""

    def __init__(self, url):
        super().__init__()
        self.url, self.last = url, None

    def send(self, request, **options):
        parts = urlsplit(request.url)
        query = f"?{parts.query}" if parts.query else ""
        request.url = f"{self.url}{parts.path}{query}"
        self.last = super().send(request, **options)
        return self.last


class Simulator:
    """A running `paceline simulate`."""

    def __init__(self, *arguments, faults=None):
        command = [PACELINE, "simulate", "--vendor", "salesforce", "--port", "0", *arguments]
        if faults:
            path = WORK / f"faults-{len(open_ports)}.toml"
            path.write_text(faults)
            command += ["--faults", str(path)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=WORK)
        line = self.process.stdout.readline()
        self.url = line.strip().rpartition(" ")[2]
        if not self.url.startswith("http://127.0.0.1:"):
            raise SystemExit(f"the simulator did not start: {line!r}")
        open_ports.add(int(self.url.rpartition(":")[2]))
        self.session = requests.Session()
        self.session.trust_env = False
        self.adapter = ToSimulator(self.url)
        self.session.mount("https://", self.adapter)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(10)

    def log_in(self, **more):
        usual = {"consumer_key": "key", "consumer_secret": "secret", "domain": "acme.my"}
        return Salesforce(session=self.session, version=VERSION, **(more or usual))


def names(records):
    return [record["LastName"] for record in records]


with section("logging in"), Simulator() as simulator:
    sf = simulator.log_in()
    check("client credentials open a session", sf.session_id.startswith("00D"), sf.session_id)
    equal("the instance is the simulator's", f"http://{sf.sf_instance}", simulator.url)
    check("what a token comes with has no expiry", "expires_in" not in simulator.adapter.last.json())
    sf.limits()
    check("the client reads the usage", sf.api_usage["api-usage"].total == 100_000, sf.api_usage)
    stranger = Salesforce(
        session=simulator.session, version=VERSION, session_id="x", instance_url=simulator.url
    )
    refuses(
        "a token that nobody gave is an expired session",
        SalesforceExpiredSession,
        stranger.limits,
        "INVALID_SESSION_ID",
        401,
    )

KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
PRIVATE = KEY.private_bytes(
    serialization.Encoding.PEM,
    serialization.PrivateFormat.PKCS8,
    serialization.NoEncryption(),
)
PUBLIC = KEY.public_key().public_bytes(
    serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
)
AUTH = f"[auth]\nclient_id = 'key'\nclient_secret = 'secret'\npublic_key = '''\n{PUBLIC.decode()}'''\n"

with section("logging in with a signature"), Simulator(faults=AUTH) as simulator:
    signed = {"username": "a@b.test", "consumer_key": "key", "privatekey": PRIVATE.decode()}
    sf = simulator.log_in(**signed)
    check("a good signature opens a session", "DailyApiRequests" in sf.limits())
    other = rsa.generate_private_key(public_exponent=65537, key_size=2048).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    for name, changed in [
        ("another key's signature", {"privatekey": other.decode()}),
        ("another client", {"consumer_key": "nobody"}),
    ]:
        refuses(
            f"{name} does not",
            SalesforceAuthenticationFailed,
            lambda: simulator.log_in(**{**signed, **changed}),
        )
    wrong = {"consumer_key": "key", "consumer_secret": "wrong", "domain": "acme.my"}
    refuses(
        "a wrong secret does not", SalesforceAuthenticationFailed, lambda: simulator.log_in(**wrong)
    )

with section("queries and pages"), Simulator("--contacts", "4500") as simulator:
    sf = simulator.log_in()
    first = sf.query("SELECT Id, LastName FROM Lead ORDER BY Id")
    equal("a page has 2000 rows", (len(first["records"]), first["totalSize"]), (2000, 4500))
    equal("a row tells what it is", first["records"][0]["attributes"]["type"], "Lead")
    second = sf.query_more(first["nextRecordsUrl"], identifier_is_url=True)
    equal("the next page follows", second["records"][0]["LastName"], "Last2000")
    by_id = sf.query_more(first["nextRecordsUrl"].rpartition("/")[2])
    equal("also by the id of its place", by_id["records"], second["records"])
    everything = sf.query_all("SELECT Id FROM Lead")
    equal("all pages have all rows", len({r["Id"] for r in everything["records"]}), 4500)
    equal("they can be read one by one", len(list(sf.query_all_iter("SELECT Id FROM Lead"))), 4500)
    small = sf.query("SELECT Id FROM Lead", headers={"Sforce-Query-Options": "batchSize=300"})
    equal("smaller pages can be wished for", len(small["records"]), 300)
    equal("rows can be counted", sf.query("SELECT COUNT() FROM Lead")["totalSize"], 4500)
    row = first["records"][7]
    quoted = format_soql("SELECT LastName FROM Lead WHERE Id = {}", row["Id"][:15])
    equal("a short id is the same id", names(sf.query(quoted)["records"]), ["Last7"])
    keyset = sf.query(
        "SELECT Id, SystemModstamp FROM Lead WHERE SystemModstamp >= 2025-01-01T00:00:00Z "
        "ORDER BY SystemModstamp, Id LIMIT 5"
    )["records"]
    stamps = [datetime.datetime.strptime(r["SystemModstamp"], "%Y-%m-%dT%H:%M:%S.000%z") for r in keyset]
    check("stamps are told as the vendor does, in order", stamps == sorted(stamps), keyset)
    for query, code in [
        ("SELECT FROM Lead", "MALFORMED_QUERY"),
        ("SELECT Nope FROM Lead", "INVALID_FIELD"),
        ("SELECT CurrencyIsoCode FROM Lead", "INVALID_FIELD"),
        ("SELECT Id FROM Nope", "INVALID_TYPE"),
    ]:
        refuses(
            f"{query}: {code}", SalesforceMalformedRequest, lambda: sf.query(query), code, 400
        )
    refuses(
        "a place that nobody gave is refused",
        SalesforceMalformedRequest,
        lambda: sf.query_more("01gQy0000000999AAA-2000"),
        "INVALID_QUERY_LOCATOR",
        400,
    )

with section("what the org tells of itself"), Simulator("--contacts", "10") as simulator:
    sf = simulator.log_in()
    objects = {told["name"]: told for told in sf.describe()["sobjects"]}
    equal("objects have their prefixes", objects["Lead"]["keyPrefix"], "00Q")
    fields = {told["name"]: told for told in sf.Opportunity.describe()["fields"]}
    check("fields have their types", fields["SystemModstamp"]["type"] == "datetime", fields.keys())
    check("one currency needs no field of it", "CurrencyIsoCode" not in fields)
    stages = [told["value"] for told in fields["StageName"]["picklistValues"]]
    check("stages are values", stages[0] == "Prospecting" and "Closed Won" in stages, stages)
    equal("references tell their objects", fields["OwnerId"]["referenceTo"], ["User"])
    check("the limits are told", sf.limits()["DailyBulkV2QueryJobs"]["Max"] == 10_000)
    equal("an object tells itself", sf.Lead.metadata()["objectDescribe"]["name"], "Lead")
    refuses(
        "there is no other object", SalesforceResourceNotFound, sf.Nope.describe, "NOT_FOUND", 404
    )
    versions = simulator.session.get("https://acme.my.salesforce.com/services/data/").json()
    check("the versions are told", versions[-1]["version"] == VERSION, versions[-1])

with section("records"), Simulator("--contacts", "0") as simulator:
    sf = simulator.log_in()
    start = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(minutes=5)
    end = start + datetime.timedelta(minutes=10)
    made = sf.Lead.create({"LastName": "O'Hara", "Company": "Acme", "LeadSource": "Web"})
    check("a record is made", made["success"] and made["id"].startswith("00Q"), made)
    lead = sf.Lead.get(made["id"])
    equal("it is read", (lead["Name"], lead["IsConverted"]), ("O'Hara", False))
    equal("it is changed", sf.Lead.update(made["id"], {"Status": "Working"}), 204)
    equal("and has changed", sf.Lead.get(made["id"])["Status"], "Working")
    found = sf.query(format_soql("SELECT Id FROM Lead WHERE LastName = {}", "o'hara"))
    equal("its name is found in any case", found["totalSize"], 1)
    updated = sf.Lead.updated(start, end)
    equal("it is among the updated", updated["ids"], [made["id"]])
    check("the date covered is told", updated["latestDateCovered"].endswith("+0000"), updated)
    equal("it is deleted", sf.Lead.delete(made["id"]), 204)
    gone = sf.Lead.deleted(start, end)["deletedRecords"]
    equal("it is among the deleted", [row["id"] for row in gone], [made["id"]])
    query = "SELECT Id, IsDeleted FROM Lead"
    equal("a query tells it no more", sf.query(query)["totalSize"], 0)
    every = sf.query_all(query, include_deleted=True)["records"]
    equal("a query for all does", [row["IsDeleted"] for row in every], [True])
    refuses("it cannot be read", SalesforceResourceNotFound, lambda: sf.Lead.get(made["id"]))
    refuses(
        "what is needed must be there",
        SalesforceMalformedRequest,
        lambda: sf.Opportunity.create({"Name": "Deal"}),
        "REQUIRED_FIELD_MISSING",
    )
    deal = {"Name": "Deal", "StageName": "Prospecting", "CloseDate": "2030-01-31", "Amount": 10}
    deal = sf.Opportunity.create(deal)["id"]
    sf.Opportunity.update(deal, {"StageName": "Closed Won"})
    rows = sf.query(
        f"SELECT StageName, Opportunity.Name FROM OpportunityHistory WHERE OpportunityId = '{deal}' "
        "ORDER BY CreatedDate, Id"
    )["records"]
    told = [(row["StageName"], row["Opportunity"]["Name"]) for row in rows]
    equal("stages are a history", told, [("Prospecting", "Deal"), ("Closed Won", "Deal")])
    check("a won deal is won", sf.Opportunity.get(deal)["IsWon"])

with section("bulk queries"), Simulator("--contacts", "2500") as simulator:
    sf = simulator.log_in()
    pages = list(sf.bulk2.Lead.query("SELECT Id, LastName, SystemModstamp FROM Lead", max_records=1000))
    rows = [row for page in pages for row in csv.DictReader(io.StringIO(page))]
    equal("rows come in pages of the size asked for", len(pages), 3)
    equal("and all of them come", len({row["Id"] for row in rows}), 2500)
    check("a time ends with Z", rows[0]["SystemModstamp"].endswith(".000Z"), rows[0])
    rest = sf.query("SELECT Id FROM Lead WHERE LastName = 'Last2499'")["records"][0]["Id"]
    equal("both APIs tell the same ids", rest, rows[-1]["Id"])
    sf.Lead.delete(rest)
    for name, expected in [("query", 2499), ("query_all", 2500)]:
        pages = getattr(sf.bulk2.Lead, name)("SELECT Id, Owner.Name FROM Lead")
        told = [row for page in pages for row in csv.reader(io.StringIO(page))]
        equal(f"{name} tells {expected} rows below the names", len(told), expected + 1)
    files = sf.bulk2.Lead.download("SELECT Id FROM Lead", path=str(WORK), max_records=2000)
    equal("rows can be loaded into files", [f["number_of_records"] for f in files], [2000, 499])
    refuses(
        "a count is no bulk query",
        SalesforceMalformedRequest,
        lambda: list(sf.bulk2.Lead.query("SELECT COUNT() FROM Lead")),
        "API_ERROR",
        400,
    )

FAULTS = """
[limits]
daily = 7
page_rows = 10
[auth]
token_requests = 4
[[fault]]
on = "bulk_status"
answer = "failed_job"
[[fault]]
on = "query"
object = "Task"
answer = 503
[[fault]]
on = "query_more"
answer = "locator"
"""

with section("what goes wrong"), Simulator("--contacts", "50", faults=FAULTS) as simulator:
    sf = simulator.log_in()
    query = "SELECT Id FROM Lead"
    refuses(
        "a server that is away is an error",
        SalesforceGeneralError,
        lambda: sf.query("SELECT Id FROM Task"),
        "SERVER_UNAVAILABLE",
        503,
    )
    refuses(
        "a place that expired is an error",
        SalesforceMalformedRequest,
        lambda: sf.query_all(query),
        "INVALID_QUERY_LOCATOR",
    )
    sf.limits()
    ended = sf.session_id
    equal("the client opens another session when one ends", sf.query(query)["totalSize"], 50)
    check("and goes on with its token", sf.session_id != ended, ended)
    stale = Salesforce(
        session=simulator.session, version=VERSION, session_id=ended, instance_url=simulator.url
    )
    refuses(
        "a session that ended is an error to those who cannot",
        SalesforceExpiredSession,
        lambda: stale.query(query),
        "INVALID_SESSION_ID",
        401,
    )
    refuses(
        "a job that failed is an error",
        SalesforceOperationError,
        lambda: list(sf.bulk2.Lead.query(query)),
    )
    refuses(
        "a limit that is used up is an error",
        SalesforceRefusedRequest,
        lambda: sf.query(query),
        "REQUEST_LIMIT_EXCEEDED",
        403,
    )
    usage = simulator.adapter.last.headers["Sforce-Limit-Info"]
    equal("the usage is told", usage, "api-usage=7/7")

with section("the invented company"), Simulator("--as-of", "2026-11-23T12:00:00Z") as simulator:
    sf = simulator.log_in()
    count = lambda rest: sf.query(f"SELECT COUNT() FROM {rest}")["totalSize"]
    check("it has leads", count("Lead") > 9000, count("Lead"))
    check("some became deals", count("Lead WHERE ConvertedOpportunityId != null") > 1000)
    check("deals have a history", count("OpportunityHistory") > 3 * count("Opportunity"))
    check("some deals are deleted", sf.query(
        "SELECT Id FROM Opportunity WHERE IsDeleted = true", include_deleted=True
    )["totalSize"] == 3)
    owners = sf.query_all("SELECT Owner.Name FROM Opportunity")["records"]
    check("owners have names", "Ada Okafor" in {row["Owner"]["Name"] for row in owners})

# --- what the client wrote, as paceline reads it ----------------------------------------------------

class Paceline:
    """The binary with a database of its own against a simulator."""

    def __init__(self, url, name, login):
        self.folder = WORK / name
        self.folder.mkdir()
        (self.folder / "secret").write_text("secret\n")
        (self.folder / "paceline.toml").write_text(
            '[company]\nname = "Test"\ntime_zone = "UTC"\ncurrency = "USD"\n'
            '[database]\nurl = "sqlite://paceline.db"\n'
            '[handoff]\nsince = "2026-01-01"\nfirst_touch_within = "4 business hours"\n'
            f'[source.crm]\nkind = "salesforce"\nbase_url = "{url}"\nclient_id = "key"\n'
            f'rate_limit = "none"\n{login}')

    def ask(self, *arguments):
        command = [PACELINE, "--quiet", "--format", "json", "--config", "paceline.toml"]
        done = subprocess.run([*command, *arguments], cwd=self.folder, capture_output=True,
                              text=True, timeout=60, env={"PATH": "/bin"})
        if done.returncode != 0:
            raise AssertionError(f"{arguments} ended with {done.returncode}: {done.stderr}")
        return json.loads(done.stdout)

    def rate(self, one, other):
        total = self.ask("rates", "--from", one, "--to", other)["total"]
        return total["converted"], total["entered"]


SECRET = 'client_secret = { file = "secret" }\n'

with section("what the client wrote, as paceline reads it"), Simulator("--contacts", "3") as simulator:
    sf = simulator.log_in()
    paceline = Paceline(simulator.url, "written", SECRET)
    sync = paceline.ask("sync")
    equal("paceline reads the company without a fault",
          (sync["failed"], sync["sources"][0]["faults"]), ([], 0))
    user = sf.query("SELECT Id FROM User")["records"][0]["Id"]
    deals = [
        sf.Opportunity.create({
            "Name": f"Deal {n}", "StageName": "Prospecting", "CloseDate": "2026-12-18",
            "Amount": 1000, "OwnerId": user})["id"]
        for n in range(3)]
    sf.Opportunity.update(deals[0], {"StageName": "Closed Won"})
    sf.Opportunity.update(deals[1], {"StageName": "Closed Lost"})
    sf.Task.create({"WhatId": deals[2], "TaskSubtype": "Call", "Status": "Completed",
                    "OwnerId": user, "Subject": "Call"})
    person = sf.Contact.create({"LastName": "Invented"})["id"]
    sf.OpportunityContactRole.create({"OpportunityId": deals[1], "ContactId": person})
    sf.Task.create({"WhoId": person, "TaskSubtype": "Email", "Status": "Completed",
                    "OwnerId": user, "Subject": "Mail"})
    campaign = sf.Campaign.create({"Name": "Racks"})["id"]
    lead = sf.query("SELECT Id FROM Lead LIMIT 1")["records"][0]["Id"]
    sf.CampaignMember.create({"CampaignId": campaign, "LeadId": lead})
    paceline.ask("sync")
    equal("a win of three", paceline.rate("opportunity", "won"), (1, 3))
    verdicts = {row["opportunity"]: row["verdict"] for row in paceline.ask("followups")["rows"]}
    equal("a call on the deal and a mail to its contact are follow-up",
          (verdicts[deals[1]], verdicts[deals[2]]), ("in_time", "in_time"))
    by = paceline.ask("rates", "--from", "lead", "--to", "opportunity", "--by", "campaign")
    check("the lead's campaign is the one that it joined",
          any(campaign in json.dumps(row) for row in by["rows"]), by)
    sf.Opportunity.delete(deals[1])
    paceline.ask("sync")
    equal("a deletion is seen", paceline.rate("opportunity", "won"), (1, 2))
    found = subprocess.run([PACELINE, "--config", "paceline.toml", "check"], cwd=paceline.folder,
                           capture_output=True, text=True, timeout=60, env={"PATH": "/bin"}).stdout
    check("check speaks with the company", "the app reads 8 of 8 kinds" in found, found)

with section("paceline signs its assertion as the vendor checks it"):
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()
    forms = {"pkcs8": serialization.PrivateFormat.PKCS8,
             "pkcs1": serialization.PrivateFormat.TraditionalOpenSSL}
    faults = f'[auth]\nclient_id = "key"\npublic_key = """{public}"""\n'
    with Simulator("--contacts", "7", faults=faults) as simulator:
        for name, form in forms.items():
            login = 'username = "u@example.test"\nprivate_key = { file = "key.pem" }\n'
            paceline = Paceline(simulator.url, name, login)
            (paceline.folder / "key.pem").write_bytes(key.private_bytes(
                serialization.Encoding.PEM, form, serialization.NoEncryption()))
            equal(f"a key as {name} reads the company",
                  paceline.ask("sync")["sources"][0]["read"] >= 7, True)

equal("nothing else was called", strangers, [])
print(f"{passed} passed, {failed} failed")
sys.exit(1 if failed else 0)
