"""The checks of real_google.sh: real_google.py PACELINE WORK_DIR SPEC

Google's clients talk to the simulator as they are shipped: google-auth signs the assertions of a service
account whose key is made here, google-analytics-data speaks REST, and google-api-python-client builds
Search Console from the description that it brings along.
"""

import contextlib
import datetime
import json
import pathlib
import socket
import subprocess
import sys
import traceback
import urllib.parse

import google.auth._helpers
import google.auth.exceptions
import httplib2
import jsonschema
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from google.analytics.data_v1beta import BetaAnalyticsDataClient
from google.analytics.data_v1beta.services.beta_analytics_data.transports import (
    BetaAnalyticsDataRestTransport,
)
from google.analytics.data_v1beta.types import (
    BatchRunReportsRequest,
    CheckCompatibilityRequest,
    DateRange,
    Dimension,
    Filter,
    FilterExpression,
    FilterExpressionList,
    Metric,
    MetricAggregation,
    NumericValue,
    OrderBy,
    RunReportRequest,
)
from google.api_core import exceptions
from google.auth.transport.requests import AuthorizedSession
from google.oauth2 import service_account
from google_auth_httplib2 import AuthorizedHttp
from googleapiclient.discovery import build
from googleapiclient.errors import HttpError

PACELINE, WORK, SPEC = sys.argv[1], pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3])
AS_OF = datetime.datetime(2026, 11, 23, 17, 0)
PROPERTY = "properties/425137890"
DOMAIN = "sc-domain:example.com"
ANALYTICS = "https://www.googleapis.com/auth/analytics.readonly"
WEBMASTERS = "https://www.googleapis.com/auth/webmasters.readonly"
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


def refuses(name, kind, call, text=None):
    """The client raises its error of that kind, with the vendor's words in it."""
    try:
        result = call()
    except kind as error:
        check(name, text is None or text in str(error), repr(error))
        return error
    except Exception as error:
        check(name, False, f"raised {type(error).__name__}: {error}")
    else:
        check(name, False, f"no error but {result!r}")
    return None


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
# The library's clock stands where the simulator's does, so that its assertions are good there.
google.auth._helpers.utcnow = lambda: AS_OF


def key_pair():
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return private.decode(), public.decode()


PRIVATE, PUBLIC = key_pair()
OTHER_PRIVATE, _ = key_pair()
EMAIL = "reader@project.iam.gserviceaccount.test"
AUTH = f"[auth]\nclient_email = '{EMAIL}'\npublic_key = '''\n{PUBLIC}'''\n"

#: The answers of the Data API, as they came over the wire.
answers = []


class Simulator:
    """A running `paceline simulate`."""

    def __init__(self, *arguments, vendor="ga4", faults=""):
        path = WORK / f"faults-{len(open_ports)}.toml"
        path.write_text(AUTH + faults)
        command = [PACELINE, "--as-of", f"{AS_OF.isoformat()}Z", "simulate", "--vendor", vendor]
        command += ["--port", "0", "--faults", str(path), *arguments]
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

    def credentials(self, *scopes, private=PRIVATE, email=EMAIL):
        file = WORK / "account.json"
        file.write_text(json.dumps({
            "type": "service_account",
            "project_id": "project",
            "private_key_id": "1",
            "private_key": private,
            "client_email": email,
            "client_id": "1",
            "token_uri": f"{self.url}/token",
        }))
        scopes = scopes or (ANALYTICS, WEBMASTERS)
        return service_account.Credentials.from_service_account_file(file, scopes=scopes)

    def analytics(self, *scopes, **account):
        credentials = self.credentials(*scopes, **account)
        # A token of one's own instead of the self-signed one, with which the vendor's endpoint is spared.
        credentials = credentials.with_always_use_jwt_access(False)
        transport = BetaAnalyticsDataRestTransport(
            host=urllib.parse.urlsplit(self.url).netloc, url_scheme="http", credentials=credentials
        )
        transport._session.trust_env = False
        transport._session.hooks["response"].append(
            lambda response, **_: answers.append(response)
        )
        return BetaAnalyticsDataClient(transport=transport)

    def search_console(self, *scopes):
        http = AuthorizedHttp(self.credentials(*scopes), http=httplib2.Http(proxy_info=None))
        return build(
            "searchconsole",
            "v1",
            http=http,
            static_discovery=True,
            client_options={"api_endpoint": self.url},
        )


