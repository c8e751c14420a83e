"""Programs whose calls of malloc are counted: each is started, says which process is meant, and does the same work again and again.

Between its works a program does nothing, so that counts can be read.
"""
import contextlib
import http.client
import os
import pathlib
import shutil
import ssl
import subprocess

from agent import clean_environment, free_port, wait_until

PYTHON = """
import io, json, random, re, sqlite3, sys, xml.etree.ElementTree, zlib
import numpy, snappy, yaml
from PIL import Image
base = sqlite3.connect(":memory:")
base.execute("create table orders (number integer, text text)")

def work(count):
    for number in range(count):
        text = yaml.load("- {a: [1, 2, 3], b: text}\\n" * 10, Loader=yaml.CLoader)
        assert len(yaml.dump(text, Dumper=yaml.CDumper)) > 100
        base.executemany("insert into orders values (?, ?)", [(at, "order %d" % at) for at in range(20)])
        assert base.execute("select count(*) from orders where text like '%1%'").fetchone()[0] > 0
        base.execute("delete from orders")
        assert len(re.compile("(a+|b)*c%d" % number).findall("aabc%d" % number * 20)) == 20
        assert zlib.decompress(zlib.compress(b"text" * 500)) == b"text" * 500
        assert snappy.uncompress(snappy.compress(b"text" * 500)) == b"text" * 500
        assert len(xml.etree.ElementTree.fromstring("<a>" + "<b c='d'/>" * 50 + "</a>")) == 50
        assert numpy.ones((50, 50)).dot(numpy.ones((50, 50))).sum() == 125000
        image = io.BytesIO()
        Image.new("RGB", (40, 40), (number % 256, 0, 0)).save(image, "PNG")
        assert Image.open(io.BytesIO(image.getvalue())).resize((20, 20)).size == (20, 20)
        assert len(json.loads(json.dumps([bytearray(1000).hex()] * 5))) == 5

work(3)
print("ready", flush=True)
for line in sys.stdin:
    work(int(line))
    print("done", flush=True)
"""

NODE = """
const zlib = require('zlib'), crypto = require('crypto'), readline = require('readline');
function work(count) {
  for (let i = 0; i < count; ++i) {
    const text = JSON.stringify(Array.from({length: 100}, (_, at) => ({at, text: 'order ' + at + i})));
    if (zlib.gunzipSync(zlib.gzipSync(text)).toString() !== text) process.exit(1);
    const key = crypto.createHash('sha256').update(text).digest();
    const cipher = crypto.createCipheriv('aes-256-cbc', key, Buffer.alloc(16));
    Buffer.concat([cipher.update(text), cipher.final(), Buffer.alloc(20000)]);
    if (JSON.parse(text).length !== 100) process.exit(1);
    new Intl.NumberFormat('de').format(i);
    new RegExp('(a|b' + i + ')*c').test('abc');
  }
}
work(20);
console.log('ready');
readline.createInterface({input: process.stdin}).on('line', line => { work(Number(line)); console.log('done'); });
"""


class Program:
    """A process, and its work; `done` ends both."""

    def __init__(self, pid, work, thousands):
        self.pid = pid
        self.work = work  # takes how much of it
        self.amount = thousands  # that makes some ten thousand calls


def started(stack, *command, **options):
    process = subprocess.Popen(list(map(str, command)), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                               env=clean_environment(**options.pop("environment", {})), **options)

    def end():
        process.terminate()
        try:
            process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdin.close()
        process.stdout.close()
    stack.callback(end)
    return process


def asked(process, text, answer="done"):
    print(text, file=process.stdin, flush=True)
    line = process.stdout.readline()
    if line.strip() != answer:
        raise AssertionError(f"{text} was answered by {line!r}")


def ready(process):
    line = process.stdout.readline()
    if line != "ready\n":
        raise AssertionError(f"it said {line!r}")
    return process


def cpython(stack, _folder, _programs):
    process = ready(started(stack, "/usr/bin/python3", "-c", PYTHON, environment={"OPENBLAS_NUM_THREADS": "1"}))
    return Program(process.pid, lambda count: asked(process, count), 20)


def node(stack, _folder, _programs):
    process = ready(started(stack, "node", "-e", NODE))
    return Program(process.pid, lambda count: asked(process, count), 100)


def three_runtimes(stack, _folder, programs):
    process = ready(started(stack, programs["three_runtimes"]))

    def work(count):
        for _ in range(count):
            for what in ("python 200", "c 100", "lost 200", "go 100"):
                asked(process, what)
    return Program(process.pid, work, 20)


