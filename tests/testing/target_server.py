"""An HTTP server with every kind of bad manners, for tests of clients.

As a program it prints its port and serves until it is killed: target_server.py [--tls CERTIFICATE KEY] [--client-ca FILE]
[--unix PATH]. As a module: `with TargetServer() as server: ... server.url ...`. Behaviour is chosen by the path, see
Handler.PAGES. A request in absolute form or with CONNECT is proxied, so the server is its own proxy.
"""
import argparse
import base64
import gzip
import hashlib
import http.server
import json
import os
import select
import socket
import socketserver
import ssl
import struct
import threading
import time
import urllib.parse
import urllib.request
import zlib

DIGEST_REALM = "vars"
DIGEST_NONCE = "5ccc069c403ebaf9f0171e9517f40e41"
USER = "jos\u00e9"
PASSWORD = "s\u00e9cret:1"


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def setup(self):
        self.disable_nagle_algorithm = self.request.family == socket.AF_INET
        super().setup()
        self.requests_here = 0
        with self.server.lock:
            self.server.connections += 1
            self.connection_number = self.server.connections

    def log_message(self, *args):
        pass

    def parse_request(self):
        self.requests_here += 1
        return super().parse_request()

    def do_any(self):
        self.body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        with self.server.lock:
            self.server.seen.append(f"{self.command} {self.path}")
        if self.path.startswith("http://"):
            return self.proxy_absolute()
        url = urllib.parse.urlsplit(self.path)
        self.query = dict(urllib.parse.parse_qsl(url.query))
        page = self.PAGES.get(url.path)
        if page is None:
            return self.reply(b"no such page\n", 404)
        return page(self)

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = do_any

    def do_CONNECT(self):
        with self.server.lock:
            self.server.seen.append(f"CONNECT {self.path}")
        if self.path.startswith("refused.test"):
            return self.reply(b"", 403)
        host, port = self.path.rsplit(":", 1)
        with socket.create_connection(("127.0.0.1" if host.endswith(".test") else host, int(port))) as other:
            self.send_response(200)
            self.end_headers()
            pair = [self.connection, other]
            while True:
                for ready in select.select(pair, [], [])[0]:
                    data = ready.recv(65536)
                    if not data:
                        self.close_connection = True
                        return
                    pair[1 - pair.index(ready)].sendall(data)

    def proxy_absolute(self):
        url = urllib.parse.urlsplit(self.path)
        host = "127.0.0.1" if url.hostname.endswith(".test") else url.hostname
        target = urllib.parse.urlunsplit(("http", f"{host}:{url.port or 80}", url.path, url.query, ""))
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(target) as answer:
            self.reply(answer.read(), 200, {"X-Proxied-By": str(self.server.server_address[1]),
                                            "X-Proxy-Authorization": self.headers.get("Proxy-Authorization", "")})

    def reply(self, body, status=200, headers=()):
        self.send_response(status)
        for name, value in dict(headers).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def raw(self, data, close=True):
        self.wfile.write(data)
        self.wfile.flush()
        self.close_connection = close

    def drop(self, reset=False):
        """Ends the connection now, by RST when asked."""
        if reset:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()
        self.close_connection = True
        self.wfile = open(os.devnull, "wb")

    def hang(self):
        self.server.stopping.wait()
        self.close_connection = True

    def echo(self):
        self.reply(json.dumps({
            "method": self.command, "path": self.path, "headers": [list(h) for h in self.headers.items()],
            "body": self.body.decode(), "connection": self.connection_number, "request": self.requests_here,
            "server_name": getattr(self.connection, "sni_name", None),
            "cipher": self.connection.cipher()[0] if isinstance(self.connection, ssl.SSLSocket) else None,
        }).encode())

    def seen(self):
        with self.server.lock:
            text = "\n".join(self.server.seen)
        self.reply(text.encode())

    def bytes_(self):
        self.reply(b"x" * int(self.query["n"]))

    def compressed(self):
        data = b"x" * int(self.query["n"])
        encoding = self.query["with"]
        packed = {"gzip": gzip.compress, "deflate": zlib.compress, "br": bytes}[encoding](data)
        self.reply(packed, 200, {"Content-Encoding": encoding})

    def bomb(self):
        """A gigabyte of zeros as a stream; how much of it was taken is in /seen."""
        packer = zlib.compressobj(9, zlib.DEFLATED, 31)
        self.raw(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nConnection: close\r\n\r\n")
        sent = 0
        try:
            for _ in range(1024):
                piece = packer.compress(bytes(1 << 20))
                self.wfile.write(piece)
                sent += len(piece)
        except OSError:
            pass

    def chunked(self):
        self.raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n1;x=y\r\n \r\n5\r\nworld\r\n"
                 b"0\r\nX-Trailer: late\r\n\r\n", close=False)

    def drip(self):
        count = int(self.query["n"])
        self.raw(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % count, close=False)
        for _ in range(count):
            if self.server.stopping.wait(float(self.query["seconds"])):
                return
            self.wfile.write(b".")

    def redirect(self):
        self.reply(b"elsewhere", int(self.query.get("status", 302)), {"Location": self.query["to"]})

    def basic(self):
        expected = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        if self.headers.get("Authorization") == expected:
            return self.reply(b"welcome")
        return self.reply(b"who?", 401, {"WWW-Authenticate": 'Basic realm="vars"'})

    def digest(self):
        def md5(text):
            return hashlib.md5(text.encode()).hexdigest()
        scheme, _, rest = self.headers.get("Authorization", "").partition(" ")
        given = urllib.request.parse_keqv_list(urllib.request.parse_http_list(rest)) if scheme == "Digest" else {}
        expected = md5(":".join([md5(f"{USER}:{DIGEST_REALM}:{PASSWORD}".encode().decode()), DIGEST_NONCE,
                                 given.get("nc", ""), given.get("cnonce", ""), "auth",
                                 md5(f"{self.command}:{self.path}")]))
        if given.get("response") == expected:
            return self.reply(b"welcome")
        return self.reply(b"who?", 401, {"WWW-Authenticate": f'Digest realm="{DIGEST_REALM}", '
                                         f'nonce="{DIGEST_NONCE}", qop="auth", algorithm=MD5'})

    def ntlm(self):
        """The handshake without the cryptography: type 1, challenge, type 3, all on one connection."""
        scheme, _, message = self.headers.get("Authorization", "").partition(" ")
        kind = base64.b64decode(message)[8] if scheme == "NTLM" else 0
        if kind == 3 and getattr(self, "challenged", False):
            return self.reply(b"welcome")
        if kind == 1:
            self.challenged = True
            target = "VARS".encode("utf-16-le")
            challenge = (b"NTLMSSP\0" + struct.pack("<IHHII", 2, len(target), len(target), 56, 0x00810205)
                         + b"01234567" + bytes(8) + struct.pack("<HHI", 0, 0, 64) + bytes(8) + target)
            return self.reply(b"", 401, {"WWW-Authenticate": "NTLM " + base64.b64encode(challenge).decode()})
        return self.reply(b"", 401, {"WWW-Authenticate": "NTLM"})

    def token(self):
        wanted = self.query["wanted"]
        given = self.headers.get(self.query.get("header", "Authorization"), "")
        self.reply(given.encode(), 200 if given == wanted else int(self.query.get("status", 401)))

    def close_silently(self):
        """Answers as if the connection stayed, and closes it."""
        self.raw(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    def close_on_second(self):
        """The first request of a connection is answered, the second one finds it closed."""
        if self.requests_here == 1:
            return self.echo()
        return self.drop()

    def continue_(self):
        self.raw(b"HTTP/1.1 100 Continue\r\nX-Early: 1\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n", close=False)
        self.reply(b"done")

    def big_headers(self):
        self.raw(b"HTTP/1.1 200 OK\r\n")
        try:
            for i in range(int(self.query["n"])):
                self.wfile.write(b"X-%d: %s\r\n" % (i, b"y" * 1000))
        except OSError:
            return
        self.raw(b"Content-Length: 0\r\n\r\n")

    PAGES = {
        "/echo": echo, "/seen": seen, "/bytes": bytes_, "/compressed": compressed, "/bomb": bomb, "/chunked": chunked,
        "/drip": drip, "/redirect": redirect, "/basic": basic, "/digest": digest, "/ntlm": ntlm, "/token": token,
        "/close_silently": close_silently, "/close_on_second": close_on_second, "/continue": continue_,
        "/big_headers": big_headers,
        "/status": lambda self: self.reply(b"as asked\n", int(self.query["n"])),
        "/loop": lambda self: self.reply(b"", 302, {"Location": "/loop"}),
        "/hang": hang,
        "/hang_in_body": lambda self: (self.raw(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"), self.hang()),
        "/reset": lambda self: self.drop(reset=True),
        "/empty": lambda self: self.drop(),
        "/garbage": lambda self: self.raw(b"\x16\x03\x01 not HTTP at all\r\n\r\n"),
        "/truncated": lambda self: self.raw(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"),
        "/truncated_chunk": lambda self: self.raw(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n64\r\nhalf"),
        "/not_gzip": lambda self: self.reply(b"plain text", 200, {"Content-Encoding": "gzip"}),
        "/until_close": lambda self: self.raw(b"HTTP/1.0 200 OK\r\n\r\nto the end"),
    }


class TargetServer:
    """Listens on a free port of 127.0.0.1, or on the unix socket `unix`."""

    def __init__(self, tls=None, client_ca=None, unix=None):
        base = socketserver.ThreadingUnixStreamServer if unix else socketserver.ThreadingTCPServer

        class Server(base):
            daemon_threads = True
            block_on_close = False
            request_queue_size = 1024
            allow_reuse_address = True

            def get_request(self):
                connection, address = super().get_request()
                return connection, address or ("", 0)

            def finish_request(self, request, client_address):
                if tls:
                    request = shake_hands(request)
                super().finish_request(request, client_address)

            def handle_error(self, request, client_address):
                pass  # clients that go away are what these tests are about

        def shake_hands(request):
            with socket.socket(fileno=os.dup(request.fileno())) as spare:
                try:
                    return context.wrap_socket(request, server_side=True)
                except ssl.SSLError:
                    # A close with unread bytes would be a reset, and take the alert along.
                    spare.settimeout(5)
                    while spare.recv(65536):
                        pass
                    raise

        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*tls)
            context.sni_callback = lambda connection, name, _: setattr(connection, "sni_name", name)
            ssl.SSLSocket.sni_name = None
            if client_ca:
                context.load_verify_locations(client_ca)
                context.verify_mode = ssl.CERT_REQUIRED
        self.server = Server(unix or ("127.0.0.1", 0), Handler)
        self.server.lock = threading.Lock()
        self.server.connections = 0
        self.server.seen = []
        self.server.stopping = threading.Event()
        self.port = 0 if unix else self.server.server_address[1]
        self.url = f"http{'s' if tls else ''}://127.0.0.1:{self.port}"

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.stopping.set()
        self.server.shutdown()
        self.server.server_close()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--tls", nargs=2)
    parser.add_argument("--client-ca")
    parser.add_argument("--unix")
    options = parser.parse_args()
    with TargetServer(options.tls, options.client_ca, options.unix) as server:
        print(server.port, flush=True)
        parent = os.getppid()
        while os.getppid() == parent:  # ends with the test, also when that is killed
            time.sleep(1)


if __name__ == "__main__":
    main()