def request(dimensions=("date",), metrics=("sessions",), first="2026-10-01", last="2026-10-31", **more):
    return RunReportRequest(
        property=more.pop("property", PROPERTY),
        dimensions=[Dimension(name=name) for name in dimensions],
        metrics=[Metric(name=name) for name in metrics],
        date_ranges=[DateRange(start_date=first, end_date=last)],
        **more,
    )


def rows(report):
    return [
        (*[value.value for value in row.dimension_values], *[int(v.value) for v in row.metric_values])
        for row in report.rows
    ]


def text_filter(field, value, how=Filter.StringFilter.MatchType.EXACT):
    told = Filter.StringFilter(value=value, match_type=how)
    return FilterExpression(filter=Filter(field_name=field, string_filter=told))


with section("tokens"), Simulator() as simulator:
    report = simulator.analytics().run_report(request())
    check("a signed assertion gives a token", len(report.rows) == 31, report)
    for name, account in [
        ("another key's signature", {"private": OTHER_PRIVATE}),
        ("another account", {"email": "nobody@project.test"}),
    ]:
        refuses(
            f"{name} does not",
            google.auth.exceptions.RefreshError,
            lambda: simulator.analytics(**account).run_report(request()),
            "invalid_grant",
        )
    wrong = simulator.analytics(WEBMASTERS)
    error = refuses("a token for Search Console is none for Analytics", exceptions.Forbidden,
                    lambda: wrong.run_report(request()), "insufficient authentication scopes")
    equal("and the reason is told", error and error.reason, "ACCESS_TOKEN_SCOPE_INSUFFICIENT")
    session = AuthorizedSession(simulator.credentials())
    session.trust_env = False
    session.credentials.token = "nobody gave it"
    session.credentials.expiry = AS_OF + datetime.timedelta(hours=1)
    path = f"{simulator.url}/v1beta/{PROPERTY}/metadata"
    equal("google-auth fetches another token after a 401", session.get(path).status_code, 200)

