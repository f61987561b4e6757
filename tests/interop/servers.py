"""The programs that are compared with: how each is configured and started. Only what is installed is there."""

import contextlib
import shutil
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from string import Template
from typing import NamedTuple

from sitemon.clock import monotonic_s, sleep
from sitemon.local.ports import free_port, is_free

START_S = 20.0
PAGES: Mapping[str, bytes] = {
    "index.html": b"in stock\n" * 100,
    "sub/index.html": b"below\n",
    "big.bin": b"a" * 500_000,
}
ZONE = """$TTL 60
@ SOA ns.shop.test. admin.shop.test. 1 3600 600 86400 60
@ NS ns
@ A 192.0.2.10
@ A 192.0.2.11
@ MX 10 mail
@ TXT "v=spf1 -all"
ns A 127.0.0.1
www CNAME shop.test.
"""


class Program(NamedTuple):
    """A server. In `files` and `command`, $folder, $port, $tls_port and the like are filled in.

    `kind` is what it does: web, proxy or dns; `has_plain` and `has_tls` tell how a web server is asked, `methods` what
    it understands. `version` is the option at which it tells its version, empty where it has none.
    """

    name: str
    binary: str
    command: Sequence[str]
    files: Mapping[str, str] = {}
    kind: str = "web"
    has_plain: bool = True
    has_tls: bool = False
    methods: tuple[str, ...] = ("GET", "HEAD")
    version: str = "-v"


NGINX = """daemon off; pid $folder/pid; error_log stderr; worker_processes 1;
events {} http { access_log off; default_type text/html; root $root;
client_body_temp_path $folder/a; proxy_temp_path $folder/b; fastcgi_temp_path $folder/c; uwsgi_temp_path $folder/d;
scgi_temp_path $folder/e; server { listen 127.0.0.1:$port; listen 127.0.0.1:$tls_port ssl;
ssl_certificate $chain; ssl_certificate_key $chain; location = /moved { return 302 /sub/; } } }
"""
APACHE = """ServerRoot /usr/lib/apache2
PidFile $folder/pid
ErrorLog $folder/error.log
ServerName localhost
DefaultRuntimeDir $folder
LoadModule mpm_event_module modules/mod_mpm_event.so
LoadModule authz_core_module modules/mod_authz_core.so
LoadModule dir_module modules/mod_dir.so
LoadModule alias_module modules/mod_alias.so
LoadModule mime_module modules/mod_mime.so
LoadModule socache_shmcb_module modules/mod_socache_shmcb.so
LoadModule ssl_module modules/mod_ssl.so
TypesConfig /dev/null
Listen 127.0.0.1:$port
Listen 127.0.0.1:$tls_port
DocumentRoot $root
DirectoryIndex index.html
Redirect /moved /sub/
<VirtualHost 127.0.0.1:$tls_port>
SSLEngine on
SSLCertificateFile $chain
</VirtualHost>
"""
LIGHTTPD = """server.port = $port
server.bind = "127.0.0.1"
server.document-root = "$root"
index-file.names = ("index.html")
"""
HAPROXY = """defaults
 mode http
 timeout client 5s
 timeout connect 5s
 timeout server 5s
frontend both
 bind 127.0.0.1:$port
 bind 127.0.0.1:$tls_port ssl crt $chain
 http-request return status 302 hdr Location /sub/ if { path /moved }
 http-request return status 404 content-type text/plain string gone if { path /gone }
 http-request return status 200 content-type text/plain string "in stock"
"""
CADDY = """{
 admin off
 auto_https off
}
http://127.0.0.1:$port, https://127.0.0.1:$tls_port {
 bind 127.0.0.1
 root * $root
 redir /moved /sub/
 file_server
}
"""
CADDY_TLS = CADDY.replace("http://127.0.0.1:$port, ", "").replace(" bind", " tls $chain $chain\n bind")
CADDY_PLAIN = CADDY.replace(", https://127.0.0.1:$tls_port", "")
NODE = """const http = require('http');
http.createServer((q, r) => { if (q.url === '/gone') { r.statusCode = 404; r.end('gone'); }
else if (q.url === '/moved') { r.writeHead(302, {Location: '/sub/'}); r.end(); }
else r.end('in stock'.repeat(100)); }).listen($port, '127.0.0.1');
"""
SQUID = """http_port 127.0.0.1:$port
pid_filename none
http_access allow all
cache deny all
access_log none
cache_log $folder/cache.log
coredump_dir $folder
netdb_filename none
shutdown_lifetime 1 seconds
pinger_enable off
"""
TINYPROXY = "Port $port\nListen 127.0.0.1\nTimeout 10\nMaxClients 10\nConnectPort $target_tls\n"
NAMED = """options { directory "$folder"; listen-on port $port { 127.0.0.1; }; listen-on-v6 { none; }; recursion no;
pid-file none; session-keyfile none; dnssec-validation no; }; controls {};
zone "shop.test" { type primary; file "$folder/zone"; };
"""
UNBOUND = """server:
 interface: 127.0.0.1@$port
 port: $port
 username: ""
 chroot: ""
 directory: "$folder"
 pidfile: ""
 use-syslog: no
 module-config: iterator
 local-zone: "shop.test." static
 local-data: "shop.test. 60 A 192.0.2.10"
 local-data: "shop.test. 60 MX 10 mail.shop.test."
 local-data: 'shop.test. 60 TXT "v=spf1 -all"'
remote-control:
 control-enable: no
"""
KNOT = """server:
    listen: 127.0.0.1@$port
    rundir: $folder
database:
    storage: $folder/db
zone:
  - domain: shop.test
    storage: $folder
    file: zone
"""
S_SERVER = ("openssl", "s_server", "-accept", "127.0.0.1:$tls_port", "-cert", "$chain", "-WWW", "-quiet")

