"""The checks of real_clients.sh: real_clients.py PACELINE WORK_DIR

HubSpot's own client talks to the simulator. Two things are asked of every answer: that the client
takes it as it is shipped, and that it is exactly what the client's models describe: no missing
field, no unknown one, no other type. The client itself is lenient there, so `departures` looks.
"""

import contextlib
import csv
import datetime
import importlib
import json
import pathlib
import re
import socket
import subprocess
import sys
import time
import traceback
import urllib.error
import urllib.request

import hubspot
from dateutil import parser as dates
from hubspot.crm import contacts, deals
from hubspot.crm.associations import v4
from hubspot.crm.objects import calls
from hubspot.discovery.discovery_base import DiscoveryBase
from hubspot.utils.objects import fetch_all
from urllib3.util.retry import Retry

PACELINE, WORK = sys.argv[1], pathlib.Path(sys.argv[2])
TOKEN = "pat-na1-a-token-that-nobody-gave"

# Where the vendor's own answers are taken to differ from its published models; the client is
# shipped with its validation off. Each that is met is printed at the end.
VENDOR_DIFFERS = [
    # The reference's examples of a 207 have neither.
    (r"StandardError\.(links|errors) is missing$", "errors of a batch are short"),
    # The numbered paths tell it as a number, the dated ones as text.
    (r"MultiAssociatedObjectWithLabel\.toObjectId is a number", "v4 tells target ids as numbers"),
    # The reference shows `status` in every error's body.
    (r"Error\.status is unknown$", "errors carry a status"),
]

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


# --- every call goes to the simulator -------------------------------------------------------------

open_ports, strangers, connections = set(), [], 0
connect = socket.socket.connect


def connect_to_simulator(self, address):
    """Refuses every other address, so that no mistake here reaches the vendor."""
    global connections
    if address[0] != "127.0.0.1" or address[1] not in open_ports:
        strangers.append(address)
        raise OSError(f"{address} is no simulator")
    connections += 1
    return connect(self, address)


socket.socket.connect = connect_to_simulator


class Simulator:
    """A running `paceline simulate`."""

    def __init__(self, *arguments, faults=None):
        command = [PACELINE, "simulate", "--vendor", "hubspot", "--port", "0", *arguments]
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

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(10)

    def client(self, token=TOKEN, **more):
        return hubspot.Client.create(
            access_token=token, host=self.url, api_factory=watched, **more
        ).crm

    def plain(self, path, body=None, method=None, token=TOKEN):
        """The paths that this version of the client does not know."""
        request = urllib.request.Request(self.url + path, method=method)
        if body is not None:
            request.data = json.dumps(body).encode()
            request.add_header("Content-Type", "application/json")
        if token:
            request.add_header("Authorization", f"Bearer {token}")
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                text = answer.read()
                return answer.status, json.loads(text) if text else None
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read())


# --- every answer is what the client's models describe --------------------------------------------

answers, differing, tolerated = 0, {}, {}


def departures(package, data, kind, where):
    """Where a value is not what the client's models say, as text."""
    if kind.startswith("list["):
        if not isinstance(data, list):
            return [f"{where} is no list"]
        rows = (departures(package, row, kind[5:-1], where) for row in data)
        return [found for row in rows for found in row]
    if kind.startswith("dict["):
        if not isinstance(data, dict):
            return [f"{where} is no object"]
        value = kind.partition(", ")[2][:-1]
        # A property that a record does not have is null.
        rows = [departures(package, v, value, where) for v in data.values() if v is not None]
        return [found for row in rows for found in row]
    if kind == "object":
        return []
    if kind == "datetime":
        try:
            dates.isoparse(data)
            return []
        except (TypeError, ValueError):
            return [f"{where} is no time: {data!r}"]
    natives = {"str": str, "int": int, "bool": bool, "float": (int, float)}
    if kind in natives:
        of_kind = isinstance(data, natives[kind]) and isinstance(data, bool) == (kind == "bool")
        told = "a number" if isinstance(data, (int, float)) and data is not True else repr(data)
        return [] if of_kind else [f"{where} is {told}, not {kind}"]
    model = getattr(package.models, kind)
    if not isinstance(data, dict):
        return [f"{where} is no object"]
    found = [f"{kind}.{key} is unknown" for key in data.keys() - set(model.attribute_map.values())]
    for attribute, of in model.openapi_types.items():
        key = model.attribute_map[attribute]
        if data.get(key) is None:
            if any("must not be" in told_ for told_ in complaint(package, model, attribute, None)):
                found.append(f"{kind}.{key} is missing")
            continue
        below = departures(package, data[key], of, f"{kind}.{key}")
        if not below and isinstance(data[key], str):
            below = complaint(package, model, attribute, data[key])
        found += below
    return found


def complaint(package, model, attribute, value):
    """What the model's own validation says, which the client is shipped without."""
    settings = package.Configuration()
    settings.client_side_validation = True
    blank = model.__new__(model)
    blank.local_vars_configuration = settings
    try:
        setattr(blank, attribute, value)
        return []
    except ValueError as error:
        return [f"{model.__name__}: {error}"]


def judge(package, data, kind, call):
    global answers
    answers += 1
    for found in departures(package, data, kind, kind):
        reason = next((why for like, why in VENDOR_DIFFERS if re.search(like, found)), None)
        (tolerated if reason else differing).setdefault(found, call)


def watched(package, api_name, config):
    """The client as it is, with every answer looked at."""
    api = DiscoveryBase._default_api_factory(package, api_name, config)
    client = api.api_client
    call_api = client.call_api

    def watching(path, method, *rest, **options):
        call = f"{method} {path}"
        try:
            result = call_api(path, method, *rest, **options)
        except Exception as error:
            if body := getattr(error, "body", None):
                error.told = json.loads(body)
                if error.status != 429:
                    judge(package, error.told, "Error", call)
            raise
        kinds = options.get("response_types_map") or {}
        status = client.last_response.status
        if kinds and status not in kinds:
            differing.setdefault(f"HTTP {status} is none of {sorted(kinds)}: {call}", call)
        elif not kinds and status != 204:
            differing.setdefault(f"HTTP {status} is not 204: {call}", call)
        if kinds.get(status):
            judge(package, json.loads(client.last_response.data), kinds[status], call)
        return result

    client.call_api = watching
    return api