with section("reports"), Simulator() as simulator:
    client = simulator.analytics()
    channels = ("date", "sessionDefaultChannelGroup")
    by_channel = client.run_report(request(channels, return_property_quota=True))
    check("a month has rows for days and channels", by_channel.row_count > 200, by_channel.row_count)
    equal("the count is that of the rows", by_channel.row_count, len(by_channel.rows))
    equal("the zone is told", by_channel.metadata.time_zone, "America/New_York")
    equal("and the currency", by_channel.metadata.currency_code, "USD")
    quota = by_channel.property_quota
    check("the quota is told", 0 < quota.tokens_per_day.consumed < 20, quota)
    equal("with what is left of it", quota.tokens_per_day.remaining,
          200_000 - quota.tokens_per_day.consumed)
    names = {row[1] for row in rows(by_channel)}
    check("the channels are Google's", {"Organic Search", "Paid Search", "Email", "Referral",
                                        "Organic Social", "Direct"} <= names, names)
    paged = []
    while True:
        page = client.run_report(request(channels, limit=50, offset=len(paged), order_bys=[
            OrderBy(dimension=OrderBy.DimensionOrderBy(dimension_name=name)) for name in channels]))
        paged += rows(page)
        if len(paged) >= page.row_count or not page.rows:
            break
    equal("pages together are the whole", sorted(paged), sorted(rows(by_channel)))
    equal("in the order that was asked for", paged, sorted(paged))
    campaigns = client.run_report(request(("sessionCampaignName", "sessionSourceMedium")))
    found = {row[0] for row in rows(campaigns)}
    check("campaigns are as in links", {"search-ads-brand", "(organic)", "(direct)"} <= found, found)
    total = client.run_report(request((), metric_aggregations=[MetricAggregation.TOTAL]))
    whole = sum(row[-1] for row in rows(by_channel))
    equal("sessions add up over channels and days", rows(total), [(whole,)])
    equal("the total is told", [int(v.value) for v in total.totals[0].metric_values], [whole])
    users = client.run_report(request(metrics=("totalUsers", "newUsers", "engagementRate", "keyEvents")))
    month = client.run_report(request((), metrics=("totalUsers",)))
    summed = sum(int(row.metric_values[0].value) for row in users.rows)
    check("users do not add up over days", int(month.rows[0].metric_values[0].value) < summed)
    email = text_filter("sessionDefaultChannelGroup", "Email")
    spring = text_filter("sessionCampaignName", "newsletter", Filter.StringFilter.MatchType.BEGINS_WITH)
    both = FilterExpression(and_group=FilterExpressionList(expressions=[email, spring]))
    filtered = client.run_report(request(("sessionCampaignName",), dimension_filter=both))
    check("filters are understood", filtered.rows and all(
        row[0].startswith("newsletter") for row in rows(filtered)), filtered)
    other = FilterExpression(not_expression=FilterExpression(filter=Filter(
        field_name="sessionDefaultChannelGroup",
        in_list_filter=Filter.InListFilter(values=["Email", "Direct"]))))
    many = FilterExpression(filter=Filter(field_name="sessions", numeric_filter=Filter.NumericFilter(
        operation=Filter.NumericFilter.Operation.GREATER_THAN, value=NumericValue(int64_value=10))))
    filtered = client.run_report(
        request(("sessionDefaultChannelGroup",), dimension_filter=other, metric_filter=many))
    check("so are their opposites, and those by metrics",
          filtered.rows and not {"Email", "Direct"} & {row[0] for row in rows(filtered)}, filtered)
    nothing = client.run_report(request(first="2026-12-01", last="2026-12-05"))
    equal("the future is empty", (nothing.row_count, len(nothing.rows)), (0, 0))
    named = request(("sessionDefaultChannelGroup",))
    named.date_ranges.append(DateRange(start_date="2026-09-01", end_date="2026-09-30", name="before"))
    compared = client.run_report(named)
    equal("two ranges have a column", {row[1] for row in rows(compared)}, {"date_range_0", "before"})

with section("days that are not settled"), Simulator() as simulator:
    client = simulator.analytics()
    days = client.run_report(request(first="5daysAgo", last="today", order_bys=[
        OrderBy(dimension=OrderBy.DimensionOrderBy(dimension_name="date"))]))
    equal("today is told in part", rows(days)[-1][0], "20261123")
    settled = client.run_report(request(("date", "sessionDefaultChannelGroup", "sessionCampaignName"),
                                        first="yesterday", last="yesterday"))
    lost = [row for row in rows(settled) if row[1:3] == ("Unassigned", "(not set)")]
    check("of yesterday a part is unassigned", len(lost) == 1 and lost[0][-1] > 0, rows(settled))
    old = client.run_report(request(("sessionDefaultChannelGroup", "sessionCampaignName"),
                                    first="7daysAgo", last="7daysAgo"))
    check("of last week none is", ("Unassigned", "(not set)") not in [row[:2] for row in rows(old)])

with section("other questions"), Simulator() as simulator:
    client = simulator.analytics()
    metadata = client.get_metadata(name=f"{PROPERTY}/metadata")
    check("dimensions and metrics are listed", {"date", "sessionCampaignName"} <= {
        dimension.api_name for dimension in metadata.dimensions} and "sessions" in {
        metric.api_name for metric in metadata.metrics}, metadata)
    batch = client.batch_run_reports(BatchRunReportsRequest(
        property=PROPERTY, requests=[request(), request(("sessionDefaultChannelGroup",))]))
    equal("a batch has its reports", len(batch.reports), 2)
    fitting = client.check_compatibility(CheckCompatibilityRequest(
        property=PROPERTY, dimensions=[Dimension(name="date")], metrics=[Metric(name="sessions")]))
    check("fields that go together are told", fitting.metric_compatibilities)
    refuses("an unknown dimension is named", exceptions.BadRequest,
            lambda: client.run_report(request(("colour",))), "Field colour is not a valid dimension")
    refuses("so is an unknown metric", exceptions.BadRequest,
            lambda: client.run_report(request(metrics=("noise",))), "Field noise is not a valid metric")
    refuses("a property of others is refused", exceptions.Forbidden,
            lambda: client.run_report(request(property="properties/1")),
            "User does not have sufficient permissions for this property")

