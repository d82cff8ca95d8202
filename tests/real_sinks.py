"""The servers and the checks of real_sinks.sh: real_sinks.py PACELINE WORK_DIR SCHEMA"""

import asyncio
import base64
import datetime
import email
import email.policy
import html
import html.parser
import http.server
import itertools
import json
import logging
import pathlib
import re
import secrets
import shutil
import socket
import ssl
import subprocess
import sys
import threading
import time
import traceback
import warnings

import jsonschema
import standardwebhooks.webhooks
from aiosmtpd.smtp import SMTP, AuthResult
from slack_sdk.models.blocks import Block

PACELINE, WORK, SCHEMA = sys.argv[1], pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3])
CONFIG = WORK / "demo/config"
# Monday 08:00 in New York: alerts and the week's digest are due. Business hours begin at 09:00, so
# nothing becomes overdue in the minutes after it, and whatever is sent then was sent again.
MONDAY = "2026-11-23T13:00:00Z"
SECOND_LATER = "2026-11-23T13:00:01Z"
MINUTES_LATER = "2026-11-23T13:05:00Z"
# Names with the markup of Slack and of HTML, and with letters beyond ASCII.
HOSTILE = "<!channel> *bold* & <https://evil|x>"
FOREIGN = "Chloé Mårtensson – 東京 ✓"

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


# --- the mail server ---------------------------------------------------------------------------

USER = "paceline"
# Quotes and letters beyond ASCII are what people put into passwords.
PASSWORD = secrets.token_urlsafe(12) + ' "ß\\'
WRONG = secrets.token_urlsafe(12)


class Mail:
    """One SMTP transaction that reached the end of DATA."""

    def __init__(self, envelope, over_tls, answer):
        self.to = list(envelope.rcpt_tos)
        self.raw = envelope.content
        self.over_tls = over_tls
        self.taken = answer.startswith("250")
        self.parsed = email.message_from_bytes(self.raw, policy=email.policy.default)
        self.id, self.subject = self.parsed["Message-ID"] or "", self.parsed["Subject"] or ""
        self.is_digest = "week 47" in self.subject

    def part(self, kind):
        part = self.parsed.get_body((kind,))
        return part.get_content() if part else ""


class MailServer:
    """aiosmtpd that records. `rcpt` and `data` hold answers for an address, one for each try."""

    loop = asyncio.new_event_loop()

    def __init__(self, rcpt=None, data=None, tls=None, **options):
        self.rcpt, self.data = rcpt or {}, data or {}
        self.seen, self.logins, self.asked = [], [], []
        if tls == "starttls":
            options |= {"tls_context": tls_context(), "require_starttls": True}
        if tls == "implicit":
            # aiosmtpd takes a connection that is TLS from its first byte for a bare one.
            options["auth_require_tls"] = False
        if tls:
            options |= {"auth_required": True, "authenticator": self.authenticate}
        started = self.loop.create_server(
            lambda: SMTP(self, loop=self.loop, hostname="mail.test", **options),
            host="127.0.0.1",
            port=0,
            ssl=tls_context() if tls == "implicit" else None,
        )
        server = asyncio.run_coroutine_threadsafe(started, self.loop).result(10)
        self.port = server.sockets[0].getsockname()[1]

    def authenticate(self, server, session, envelope, mechanism, login):
        good = (login.login, login.password) == (USER.encode(), PASSWORD.encode())
        self.logins.append({"by": mechanism, "over_tls": is_over_tls(server), "good": good})
        # Not `handled`: aiosmtpd then answers 535 itself.
        return AuthResult(success=good, handled=False)

    async def handle_RCPT(self, server, session, envelope, address, rcpt_options):
        self.asked.append(address)
        answer = next(self.rcpt.get(address, iter(())), "250 OK")
        if answer.startswith("250"):
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(self, server, session, envelope):
        answer = next(self.data.get(envelope.rcpt_tos[0], iter(())), "250 OK")
        self.seen.append(Mail(envelope, is_over_tls(server), answer))
        return answer

    def mails(self, to=None):
        return [m for m in self.seen if m.taken and to in (None, *m.to)]

    def subjects(self, to):
        return sorted(m.subject for m in self.mails(to))

    def is_private(self):
        """Whether all mails came over TLS, each after a good login over TLS."""
        good = [login["good"] and login["over_tls"] for login in self.logins]
        return all(good) and len(good) >= len(self.seen) and all(m.over_tls for m in self.seen)