def refused(do, *arguments, **options):
    """The exception of a call that must fail; none where it did not."""
    try:
        do(*arguments, **options)
    except Exception as error:
        if hasattr(error, "status"):
            return error
        raise
    return None


def told(error):
    """The status and category of a refusal."""
    if error is None:
        return "it was not refused"
    return error.status, getattr(error, "told", {}).get("category")


def tried(name, do, *arguments, **options):
    """The answer of a call; where it is refused, that is a failed check and the answer is none."""
    try:
        return do(*arguments, **options)
    except Exception as error:
        if not hasattr(error, "status"):
            raise
        check(name, False, f"{error.status}: {error.body}")
        return None


# --- the records ----------------------------------------------------------------------------------


def monday(weeks_ago):
    today = datetime.datetime.now(datetime.timezone.utc).replace(
        hour=10, minute=0, second=0, microsecond=0
    )
    return today - datetime.timedelta(days=today.weekday(), weeks=weeks_ago)


def stamp(at):
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


# All hand-offs are on a Monday at ten, so that business hours do not depend on the day of the test.
BEGIN = monday(8)
HOUR, DAY = datetime.timedelta(hours=1), datetime.timedelta(days=1)


def write_folder(folder):
    folder.mkdir()

    def write(name, columns, rows):
        with open(folder / f"{name}.csv", "w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(columns.split(","))
            writer.writerows(rows)

    leads = [
        # Two of the six are marketing qualified.
        (f"L{n}", stamp(BEGIN - 7 * DAY + n * HOUR), stamp(BEGIN - 5 * DAY) if n <= 2 else "",
         ["ORGANIC_SEARCH", "PAID_SEARCH"][n % 2], f"camp-{n % 3}", ["ada", "ben"][n % 2])
        for n in range(1, 7)
    ]
    write("lead", "id,created_at,mql_at,channel,campaign,owner", leads)
    deals = [
        (f"O{n}", f"L{n}", stamp(BEGIN), stamp(BEGIN + 9 * DAY) if n == 6 else "",
         "lost" if n == 6 else "open", ["ada", "ben"][n % 2], 1000 * n, "USD",
         "" if n == 6 else "qualifiedtobuy")
        for n in range(1, 7)
    ]
    write("opportunity", "id,lead,created_at,closed_at,outcome,owner,amount,currency,stage", deals)
    # Each by the owner of its deal.
    activities = [
        ("A1", "O1", "L1", "call", stamp(BEGIN + HOUR), "ben"),
        ("A2", "O2", "L2", "email_out", stamp(BEGIN + 2 * HOUR), "ada"),
        ("A3", "O3", "L3", "meeting", stamp(BEGIN + 3 * DAY), "ben"),
        ("A4", "O4", "L4", "task_done", stamp(BEGIN + 4 * DAY), "ada"),
        ("A5", "O6", "L6", "note", stamp(BEGIN + HOUR), "ada"),
    ]
    write("activity", "id,opportunity,lead,kind,at,owner", activities)
    owners = [("ada", "ada@example.test", "Ada Ant", "true"),
              ("ben", "ben@example.test", "Ben Bee", "true"),
              ("gil", "gil@example.test", "Gil Gone", "false")]
    write("owner", "id,email,name,active", owners)


def new(package, properties, links=()):
    """The body that creates a record; `links` are (id, number of the link's type)."""
    associations = [
        package.PublicAssociationsForObject(
            to=package.PublicObjectId(id=id),
            types=[package.AssociationSpec(
                association_category="HUBSPOT_DEFINED", association_type_id=kind)],
        )
        for id, kind in links
    ]
    return package.SimplePublicObjectInputForCreate(
        properties=properties, associations=associations)


def ids(package, *all):
    return package.BatchInputSimplePublicObjectId(
        inputs=[package.SimplePublicObjectId(id=id) for id in all])


def batch_read(package, all, properties=(), history=()):
    return package.BatchReadInputSimplePublicObjectId(
        inputs=[package.SimplePublicObjectId(id=id) for id in all],
        properties=list(properties), properties_with_history=list(history))


def filtered(package, *filters, **more):
    """A search of one group of (property, operator, value)."""
    group = [
        package.Filter(property_name=name, operator=operator,
                       **({"values": value} if isinstance(value, list) else {"value": value}))
        for name, operator, value in filters
    ]
    groups = [package.FilterGroup(filters=group)] if group else []
    return package.PublicObjectSearchRequest(filter_groups=groups, **more)


# --- what is asked of the simulator ---------------------------------------------------------------


def lists_and_lookups(crm):
    page = crm.contacts.basic_api.get_page(limit=2)
    equal("a page of contacts has its length", len(page.results), 2)
    check("and tells where the next begins", page.paging.next.after, page)
    everyone = crm.contacts.get_all(properties=["external_id", "hs_analytics_source"])
    names = {c.properties["external_id"]: c for c in everyone}
    equal("get_all reads every contact", sorted(names), [f"L{n}" for n in range(1, 7)])
    seen, after = [], None
    while True:
        page = crm.contacts.basic_api.get_page(limit=4, after=after)
        seen += [c.id for c in page.results]
        if not page.paging:
            break
        after = page.paging.next.after
    equal("pages of four give the same contacts", seen, [c.id for c in everyone])
    one = names["L1"]
    equal("a contact's times are times", one.created_at, BEGIN - 7 * DAY + HOUR)
    by_id = crm.contacts.basic_api.get_by_id(
        one.id, properties=["external_id", "phone"], associations=["deals"],
        properties_with_history=["lifecyclestage"])
    equal("get_by_id gives the contact", by_id.properties["external_id"], "L1")
    equal("and a property without a value as null", by_id.properties.get("phone", ""), None)
    version = by_id.properties_with_history["lifecyclestage"][0]
    equal("and its history", version.value, "marketingqualifiedlead")
    linked = by_id.associations["deals"].results
    equal("and its deal", [(d.type) for d in linked], ["contact_to_deal"])
    stages = crm.deals.basic_api.get_page(
        limit=50, properties_with_history=["dealstage", "hubspot_owner_id"]).results
    history = {d.properties["dealname"]: d.properties_with_history["dealstage"]
               for d in crm.deals.get_all(properties=["dealname"],
                                          properties_with_history=["dealstage"])}
    equal("a page of deals with history has all six", len(stages), 6)
    newest = [v.value for v in history["Deal O6"]]
    equal("a deal's history has the newest stage first", newest[0], "closedlost")
    error = refused(crm.deals.basic_api.get_page, limit=51, properties_with_history=["dealstage"])
    equal("51 deals with history are refused", told(error), (400, "VALIDATION_ERROR"))
    error = refused(crm.contacts.basic_api.get_page, limit=101)
    equal("a page of 101 is refused", told(error), (400, "VALIDATION_ERROR"))
    error = refused(crm.contacts.basic_api.get_by_id, "999999999")
    equal("a contact that is not there gives 404", told(error), (404, "OBJECT_NOT_FOUND"))
    return {name: c.id for name, c in names.items()}


def owners_pipelines_properties(crm):
    active = crm.owners.get_all()
    equal("the owners are there", sorted(o.email for o in active),
          ["ada@example.test", "ben@example.test"])
    check("an owner's user id is a number", isinstance(active[0].user_id, int), active[0])
    gone = crm.owners.owners_api.get_page(archived=True).results
    equal("a deactivated owner is in the other list", [o.email for o in gone],
          ["gil@example.test"])
    equal("and keeps its user id under one name alone",
          [(o.user_id, o.user_id_including_inactive is not None) for o in gone], [(None, True)])
    by_email = crm.owners.owners_api.get_page(email="ben@example.test").results
    equal("owners are found by e-mail", [o.first_name for o in by_email], ["Ben"])
    equal("one owner is found", crm.owners.owners_api.get_by_id(active[0].id).email,
          active[0].email)
    name = "an owner is found by the user's id"
    user = tried(name, crm.owners.owners_api.get_by_id, active[0].user_id_including_inactive,
                 id_property="userId")
    if user:
        equal(name, user.email, active[0].email)
    page = crm.owners.owners_api.get_page(limit=1)
    second = crm.owners.owners_api.get_page(limit=1, after=page.paging.next.after)
    check("owners come in pages", page.results[0].id != second.results[0].id, (page, second))

    pipelines = crm.pipelines.pipelines_api.get_all("deals").results
    equal("the pipeline is there", [p.id for p in pipelines], ["default"])
    stages = crm.pipelines.pipeline_stages_api.get_all("deals", "default").results
    equal("its stages are the same by either way", [s.id for s in stages],
          [s.id for s in pipelines[0].stages])
    won = crm.pipelines.pipeline_stages_api.get_by_id("deals", "default", "closedwon")
    equal("the stage of won deals is closed with probability one",
          (won.metadata["isClosed"], won.metadata["probability"]), ("true", "1.0"))
    equal("one pipeline is found", crm.pipelines.pipelines_api.get_by_id("deals", "default").label,
          "Sales Pipeline")
    error = refused(crm.pipelines.pipelines_api.get_by_id, "deals", "none")
    equal("a pipeline that is not there gives 404", told(error), (404, "OBJECT_NOT_FOUND"))

    properties = {p.name: p for p in crm.properties.core_api.get_all("contacts").results}
    check("the contacts' properties are there", "lifecyclestage" in properties, properties.keys())
    equal("a time is a datetime", properties["createdate"].type, "datetime")
    property = crm.properties.core_api.get_by_name("deals", "dealstage")
    equal("one property is found", property.field_type in ("select", "radio"), True)
    error = refused(crm.properties.core_api.get_by_name, "deals", "no_such_property")
    equal("a property that is not there gives 404", told(error), (404, "OBJECT_NOT_FOUND"))


def writes(crm):
    api = crm.contacts.basic_api
    made = api.create(new(contacts, {"email": "new@example.test", "lifecyclestage": "lead"}))
    equal("a created contact has what was written", made.properties["email"], "new@example.test")
    changed = api.update(made.id, contacts.SimplePublicObjectInput(
        properties={"hs_lead_status": "OPEN", "firstname": "Nel"}))
    equal("a changed contact has what was written", changed.properties["hs_lead_status"], "OPEN")
    check("and was changed later than it was made", changed.updated_at >= made.created_at, changed)
    changed = api.update(made.id, contacts.SimplePublicObjectInput(
        properties={"hs_lead_status": "CONNECTED"}))
    with_history = api.get_by_id(made.id, properties_with_history=["hs_lead_status"])
    versions = with_history.properties_with_history["hs_lead_status"]
    equal("its history has both values, the newest first", [v.value for v in versions],
          ["CONNECTED", "OPEN"])
    cleared = api.update(made.id, contacts.SimplePublicObjectInput(properties={"firstname": ""}))
    check("an empty text clears a property", not api.get_by_id(
        made.id, properties=["firstname"]).properties["firstname"], cleared)
    error = refused(api.update, "999999999", contacts.SimplePublicObjectInput(
        properties={"firstname": "x"}))
    equal("what is not there cannot be changed", told(error), (404, "OBJECT_NOT_FOUND"))
    error = refused(api.create, new(contacts, {"email": "new@example.test"}))
    equal("an e-mail address that is taken is refused", told(error), (409, "CONFLICT"))
    error = refused(api.create, new(contacts, {"no_such_property_here": "1"}))
    equal("a property that is not there cannot be written", told(error),
          (400, "VALIDATION_ERROR"))
    api.archive(made.id)
    equal("an archived contact gives 404", told(refused(api.get_by_id, made.id)),
          (404, "OBJECT_NOT_FOUND"))
    name = "unless archived ones are asked for"
    gone = tried(name, api.get_by_id, made.id, archived=True)
    if gone:
        check(name, gone.archived and gone.archived_at, gone)
    archived = api.get_page(archived=True).results
    equal("it is in the list of archived ones", [(c.id, c.archived) for c in archived if c.id == made.id],
          [(made.id, True)])
    check("and in no other", made.id not in [c.id for c in crm.contacts.get_all()])
    api.archive(made.id)
    check("archiving twice is no error", True)
    deal = crm.deals.basic_api.create(new(deals, {
        "dealname": "Written", "pipeline": "default", "dealstage": "qualifiedtobuy"}))
    won = crm.deals.basic_api.update(deal.id, deals.SimplePublicObjectInput(
        properties={"dealstage": "closedwon"}))
    full = crm.deals.basic_api.get_by_id(won.id, properties=["hs_is_closed_won", "hs_is_closed"])
    equal("a won deal is closed and won",
          (full.properties["hs_is_closed_won"], full.properties["hs_is_closed"]), ("true", "true"))
    error = refused(crm.deals.basic_api.update, deal.id, deals.SimplePublicObjectInput(
        properties={"dealstage": "no_such_stage"}))
    equal("a stage that is not there is refused", told(error), (400, "VALIDATION_ERROR"))
    crm.deals.basic_api.archive(deal.id)


def batches(crm):
    api = crm.contacts.batch_api
    made = api.create(contacts.BatchInputSimplePublicObjectBatchInputForCreate(inputs=[
        contacts.SimplePublicObjectBatchInputForCreate(
            properties={"email": f"batch{n}@example.test"}, associations=[]) for n in range(3)]))
    all_ids = [c.id for c in made.results]
    equal("a batch creates three contacts", (made.status, len(set(all_ids))), ("COMPLETE", 3))
    read = api.read(batch_read(contacts, all_ids, ["email"]))
    equal("a batch reads them", sorted(c.id for c in read.results), sorted(all_ids))
    check("a batch without errors is of the plain model",
          isinstance(read, contacts.BatchResponseSimplePublicObject), type(read))
    read = api.read(batch_read(contacts, [*all_ids, "999999999"], ["email"], ["email"]))
    check("one with a missing id is of the other model",
          isinstance(read, contacts.BatchResponseSimplePublicObjectWithErrors), type(read))
    equal("and has the others", len(read.results), 3)
    equal("and names the missing one",
          (read.num_errors, read.errors[0].category, read.errors[0].context["ids"]),
          (1, "OBJECT_NOT_FOUND", ["999999999"]))
    changed = api.update(contacts.BatchInputSimplePublicObjectBatchInput(inputs=[
        contacts.SimplePublicObjectBatchInput(id=id, properties={"firstname": "Bea"})
        for id in all_ids]))
    equal("a batch changes them", {c.properties["firstname"] for c in changed.results}, {"Bea"})
    name = "contacts are read by e-mail address"
    by_email = tried(name, api.read, contacts.BatchReadInputSimplePublicObjectId(
        inputs=[contacts.SimplePublicObjectId(id="batch1@example.test")], id_property="email",
        properties=["email"], properties_with_history=[]))
    if by_email:
        equal(name, [c.id for c in by_email.results], [all_ids[1]])
    error = refused(api.read, batch_read(contacts, [str(n) for n in range(1, 102)]))
    equal("a batch of 101 is refused", told(error), (400, "VALIDATION_ERROR"))
    error = refused(crm.deals.batch_api.read, batch_read(
        deals, [str(n) for n in range(1, 52)], [], ["dealstage"]))
    equal("and one of 51 with history", told(error), (400, "VALIDATION_ERROR"))
    api.archive(ids(contacts, *all_ids))
    read = api.read(batch_read(contacts, all_ids), archived=True)
    equal("a batch archives them", {c.archived for c in read.results}, {True})


def searches(crm, leads):
    api = crm.contacts.search_api
    found = api.do_search(filtered(
        contacts, ("hs_analytics_source", "EQ", "PAID_SEARCH"), properties=["external_id"],
        sorts=["-createdate"], limit=10))
    equal("a search filters and sorts", [c.properties["external_id"] for c in found.results],
          ["L5", "L3", "L1"])
    equal("and counts", found.total, 3)
    some = [leads["L1"], leads["L2"], leads["L4"]]
    found = api.do_search(filtered(
        contacts, ("hs_object_id", "IN", some), sorts=[{"propertyName": "hs_object_id",
                                                      "direction": "DESCENDING"}], limit=2))
    equal("a search of ids gives the first page", [c.id for c in found.results], some[:0:-1])
    rest = api.do_search(filtered(
        contacts, ("hs_object_id", "IN", some), sorts=[{"propertyName": "hs_object_id",
                                                      "direction": "DESCENDING"}],
        limit=2, after=found.paging.next.after))
    equal("and then the rest", ([c.id for c in rest.results], rest.paging), (some[:1], None))
    since = str(int((BEGIN - 7 * DAY + 4 * HOUR).timestamp() * 1000))
    found = api.do_search(filtered(
        contacts, ("createdate", "GTE", since), ("external_id", "HAS_PROPERTY", None),
        sorts=["createdate"], properties=["external_id"], limit=100))
    equal("a search compares times", [c.properties["external_id"] for c in found.results],
          ["L4", "L5", "L6"])
    found = crm.deals.search_api.do_search(filtered(
        deals, ("dealstage", "NEQ", "closedlost"), ("amount", "GT", "2000"), sorts=["amount"],
        properties=["amount"], limit=100))
    equal("a search compares numbers", [d.properties["amount"] for d in found.results],
          ["3000", "4000", "5000"])
    everything = api.do_search(filtered(contacts, limit=200, sorts=[]))
    equal("a search without filters finds all", everything.total, 6)
    name = "a search by token finds all"
    found = tried(name, api.do_search, filtered(
        contacts, ("email", "CONTAINS_TOKEN", "*@example.test"), limit=5, sorts=[]))
    if found:
        equal(name, found.total, 6)
    for limit, name in ((201, "a limit of 201"), (0, "a limit of 0")):
        error = refused(api.do_search, filtered(contacts, limit=limit))
        equal(f"{name} is refused", told(error), (400, "VALIDATION_ERROR"))
    error = refused(api.do_search, filtered(contacts, ("firstname", "LIKES", "x")))
    equal("an operator that is not there is refused", told(error), (400, "VALIDATION_ERROR"))


def ten_thousand():
    with Simulator("--contacts", "10050", faults="[limits]\nenforce = false\n") as simulator:
        api = simulator.client().contacts.search_api
        last = api.do_search(filtered(contacts, limit=100, after="9900"))
        equal("the last page of a search ends at 10,000", (len(last.results), last.total),
              (100, 10050))
        for after in ("9901", "10000"):
            error = refused(api.do_search, filtered(contacts, limit=100, after=after))
            equal(f"a page from {after} on is refused", told(error), (400, "VALIDATION_ERROR"))
            check("by a plain ApiException", type(error) is contacts.ApiException, type(error))


def merges(crm):
    api = crm.contacts.basic_api
    one, two = (api.create(new(contacts, {"email": f"m{n}@example.test"})).id for n in (1, 2))
    survivor = api.merge(contacts.PublicMergeInput(primary_object_id=one, object_id_to_merge=two))
    behind = api.get_by_id(two, properties=["email", "hs_merged_object_ids"])
    equal("the id of a merged contact gives the survivor", behind.id, survivor.id)
    check("which names it", two in behind.properties["hs_merged_object_ids"].split(";"), behind)
    equal("and keeps the primary's values", behind.properties["email"], "m1@example.test")
    listed = [c.id for c in crm.contacts.get_all()]
    check("only the survivor is listed", survivor.id in listed and two not in listed, listed)
    read = crm.contacts.batch_api.read(batch_read(contacts, [two]))
    equal("a batch of the merged id reads the survivor", [c.id for c in read.results],
          [survivor.id])
    api.archive(survivor.id)

    api = crm.deals.basic_api
    one, two = (api.create(new(deals, {"dealname": f"M{n}", "amount": str(n)})).id for n in (1, 2))
    survivor = api.merge(deals.PublicMergeInput(primary_object_id=one, object_id_to_merge=two))
    equal("both ids of merged deals give the survivor",
          {api.get_by_id(one).id, api.get_by_id(two).id}, {survivor.id})
    merged = api.get_by_id(survivor.id, properties=["hs_merged_object_ids", "amount"])
    equal("which keeps the primary's values", merged.properties["amount"], "1")
    api.archive(survivor.id)


def links(crm, leads):
    api, batch = crm.associations.v4.basic_api, crm.associations.v4.batch_api

    def ask(*inputs):
        return v4.BatchInputPublicFetchAssociationsBatchRequest(inputs=[
            v4.PublicFetchAssociationsBatchRequest(id=id, after=after) for id, after in inputs])

    deal_ids = [d.id for d in crm.deals.get_all()]
    found = batch.get_page("deals", "contacts", ask(*((id, None) for id in deal_ids)))
    equal("every deal has its contact",
          sorted(str(to.to_object_id) for row in found.results for to in row.to),
          sorted(leads.values()))
    equal("a link has its number",
          {t.type_id for row in found.results for to in row.to for t in to.association_types}, {3})
    # A contact of its own, so that no deal of the next part is touched.
    hub = crm.contacts.basic_api.create(new(contacts, {"email": "hub@example.test"})).id
    found = batch.get_page("contacts", "deals", ask((hub, None), (leads["L1"], None)))
    check("a record without links makes a 207", isinstance(
        found, v4.BatchResponsePublicAssociationMultiWithLabelWithErrors), type(found))
    equal("which says so", found.errors[0].sub_category,
          "crm.associations.NO_ASSOCIATIONS_FOUND")
    equal("and has the others", [row._from.id for row in found.results], [leads["L1"]])
    at = stamp(BEGIN)
    made = []
    for _ in range(6):
        batch_of = [
            calls.SimplePublicObjectBatchInputForCreate(
                properties={"hs_timestamp": at, "hs_call_title": "Bulk"},
                associations=[calls.PublicAssociationsForObject(
                    to=calls.PublicObjectId(id=hub),
                    types=[calls.AssociationSpec(association_category="HUBSPOT_DEFINED",
                                                 association_type_id=194)])])
            for _ in range(100)
        ]
        answer = crm.objects.calls.batch_api.create(
            calls.BatchInputSimplePublicObjectBatchInputForCreate(inputs=batch_of))
        made += [c.id for c in answer.results]
    first = batch.get_page("contacts", "calls", ask((hub, None))).results[0]
    second = batch.get_page("contacts", "calls", ask((hub, first.paging.next.after))).results[0]
    equal("600 links of a record come in pages", (len(first.to), len(second.to), second.paging),
          (500, 100, None))
    equal("which hold them all", sorted(str(t.to_object_id) for t in first.to + second.to),
          sorted(made))
    page = api.get_page("contacts", hub, "calls", limit=500)
    rest = api.get_page("contacts", hub, "calls", limit=500, after=page.paging.next.after)
    equal("the links of one record come in pages too", (len(page.results), len(rest.results)),
          (500, 100))
    deal = crm.deals.basic_api.create(new(deals, {"dealname": "Linked"})).id
    answer = api.create_default("deals", deal, "contacts", hub)
    equal("a link that was created is told",
          [(str(r._from.id), str(r.to.id)) for r in answer.results if r.association_spec
           .association_type_id == 3], [(deal, hub)])
    other = crm.deals.basic_api.create(new(deals, {"dealname": "Linked too"})).id
    answer = batch.create_default(
        "deals", "contacts", v4.BatchInputPublicDefaultAssociationMultiPost(inputs=[
            v4.PublicDefaultAssociationMultiPost(_from=v4.PublicObjectId(id=other),
                                                 to=v4.PublicObjectId(id=hub))]))
    check("links that were created in a batch are told", answer and answer.results, answer)
    found = batch.get_page("contacts", "deals", ask((hub, None)))
    equal("both are there", sorted(str(t.to_object_id) for t in found.results[0].to),
          sorted([deal, other]))
    third = crm.deals.basic_api.create(new(deals, {"dealname": "Linked as told"})).id
    with_label = [v4.AssociationSpec(association_category="HUBSPOT_DEFINED",
                                     association_type_id=3)]
    name = "a link with its number is made"
    answer = tried(name, api.create, "deals", third, "contacts", hub, association_spec=with_label)
    if answer:
        equal(name, str(answer.to_object_id), hub)
    name = "links with their numbers are made in a batch"
    answer = tried(name, batch.create, "deals", "contacts",
                   v4.BatchInputPublicAssociationMultiPost(inputs=[
                       v4.PublicAssociationMultiPost(
                           _from=v4.PublicObjectId(id=third), to=v4.PublicObjectId(id=hub),
                           types=with_label)]))
    if answer:
        equal(name, [(r.from_object_id, r.to_object_id) for r in answer.results], [(third, hub)])
    batch.archive("deals", "contacts", v4.BatchInputPublicAssociationMultiArchive(inputs=[
        v4.PublicAssociationMultiArchive(_from=v4.PublicObjectId(id=other),
                                         to=[v4.PublicObjectId(id=hub)])]))
    api.archive("deals", deal, "contacts", hub)
    with_links = crm.contacts.basic_api.get_by_id(hub, associations=["deals"])
    left = [d.id for d in with_links.associations["deals"].results] if (
        with_links.associations) else []
    check("links are taken away", deal not in left and other not in left, left)
    crm.deals.batch_api.archive(ids(deals, deal, other, third))
    crm.contacts.basic_api.archive(hub)
    for at in range(0, len(made), 100):
        crm.objects.calls.batch_api.archive(ids(calls, *made[at : at + 100]))


def activities(crm):
    kinds = {
        "calls": {"hs_call_title": "Hello", "hs_call_status": "COMPLETED"},
        "emails": {"hs_email_subject": "Hello", "hs_email_direction": "EMAIL"},
        "meetings": {"hs_meeting_title": "Hello"},
        "tasks": {"hs_task_subject": "Hello", "hs_task_status": "NOT_STARTED"},
        "notes": {"hs_note_body": "Hello"},
    }
    for kind, properties in kinds.items():
        of = getattr(crm.objects, kind)
        package = importlib.import_module(f"hubspot.crm.objects.{kind}")
        there = fetch_all(of.basic_api)
        equal(f"{kind} are listed", len(there), 1)
        made = of.basic_api.create(new(package, properties | {"hs_timestamp": stamp(BEGIN)}))
        title = next(iter(properties))
        one = of.basic_api.get_by_id(made.id, properties=[title])
        equal(f"one of the {kind} is read back", one.properties[title], properties[title])
        of.basic_api.update(made.id, package.SimplePublicObjectInput(properties={title: "Bye"}))
        found = of.search_api.do_search(filtered(
            package, ("hs_object_id", "EQ", made.id), properties=[title], limit=1))
        equal(f"and found with its change among {kind}",
              [r.properties[title] for r in found.results], ["Bye"])
        read = of.batch_api.read(batch_read(package, [made.id, "999999999"], [title]))
        equal(f"a batch of {kind} tells what is missing", (len(read.results), read.num_errors),
              (1, 1))
        of.basic_api.archive(made.id)
        equal(f"an archived one is gone from {kind}", len(fetch_all(of.basic_api)), 1)


def dated_paths(simulator, leads):
    """What the client reads under v3, once more under the dated version."""
    plain = simulator.plain

    def same(name, v3, dated, body=None):
        (status, old), (dated_status, new_) = plain(v3, body), plain(dated, body)
        for told_ in (old, new_):
            for volatile in ("startedAt", "completedAt", "correlationId"):
                told_.pop(volatile, None)
            link = told_.get("paging", {}).get("next", {})
            link.pop("link", None)
        equal(f"{name} is the same under the dated path", (dated_status, new_), (status, old))

    one = leads["L1"]
    base, date = "/crm/v3/objects/contacts", "/crm/objects/2026-09/contacts"
    for name, rest, body in (
        ("a list", "?limit=2&properties=email,external_id", None),
        ("a list with repeated names", "?limit=2&properties=email&properties=external_id", None),
        ("the archived list", "?archived=true", None),
        ("one contact", f"/{one}?propertiesWithHistory=lifecyclestage&associations=deals", None),
        ("a contact that is not there", "/999999999", None),
        ("a batch", "/batch/read", {"inputs": [{"id": one}, {"id": "999999999"}],
                                    "properties": ["email"], "propertiesWithHistory": []}),
        ("a search", "/search", {"filterGroups": [], "limit": 2, "sorts": ["hs_object_id"]}),
    ):
        same(name, base + rest, date + rest, body)
    for family, rest in (("owners", "?limit=1"), ("owners", "?archived=true"),
                         ("pipelines", "/deals"), ("properties", "/deals")):
        same(f"{family} ({rest})", f"/crm/v3/{family}{rest}", f"/crm/{family}/2026-09{rest}")
    deal = plain("/crm/objects/2026-09/deals?limit=1")[1]["results"][0]["id"]
    status, told_ = plain("/crm/associations/2026-09/deals/contacts/batch/read",
                          {"inputs": [{"id": deal}]})
    judge(v4, told_, "BatchResponsePublicAssociationMultiWithLabel", "dated associations")
    target = told_["results"][0]["to"][0]["toObjectId"]
    equal("a dated link names its target as text", (status, target), (200, leads["L1"]))
    status, told_ = plain(f"/crm/objects/2026-09/deals/{deal}/associations/contacts")
    equal("also for one record", (status, told_["results"][0]["toObjectId"]), (200, leads["L1"]))
    status, told_ = plain(date + "?limit=1", token=None)
    equal("a dated path wants a token too", (status, told_["category"]),
          (401, "INVALID_AUTHENTICATION"))
    equal("a kind that is not there gives 400", plain("/crm/objects/2026-09/martians")[0], 400)
    equal("a version that is not there gives 404", plain("/crm/v9/objects/contacts")[0], 404)


def tokens(simulator):
    anonymous = simulator.client(token=None)
    error = refused(anonymous.contacts.basic_api.get_page)
    equal("without a token there is a 401", told(error), (401, "INVALID_AUTHENTICATION"))
    check("which is the client's UnauthorizedException",
          isinstance(error, contacts.exceptions.UnauthorizedException), type(error))
    faults = f'[auth]\ntoken = "{TOKEN}"\nmissing_scopes = ["crm.objects.deals.read"]\n'
    with Simulator("--data", "data", faults=faults) as guarded:
        error = refused(guarded.client(token="another").contacts.basic_api.get_page)
        equal("a wrong token gives a 401", told(error), (401, "INVALID_AUTHENTICATION"))
        crm = guarded.client()
        equal("the right one does not", len(crm.contacts.get_all()), 6)
        error = refused(crm.deals.basic_api.get_page)
        equal("a scope that is missing gives a 403", told(error), (403, "MISSING_SCOPES"))
        check("which is the client's ForbiddenException",
              isinstance(error, deals.exceptions.ForbiddenException), type(error))
        scopes = deals.ApiClient().deserialize(
            type("R", (), {"data": error.body}), "Error").errors[0].context
        equal("and names the scope", scopes, {"requiredGranularScopes": ["crm.objects.deals.read"]})


def limits():
    def hammer(call, most):
        for count in range(most):
            try:
                call()
            except contacts.ApiException as error:
                return count, error
        return most, None

    with Simulator("--data", "data") as simulator:
        crm = simulator.client()
        search = crm.contacts.search_api
        begun = time.monotonic()
        count, error = hammer(lambda: search.do_search(filtered(contacts, limit=1)), 30)
        quick = time.monotonic() - begun < 0.9
        check("the sixth search of a second is refused",
              error and error.status == 429 and (count == 5 or not quick), (count, error))
        equal("for the second's sake", error.told.get("policyName"), "SECONDLY")
        equal("with the vendor's words", (error.told["errorType"], error.told["message"]),
              ("RATE_LIMIT", "You have reached your secondly limit."))
        check("a search's headers tell no limits",
              not [h for h in error.headers if h.lower().startswith("x-hubspot")], error.headers)
        time.sleep(1.1)
        equal("after a second it may search", search.do_search(filtered(contacts, limit=1)).total,
              6)
    with Simulator("--data", "data") as simulator:
        basic = simulator.client().contacts.basic_api
        _, status, headers = basic.get_page_with_http_info(limit=1)
        told_ = {k.lower(): v for k, v in headers.items()}
        equal("an answer tells the limit and what is left", (
            status, told_.get("x-hubspot-ratelimit-max"),
            told_.get("x-hubspot-ratelimit-remaining"),
            told_.get("x-hubspot-ratelimit-interval-milliseconds")), (200, "190", "189", "10000"))
        begun = time.monotonic()
        count, error = hammer(lambda: basic.get_page(limit=1), 400)
        quick = time.monotonic() - begun < 9
        check("the 191st request of ten seconds is refused",
              error and error.status == 429 and (count == 189 or not quick), (count, error))
        equal("for the ten seconds' sake", (error.told["policyName"], error.told["message"]),
              ("TEN_SECONDLY_ROLLING", "You have reached your ten_secondly_rolling limit."))
        left = {k.lower(): v for k, v in error.headers.items()}
        equal("and the headers say that nothing is left",
              left.get("x-hubspot-ratelimit-remaining"), "0")
    with Simulator("--data", "data", faults="[limits]\nretry_after = true\n") as simulator:
        # What the client's own reader recommends for limits.
        retry = Retry(total=5, status_forcelist=(429,), allowed_methods=None, backoff_factor=0.1)
        search = simulator.client(retry=retry).contacts.search_api
        totals = [search.do_search(filtered(contacts, limit=1)).total for _ in range(8)]
        equal("a client that heeds Retry-After gets through", totals, [6] * 8)


# --- what paceline sees of it ---------------------------------------------------------------------


class Paceline:
    """The binary with a database of its own against a simulator."""

    def __init__(self, url, name, **source):
        self.folder = WORK / name
        self.folder.mkdir()
        more = "".join(f'{key} = "{value}"\n' for key, value in source.items())
        (self.folder / "paceline.toml").write_text(
            '[company]\nname = "Test"\ntime_zone = "UTC"\ncurrency = "USD"\n'
            '[database]\nurl = "sqlite://paceline.db"\n'
            f'[handoff]\nwhen = "owned"\nsince = "{(BEGIN - 30 * DAY).date()}"\n'
            'first_touch_within = "4 business hours"\nunowned_after = "1 business day"\n'
            'counts_as_touch = ["call", "meeting", "email_out", "task_done"]\n'
            f'[source.crm]\nkind = "hubspot"\nbase_url = "{url}"\n'
            'token = { env = "HUBSPOT_TOKEN" }\nrate_limit = "none"\n' + more)

    def ask(self, *arguments):
        command = [PACELINE, "--quiet", "--format", "json", "--config", "paceline.toml"]
        done = subprocess.run([*command, *arguments], cwd=self.folder, capture_output=True,
                              text=True, timeout=60, env={"HUBSPOT_TOKEN": TOKEN, "PATH": "/bin"})
        if done.returncode != 0:
            raise AssertionError(f"{arguments} ended with {done.returncode}: {done.stderr}")
        return json.loads(done.stdout)

    def rate(self, one, other):
        total = self.ask("rates", "--from", one, "--to", other)["total"]
        return total["converted"], total["entered"]

    def verdicts(self):
        return {row["opportunity"]: row["verdict"] for row in self.ask("followups")["rows"]}


def as_paceline_sees_it(simulator, leads):
    crm = simulator.client()
    there = crm.deals.get_all(properties=["dealname", "hubspot_owner_id"])
    by_name = {d.properties["dealname"][5:]: d.id for d in there}
    owner_of_o5 = next(
        d.properties["hubspot_owner_id"] for d in there if d.id == by_name["O5"])
    paceline = Paceline(simulator.url, "incremental")
    sync = paceline.ask("sync")
    equal("paceline reads the portal without a fault",
          (sync["failed"], sync["sources"][0]["faults"]), ([], 0))
    equal("before: leads that became qualified", paceline.rate("lead", "mql"), (2, 6))
    equal("before: opportunities that were won", paceline.rate("opportunity", "won"), (0, 6))
    before = {by_name[o]: v for o, v in (
        ("O1", "in_time"), ("O2", "in_time"), ("O3", "late"), ("O4", "late"),
        ("O5", "overdue"), ("O6", "overdue"))}
    equal("before: verdicts", paceline.verdicts(), before)

    # What people do in the CRM, through the vendor's client.
    api = crm.contacts.basic_api
    plain = api.create(new(contacts, {"email": "later@example.test", "lifecyclestage": "lead"}))
    api.update(plain.id, contacts.SimplePublicObjectInput(
        properties={"hs_analytics_source": "REFERRALS"}))
    api.update(leads["L4"], contacts.SimplePublicObjectInput(
        properties={"lifecyclestage": "marketingqualifiedlead"}))
    entered = api.get_by_id(
        leads["L4"], properties=["hs_v2_date_entered_marketingqualifiedlead"])
    check("the vendor dates the entry into a lifecycle stage",
          entered.properties.get("hs_v2_date_entered_marketingqualifiedlead"), entered)
    crm.deals.basic_api.update(by_name["O1"], deals.SimplePublicObjectInput(
        properties={"dealstage": "closedwon"}))
    crm.deals.basic_api.archive(by_name["O2"])
    merged = crm.deals.basic_api.merge(deals.PublicMergeInput(
        primary_object_id=by_name["O3"], object_id_to_merge=by_name["O4"])).id
    crm.objects.calls.basic_api.create(new(
        calls, {"hs_timestamp": stamp(BEGIN + HOUR / 2), "hs_call_status": "COMPLETED",
                "hubspot_owner_id": owner_of_o5}, [(leads["L5"], 194)]))
    owner = crm.owners.get_all()[0].id
    made = crm.deals.basic_api.create(new(
        deals, {"dealname": "Made", "pipeline": "default", "dealstage": "qualifiedtobuy",
                "hubspot_owner_id": owner, "amount": "7"}, [(plain.id, 3)])).id

    sync = paceline.ask("sync")
    equal("paceline reads the changes without a fault",
          (sync["failed"], sync["sources"][0]["faults"]), ([], 0))

    # Once a hand-off is known, its verdict stays when the deal is deleted; merged ones go.
    kept = {by_name["O2"]: "in_time"}

    def seen(name, paceline, kept):
        # Seven contacts, of which L1, L2 and now L4 are qualified.
        equal(f"{name}: the created and the changed contact count",
              paceline.rate("lead", "mql"), (3, 7))
        # O1, O5, O6, the merged one and the new one are left.
        equal(f"{name}: the won deal counts, the archived and the merged do not",
              paceline.rate("opportunity", "won"), (1, 5))
        verdicts = paceline.verdicts()
        fresh = verdicts.pop(made, None)
        equal(f"{name}: the new deal waits for its first touch", fresh, "waiting")
        equal(f"{name}: the call on the contact alone counts for its deal",
              verdicts.get(by_name["O5"]), "in_time")
        equal(f"{name}: every verdict", verdicts, {
            by_name["O1"]: "in_time", by_name["O5"]: "in_time", by_name["O6"]: "overdue",
            merged: "late", **kept})
        # The merged deal is of L3, as its primary was; L2 lost its deal, the new contact has one.
        equal(f"{name}: the links are read", paceline.rate("lead", "opportunity"), (5, 7))

    seen("after the second sync", paceline, kept)
    fresh = Paceline(simulator.url, "fresh")
    fresh.ask("sync")
    seen("a first load of the same", fresh, {})
    paceline.ask("sync", "--full")
    seen("a full comparison", paceline, kept)
    old = Paceline(simulator.url, "numbered", api_version="v3")
    old.ask("sync")
    seen("through the numbered paths", old, {})


def main():
    write_folder(WORK / "data")
    free = "[limits]\nenforce = false\n"
    with Simulator("--data", "data", faults=free) as simulator:
        crm = simulator.client()
        leads = {}
        with section("lists and lookups"):
            leads = lists_and_lookups(crm)
        with section("owners, pipelines and properties"):
            owners_pipelines_properties(crm)
        with section("activities"):
            activities(crm)
        with section("searches"):
            searches(crm, leads)
        with section("associations"):
            links(crm, leads)
        with section("single writes"):
            writes(crm)
        with section("batches"):
            batches(crm)
        with section("merges"):
            merges(crm)
        with section("dated paths"):
            dated_paths(simulator, leads)
    with section("the cap of a search"):
        ten_thousand()
    with section("tokens and scopes"), Simulator("--data", "data") as simulator:
        tokens(simulator)
    with section("limits"):
        limits()
    with section("what paceline sees"), Simulator("--data", "data", faults=free) as simulator:
        as_paceline_sees_it(simulator, leads)

    print("# every answer", flush=True)
    check(f"{answers} answers are what the client's models describe", not differing,
          "\n".join(f"{found} ({call})" for found, call in sorted(differing.items())))
    for found, call in sorted(tolerated.items()):
        print(f"# as with the vendor itself: {found} ({call})")
    check(f"all {connections} connections went to the simulator", not strangers and connections,
          strangers)
    print(f"{passed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


main()