def redis(stack, folder, _programs):
    socket = folder / "socket"
    process = started(stack, "redis-server", "--port", 0, "--unixsocket", socket, "--save", "", "--dir", folder)

    def run(*command):
        return subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=300, check=False).stdout
    wait_until(lambda: run("redis-cli", "-s", socket, "ping") == "PONG\n", "redis to answer")

    def work(count):
        run("redis-benchmark", "-s", socket, "-c", 4, "-P", 50, "-n", count, "-r", 1000, "-d", 100, "-q", "-t",
            "set,get,incr,lpush,rpop,sadd,hset,zadd,lrange_100,mset")
        run("redis-cli", "-s", socket, "eval", "for i = 1, 200 do redis.call('append', 'a' .. i, 'text') end return redis.sha1hex('a')", 0)
        run("redis-cli", "-s", socket, "flushall", "async")
    return Program(process.pid, work, 400)


def nginx(stack, folder, _programs):
    port = free_port()
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost", "-keyout",
                    folder / "key", "-out", folder / "certificate"], check=True, capture_output=True)
    (folder / "page.txt").write_text("a line of the page\n" * 2000)
    (folder / "nginx.conf").write_text(
        f"daemon off; worker_processes 1; pid {folder}/pid; error_log {folder}/error.log;\nevents {{}}\n"
        f"http {{ access_log off; client_body_temp_path {folder}/b; proxy_temp_path {folder}/p; fastcgi_temp_path {folder}/f;\n"
        f"uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s; gzip on; gzip_types text/plain; ssl_certificate {folder}/certificate;\n"
        f"ssl_certificate_key {folder}/key; server {{ listen 127.0.0.1:{port} ssl; root {folder}; }} }}\n")
    os.chmod(folder, 0o755)
    master = started(stack, "nginx", "-p", folder, "-c", folder / "nginx.conf", "-e", folder / "error.log")
    children = pathlib.Path(f"/proc/{master.pid}/task/{master.pid}/children")
    [worker] = wait_until(lambda: children.read_text().split(), "nginx's worker")
    trusting = ssl.create_default_context(cafile=folder / "certificate")
    trusting.check_hostname = False

    def work(count):
        for _ in range(count):
            connection = http.client.HTTPSConnection("127.0.0.1", port, context=trusting, timeout=60)
            with contextlib.closing(connection):
                for path, status in (("/page.txt", 200), ("/no.txt", 404)) * 5:
                    connection.request("GET", path, headers={"Accept-Encoding": "gzip"})
                    answer = connection.getresponse()
                    answer.read()
                    assert answer.status == status, answer.status
    wait_until(lambda: not work_fails(work), "nginx to answer")
    return Program(int(worker), work, 5)


def work_fails(work):
    try:
        work(1)
    except OSError as error:
        return error
    return None


def postgres(stack, folder, _programs):
    user = "postgres" if os.geteuid() == 0 else None
    if user is not None:
        shutil.chown(folder, user)
    binaries = max(pathlib.Path("/usr/lib/postgresql").glob("*/bin"))
    subprocess.run([binaries / "initdb", "-D", folder / "data", "-A", "trust", "-U", "postgres", "--no-sync"], check=True, user=user,
                   capture_output=True, cwd=folder, env=clean_environment(), timeout=300)
    started(stack, binaries / "postgres", "-D", folder / "data", "-k", folder, "-c", "listen_addresses=", "-c", "autovacuum=off", "-F",
            user=user, cwd=folder)
    client = ["psql", "-h", str(folder), "-U", "postgres", "-Atq", "postgres"]
    wait_until(lambda: subprocess.run([*client, "-c", "select 1"], check=False, capture_output=True, cwd="/").returncode == 0,
               "PostgreSQL to answer")
    session = started(stack, *client, cwd="/")
    asked(session, "create table t as select g, repeat('x', 100) as x from generate_series(1, 2000) g; select 'done';")
    print("select pg_backend_pid();", file=session.stdin, flush=True)
    backend = int(session.stdout.readline())

    def work(count):
        for number in range(count):
            asked(session, "begin; create temporary table u (g int primary key, x xml) on commit drop; "
                           f"insert into u select g, ('<a>' || g || '</a>')::xml from t where g < {100 + number}; "
                           "do $$ begin perform sum((xpath('/a/text()', x))[1]::text::int) from u; end $$; "
                           "do $$ begin perform sum(length(regexp_replace(x, '(x|y)+', md5(x)))) from t; end $$; "
                           "do $$ begin perform jsonb_agg(t)::text from t; end $$; commit; select 'done';")
    work(2)
    return Program(backend, work, 4)


PROGRAMS = {"redis": redis, "nginx": nginx, "node": node, "PostgreSQL": postgres, "CPython with extensions": cpython,
            "Go with C and Python": three_runtimes}