def is_over_tls(server):
    return server.transport.get_extra_info("cipher") is not None


def tls_context():
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(WORK / "server.pem", WORK / "server.key")
    return context


# --- the Slack server --------------------------------------------------------------------------

TOKEN = "xoxb-" + secrets.token_hex(12)
# What the server does instead of an answer: the message came in, and the connection is lost.
LOST = (0, {}, "")


class SlackServer:
    """Slack's incoming webhooks, `chat.postMessage` and `auth.test`, as docs.slack.dev has them."""

    def __init__(self):
        self.hooks, self.posts = {}, []
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self.handler())
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.base = f"http://127.0.0.1:{server.server_address[1]}"

    def hook(self, name, answers=()):
        """The URL of a webhook that gives `answers`, and then `ok`. Its last part is the secret."""
        path = f"/services/T0/B0/{secrets.token_hex(12)}"
        self.hooks[path] = (name, iter(answers))
        return self.base + path

    def posted(self, name, status=None):
        return [p for p in self.posts if p["to"] == name and status in (None, p["status"])]

    def said(self, name, status=None):
        return [p["body"]["text"] for p in self.posted(name, status)]

    def answer(self, path, headers, body):
        def record(name, status):
            self.posts.append({"to": name, "status": status, "body": body, "at": time.monotonic()})

        if path.startswith("/api/"):
            if headers.get("Authorization") != f"Bearer {TOKEN}":
                return 200, {}, json.dumps({"ok": False, "error": "invalid_auth"})
            if path == "/api/chat.postMessage":
                record("api", 200)
            return 200, {}, json.dumps({"ok": True})
        if path not in self.hooks:
            return 404, {}, "no_service"
        if not isinstance(body, dict) or "json" not in headers.get("Content-Type", ""):
            return 400, {}, "invalid_payload"
        if not body.get("text") and not body.get("blocks"):
            return 400, {}, "no_text"
        name, answers = self.hooks[path]
        status, more, text = next(answers, (200, {}, "ok"))
        record(name, status)
        return status, more, text

    def handler(slack):
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                try:
                    body = json.loads(raw)
                except ValueError:
                    body = None
                status, headers, text = slack.answer(self.path, self.headers, body)
                if status == 0:
                    self.close_connection = True
                    return
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(text.encode())

            def log_message(self, *_):
                pass

        return Handler


# --- paceline ----------------------------------------------------------------------------------

# Everything that any call printed; no secret may be in it.
printed = []


def paceline(*arguments, env=None):
    # A bare environment: neither a proxy nor a PACELINE__ variable of the machine shall take part.
    done = subprocess.run(
        ["timeout", "120", PACELINE, *map(str, arguments)],
        env={"PATH": "/usr/bin:/bin", **(env or {})},
        capture_output=True,
        text=True,
        cwd=WORK,
    )
    done.all = f"{done.stdout}{done.stderr}\nexit code {done.returncode}"
    printed.append(done.all)
    return done


def run(file, at=MONDAY, env=None):
    """One pass. `sums` are the messages sent, to be tried again, not known, and given up."""
    done = paceline("--config", file, "--as-of", at, "run", "--once", env=env)
    counts = r"(\d+) messages sent, (\d+) to be tried again, (\d+) not known, (\d+) given up"
    found = re.search(counts, done.stdout)
    done.sums = tuple(map(int, found.groups())) if found else (-1, -1, -1, -1)
    return done


def configure(name, people):
    """A file beside the demo's: its sources and rules, other people, and a database of its own."""
    exports = pathlib.Path(__file__).resolve().parent.parent / "config/examples/exports.toml"
    shipped = exports.read_text()
    head, rest = shipped.split("# --- who is told", 1)
    tail = rest[rest.index("\n[digest]") :]
    file = CONFIG / f"{name}.toml"
    file.write_text(head.replace("sqlite://paceline.db", f"sqlite://{name}.db") + people + tail)
    # All start from one database that has read the exports, which saves reading them anew.
    if (CONFIG / "base.db").exists():
        shutil.copy(CONFIG / "base.db", CONFIG / f"{name}.db")
    return file


INSIDE = 'owners = ["u-ada", "u-ben", "u-chloe", "u-dmitri"]'
FIELD = 'owners = ["u-eva", "u-farid", "u-grace"]'
SENDER = "Paceline Prüfstand <paceline@example.com>"
LEADS = ["lead@example.com", "ada@example.com"]