FAULTS = """
[limits]
tokens_per_hour = 9
[[fault]]
on = "report"
answer = "disabled"
[[fault]]
on = "report"
answer = 500
"""
with section("refusals"), Simulator(faults=FAULTS) as simulator:
    client = simulator.analytics()
    error = refuses("an API that is off is refused", exceptions.Forbidden,
                    lambda: client.run_report(request(), retry=None), "has not been used in project")
    equal("with its reason", error and error.reason, "SERVICE_DISABLED")
    refuses("a 500 is the vendor's error", exceptions.InternalServerError,
            lambda: client.run_report(request(), retry=None))
    for _ in range(3):
        client.run_report(request())
    refuses("an hour's tokens are used up", exceptions.TooManyRequests,
            lambda: client.run_report(request(), retry=None), "Exhausted property tokens per hour")

with section("large reports"), Simulator("--contacts", "40000") as simulator:
    client = simulator.analytics()
    large = request(("date", "sessionCampaignName"), first="2015-08-14", last="today", limit=300_000,
                    property="properties/123456789")
    told = client.run_report(large)
    # Days that are not settled have a row more, of sessions without an origin.
    check("every row is told at once", 40_000 <= told.row_count <= 40_002, told.row_count)
    equal("and counted", len(told.rows), told.row_count)

with section("what came over the wire is as the vendor's description says"):
    if not SPEC.exists():
        print("# the discovery document is not checked: ../shared/specs has none", flush=True)
    else:
        described = json.loads(SPEC.read_text())["schemas"]

        def closed(schema):
            """The discovery document as JSON Schema, in which nothing else may be."""
            if isinstance(schema, list):
                return [closed(one) for one in schema]
            if not isinstance(schema, dict):
                return schema
            told = {key: closed(value) for key, value in schema.items()
                    if key in ("type", "properties", "items", "enum")}
            if "properties" in schema:
                told["properties"] = {k: closed(v) for k, v in schema["properties"].items()}
                told["additionalProperties"] = False
            if "$ref" in schema:
                return {"$ref": f"#/definitions/{schema['$ref']}"}
            return told

        definitions = {name: closed(schema) for name, schema in described.items()}
        kinds = {":runReport": "RunReportResponse", ":batchRunReports": "BatchRunReportsResponse",
                 "/metadata": "Metadata", ":checkCompatibility": "CheckCompatibilityResponse"}
        counted, wrong = 0, []
        for response in answers:
            path = urllib.parse.urlsplit(response.url).path
            kind = next((kind for end, kind in kinds.items() if path.endswith(end)), None)
            if response.status_code != 200 or kind is None or len(response.content) > 1_000_000:
                continue
            counted += 1
            schema = {"$ref": f"#/definitions/{kind}", "definitions": definitions}
            wrong += [f"{path}: {error.message[:300]}" for error in
                      jsonschema.Draft7Validator(schema).iter_errors(response.json())]
        check(f"all {counted} answers", counted > 20 and not wrong, "\n".join(wrong[:5]))

