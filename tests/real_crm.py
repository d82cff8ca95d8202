"""The CRM and the checks of real_crm.sh: real_crm.py PACELINE WORK_DIR VENV EMPTY_DATABASE

A Tryton server is filled through its own API. `Deal` notes down what was done to each record, and
what paceline has to say is worked out from those notes, never from what it read. Paceline reaches
the server through a relay, which listens to what is asked and breaks what it is told to break.
"""

import base64
import contextlib
import datetime
import decimal
import gzip
import http.client
import json
import pathlib
import re
import secrets
import shutil
import socket
import sqlite3
import subprocess
import sys
import threading
import time
import traceback
import zoneinfo

PACELINE, WORK, VENV, EMPTY = sys.argv[1], *(pathlib.Path(a) for a in sys.argv[2:5])
CONFIG = WORK / "config"
ZONE = zoneinfo.ZoneInfo("America/New_York")
# Whoever runs paceline gives it a user who may do no more than a salesperson.
USER = "paceline"
# Quotes and letters beyond ASCII are what people put into passwords.
PASSWORD = secrets.token_urlsafe(12) + ' "ß\\'
WRONG = secrets.token_urlsafe(12)
# What nobody may find in paceline's database: texts of notes, and names and comments of clients.
PRIVATE = [secrets.token_hex(8) for _ in range(3)]
NOTE, CLIENT, COMMENT = PRIVATE
EUR = decimal.Decimal("1.10")
# Leads of one import: they share their times to the microsecond, and are more than a page.
IMPORTED = 450
# What each reading of the company's hours allows for the first touch.
DAY, MINUTE = "1 business day", "1 business minute"
ALLOWED = {DAY: 24 * 3600, MINUTE: 60}

passed, failed = 0, 0


def check(name, good, evidence=""):
    """One line for each check, with the evidence under one that failed."""
    global passed, failed
    if good:
        passed += 1
        print(f"ok - {name}", flush=True)
    else:
        failed += 1
        shown = str(evidence).strip()[:3000].replace("\n", "\n    ")
        print(f"not ok - {name}\n    {shown}", flush=True)


# --- the server and its API --------------------------------------------------------------------


class Refused(Exception):
    """The server answered with an error."""


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


class Server:
    """trytond on loopback, with a database of this run."""

    def __init__(self):
        self.port, self.process = free_port(), None
        self.database = WORK / "server/crm.sqlite"
        self.database.parent.mkdir()
        shutil.copy(EMPTY, self.database)
        self.config = WORK / "server/trytond.conf"
        self.config.write_text(
            f"[database]\nuri = sqlite://\npath = {self.database.parent}\n"
            f"[web]\nlisten = 127.0.0.1:{self.port}\n"
        )

    def start(self):
        """Returns once it answers."""
        command = [VENV / "bin/trytond", "-c", self.config, "-d", "crm"]
        log = open(WORK / "server/trytond.log", "ab")
        self.process = subprocess.Popen(command, stdout=log, stderr=log)
        asked = {"id": 1, "method": "common.server.version", "params": []}
        for _ in range(300):
            with contextlib.suppress(OSError, http.client.HTTPException):
                return post(self.port, "/rpc/", asked)
            if self.process.poll() is not None:
                break
            time.sleep(0.1)
        raise RuntimeError("the server does not start; see trytond.log")

    def kill(self):
        if self.process:
            self.process.kill()
            self.process.wait()

    def end_sessions(self, user):
        """A session ends after 30 days, or by an administrator's hand."""
        who = "create_uid = (SELECT id FROM res_user WHERE login = ?)"
        with contextlib.closing(sqlite3.connect(self.database, timeout=10)) as database:
            database.execute(f"DELETE FROM ir_session WHERE {who}", (user,))
            database.commit()


def post(port, path, body, authorization=None):
    """The parsed answer of one request."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    headers = {"Content-Type": "application/json", "Accept-Encoding": "gzip"}
    if authorization:
        headers["Authorization"] = authorization
    connection.request("POST", path, json.dumps(body), headers)
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    if content[:2] == b"\x1f\x8b":
        content = gzip.decompress(content)
    if answer.status != 200:
        raise Refused(answer.status, content[:500])
    return json.loads(content)


class Client:
    """A user's session. `client.sale_opportunity.create(...)` asks the model sale.opportunity."""

    def __init__(self, server, user, password):
        self.server, self.authorization, self.context = server, None, {}
        number, token, _ = self.ask("common.db.login", user, {"password": password})
        encoded = base64.b64encode(f"{user}:{number}:{token}".encode()).decode()
        self.authorization = f"Session {encoded}"

    def ask(self, method, *params):
        body = {"id": 1, "method": method, "params": list(params)}
        answer = post(self.server.port, "/crm/rpc/", body, self.authorization)
        if "error" in answer:
            raise Refused(method, answer["error"])
        return answer["result"]

    def __getattr__(self, name):
        return Model(self, name.replace("_", "."))