def by_mail(server, *keys, inside=LEADS, smtp=None):
    """People who are reached by mail; `keys` are further lines of `[email]`."""
    smtp = smtp or f"smtp://127.0.0.1:{server.port}"
    lines = "\n".join([f'smtp = "{smtp}"', f'from = "{SENDER}"', *keys])
    return f"""
[team.inside_sales]
{INSIDE}
email = {json.dumps(inside)}
[team.field_sales]
{FIELD}
email = ["field@example.com"]
[team.marketing]
email = ["marketing@example.com"]
[operator]
email = ["operator@example.com"]
[email]
{lines}
"""


def login(password=PASSWORD):
    file = WORK / f"password-{secrets.token_hex(4)}"
    file.write_text(password + "\n")
    return f'username = "{USER}"\npassword = {{ file = "{file}" }}'


REQUIRED, OPPORTUNISTIC = 'tls = "required"', 'tls = "opportunistic"'
CA_FILE = f'ca_file = "{WORK / "ca.pem"}"'


def prepare():
    done = paceline("--quiet", "demo", "--dir", WORK / "demo")
    check("the demo fills a configuration and exports", done.returncode == 0, done.all)
    exports = CONFIG / "exports"
    for name, old, new in [
        ("owners.csv", "Ben Lindqvist", HOSTILE),
        ("owners.csv", "Chloe Marchetti", FOREIGN),
        ("campaigns.csv", "Search ads: Brand", HOSTILE),
    ]:
        text = (exports / name).read_text()
        assert old in text, f"{name} has no {old}"
        (exports / name).write_text(text.replace(old, new))
    # Overdue hand-offs of the field and of somebody in no team, with hostile ids and links.
    deals, owners = [], []
    for deal, owner, url in [
        ("X-1 <!here>", "u-eva", "javascript:alert(1)"),
        ("X-2", "u-farid", 'https://crm.example.com/x?a=1&b=""<>|'),
        ("X-3", "u-grace", "https://crm.example.com/x3?a=1&b=2"),
        ("X-4", "u-hugo", "https://crm.example.com/x4"),
    ]:
        deals.append(
            f'{deal},,2026-11-17 10:00:00,,Open,,qualified,{owner},9000.00,USD,2026-12-29,"{url}"\n'
        )
        owners.append(f"{deal},2026-11-17 10:01:00,{owner}\n")
    for name, lines in (("opportunities.csv", deals), ("owner_changes.csv", owners)):
        with open(exports / name, "a") as file:
            file.writelines(lines)
    base = configure("base", '[operator]\nfile = "base.txt"\n')
    done = paceline("--config", base, "--as-of", MONDAY, "sync")
    check("the exports are read", done.returncode == 0, done.all)


# --- mail --------------------------------------------------------------------------------------


class Page(html.parser.HTMLParser):
    """The words of an HTML page, its tags, and where its links lead."""

    def __init__(self, page):
        super().__init__()
        self.words, self.links, self.tags = "", [], set()
        self.feed(page)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.tags.add(tag)
        self.links += [value for key, value in attributes if key in ("href", "src")]

    def handle_data(self, data):
        self.words += data

    def is_harmless(self):
        web = all(link.startswith("https://crm.example.com/") for link in self.links)
        return web and not self.tags & {"script", "img", "iframe", "link", "form"}


def check_form(what, mails):
    """What every mail has to be, whatever it says."""

    def every(name, holds):
        wrong = [m.raw.decode("ascii", "replace")[:1000] for m in mails if not holds(m)]
        check(f"{what}: {name}", mails and not wrong, wrong[0] if wrong else "there is none")

    def kinds(mail):
        return [part.get_content_type() for part in mail.parsed.walk()]

    broken_line = re.compile(rb"(?<!\r)\n|\r(?!\n)|[^\r\n]{999}|[^\x00-\x7f]")
    every("one recipient in each envelope, and it is the To", lambda m: m.to == [m.parsed["To"]])
    every("From has its name, umlaut and all", lambda m: m.parsed["From"] == SENDER)
    every(
        "a text part, and HTML as the alternative",
        lambda m: kinds(m) == ["multipart/alternative", "text/plain", "text/html"],
    )
    every("no part has a defect", lambda m: not any(part.defects for part in m.parsed.walk()))
    every(
        "lines end in CRLF and have at most 998 octets, all of them ASCII",
        lambda m: not broken_line.search(m.raw),
    )
    every("a Subject of one line", lambda m: m.subject and not re.search(r"[\r\n]", m.subject))
    # The day of the run's clock, and the same at every try.
    every("a Date, which is the message's", lambda m: "23 Nov 2026 13:0" in m.parsed["Date"])
    every(
        "a Message-ID like <outbox-N.…@example.com>",
        lambda m: re.fullmatch(r"<outbox-\d+\.[^@<> ]+@example\.com>", m.id),
    )
    every("Auto-Submitted", lambda m: m.parsed["Auto-Submitted"] == "auto-generated")
    every(
        "HTML without scripts or images, and links to records only",
        lambda m: Page(m.part("html")).is_harmless(),
    )
    ids = [m.id for m in mails]
    check(f"{what}: no Message-ID twice", len(set(ids)) == len(ids), ids)