PROGRAMS = (
    Program("nginx", "nginx", ("nginx", "-c", "$folder/conf", "-e", "stderr"), {"conf": NGINX}, has_tls=True),
    Program("Apache httpd", "apache2", ("apache2", "-f", "$folder/conf", "-X"), {"conf": APACHE}, has_tls=True),
    Program("lighttpd", "lighttpd", ("lighttpd", "-D", "-f", "$folder/conf"), {"conf": LIGHTTPD}),
    Program("HAProxy", "haproxy", ("haproxy", "-db", "-f", "$folder/conf"), {"conf": HAPROXY}, has_tls=True),
    Program(
        "Caddy",
        "caddy",
        ("caddy", "run", "--adapter", "caddyfile", "--config", "$folder/conf"),
        {"conf": CADDY_PLAIN},
        version="version",
    ),
    Program(
        "Caddy with TLS",
        "caddy",
        ("caddy", "run", "--adapter", "caddyfile", "--config", "$folder/conf"),
        {"conf": CADDY_TLS},
        has_plain=False,
        has_tls=True,
        version="version",
    ),
    Program("busybox httpd", "busybox", ("busybox", "httpd", "-f", "-p", "127.0.0.1:$port", "-h", "$root"), version=""),
    Program(
        "python http.server",
        "python3",
        ("python3", "-m", "http.server", "-b", "127.0.0.1", "-d", "$root", "$port"),
        version="-V",
    ),
    Program("node:http", "node", ("node", "$folder/server.js"), {"server.js": NODE}),
    Program(
        "webfsd",
        "webfsd",
        ("webfsd", "-F", "-p", "$port", "-i", "127.0.0.1", "-r", "$root", "-f", "index.html"),
        version="",
    ),
    Program(
        "mini_httpd", "mini_httpd", ("mini_httpd", "-D", "-p", "$port", "-h", "127.0.0.1", "-d", "$root"), version="-V"
    ),
    Program(
        "openssl s_server",
        "openssl",
        S_SERVER,
        has_plain=False,
        has_tls=True,
        methods=("GET",),
        version="version",
    ),
    Program(
        "openssl s_server, TLS 1.2",
        "openssl",
        (*S_SERVER, "-tls1_2"),
        has_plain=False,
        has_tls=True,
        methods=("GET",),
        version="version",
    ),
    Program("Squid", "squid", ("squid", "-N", "-f", "$folder/conf"), {"conf": SQUID}, kind="proxy"),
    Program("tinyproxy", "tinyproxy", ("tinyproxy", "-d", "-c", "$folder/conf"), {"conf": TINYPROXY}, kind="proxy"),
    Program("BIND", "named", ("named", "-g", "-c", "$folder/conf"), {"conf": NAMED, "zone": ZONE}, kind="dns"),
    Program("Unbound", "unbound", ("unbound", "-d", "-c", "$folder/conf"), {"conf": UNBOUND}, kind="dns", version="-V"),
    Program(
        "Knot DNS", "knotd", ("knotd", "-c", "$folder/conf"), {"conf": KNOT, "zone": ZONE}, kind="dns", version="-V"
    ),
    Program(
        "dnsmasq",
        "dnsmasq",
        (
            *("dnsmasq", "-k", "-C", "/dev/null", "-p", "$port", "--listen-address=127.0.0.1", "--bind-interfaces"),
            *("-R", "-h", "--local=/shop.test/", "--host-record=shop.test,192.0.2.10", "-u", "root"),
            *("--mx-host=shop.test,mail.shop.test,10", "--txt-record=shop.test,v=spf1 -all"),
        ),
        kind="dns",
    ),
)


