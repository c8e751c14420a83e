"""How long a browser takes to draw a flame graph of many stacks, and how it moves: Debian's Chromium without a screen.

    flame_bench.py HEAPWATCH [--stacks 100000] [--window 1920x1080] [--bar-ms 500] [--bar-fps 0]

A file of `pprof -flame` is opened; `first` is from the beginning of the page to its first picture, `draw` what the flame graph
itself takes of it: reading the data, laying it out and drawing it, up to the frame after. `again` is the same once the browser
has compiled the code. `callers` turns the graph round the function with the most callers. `pan` moves a graph that is zoomed
to a twentieth by a wheel for some seconds. Ends with 1 when a bar is missed.
"""
import argparse
import pathlib
import random
import statistics
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
for folder in ("tests/testing", "tests/e2e", "tests/pprof"):
    sys.path.insert(0, str(ROOT / folder))
from browser import Browser  # noqa: E402
from made_profiles import message, number, varint  # noqa: E402

FUNCTIONS = 5000
ROUNDS = 5
PAN_S = 3

DRAW = """
const done = arguments[arguments.length - 1];
document.querySelector('main').remove();
const area = document.createElement('main');
document.body.append(area);
history.replaceState(null, '', location.pathname);
requestAnimationFrame(() => setTimeout(() => {
  const begin = performance.now();
  window.graph = showFlame(area, JSON.parse(document.getElementById('flame-data').textContent));
  requestAnimationFrame(() => setTimeout(() => done(performance.now() - begin)));
}));
"""
CALLERS = """
const done = arguments[arguments.length - 1];
const calls = new Map();
for (const box of graph.whole.boxes) if (box.frame >= 0) calls.set(graph.name(box), (calls.get(graph.name(box)) || 0) + 1);
const name = [...calls].sort((a, b) => b[1] - a[1])[0][0];
const begin = performance.now();
graph.go({ callers: name });
requestAnimationFrame(() => setTimeout(() => { const took = performance.now() - begin; graph.go({ callers: '' }); done(took); }));
"""
PAN = """
const [seconds, done] = arguments;
const area = graph.rows.getBoundingClientRect();
const turn = options => graph.rows.dispatchEvent(new WheelEvent('wheel', { bubbles: true, cancelable: true, clientX: area.left + area.width / 2, clientY: 300, ...options }));
for (let i = 0; i < 10; i++) turn({ deltaY: -100, ctrlKey: true });
const frames = [];
let before = null;
let place = 0;
const step = now => {
  if (before !== null) frames.push(now - before);
  before = now;
  turn({ deltaX: 30 * (Math.floor(place++ / 40) % 2 === 0 ? 1 : -1) });
  if (frames.reduce((sum, frame) => sum + frame, 0) < seconds * 1000) requestAnimationFrame(step);
  else done(frames);
};
requestAnimationFrame(step);
"""


def write_profile(path, stacks):
    """Stacks of 10 to 40 frames that branch as those of programs do: few ways at the top, many further down."""
    chance = random.Random(17)
    texts = ["", "space", "bytes", *(f"example.com/part{i % 60}/kind{i % 7}.(*Type{i % 300}).Function{i}" for i in range(FUNCTIONS)),
             *(f"/src/part{i}/file.go" for i in range(60))]
    body = [message(1, number(1, 1) + number(2, 2))]
    known = set()
    while len(known) < stacks:
        depth = chance.randint(10, 40)
        frames, at = [], 0
        for level in range(depth):
            at = (at * 31 + level * 7 + min(int(chance.expovariate(0.9)), 11) + 1) % FUNCTIONS
            frames.append(at + 1)
        stack = b"".join(varint(frame) for frame in reversed(frames))
        if stack in known:
            continue
        known.add(stack)
        body.append(message(2, message(1, stack) + message(2, varint(int(chance.paretovariate(1.1) * 512)))))
    for i in range(FUNCTIONS):
        body.append(message(4, number(1, i + 1) + message(4, number(1, i + 1) + number(2, i % 400 + 1))))
        body.append(message(5, number(1, i + 1) + number(2, i + 3) + number(4, 3 + FUNCTIONS + i % 60)))
    body.extend(message(6, text.encode()) for text in texts)
    path.write_bytes(b"".join(body))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("heapwatch")
    parser.add_argument("--stacks", type=int, default=100_000)
    parser.add_argument("--window", default="1920x1080")
    parser.add_argument("--bar-ms", type=float, default=500)
    parser.add_argument("--bar-fps", type=float, default=0, help="frames a second that are wanted; 0: any")
    arguments = parser.parse_args()
    width, height = map(int, arguments.window.split("x"))
    with tempfile.TemporaryDirectory(prefix="heapwatch-flame-") as folder:
        profile, page = pathlib.Path(folder, "profile.pb"), pathlib.Path(folder, "flame.html")
        write_profile(profile, arguments.stacks)
        subprocess.run([arguments.heapwatch, "pprof", "-flame", f"-output={page}", profile], check=True)
        size = page.stat().st_size
        browser = Browser(width, height)
        try:
            firsts, draws = [], []
            for _ in range(ROUNDS):
                browser.open("about:blank")
                browser.open(f"file://{page}")
                browser.wait_for("return performance.getEntriesByName('flame').length === 1")
                draws.append(browser.script("return performance.getEntriesByName('flame')[0].duration"))
                firsts.append(browser.wait_for("return (performance.getEntriesByName('first-contentful-paint')[0] || {}).startTime"))
            again = [browser.later(DRAW) for _ in range(ROUNDS)]
            callers = [browser.later(CALLERS) for _ in range(ROUNDS)]
            frames = browser.later(PAN, PAN_S)
            listed, drawn = browser.script("return [graph.view.listed, graph.picture.shapes.size]")
        finally:
            browser.close()
    fps = 1000 * len(frames) / sum(frames)
    late = sum(frame > 25 for frame in frames)
    print(f"{arguments.stacks} stacks, {listed} boxes in a page of {size / 2 ** 20:.1f} MB at {arguments.window}, {drawn} drawn; medians of {ROUNDS}")
    print("| first | draw | again | callers | pan |")
    print("|---|---|---|---|---|")
    print("| " + " | ".join(f"{statistics.median(times):.0f} ms" for times in (firsts, draws, again, callers)) + f" | {fps:.0f} frames/s, {late} of {len(frames)} late |")
    missed = statistics.median(draws) > arguments.bar_ms or fps < arguments.bar_fps
    sys.exit(1 if missed else 0)


if __name__ == "__main__":
    main()