def starttls():
    server = MailServer(tls="starttls")
    file = configure("starttls", by_mail(server, REQUIRED, CA_FILE, login()))
    done = run(file)
    mails = server.mails()
    all_sent = mails and done.sums == (len(mails), 0, 0, 0) and done.returncode == 0
    check("STARTTLS, AUTH and `ca_file`: everything is sent and arrives", all_sent, done.all)
    check("STARTTLS: no login and no mail outside of TLS", server.is_private(), server.logins)
    teams = [*LEADS, "field@example.com", "marketing@example.com"]
    digests = {to: sum(m.is_digest for m in server.mails(to)) for to in teams}
    check("every recipient of a team has one digest", set(digests.values()) == {1}, digests)
    first, second = map(server.subjects, LEADS)
    check("both recipients of a team have the same mails", first == second, (first, second))
    alone = server.subjects("operator@example.com")
    check(
        "the operator has the alert of an owner in no team, and no digest",
        len(alone) == 1 and "Hugo" in alone[0],
        alone,
    )
    check_form("every mail", mails)

    mine = server.mails(LEADS[0])
    digest = next(m for m in mine if m.is_digest)
    for name in (HOSTILE, FOREIGN):
        alert = next(m for m in mine if name in m.part("plain") and not m.is_digest)
        # A message about several owners has the first one in its subject, and all in its lines.
        forms = [" ".join(alert.part("plain").split()), Page(alert.part("html")).words]
        forms += [alert.subject] if name == HOSTILE else []
        # The digest's lines are wrapped.
        forms += [" ".join(digest.part("plain").split()), Page(digest.part("html")).words]
        check(f"`{name}` survives in alert and digest", all(name in f for f in forms), forms)
    check("the digest's subject carries the name", HOSTILE in digest.subject, digest.subject)

    again = run(file, MINUTES_LATER)
    once = again.sums == (0, 0, 0, 0) and len(server.mails()) == len(mails)
    check("a later run sends nothing a second time", once, again.all)


def implicit_tls():
    # Without PLAIN, a client has to know LOGIN.
    server = MailServer(tls="implicit", auth_exclude_mechanism=["PLAIN"])
    url = f"smtps://localhost:{server.port}"
    done = run(configure("smtps-untrusted", by_mail(server, login(), smtp=url)))
    none = done.sums[0] == 0 and not server.logins and not server.seen
    check("smtps without `ca_file`: the certificate is refused", none, done.all)
    done = run(configure("smtps", by_mail(server, CA_FILE, login(), smtp=url)))
    mails = server.mails()
    all_sent = mails and done.sums == (len(mails), 0, 0, 0)
    check("smtps, AUTH and `ca_file`: everything is sent and arrives", all_sent, done.all)
    private = server.is_private() and {l["by"] for l in server.logins} == {"LOGIN"}
    check("smtps: every login by LOGIN, inside of TLS", private, server.logins)


def certificates():
    server = MailServer(tls="starttls")
    file = configure("required", by_mail(server, REQUIRED, login()))
    done = run(file)
    waiting = done.sums[1]
    none = waiting > 0 and done.sums == (0, waiting, 0, 0) and not server.seen
    check("`required` without `ca_file`: nothing is sent, everything waits", none, done.all)
    check("`required` without `ca_file`: no login is tried", not server.logins, server.logins)
    check("the log says that it is the certificate", "certificate" in done.stderr, done.all)
    file.write_text(file.read_text().replace(REQUIRED, OPPORTUNISTIC))
    done = run(file, MINUTES_LATER)
    all_sent = done.sums == (waiting, 0, 0, 0) and len(server.mails()) == waiting
    check("`opportunistic`: what waited is sent", all_sent, done.all)
    check("`opportunistic`: it uses the TLS that is offered", server.is_private(), server.logins)