class Running(NamedTuple):
    """A program that runs, and where."""

    program: Program
    version: str
    port: int
    tls_port: int


def root_below(folder: Path) -> Path:
    """Write the pages that the web servers have, and return their folder."""
    root = folder / "root"
    for name, content in PAGES.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)
    return root


def is_installed(program: Program) -> bool:
    """Tell whether the program is there."""
    return shutil.which(program.binary) is not None


@contextlib.contextmanager
def running(program: Program, folder: Path, root: Path, chain: Path, *, target_tls: int = 0) -> Iterator[Running]:
    """Run the program until the end of the block.

    Raises:
        OSError: it does not begin to listen.

    """
    port, tls_port = free_port(), free_port()
    folder.mkdir()
    (folder / "db").mkdir()
    named = {"folder": folder, "root": root, "chain": chain, "port": port, "tls_port": tls_port}
    named["target_tls"] = target_tls
    for name, content in program.files.items():
        text = content if name == "zone" else Template(content).safe_substitute(named)
        (folder / name).write_text(text)
    command = [Template(word).safe_substitute(named) for word in program.command]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, cwd=root, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            _wait(process, program, port if program.has_plain else tls_port, folder)
            yield Running(program, _version(program), port, tls_port)
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _wait(process: subprocess.Popen[bytes], program: Program, port: int, folder: Path) -> None:
    until_s = monotonic_s() + START_S
    while is_free(port) or (program.kind == "dns" and not _has_zone(port)):
        if process.poll() is not None or monotonic_s() > until_s:
            raise OSError((folder / "log").read_text(errors="replace")[-400:])
        sleep(0.05)


def _has_zone(port: int) -> bool:
    """Tell whether a name server has read its zone, which some do only once they listen."""
    command = ("dig", "+short", "-p", str(port), "@127.0.0.1", "shop.test", "A")
    return b"192.0.2.10" in subprocess.run(command, capture_output=True, check=False).stdout


def _version(program: Program) -> str:
    if not program.version:
        return ""
    said = subprocess.run((program.binary, program.version), capture_output=True, text=True, check=False)
    words = (said.stdout + said.stderr).replace("/", " ").replace(",", " ").split()
    return next(
        (word.strip("v()").partition("-")[0] for word in words if word.strip("v(")[:1].isdigit() and "." in word), ""
    )
