"""The checks of real_page.sh: real_page.py PACELINE WORK PICTURES

Chromium is driven over the WebDriver protocol, with nothing but Python's own library.
"""

import base64
import contextlib
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import time
import urllib.request

PASSED, FAILED = [], []


def check(what, holds, seen=""):
    (PASSED if holds else FAILED).append(what)
    if not holds:
        print(f"FAILED: {what}: {seen}")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Browser:
    def __init__(self, work, width, dark):
        self.port = free_port()
        self.driver = subprocess.Popen(
            ["chromedriver", f"--port={self.port}"], stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, start_new_session=True)
        arguments = [
            "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
            "--disable-background-networking", "--disable-component-update", "--disable-sync",
            f"--user-data-dir={work}/profile-{width}-{dark}"]
        device = {"deviceMetrics": {"width": width, "height": 900, "pixelRatio": 1.0,
                                    "touch": False, "mobile": width < 600}}
        options = {"args": arguments, "binary": "/usr/bin/chromium", "mobileEmulation": device}
        wanted = {"capabilities": {"alwaysMatch": {
            "browserName": "chrome", "goog:chromeOptions": options,
            "goog:loggingPrefs": {"browser": "ALL"}}}}
        for _ in range(100):
            try:
                session = self.ask("/session", wanted)
                break
            except OSError:
                time.sleep(0.1)
        else:
            raise SystemExit("chromedriver does not answer")
        self.session = f"/session/{session['sessionId']}"
        if dark:
            feature = {"features": [{"name": "prefers-color-scheme", "value": "dark"}]}
            self.ask(f"{self.session}/goog/cdp/execute",
                     {"cmd": "Emulation.setEmulatedMedia", "params": feature})

    def ask(self, path, body=None, method=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}", data=data, method=method)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.loads(answer.read())["value"]

    def open(self, url):
        self.ask(f"{self.session}/url", {"url": url})

    def run(self, script):
        return self.ask(f"{self.session}/execute/sync", {"script": script, "args": []})

    def picture(self, path):
        path.write_bytes(base64.b64decode(self.ask(f"{self.session}/screenshot")))

    def close(self):
        # The end of its session ends Chromium; what is left of the group would write to a profile that the
        # script removes.
        try:
            self.ask(self.session, method="DELETE")
        finally:
            self.driver.terminate()
            self.driver.wait(20)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.driver.pid, signal.SIGKILL)


def look(browser, url, width, dark, pictures):
    name = f"{width} px, {'dark' if dark else 'light'}"
    browser.open(url)
    text = browser.run("return document.body.innerText")
    for word in ("Northwind Colocation", "GOALS", "OPEN ALERTS", "FOLLOW-UP", "SOURCES", "DIGESTS",
                 "opportunities Q4", "behind", "field_sales", "2026-W47", "evaluate"):
        check(f"{name}: the overview says {word}", word in text, text[:300])
    wide = browser.run("return document.documentElement.scrollWidth")
    check(f"{name}: nothing sticks out to the right", wide <= width, f"{wide} of {width}")
    small = browser.run(
        "return Math.min(...[...document.querySelectorAll('p,td,h3,a')].map("
        "e => parseFloat(getComputedStyle(e).fontSize)))")
    check(f"{name}: letters are large enough", small >= 12, small)
    charts = browser.run("return [...document.querySelectorAll('svg polyline.actual')].map("
                         "e => e.getBoundingClientRect().width)")
    check(f"{name}: each goal has a chart", len(charts) == 2 and min(charts) > width / 8, charts)
    paper = browser.run("return getComputedStyle(document.body).backgroundColor")
    check(f"{name}: the paper is {'dark' if dark else 'light'}",
          (sum(map(int, paper[4:-1].split(","))) < 200) == dark, paper)
    check(f"{name}: there is no script", browser.run("return document.scripts.length") == 0)
    pace = browser.run("const l=[...document.querySelectorAll('td a')].find("
                       "a => a.href.includes('/goals/')); "
                       "return l.getBoundingClientRect().right")
    check(f"{name}: the pace is seen without moving", pace <= width, pace)
    if pictures:
        browser.picture(pictures / f"overview-{width}-{'dark' if dark else 'light'}.png")


def follow(browser, url):
    """Every link of the overview leads somewhere, and so on from there."""
    seen, waiting = set(), [url]
    while waiting and len(seen) < 60:
        page = waiting.pop()
        if page in seen or not page.startswith(url):
            continue
        seen.add(page)
        with urllib.request.urlopen(page, timeout=30) as answer:
            kind = answer.headers["content-type"]
            check(f"{page} answers", answer.status == 200)
        if "html" in kind:
            browser.open(page)
            links = browser.run("return [...document.links].map(a => a.href.split('#')[0])")
            waiting += links
    kinds = [part for part in ("/goals/", "/alerts/", "/handoffs", "/sources/", "/digests/", "/metrics")
             if any(part in page for page in seen)]
    check("every kind of page is linked", len(kinds) == 6, kinds)
    log = browser.ask(f"{browser.session}/se/log", {"type": "browser"})
    severe = [entry["message"] for entry in log if entry["level"] == "SEVERE"]
    check("the browser complains of nothing", not [m for m in severe if "favicon" not in m], severe)


def main():
    paceline, work = sys.argv[1], pathlib.Path(sys.argv[2])
    pictures = pathlib.Path(sys.argv[3]) if len(sys.argv) > 3 and sys.argv[3] else None
    port = free_port()
    url = f"http://127.0.0.1:{port}/"
    demo = subprocess.Popen(
        [paceline, "--quiet", "demo", "--dir", str(work / "demo"), "--serve", "--listen",
         f"127.0.0.1:{port}"], stdout=subprocess.DEVNULL)
    try:
        for _ in range(600):
            try:
                urllib.request.urlopen(url + "healthz", timeout=5).read()
                break
            except OSError:
                time.sleep(0.2)
        for width in (1200, 390):
            for dark in (False, True):
                browser = Browser(work, width, dark)
                try:
                    look(browser, url, width, dark, pictures)
                    if width == 1200 and not dark:
                        follow(browser, url)
                finally:
                    browser.close()
    finally:
        demo.terminate()
        demo.wait(20)
    print(f"{len(PASSED)} passed, {len(FAILED)} failed")
    sys.exit(bool(FAILED))


main()