def without_tls():
    server = MailServer()
    done = run(configure("bare-required", by_mail(server, REQUIRED)))
    none = done.sums[0] == 0 and not server.seen
    check("`required` sends nothing to a server without TLS", none, done.all)
    check("the log says that it is STARTTLS", "STARTTLS" in done.stderr, done.all)
    done = run(configure("bare", by_mail(server, OPPORTUNISTIC)))
    all_sent = done.sums == (len(server.mails()), 0, 0, 0) and server.seen
    check("`opportunistic` sends to a server without TLS", all_sent, done.all)


def wrong_password():
    server = MailServer(tls="starttls")
    people = by_mail(server, REQUIRED, CA_FILE, login(WRONG))
    told = CONFIG / "wrong.txt"
    file = configure("wrong", people.replace("[operator]", f'[operator]\nfile = "{told.name}"'))
    # Who looks for the cause turns the log up, so its finest grain is looked at.
    done = run(file, env={"PACELINE_LOG": "trace"})
    refused = server.logins and not any(l["good"] for l in server.logins)
    check("a wrong password: no mail is sent", refused and not server.seen, server.logins)
    tries = len(server.logins)
    check("the login is tried once a round and not once a message", tries == 1, server.logins)
    for at in ("2026-11-23T13:02:00Z", "2026-11-23T13:10:00Z"):
        done = run(file, at)
    text = told.read_text() if told.exists() else ""
    check("the operator is told over another way", "the way is closed" in text, done.stdout)
    done = paceline("--config", file, "check")
    named = done.returncode == 1 and "refuses the login" in done.stdout
    check("`check` reports the refused login", named, done.all)


def refusals():
    later, slow, gone = "later@example.com", "slow@example.com", "gone@example.com"
    server = MailServer(
        rcpt={
            gone: itertools.repeat("550 5.1.1 no such mailbox"),
            later: iter(["451 4.7.1 greylisted, come back"]),
        },
        # Refused after the content, so that two tries can be compared.
        data={slow: iter(["451 4.3.0 no space now"])},
    )
    inside = [gone, later, slow, LEADS[0]]
    file = configure("refusals", by_mail(server, OPPORTUNISTIC, inside=inside))
    done = run(file)
    whole = server.subjects(LEADS[0])
    wanted = (len(server.mails()), 2 + len(whole), 0, 0)
    check("451 and 550 wait, the others get theirs", done.sums == wanted, done.all)
    check("a mailbox that is gone is tried once", server.asked.count(gone) == 1, server.asked)
    letters = [m for m in server.mails("operator@example.com") if "Messages by" in m.subject]
    texts = [m.part("plain") for m in letters]
    why = len(texts) == 1 and "no such mailbox" in texts[0]
    check("the operator is told once that the mailbox is gone, and why", why, texts)
    named = texts and all(gone in text for text in texts)
    check("the operator is told whose mailbox it was", named, texts[:1])
    check_form("every mail to the operator", letters)
    done = run(file, SECOND_LATER)
    check("a second after 451 nothing is tried", done.sums == (0, 0, 0, 0), done.all)
    done = run(file, MINUTES_LATER)
    check("minutes after 451 it is sent", done.sums == (2, 0, 0, 0), done.all)
    for to in (later, slow):
        mine = server.subjects(to)
        check(f"{to} has what the others have, once", mine == whole, mine)
    first = next(m for m in server.seen if slow in m.to)
    tries = [m.id for m in server.seen if slow in m.to and m.subject == first.subject]
    check("the second try has the same Message-ID", tries == [first.id, first.id], tries)


# --- Slack -------------------------------------------------------------------------------------


def text_objects(value):
    """All text objects of a payload."""
    if isinstance(value, dict):
        if value.get("type") in ("mrkdwn", "plain_text"):
            yield value
        value = list(value.values())
    if isinstance(value, list):
        for inner in value:
            yield from text_objects(inner)


def sdk_problem(block):
    """What Slack's own SDK has against a block."""
    try:
        parsed = Block.parse_all([block])[0]
        parsed.validate_json()
        return None if parsed.to_dict() == block else f"the SDK reads {parsed.to_dict()}"
    except Exception as error:
        return repr(error)