with section("Search Console"), Simulator(vendor="search-console") as simulator:
    service = simulator.search_console(WEBMASTERS)
    sites = {site["siteUrl"]: site["permissionLevel"]
             for site in service.sites().list().execute()["siteEntry"]}
    equal("sites are listed", sites, {DOMAIN: "siteFullUser", "https://www.example.com/": "siteFullUser",
                                      "https://old.example.com/": "siteUnverifiedUser"})
    equal("one is told", service.sites().get(siteUrl=DOMAIN).execute()["siteUrl"], DOMAIN)

    def query(site=DOMAIN, **more):
        body = {"startDate": "2026-10-01", "endDate": "2026-10-31", **more}
        return service.searchanalytics().query(siteUrl=site, body=body).execute()

    whole = query()
    equal("a query without dimensions has one row", len(whole["rows"]), 1)
    equal("which is by property", whole["responseAggregationType"], "byProperty")
    queries = query(dimensions=["QUERY"])["rows"]
    clicks = [row["clicks"] for row in queries]
    equal("queries are sorted by clicks", clicks, sorted(clicks, reverse=True))
    check("and rare ones are not among them", sum(clicks) < whole["rows"][0]["clicks"]
          and [] not in [row["keys"] for row in queries] and "" not in [r["keys"][0] for r in queries])
    check("positions and rates are plausible", all(
        row["position"] >= 1 and abs(row["ctr"] - row["clicks"] / row["impressions"]) < 1e-9
        for row in queries), queries)
    days = query(dimensions=["date"])["rows"]
    equal("days are in their order", [row["keys"][0] for row in days][::30], ["2026-10-01", "2026-10-31"])
    equal("pages are by page", query(dimensions=["page"])["responseAggregationType"], "byPage")
    paged, start = [], 0
    while more := query(dimensions=["date", "query", "device"], rowLimit=400, startRow=start).get("rows"):
        paged += more
        start += len(more)
    every = query(dimensions=["date", "query", "device"], rowLimit=25000)["rows"]
    equal("pages of rows together are all of them", paged, every)
    filters = [{"dimension": "QUERY", "operator": "INCLUDING_REGEX", "expression": "^disaster .*n$"}]
    found = query(dimensions=["QUERY"], dimensionFilterGroups=[{"filters": filters}])["rows"]
    equal("filters are understood", [row["keys"] for row in found], [["disaster recovery colocation"]])
    summer = query(dimensions=["QUERY"], dimensionFilterGroups=[{"filters": filters}],
                   startDate="2026-08-01", endDate="2026-08-31")["rows"]
    check("one keyword has become worse", found[0]["position"] > summer[0]["position"] + 3,
          (summer, found))
    recent = {"startDate": "2026-11-15", "endDate": "2026-11-23", "dimensions": ["DATE"]}
    final = query(**recent)
    fresh = query(**recent, dataState="ALL")
    equal("final days end three days ago", final["rows"][-1]["keys"], ["2026-11-20"])
    equal("fresh ones go on", fresh["rows"][-1]["keys"], ["2026-11-23"])
    equal("and are marked", fresh["metadata"], {"firstIncompleteDate": "2026-11-21"})
    check("nothing has no rows", "rows" not in query(startDate="2024-01-01", endDate="2024-01-31"))
    for name, more, status in [
        ("too many rows", {"rowLimit": 25001}, 400),
        ("a wrong date", {"startDate": "yesterday"}, 400),
        ("a wrong aggregation", {"dimensions": ["PAGE"], "aggregationType": "BY_PROPERTY"}, 400),
        ("a site that is not verified", {"site": "https://old.example.com/"}, 403),
        ("a site of others", {"site": "https://www.example.org/"}, 403),
    ]:
        error = refuses(f"{name} is refused", HttpError, lambda: query(**more))
        equal(f"{name}: the status", error and error.status_code, status)

QUOTA = """
[[fault]]
on = "search"
answer = "quota"
[[fault]]
on = "search"
answer = 429
"""
with section("quotas of Search Console"), Simulator(vendor="search-console", faults=QUOTA) as simulator:
    service = simulator.search_console()
    body = {"startDate": "2026-10-01", "endDate": "2026-10-31"}
    call = service.searchanalytics().query(siteUrl=DOMAIN, body=body)
    for status, reason in [(403, "quotaExceeded"), (429, "rateLimitExceeded")]:
        error = refuses(f"{reason} is told", HttpError, call.execute)
        equal(f"{reason}: status and reason", error and (
            error.status_code, error.error_details[0]["reason"]), (status, reason))
    check("then it answers", call.execute()["rows"])
    refuses("Analytics' token is refused", HttpError,
            simulator.search_console(ANALYTICS).sites().list().execute, "insufficient")

equal("nothing else was called", strangers, [])
print(f"{passed} passed, {failed} failed")
sys.exit(1 if failed else 0)
