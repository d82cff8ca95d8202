"""Sources and Slack over HTTPS with a private authority, directly and through a proxy:
real_tls.py PACELINE WORK_DIR

TLS and the proxy's CONNECT are Python's; behind them stand the simulator and a small web server."""

import http.server
import pathlib
import re
import socket
import ssl
import subprocess
import sys
import threading

PACELINE, WORK = sys.argv[1], pathlib.Path(sys.argv[2])
# Names that no resolver knows: only the proxy can bring a client there.
CRM, HOOKS = "crm.paceline.test", "hooks.paceline.test"
passed, failed = 0, 0


def check(name, good, evidence=""):
    global passed, failed
    passed, failed = passed + bool(good), failed + (not good)
    print(f"{'ok' if good else 'not ok'} - {name}", flush=True)
    if not good:
        print("    " + str(evidence).strip()[:3000].replace("\n", "\n    "), flush=True)


def pump(source, target):
    """Carries bytes one way until one side ends."""
    try:
        while data := source.recv(65536):
            target.sendall(data)
    except OSError:
        pass
    for side in (source, target):
        try:
            side.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


def join(one, other):
    back = threading.Thread(target=pump, args=(other, one), daemon=True)
    back.start()
    pump(one, other)
    back.join(10)


def serve(handle):
    """Listens on loopback and hands each connection to `handle`; returns the port."""
    listener = socket.create_server(("127.0.0.1", 0))

    def accept():
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=handle, args=(connection,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    return listener.getsockname()[1]


def over_tls(upstream):
    """A TLS server before a plain one."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(WORK / "server.pem", WORK / "server.key")

    def handle(connection):
        try:
            connection = context.wrap_socket(connection, server_side=True)
        except (ssl.SSLError, OSError):
            return
        join(connection, socket.create_connection(("127.0.0.1", upstream)))

    return serve(handle)


class Proxy:
    """Knows where the names lead, and keeps what it was asked for."""

    def __init__(self, ports):
        self.ports, self.asked = ports, []
        self.port = serve(self.handle)

    def handle(self, connection):
        head = b""
        while b"\r\n\r\n" not in head and (data := connection.recv(4096)):
            head += data
        line = head.decode("latin-1").split("\r\n")[0]
        self.asked.append(line)
        found = re.fullmatch(r"CONNECT ([^:]+):443 HTTP/1.1", line)
        if not found or found[1] not in self.ports:
            connection.sendall(b"HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\n\r\n")
            return connection.close()
        connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        join(connection, socket.create_connection(("127.0.0.1", self.ports[found[1]])))


class Hook(http.server.BaseHTTPRequestHandler):
    taken = []

    def do_POST(self):
        Hook.taken.append(self.rfile.read(int(self.headers["content-length"])))
        self.send_response(200)
        self.send_header("content-length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *_):
        pass


def simulator():
    process = subprocess.Popen(
        [PACELINE, "simulate", "--vendor", "hubspot", "--port", "0", "--contacts", "300"],
        stdout=subprocess.PIPE, text=True, cwd=WORK)
    return process, int(process.stdout.readline().strip().rpartition(":")[2].strip("/"))


def configure(name, crm, hooks, ca=True):
    """A configuration of a folder of its own."""
    folder = WORK / f"tls-{name}"
    folder.mkdir()
    (folder / "token").write_text("a-token\n")
    (folder / "webhook").write_text(f"{hooks}/services/T0/B0/secret-hook\n")
    network = f'[network]\nca_file = "{WORK / "ca.pem"}"\n' if ca else ""
    (folder / "paceline.toml").write_text(f"""
[company]
name = "Over TLS"
time_zone = "UTC"
{network}
[source.crm]
kind = "hubspot"
base_url = "{crm}"
token = {{ file = "token" }}
[team.sales]
slack = {{ webhook = {{ file = "webhook" }} }}
""")
    return folder


def paceline(folder, *arguments, proxy=None):
    """Without `--config`: the file lies in the folder."""
    env = {"PATH": "/usr/bin:/bin"} | ({"HTTPS_PROXY": proxy} if proxy else {})
    done = subprocess.run(["timeout", "150", PACELINE, *arguments], cwd=folder, env=env,
                          capture_output=True, text=True)
    done.all = f"{done.stdout}{done.stderr}\nexit code {done.returncode}"
    return done


def main():
    process, plain = simulator()
    web = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hook)
    threading.Thread(target=web.serve_forever, daemon=True).start()
    crm, hooks = over_tls(plain), over_tls(web.server_address[1])
    try:
        folder = configure("direct", f"https://localhost:{crm}", f"https://localhost:{hooks}")
        done = paceline(folder, "sync")
        check("a source is read over HTTPS with a private authority",
              done.returncode == 0 and "312 changed" in done.all, done.all)
        done = paceline(folder, "alerts", "test", "--team", "sales")
        check("Slack is told over HTTPS with a private authority",
              done.returncode == 0 and len(Hook.taken) == 1, done.all)

        folder = configure("stranger", f"https://localhost:{crm}", f"https://localhost:{hooks}", ca=False)
        done = paceline(folder, "check")
        told = [line for line in done.all.splitlines() if "ertificate" in line or "UnknownIssuer" in line]
        check("without it the source says that the certificate is not trusted",
              done.returncode == 1 and told, done.all)
        done = paceline(folder, "alerts", "test", "--team", "sales")
        check("without it nothing is sent to Slack",
              done.returncode == 1 and len(Hook.taken) == 1 and "secret-hook" not in done.all, done.all)

        proxy = Proxy({CRM: crm, HOOKS: hooks})
        folder = configure("proxied", f"https://{CRM}", f"https://{HOOKS}")
        done = paceline(folder, "sync", proxy=f"http://127.0.0.1:{proxy.port}")
        check("a source is read through a proxy",
              done.returncode == 0 and f"CONNECT {CRM}:443 HTTP/1.1" in proxy.asked, done.all)
        done = paceline(folder, "alerts", "test", "--team", "sales", proxy=f"http://127.0.0.1:{proxy.port}")
        check("Slack is told through a proxy",
              len(Hook.taken) == 2 and f"CONNECT {HOOKS}:443 HTTP/1.1" in proxy.asked, done.all)
        check("the proxy hears names of hosts and nothing else",
              set(proxy.asked) == {f"CONNECT {name}:443 HTTP/1.1" for name in (CRM, HOOKS)}, proxy.asked)
    finally:
        process.terminate()
    print(f"{passed} checks passed, {failed} failed")
    return 1 if failed else 0


sys.exit(main())