def check_payloads(bodies):
    """What Slack, its SDK and its published schema ask of every message."""
    blocks = [block for body in bodies for block in body.get("blocks", [])]

    def every(name, items, problem):
        wrong = [(found, item) for item in items if (found := problem(item))]
        evidence = json.dumps(wrong[:1], ensure_ascii=False)
        check(f"every Slack message: {name}", items and not wrong, evidence)

    def markup(body):
        """The texts in which Slack looks for mentions, links and bold."""
        marked = [t["text"] for t in text_objects(body["blocks"]) if t["type"] == "mrkdwn"]
        return "\n".join([body["text"], *marked])

    def too_long(body):
        return [t for t in text_objects(body) if not 1 <= len(t["text"].strip()) <= 3000]

    record = r"https://crm\.example\.com/[^<>|]*\|[^<>|]*>"
    mention = re.compile(rf"<(?!{record}).{{0,80}}")
    every("has a text", bodies, lambda b: not 1 <= len(b.get("text", "")) <= 4000)
    every("has 1 to 50 blocks", bodies, lambda b: not 1 <= len(b.get("blocks", [])) <= 50)
    every("its texts have 1 to 3000 characters", bodies, too_long)
    every("slack_sdk takes its blocks and drops nothing", blocks, sdk_problem)
    every("no mention, and no link but to a record", bodies, lambda b: mention.findall(markup(b)))
    every("nothing bold that came from data", bodies, lambda b: "*bold*" in markup(b))
    named = any("&lt;!channel&gt;" in markup(body) for body in bodies)
    check("the name with <!channel> is there, as text", named)
    if not SCHEMA.exists():
        print("# Block Kit's schema is not checked: ../shared/specs has none", flush=True)
        return
    definitions = json.loads(SCHEMA.read_text())["definitions"]
    known = {"$ref": "#/definitions/KnownBlock", "definitions": definitions}
    validator = jsonschema.Draft7Validator(known)
    every(
        "its blocks are KnownBlocks of the published schema",
        blocks,
        lambda block: [error.message[:300] for error in validator.iter_errors(block)],
    )