class Model:
    def __init__(self, client, name):
        self.client, self.name = client, name

    def __getattr__(self, method):
        def call(*params):
            return self.client.ask(f"model.{self.name}.{method}", *params, self.client.context)

        return call


def exact(amount):
    return {"__class__": "Decimal", "decimal": str(amount)}


def first_of_january():
    return {"__class__": "date", "year": 2026, "month": 1, "day": 1}


# --- what is done to the records, and what follows from it --------------------------------------


class Span:
    """Something happened between two looks at the clock."""

    def __enter__(self):
        self.start = time.time()
        return self

    def __exit__(self, *_):
        self.end = time.time()

    def holds(self, text):
        """Whether an RFC 3339 time lies in it, as far as milliseconds tell."""
        at = seconds(text)
        return self.start - 0.01 <= at <= self.end + 0.01


def seconds(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


OPEN, WON, LOST = ("opportunity", "converted"), ("won",), ("lost", "cancelled")


class Deal:
    """One sale.opportunity, and all that happened to it."""

    def __init__(self, crm, owner=None, currency="USD", amount="1000.00", ids=None, **marks):
        self.crm, self.owner, self.currency = crm, owner, currency
        self.amount, self.state = decimal.Decimal(amount), "lead"
        self.marks = {"source": None, "campaign": None, "medium": None} | marks
        # When it first was an opportunity, and who owned it when.
        self.opened, self.owners, self.notes = None, [], []
        # Deleted now, and whether a sync saw it before.
        self.gone, self.seen, self.sale = False, False, None
        with Span() as span:
            self.id = ids.pop() if ids else self.create()
        self.owners.append((span, owner))

    def values(self):
        return {
            "company": self.crm.company,
            "currency": self.crm.currencies[self.currency],
            "amount": exact(self.amount),
            "party": self.crm.client,
            "employee": self.owner and self.crm.employees[self.owner],
            "comment": COMMENT,
            **{f"marketing_{key}": self.crm.mark(key, name) for key, name in self.marks.items()},
        }

    def create(self):
        return self.crm.admin.sale_opportunity.create([self.values()])[0]

    def entered(self, state, span):
        self.state = state
        if state in OPEN + WON and not self.opened:
            self.opened = span

    def press(self, button, state):
        """Presses one of the record's buttons."""
        with Span() as span:
            getattr(self.crm.admin.sale_opportunity, button)([self.id])
        self.entered(state, span)
        return self

    def write(self, **values):
        with Span() as span:
            self.crm.admin.sale_opportunity.write([self.id], values)
        if "state" in values:
            self.entered(values["state"], span)
        return self

    def give(self, owner):
        with Span() as span:
            values = {"employee": self.crm.employees[owner]}
            self.crm.admin.sale_opportunity.write([self.id], values)
        self.owner = owner
        self.owners.append((span, owner))
        return self

    def mark(self, **marks):
        self.marks |= marks
        return self.write(**{f"marketing_{k}": self.crm.mark(k, v) for k, v in marks.items()})

    def note(self, author):
        """A note, written by an owner (or by somebody who owns nothing)."""
        user = self.crm.users[author]
        values = {"resource": f"sale.opportunity,{self.id}", "message": f"{author}: {NOTE}"}
        with Span() as span:
            user.ir_note.create([values])
        self.notes.append((span, author))
        return self

    def open(self, owner=None):
        if owner:
            self.give(owner)
        return self.press("opportunity", "opportunity")

    def convert(self):
        self.press("convert", "converted")
        self.sale = self.crm.admin.sale_opportunity.read([self.id], ["sales"])[0]["sales"][0]
        return self

    def sell(self, price):
        """Quotes and confirms the sale; the sale's amount becomes the opportunity's."""
        self.quote(self.sale, price)
        with Span() as span:
            self.crm.admin.sale_sale.confirm([self.sale])
        self.amount = decimal.Decimal(price)
        self.entered("won", span)
        return self

    def quote(self, sale, price):
        line = {"type": "line", "description": "Rack", "quantity": 1.0, "unit_price": exact(price)}
        by_hand = {"invoice_method": "manual", "shipment_method": "manual"}
        values = by_hand | {"lines": [["create", [line]]]}
        self.crm.admin.sale_sale.write([sale], values)
        self.crm.admin.sale_sale.quote([sale])

    def cancel_sale(self):
        with Span() as span:
            self.crm.admin.sale_sale.cancel([self.sale])
        self.entered("lost", span)
        return self

    def quote_again(self):
        """A second quotation takes a won opportunity back to `converted`."""
        second = self.crm.admin.sale_sale.copy([self.sale])[0]
        with Span() as span:
            self.crm.admin.sale_sale.quote([second])
        self.entered("converted", span)
        return self

    def lose(self):
        self.write(lost_reason="no budget")
        return self.press("lost", "lost")

    def cancel(self):
        return self.press("cancel", "cancelled")

    def reopen(self):
        """Back to a lead: so is reopened what was lost, and returned what was not."""
        return self.press("lead", "lead")

    def delete(self):
        """Only what is cancelled can be deleted."""
        self.crm.admin.sale_opportunity.delete([self.id])
        self.gone = True
        return self

    def value(self):
        """What it is worth in the company's currency."""
        return self.amount * (EUR if self.currency == "EUR" else 1)


class Crm:
    """The company, its people, its channels and its deals."""

    teams = {"ada": "inside", "ben": "field"}

    def __init__(self, server):
        self.server, self.deals, self.marks = server, [], {}
        self.admin = Client(server, "admin", "template-admin-password")
        currency = self.admin.currency_currency
        self.currencies = {}
        for code, rate in (("USD", "1"), ("EUR", "0.909091")):
            rates = [["create", [{"date": first_of_january(), "rate": exact(rate)}]]]
            values = {"name": code, "code": code, "symbol": code, "rates": rates}
            self.currencies[code] = currency.create([values])[0]
        self.company = self.admin.company_company.create(
            [
                {
                    "party": self.party("Northwind"),
                    "currency": self.currencies["USD"],
                    "timezone": ZONE.key,
                }
            ]
        )[0]
        # Nobody sees a record of a company that is not their own.
        self.here = {"companies": [["add", [self.company]]], "company": self.company}
        self.admin.res_user.write([1], self.here)
        self.admin.context = {"company": self.company}
        self.client = self.party(CLIENT, addresses=[["create", [{"street": "Main 1"}]]])
        self.employees, self.users = {}, {}
        # Who sells may do so, and a manager owns nothing.
        for name in ("ada", "ben", "chloe"):
            mail = [["create", [{"type": "email", "value": f"{name}@example.com"}]]]
            party = self.party(f"{name.title()} Okafor", contact_mechanisms=mail)
            values = {"party": party, "company": self.company}
            self.employees[name] = self.admin.company_employee.create([values])[0]
        for name in ("ada", "ben", "chloe", "manager"):
            self.users[name] = self.user(name, secrets.token_urlsafe(12))
        self.user(USER, PASSWORD)

    def party(self, name, **values):
        return self.admin.party_party.create([{"name": name} | values])[0]

    def user(self, name, password):
        # "Sales" may read opportunities; whoever writes notes on them needs the other one, too.
        names = ["Sales"] if name == USER else ["Sales", "Sale Opportunity"]
        groups = self.admin.res_group.search([["name", "in", names]], 0, None, None)
        values = {"name": name, "login": name, "password": password} | self.here
        values |= {"groups": [["add", groups]]}
        if name in self.employees:
            employee = self.employees[name]
            values |= {"employees": [["add", [employee]]], "employee": employee}
        self.admin.res_user.create([values])
        return Client(self.server, name, password)

    def mark(self, kind, name):
        """The id of a source, a campaign or a medium."""
        if name and (kind, name) not in self.marks:
            model = Model(self.admin, f"marketing.{kind}")
            self.marks[kind, name] = model.create([{"name": name}])[0]
        return self.marks.get((kind, name))

    def deal(self, *args, **values):
        self.deals.append(Deal(self, *args, **values))
        return self.deals[-1]

    def imported(self, owner, state, **values):
        """What an import writes: it is an opportunity from the first, and no button was pressed."""
        template = Deal(self, owner, ids=[0], **values)
        with Span() as span:
            ids = self.admin.sale_opportunity.create([template.values() | {"state": state}])
        deal = self.deal(owner, ids=ids, **values)
        deal.owners = [(span, owner)]
        deal.entered(state, span)
        return deal

    def batch(self, count, **marks):
        """Leads of an import: made in one transaction, they share their times."""
        values = Deal(self, ids=[0], **marks).values()
        ids = self.admin.sale_opportunity.create([values] * count)
        self.deals += [Deal(self, ids=[id], **marks) for id in ids]
        return self.deals[-count:]

    def synced(self):
        """A sync has ended well: what is there now was seen."""
        for deal in self.deals:
            deal.seen = deal.seen or not deal.gone

    # What has to come out, worked out from the above.

    def key(self, deal, by):
        if by == "owner":
            return deal.owner and str(self.employees[deal.owner])
        name = deal.marks[{"channel": "source", "campaign": "campaign", "segment": "medium"}[by]]
        # Tryton keeps these names in lower case.
        return name and name.lower()

    def rows(self, pair, by):
        """{key: (entered, converted)}"""
        counts = {}
        for deal in self.deals:
            if deal.gone or (pair != "lead" and not deal.opened):
                continue
            if pair == "closed" and deal.state not in WON + LOST:
                continue
            converted = bool(deal.opened) if pair == "lead" else deal.state in WON
            key = self.key(deal, by) if by else "total"
            entered, hits = counts.get(key, (0, 0))
            counts[key] = (entered + 1, hits + converted)
        return counts

    def team(self, owner):
        """An owner without a team is a team of one; who owns nothing is nobody."""
        return self.teams.get(owner, owner if owner in self.employees else None)

    def hand_offs(self):
        """Each deal that sales was handed, with its owner then."""
        for deal in self.deals:
            if deal.opened and (deal.seen or not deal.gone):
                before = [owner for span, owner in deal.owners if span.start <= deal.opened.end]
                yield deal, before[-1]

    def first_touch(self, deal, owner):
        for span, author in deal.notes:
            # On the safe side of the instant: no note is written within the hand-off's own span.
            if span.start < deal.opened.end:
                continue
            then = [owner for given, owner in deal.owners if given.start <= span.start][-1]
            if self.team(author) and self.team(author) in (self.team(owner), self.team(then)):
                return span
        return None

    def verdict(self, deal, owner, allowed, now):
        """The verdicts that may be given at `now`: two where the instants are too near to tell."""
        touch = self.first_touch(deal, owner)
        if deal.gone:
            return {"excused"}
        verdicts = set()
        for due in (deal.opened.start + allowed, deal.opened.end + allowed):
            for at in (touch.start, touch.end) if touch else (None,):
                if at is not None and at <= due:
                    verdicts.add("in_time")
                elif now <= due:
                    verdicts.add("waiting")
                else:
                    verdicts.add("late" if at is not None else "overdue")
        return verdicts


# --- the relay ---------------------------------------------------------------------------------


class Relay:
    """Between paceline and the server: it listens, and breaks what it is told to break.

    `at` is the number of the request from which on `fault` is done instead of the answer.
    """

    def __init__(self, server):
        self.server, self.seen, self.at, self.fault = server, [], None, None
        self.broke = 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    @contextlib.contextmanager
    def breaking(self, at, fault):
        self.seen, self.at, self.fault, self.broke = [], at, fault, 0
        yield
        self.at = self.fault = None

    def watch(self):
        self.seen = []

    def accept(self):
        while True:
            client, _ = self.listener.accept()
            threading.Thread(target=self.serve, args=(client,), daemon=True).start()

    def serve(self, client):
        with contextlib.suppress(OSError), client:
            while request := self.request(client):
                number = len(self.seen)
                if self.at is not None and number >= self.at:
                    self.broke += 1
                    if self.fault(self, client, request):
                        return
                answer = self.pass_on(request)
                client.sendall(answer)
                if b"connection: close" in answer.split(b"\r\n\r\n", 1)[0].lower():
                    return

    def request(self, client):
        """A whole request, as bytes."""
        data = b""
        while b"\r\n\r\n" not in data:
            more = client.recv(65536)
            if not more:
                return None
            data += more
        head, body = data.split(b"\r\n\r\n", 1)
        length = re.search(rb"content-length: *(\d+)", head, re.IGNORECASE)
        while length and len(body) < int(length[1]):
            body += client.recv(65536)
        asked = {"method": head.split(b"\r\n", 1)[0].decode(), "head": head.decode("latin1")}
        with contextlib.suppress(ValueError):
            asked |= json.loads(body)
        self.seen.append(asked)
        return head + b"\r\n\r\n" + body

    def pass_on(self, request):
        """The server's whole answer; it closes the connection after each."""
        with socket.create_connection(("127.0.0.1", self.server.port), timeout=60) as upstream:
            upstream.sendall(request)
            parts = []
            while part := upstream.recv(65536):
                parts.append(part)
        return b"".join(parts)

    # Faults: true ends the connection there.

    def cut(self, client, request):
        """The line is cut before the answer."""
        return True

    def half(self, client, request):
        """The line is cut in the middle of the answer."""
        answer = self.pass_on(request)
        client.sendall(answer[: len(answer) * 2 // 3])
        return True

    def shorter(self, client, request):
        """The answer ends too early, and nothing but its content shows it."""
        head, body = self.pass_on(request).split(b"\r\n\r\n", 1)
        if b"chunked" in head.lower():
            body = b"".join(chunks(body))
        lines = head.split(b"\r\n")
        framing = (b"content-length", b"transfer-encoding")
        kept = [line for line in lines if not line.lower().startswith(framing)]
        client.sendall(b"\r\n".join(kept) + b"\r\n\r\n" + body[: len(body) // 2])
        return True

    def unavailable(self, client, request):
        """What a server says whose database is locked."""
        client.sendall(
            b"HTTP/1.1 503 SERVICE UNAVAILABLE\r\nContent-Type: text/html; charset=utf-8\r\n"
            b"Content-Length: 29\r\nConnection: close\r\n\r\n<h1>Service Unavailable</h1>\n"
        )
        return True

    def error(self, client, request):
        """What a server says that stumbled, with HTTP status 200."""
        body = b'{"id":1,"error":["database is locked",""]}'
        client.sendall(
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n"
            b"Content-Length: %d\r\n\r\n%s" % (len(body), body)
        )
        return True

    def die(self, client, request):
        """The server is killed."""
        self.server.kill()
        return True

    def forget(self, client, request):
        """Paceline's sessions are ended, once; the request then goes on."""
        self.server.end_sessions(USER)
        self.at = None
        return False


def chunks(body):
    """The parts of a chunked body."""
    while size := int(body.split(b"\r\n", 1)[0], 16):
        body = body.split(b"\r\n", 1)[1]
        yield body[:size]
        body = body[size + 2 :]


# --- paceline ----------------------------------------------------------------------------------

printed = []


class Done:
    def __init__(self, process):
        self.returncode, self.stdout = process.returncode, process.stdout
        self.stderr = process.stderr
        self.raw = f"{self.stdout}\n{self.stderr}"
        lines = self.stderr.splitlines()
        told = [line for line in lines if " DEBUG " not in line and " TRACE " not in line]
        self.all = "\n".join([f"exit {self.returncode}", *told, self.stdout])

    def json(self):
        return json.loads(self.stdout) if self.returncode in (0, 3) else {}


def paceline(*args, file="paceline"):
    command = [PACELINE, "--config", CONFIG / f"{file}.toml", *args]
    # Who looks for the cause turns the log up, so its finest grain is looked at.
    env = {"PATH": "/usr/bin:/bin", "HOME": str(WORK), "PACELINE_LOG": "trace"}
    try:
        process = subprocess.run(command, capture_output=True, text=True, timeout=120, env=env)
    except subprocess.TimeoutExpired:
        process = subprocess.CompletedProcess(command, 124, "", "still running after 120 s")
    done = Done(process)
    printed.append(done.raw)
    return done


def configure(port):
    CONFIG.mkdir()
    (CONFIG / "password.txt").write_text(PASSWORD + "\n")
    (CONFIG / "wrong.txt").write_text(WRONG + "\n")
    (CONFIG / "password.txt").chmod(0o600)
    now = datetime.datetime.now(ZONE)
    (CONFIG / "plan.toml").write_text(
        f"""
[[goal]]
name = "all"
from = "{now.year}-01-01"
to = "{now.year + 1}-01-01"
revenue = 5000000
every = "month"
[goal.assume]
average_deal_value = 50000
win_rate = 0.30
lead_to_opportunity = 0.15
sales_cycle = "3 months"
"""
    )
    text = f"""
[company]
name = "Northwind"
time_zone = "{ZONE.key}"
currency = "USD"
[company.business_hours]
days = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
from = "00:00"
to = "23:59"
[currency.rates.EUR]
"2026-01-01" = "{EUR}"
[database]
url = "sqlite://paceline.db"
[source.crm]
kind = "tryton"
base_url = "http://127.0.0.1:{port}"
database = "crm"
username = "{USER}"
password = {{ file = "password.txt" }}
rate_limit = "none"
[handoff]
counts_as_touch = ["note"]
first_touch_within = "{DAY}"
[team.inside]
owners = ["ada@example.com"]
file = "inside.txt"
[team.field]
owners = ["ben@example.com"]
file = "field.txt"
[plan]
file = "plan.toml"
"""
    (CONFIG / "paceline.toml").write_text(text)
    (CONFIG / "minute.toml").write_text(text.replace(f'"{DAY}"', f'"{MINUTE}"'))
    wrong = text.replace("password.txt", "wrong.txt").replace("paceline.db", "wrong.db")
    (CONFIG / "wrong.toml").write_text(wrong)


PAIRS = {
    "lead": ["--from", "lead", "--to", "opportunity"],
    "opportunity": ["--from", "opportunity", "--to", "won"],
    "closed": ["--from", "opportunity", "--to", "won", "--basis", "closed"],
}
DIMENSIONS = (None, "channel", "campaign", "owner", "segment")


def rates(pair, by=None):
    done = paceline("rates", *PAIRS[pair], *(["--by", by] if by else []), "--format", "json")
    return done, done.json()


def counts(document, by):
    """{key: (entered, converted)} of a document of `rates`."""
    rows = document.get("rows", []) if by else [document.get("total", {}) | {"key": "total"}]
    return {row["key"]: (row.get("entered"), row.get("converted")) for row in rows}


def figures():
    """Everything that a sync which failed may not change."""
    found = {}
    for pair in PAIRS:
        for by in (None, "channel", "owner"):
            found[pair, by] = {k: v for k, v in rates(pair, by)[1].items() if k != "as_of"}
    known = found["lead", None].get("data_as_of")
    for command in ("followups", "pace"):
        done = paceline(command, "--format", "json", "--as-of", known or "2026-01-01T00:00:00Z")
        found[command] = done.stdout
    return found


def sync(*args, file="paceline"):
    return paceline("sync", *args, file=file)


def good_sync(crm, relay, name, *args):
    relay.watch()
    with Span() as span:
        done = sync(*args)
    check(f"{name}: sync ends well", done.returncode == 0, done.all)
    crm.synced()
    return span


def compare(crm, span, when):
    """All that paceline says now against what was put in."""
    for pair in PAIRS:
        for by in DIMENSIONS:
            done, document = rates(pair, by)
            wanted = crm.rows(pair, by)
            found = {k: v for k, v in counts(document, by).items() if v != (0, 0)}
            what = f"{pair} rates" + (f" by {by}" if by else "")
            evidence = f"wanted {wanted}\nfound  {found}\n{done.all}"
            check(f"{when}: {what}", found == wanted, evidence)
    complete = document.get("data_as_of")
    fresh = complete and span.holds(complete)
    check(f"{when}: data_as_of is the start of the sync", fresh, (complete, vars(span)))
    followups(crm, complete, when)
    pace(crm, complete, when)


def followups(crm, complete, when):
    for file, allowance in (("paceline", DAY), ("minute", MINUTE)):
        allowed = ALLOWED[allowance]
        # At the instant to which the data is complete nothing is unknown.
        done = paceline("followups", "--format", "json", "--as-of", complete, file=file)
        document = done.json()
        name = f"{when}: followups within {allowance}"
        rows = {row["opportunity"]: row for row in document.get("rows", [])}
        wanted = {str(deal.id): (deal, owner) for deal, owner in crm.hand_offs()}
        right = rows.keys() == wanted.keys() and document.get("handed_off") == len(wanted)
        check(f"{name}: one row for each hand-off", right, (done.all, wanted.keys()))
        sums = document.get("verdicts", {}).values()
        check(f"{name}: the verdicts add up", sum(sums) == document.get("handed_off"), done.all)
        wrong = []
        for id in rows.keys() & wanted.keys():
            (deal, owner), row = wanted[id], rows[id]
            team = crm.teams.get(owner)
            # When a deletion is known depends on who looks: a minute may have passed before it.
            if not (deal.gone and allowance == MINUTE):
                verdicts = crm.verdict(deal, owner, allowed, seconds(complete))
                if row["verdict"] not in verdicts:
                    wrong.append((f"wanted {verdicts}", row))
            if row["owner"] != str(crm.employees[owner]) or (team and row["team"] != team):
                wrong.append((f"owner {owner} {crm.employees[owner]}, team {team}", row))
            if not deal.opened.holds(row["handed_off_at"]):
                wrong.append((f"handed off {deal.opened.start} to {deal.opened.end}", row))
            touch = crm.first_touch(deal, owner)
            if not deal.gone and touch is None and row["first_touch_at"] is not None:
                wrong.append(("no touch", row))
            if not deal.gone and touch and not touch.holds(row["first_touch_at"] or complete):
                wrong.append((f"touched {touch.start} to {touch.end}", row))
        check(f"{name}: verdict, owner, team and times of each", not wrong, json.dumps(wrong))


def pace(crm, complete, when):
    """Amounts and currencies show in the revenue."""
    done = paceline("pace", "--format", "json", "--as-of", complete)
    actual = {row["metric"]: row["actual"] for row in done.json().get("rows", [])}
    won = [deal for deal in crm.deals if deal.state in WON and not deal.gone]
    # The goal's earlier stages are counted in earlier months.
    wanted = {"wins": len(won), "revenue": sum(deal.value() for deal in won)}
    found = {}
    for metric in wanted:
        value = actual.get(metric)
        value = value.get("amount") if isinstance(value, dict) else value
        found[metric] = None if value is None else decimal.Decimal(str(value))
    check(f"{when}: what pace has counted", found == wanted, f"{wanted}\n{found}\n{done.all}")


# --- the story ---------------------------------------------------------------------------------

GOOGLE = {"source": "Google", "campaign": "Spring Webinar", "medium": "CPC"}
FAIR = {"source": "Trade Fair", "campaign": "Expo Ünïcode 2026", "medium": "Stand"}
MAIL = {"source": "Newsletter", "medium": "E-mail"}


def before_the_first_sync(crm):
    """One deal for each way that a deal can go; those that are to change later by name."""
    named = {}
    named["lead"] = crm.deal(**GOOGLE)
    crm.deal("ada")
    crm.deal(**MAIL).lose()
    named["lead, cancelled"] = crm.deal(**MAIL).cancel()
    crm.deal("ben", **GOOGLE).lose().reopen()
    named["touched"] = crm.deal("ada", **GOOGLE).open().note("ada")
    named["untouched"] = crm.deal("ben", **FAIR).open()
    crm.deal("ada", **GOOGLE).note("ada").open()
    named["by another"] = crm.deal("ada", **FAIR).open().note("ben").note("manager")
    crm.deal("chloe").open().note("chloe")
    named["converted"] = crm.deal("ben", "EUR", "2000.00", **FAIR).open().convert()
    crm.deal("ben", "EUR", **FAIR).open().note("ben").convert().sell("1234.50")
    named["won"] = crm.deal("ada", **GOOGLE).open().convert().sell("9000.00")
    crm.deal("ada", **FAIR).open().lose()
    named["cancelled"] = crm.deal("chloe", **MAIL).open().cancel()
    crm.deal("ben", **MAIL).open().convert().cancel_sale()
    crm.deal("ada", **GOOGLE).open().lose().reopen().open()
    crm.deal("ben", **FAIR).lose().reopen().open("ada").convert().sell("500.25")
    crm.deal("ada", **GOOGLE).open().give("ben").note("ben")
    crm.deal("ada", **MAIL).open().reopen()
    crm.deal("ben", **GOOGLE).open().convert().sell("700.00").quote_again()
    crm.imported("ada", "opportunity", **FAIR)
    crm.deal("chloe", "EUR", "810.00", **FAIR).write(state="won")
    # Paceline never sees this one.
    crm.deal("ada", **GOOGLE).open().cancel().delete()
    named["imported"] = crm.batch(IMPORTED, **FAIR)
    return named


def after_the_first_sync(crm, named):
    """Edits, conversions, wins, losses, notes."""
    named["lead"].open("ada").note("ada")
    named["untouched"].note("ben")
    named["converted"].sell("3000.00")
    named["touched"].lose()
    named["won"].quote_again()
    named["by another"].give("ben")
    crm.deals[1].mark(source="Newsletter", campaign="Autumn")
    crm.deal("ada", "EUR", "400.00", **GOOGLE).open().note("ada").convert().sell("410.00")
    crm.deal(**MAIL)
    # A mass edit: one time for all of them.
    ids = [lead.id for lead in named["imported"][:300]]
    values = {"marketing_source": crm.mark("source", "Google")}
    crm.admin.sale_opportunity.write(ids, values)
    for lead in named["imported"][:300]:
        lead.marks["source"] = "Google"
    named["imported"][0].open("ben")


def deletions(crm, named):
    named["lead, cancelled"].delete()
    named["cancelled"].delete()
    named["imported"][7].cancel().delete()
    named["imported"][449].cancel().delete()


def interruptions(server, relay, crm, requests):
    """Nothing of a sync that broke off shows, wherever it broke off."""
    crm.deal("ben", **GOOGLE).open().note("ben").convert().sell("99.00")
    crm.deal("ada", **MAIL).open().note("ada").lose()
    crm.batch(30, **MAIL)
    before = figures()
    faults = (
        ("the line is cut before the first answer", lambda last: 1, Relay.cut),
        ("the line is cut after the login", lambda last: 2, Relay.cut),
        ("the line is cut half-way", lambda last: last // 2, Relay.cut),
        ("the line is cut before the last answer", lambda last: last, Relay.cut),
        ("an answer is cut in the middle", lambda last: last // 2, Relay.half),
        ("an answer ends too early", lambda last: last // 2 + 1, Relay.shorter),
        ("the server is unavailable half-way", lambda last: last // 2, Relay.unavailable),
        ("the server stumbles half-way", lambda last: last // 2, Relay.error),
        ("the server dies half-way", lambda last: last // 2, Relay.die),
    )
    for place, (name, at, fault) in enumerate(faults):
        # A sync goes on where the one before broke off and then asks for less, so each fault but the
        # first, which finds something new, is met by a sync that follows a good one.
        if place:
            relay.watch()
            check(f"before: {name}", sync().returncode == 0)
            requests, before = len(relay.seen), figures()
        at = max(1, at(requests))
        with relay.breaking(at, fault):
            done = sync()
        stopped = done.returncode == 1 and relay.broke
        check(f"{name}: sync ends with 1", stopped, (len(relay.seen), done.all))
        after = figures()
        changed = {k: (before[k], after[k]) for k in before if before[k] != after[k]}
        check(f"{name}: no figure has changed", not changed, changed)
    done = sync()
    check("no server at all: sync ends with 1", done.returncode == 1, done.all)
    check("no server at all: no figure has changed", figures() == before)
    server.start()


def passwords(relay):
    relay.watch()
    done = sync(file="wrong")
    tries = [asked for asked in relay.seen if asked["method"] == "common.db.login"]
    check("a wrong password: sync ends with 1", done.returncode == 1, done.all)
    # After six, Tryton locks the user out.
    check("a wrong password is tried once", len(tries) == 1, tries)


# What paceline has to ask for, and what it has no business with.
READS = {"search_read", "search", "search_count", "read", "fields_get", "history_revisions"}
READS |= {"get_preferences", "login", "logout"}
PERSONAL = {"message", "message_wrapped", "comment", "description", "party", "contact", "address"}
PERSONAL |= {"last_user", "attachments", "party.name", "party.rec_name"}


def check_manners(asked):
    """What was asked of the CRM in all syncs."""
    methods = {one["method"].rsplit(".", 1)[-1] for one in asked}
    check("paceline only reads from the CRM", methods <= READS, methods - READS)
    fields = set()
    for one in asked:
        name = one["method"]
        if name.endswith(("search_read", ".read")) and "company.employee" not in name:
            fields |= {str(f) for f in one["params"][-2] or ["everything"]}
    check("paceline asks for no personal data", not fields & PERSONAL, fields & PERSONAL)
    files = [*CONFIG.glob("*.db*"), *CONFIG.glob("*.txt")]
    ours = ("password.txt", "wrong.txt")
    files = [file for file in files if file.is_file() and file.name not in ours]
    data = b"".join(file.read_bytes() for file in files)
    found = [word for word in PRIVATE if word.encode() in data]
    check("no note, client or comment is in paceline's files", not found, found)
    needles = {"the password": PASSWORD.split()[0], "the wrong password": WRONG}
    for number, one in enumerate(asked):
        token = re.search(r"(?im)^authorization: *\w+ +(\S+)", one["head"])
        if token:
            needles[f"the session of request {number}"] = token[1]
            decoded = base64.b64decode(token[1] + "==").decode("latin1")
            needles[f"the token of request {number}"] = decoded.rsplit(":", 1)[-1]
    for where, text in (("output", "\n".join(printed).encode()), ("files", data)):
        found = [name for name, secret in needles.items() if secret.encode() in text]
        check(f"no password and no session is in paceline's {where}", not found, found[:5])


def story(server, relay):
    crm = Crm(server)
    with Span() as filling:
        named = before_the_first_sync(crm)
    print(f"# the CRM was filled in {filling.end - filling.start:.0f} s", flush=True)
    asked = []

    done = paceline("check")
    check("`check` finds all in order", done.returncode == 0, done.all)
    done = paceline("discover", "--source", "crm")
    names = ("google", "trade fair", "spring webinar", "opportunity", "converted")
    missing = [name for name in names if name not in done.stdout.lower()]
    check("`discover` names sources, campaigns and states", not missing, (missing, done.all))

    span = good_sync(crm, relay, "first")
    asked += relay.seen
    print(f"# {len(relay.seen)} requests, {span.end - span.start:.1f} s", flush=True)
    compare(crm, span, "first")

    after_the_first_sync(crm, named)
    span = good_sync(crm, relay, "second")
    asked += relay.seen
    print(f"# {len(relay.seen)} requests, {span.end - span.start:.1f} s", flush=True)
    compare(crm, span, "second")

    deletions(crm, named)
    span = good_sync(crm, relay, "full", "--full")
    asked += relay.seen
    print(f"# {len(relay.seen)} requests, {span.end - span.start:.1f} s", flush=True)
    compare(crm, span, "full")

    # Nothing has changed: how many requests that takes is the least that there will be.
    span = good_sync(crm, relay, "idle")
    asked += relay.seen
    # A logout that fails is no failure.
    idle = sum(asked["method"] != "common.db.logout" for asked in relay.seen)
    print(f"# {idle} requests, {span.end - span.start:.1f} s", flush=True)
    interruptions(server, relay, crm, idle)
    with relay.breaking(max(2, idle // 2), Relay.forget):
        with Span() as span:
            done = sync()
        asked += relay.seen
        told = done.returncode == 0 and relay.broke == 1
    check("a session that ends half-way is opened anew", told, done.all)
    if done.returncode == 0:
        crm.synced()
    passwords(relay)
    asked += relay.seen

    # So long that the first hand-offs are past their minute: their notes come late.
    oldest = min(deal.opened.end for deal, _ in crm.hand_offs())
    time.sleep(max(0, oldest + 63 - time.time()))
    named["by another"].note("ada")
    span = good_sync(crm, relay, "last")
    asked += relay.seen
    compare(crm, span, "last")
    # From nothing it is the same as step by step.
    for file in CONFIG.glob("paceline.db*"):
        file.unlink()
    for deal in crm.deals:
        deal.seen = False
    span = good_sync(crm, relay, "from nothing")
    compare(crm, span, "from nothing")
    check_manners(asked)


def main():
    started = time.monotonic()
    server = Server()
    try:
        server.start()
        relay = Relay(server)
        configure(relay.port)
        story(server, relay)
    except Exception:
        check("the test runs to its end", False, traceback.format_exc())
    finally:
        server.kill()
    took = time.monotonic() - started
    print(f"{passed} passed, {failed} failed in {took:.0f} s", flush=True)
    return 1 if failed else 0


sys.exit(main())