def slack():
    server = SlackServer()
    busy = (429, {"Retry-After": "2"}, "rate_limited")
    hooks = {
        "SLACK_OK": server.hook("ok"),
        "SLACK_BUSY": server.hook("busy", [busy]),
        "SLACK_GONE": server.hook("gone", itertools.repeat((404, {}, "no_service"))),
        "SLACK_LOST": server.hook("lost", [LOST]),
        "SLACK_BROKEN": server.hook("broken", [(500, {}, "server_error")]),
    }
    env = hooks | {"SLACK_TOKEN": TOKEN, "PACELINE_LOG": "trace"}
    people = f"""
[team.inside_sales]
{INSIDE}
slack = {{ webhook = {{ env = "SLACK_OK" }} }}
[team.field_sales]
{FIELD}
slack = {{ webhook = {{ env = "SLACK_BUSY" }} }}
[team.marketing]
slack = {{ webhook = {{ env = "SLACK_GONE" }} }}
[team.board]
{by_token(server)}
[team.partners]
slack = {{ webhook = {{ env = "SLACK_LOST" }} }}
[operator]
slack = {{ webhook = {{ env = "SLACK_BROKEN" }} }}
"""
    file = configure("slack", people)
    done = run(file, env=env)
    sent, again, unknown, dead = done.sums
    before = len(server.posts)
    taken = [p for p in server.posts if p["status"] == 200]
    reached = server.posted("ok") and server.posted("api")
    good = reached and sent == len(taken)
    check("webhooks and chat.postMessage take messages", good, done.stdout)
    channels = {p["body"].get("channel") for p in server.posted("api")}
    check("chat.postMessage is told the channel", channels == {"C0123456789"}, channels)
    gone = server.said("gone")
    check("404 no_service is tried once", len(gone) == 1 and dead == 0, (done.stdout, gone))
    check("429, 500 and 404 wait, a lost answer is not known", again > 2 and unknown == 1, done.stdout)
    # Slack limits a channel, not a message, and says for how long.
    limited = server.posted("busy", 429)[0]["at"]
    hasty = [p["body"]["text"] for p in server.posted("busy") if 0 < p["at"] - limited < 2]
    check("after 429 the webhook is left alone for Retry-After", not hasty, hasty)
    run(file, SECOND_LATER, env=env)
    early = [(p["to"], p["status"]) for p in server.posts[before:]]
    check("a second later nothing is posted", not early, early)
    later = run(file, MINUTES_LATER, env=env)
    all_sent = later.sums[0] > 2 and later.sums[1:] == (0, 0, 0)
    check("minutes later everything else that waited is sent", all_sent, later.stdout)

    for name, status in (("busy", 429), ("broken", 500)):
        arrived = [json.dumps(p["body"]) for p in server.posted(name, 200)]
        put_off = {json.dumps(p["body"]) for p in server.posted(name, status)}
        once = put_off <= set(arrived) and len(set(arrived)) == len(arrived)
        check(f"what {status} put off arrives, and nothing arrives twice", once, arrived)
    reachable = ("ok", "busy", "api")
    digests = [sum("week 47" in text for text in server.said(to, 200)) for to in reachable]
    check("every team that can be reached has one digest", digests == [1, 1, 1], digests)
    repeats = [p["body"] for p in server.posted("lost") if "repeat" in p["body"]["text"]]
    marked = len(repeats) == 1 and "may be a repeat" in json.dumps(repeats[0]["blocks"])
    check("what may have arrived is sent once more, and says so", marked, server.said("lost"))
    letters = [p["body"] for p in server.posted("broken", 200) if "closed" in p["body"]["text"]]
    words = " ".join(t["text"] for b in letters for t in text_objects(b["blocks"]))
    why = len(letters) == 1 and bare(gone[0])[:40] in bare(words) and "no_service" in words
    check("the operator is told once that 404 stops what goes there, and why", why, letters)
    # Slack shows the blocks; the text is for notifications.
    shown = letters and all("the way is closed" in json.dumps(b["blocks"]) for b in letters)
    check("the operator reads in the blocks that it waits", shown, letters[:1])
    named = letters and all("marketing" in json.dumps(b["blocks"]) for b in letters)
    check("the operator reads whose way it is", named, letters[:1])
    check("nothing more was tried on it", len(server.said("gone")) == 1, server.said("gone"))
    hooks["SLACK_GONE"] = server.hook("mended")
    mended = run(file, MINUTES_LATER, env=env | hooks)
    arrived = mended.sums[0] == len(server.said("mended", 200)) > 1
    check("with another webhook in its place what waited is sent", arrived, mended.stdout)
    check_payloads([p["body"] for p in server.posts])
    return hooks


def bare(text):
    """A text without what escaped it for Slack."""
    return html.unescape(text).replace("\u2060", "")


def by_token(server):
    where = f'channel = "C0123456789", base_url = "{server.base}/api/"'
    return f'slack = {{ token = {{ env = "SLACK_TOKEN" }}, {where} }}'


# --- Standard Webhooks -------------------------------------------------------------------------


class AtMonday(datetime.datetime):
    """The library believes no timestamp that is not about now; here it is Monday."""

    @classmethod
    def now(cls, tz=None):
        return datetime.datetime.fromisoformat(MONDAY).astimezone(tz)


def signatures():
    received, secret = [], "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()

    class Receiver(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            length = int(self.headers.get("Content-Length") or 0)
            received.append((dict(self.headers), self.rfile.read(length)))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_address[1]}/in/{secrets.token_hex(12)}"
    way = 'webhook = { url = { env = "HOOK" }, secret = { env = "HOOK_SECRET" } }'
    file = configure("signed", f"[team.inside_sales]\n{INSIDE}\n{way}\n[team.marketing]\n{way}\n")
    env = {"HOOK": url, "HOOK_SECRET": secret}
    done = run(file, env=env)
    check("a webhook takes messages", received and done.sums[0] == len(received), done.all)
    standardwebhooks.webhooks.datetime = AtMonday
    good, other = (standardwebhooks.Webhook(key) for key in (secret, b"another key"))

    def problem(webhook, headers, body):
        try:
            return None if webhook.verify(body, headers)["type"] else "no type"
        except Exception as error:
            return repr(error)

    found = [problem(good, *one) for one in received]
    check("the library of Standard Webhooks verifies each", not any(found), found)
    wrong = [problem(other, *one) for one in received]
    check("and none with another key", all(wrong), wrong)
    ids = [headers["webhook-id"] for headers, _ in received]
    check("each has a webhook-id of its own", len(set(ids)) == len(ids), ids)
    return {"HOOK": url, "HOOK_SECRET": f"x/{secret.removeprefix('whsec_')}"}


# --- check -------------------------------------------------------------------------------------


def check_line(done, file, part, word, when):
    """`check` fails for a part and names FILE:LINE, which is the line to change."""
    name = f"`check` names the line of `{part}` {when}"
    found = re.search(rf"^fail  {re.escape(part)}:.*(?:\n +.*)*", done.stdout, re.MULTILINE)
    if done.returncode != 1 or not found:
        return check(name, False, done.all)
    place = re.search(rf"{re.escape(file.name)}:(\d+)", found[0])
    line = file.read_text().splitlines()[int(place[1]) - 1] if place else "no line is named"
    return check(name, word in line, f"{found[0]}\n{line}")


def checks():
    mail, slack_server = MailServer(), SlackServer()
    token = {"SLACK_TOKEN": TOKEN}
    url = slack_server.hook("check")
    hook = '[team.marketing]\nslack = { webhook = { env = "SLACK_CHECK" } }'
    people = by_mail(mail, OPPORTUNISTIC).replace("[team.marketing]", hook)
    file = configure("check", f"{people}[team.board]\n{by_token(slack_server)}\n")
    ours = [*LEADS, "field@example.com", "marketing@example.com", "operator@example.com"]
    parts = ["slack to team.marketing", "slack to team.board", *(f"email to {to}" for to in ours)]
    done = paceline("--config", file, "check", env={"SLACK_CHECK": url, **token})
    missing = [part for part in parts if f"ok    {part}: " not in done.stdout]
    check("`check`: all is in order", done.returncode == 0 and not missing, (missing, done.all))
    check("`check` posts and sends nothing", not slack_server.posts and not mail.seen)

    done = paceline("--config", file, "check", env=token)
    check("`check` names the variable that is not set", "SLACK_CHECK" in done.stdout, done.all)
    check_line(done, file, parts[0], "SLACK_CHECK", "without the variable")

    # A port that was ours a moment ago: nobody listens there now.
    with socket.create_server(("127.0.0.1", 0)) as listener:
        closed = f"127.0.0.1:{listener.getsockname()[1]}"
    text = file.read_text().replace(f"127.0.0.1:{mail.port}", closed)
    file.write_text(text.replace(slack_server.base, f"http://{closed}"))
    down = f"http://{closed}/services/T0/B0/{secrets.token_hex(12)}"
    done = paceline("--config", file, "check", env={"SLACK_CHECK": down, **token})
    check_line(done, file, parts[0], "SLACK_CHECK", "while Slack is down")
    check_line(done, file, parts[1], "SLACK_TOKEN", "while Slack is down")
    check_line(done, file, parts[2], "smtp", "while the mail server is down")
    return {"SLACK_CHECK": url, "DOWN": down}


def check_secrets(urls):
    """Looks for every secret in what paceline printed and wrote, bare and as SMTP encodes it."""
    needles = {"the token": TOKEN} | {name: url.rsplit("/", 1)[1] for name, url in urls.items()}
    for name, word in (("the password", PASSWORD), ("the wrong password", WRONG)):
        # Without what a log might escape.
        needles[name] = word.split()[0]
        for form in (word, f"\0{USER}\0{word}"):
            encoded = base64.b64encode(form.encode()).decode()
            needles[f"{name}, encoded as {len(encoded)} characters"] = encoded
    written = [*CONFIG.glob("*.db*"), *CONFIG.glob("*.txt")]
    files = b"".join(file.read_bytes() for file in written)
    for where, data in (("output", "\n".join(printed).encode()), ("files", files)):
        found = [name for name, secret in needles.items() if secret.encode() in data]
        check(f"no password, token or webhook is in paceline's {where}", not found, found)


def main():
    # aiosmtpd tells of every refused handshake, which is what is asked for here.
    logging.getLogger("mail.log").setLevel(logging.CRITICAL)
    warnings.filterwarnings("ignore", module="aiosmtpd")
    threading.Thread(target=MailServer.loop.run_forever, daemon=True).start()
    prepare()
    urls = {}
    parts = (starttls, implicit_tls, certificates, without_tls, wrong_password, refusals, slack)
    for part in (*parts, signatures, checks):
        try:
            urls |= part() or {}
        except Exception:
            check(f"{part.__name__} runs to its end", False, traceback.format_exc())
    check_secrets(urls)
    print(f"{passed} passed, {failed} failed", flush=True)
    return 1 if failed else 0


sys.exit(main())
