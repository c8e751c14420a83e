"""Makes profiles that no Go program writes: several mappings, missing names, odd units, every kind of label."""
import random

TYPES = [
    [("alloc_objects", "count"), ("alloc_space", "bytes"), ("inuse_objects", "count"), ("inuse_space", "bytes")],
    [("samples", "count"), ("cpu", "nanoseconds")], [("contentions", "count"), ("delay", "nanoseconds")],
    [("goroutine", "count")], [("objects", "count"), ("space", "bytes")],
    [("rounds", "cycles"), ("wait", "ms"), ("load", "GCU")], [("x", "")],
    [("latency", "microseconds"), ("memory", "kb")]]
NAMES = [
    "main.main", "main.leaf", "runtime.mallocgc", "github.com/a/b/v2.(*T[...]).Do", "github.com/foo-bar/baz.func1",
    "std::vector<int, std::allocator<int> >::push_back", "(anonymous namespace)::Foo::bar(int)",
    "java.util.HashMap.put", "com.example.Foo$Bar.run", "operator new(unsigned long)", "foo::Bar::~Bar()", "f", "",
    "main.(*list[go.shape.int64]).grow", "main.leaf\"quote", "weird\\name", "ünïcode.fünc", ".text.foo",
    "gopkg.in/yaml.v3.unmarshal", "tls::(anonymous namespace)::go::run<a::b>()", "Foo::operator()(int) const"]
FILES = ["/src/main.go", "/src/a//b/../c.go", "x.go", "", "/usr/include/c++/v1/vector", "./rel/y.go",
         "/proc/self/cwd/z.cc", "/home/u/go/pkg/mod/github.com/foo/bar@v1.2.3/q.go"]


def varint(number):
    number &= (1 << 64) - 1
    out = b""
    while number >= 128:
        out += bytes([number & 127 | 128])
        number >>= 7
    return out + bytes([number])


def number(field, value):
    return b"" if value == 0 else varint(field << 3) + varint(value)


def message(field, content):
    return varint(field << 3 | 2) + varint(len(content)) + content


class Maker:
    """Profiles with the same `program` have the same functions and places; `seed` makes the samples."""

    def __init__(self, seed, program, types=None):
        self.random = random.Random(seed)
        self.program = random.Random(program)
        self.texts = {"": 0}
        self.types = types or self.program.choice(TYPES)

    def text(self, value):
        return self.texts.setdefault(value, len(self.texts))

    def make(self):
        program = self.program
        types = b"".join(message(1, number(1, self.text(t)) + number(2, self.text(u))) for t, u in self.types)
        functions = [(i + 1, program.choice(NAMES) + program.choice(["", "", "1", f".func{i}", str(i)]),
                      program.choice(FILES), program.choice([0, 0, program.randint(1, 50)]))
                     for i in range(program.randint(1, 40))]
        mappings = [(i + 1, 0x400000 + i * 0x1000000, program.choice(["/bin/prog", "/lib/libc.so.6", "", "[vdso]"]),
                     program.choice(["", "abc123"]), program.randint(0, 15))
                    for i in range(program.choice([0, 1, 1, 2, 3]))]
        locations = []
        for i in range(program.randint(1, 80)):
            mapping = program.choice(mappings) if mappings and program.random() < .95 else (0, 0x100)
            lines = [(program.choice(functions)[0], program.choice([0, program.randint(1, 60)]))
                     for _ in range(program.choice([0, 1, 1, 1, 1, 1, 2, 3]))]
            address = mapping[1] + program.randint(0, 200) * 16 if program.random() < .95 else 0
            locations.append((i + 1, mapping[0], address, lines, program.random() < .05))
        labels = program.choice([0, 0, 1, 2])
        most = program.choice([10, 1000, 10 ** 6, 10 ** 10])
        stacks = [[self.random.choice(locations)[0] for _ in range(self.random.randint(1, 12))]
                  for _ in range(self.random.randint(1, 30))]
        samples = b"".join(message(2, self.sample(self.random.choice(stacks), most, labels))
                           for _ in range(self.random.choice([1, 3, 30, 120])))
        places = b"".join(message(4, number(1, i) + number(2, m) + number(3, a) + b"".join(
            message(4, number(1, f) + number(2, line)) for f, line in lines) + number(5, int(folded)))
            for i, m, a, lines, folded in locations)
        rest = b"".join(message(3, number(1, i) + number(2, start) + number(3, start + 0x1000000)
                                + number(5, self.text(file)) + number(6, self.text(build))
                                + b"".join(number(7 + bit, flags >> bit & 1) for bit in range(4)))
                        for i, start, file, build, flags in mappings)
        rest += places + b"".join(message(5, number(1, i) + number(2, self.text(name)) + number(3, self.text(name))
                                          + number(4, self.text(file)) + number(5, start))
                                  for i, name, file, start in functions)
        rest += self.tail()
        return types + samples + rest + b"".join(message(6, text.encode()) for text in self.texts)

    def sample(self, stack, most, labels):
        pick = self.random
        values = [pick.choice([0, pick.randint(1, most), pick.randint(1, most), 1, 7]) for _ in self.types]
        out = message(1, b"".join(map(varint, stack))) + message(2, b"".join(map(varint, values)))
        if labels >= 1 and pick.random() < .8:
            out += message(3, number(1, self.text("bytes")) + number(3, pick.choice([16, 48, 1024, 100000, 700])))
        if labels >= 2:
            for key in ("tenant", "request", "zone"):
                if pick.random() < .5:
                    out += message(3, number(1, self.text(key))
                                   + number(2, self.text(pick.choice(["red", "green", "a b", "1", "42ms"]))))
        return out

    def tail(self):
        program = self.program
        out = b""
        if program.random() < .2:
            out += number(7, self.text(program.choice(["main\\.leaf.*", "runtime\\..*", "f.*"])))
        if program.random() < .1:
            out += number(8, self.text("main\\.leaf"))
        out += number(9, 1700000000000000000 + self.random.randint(0, 10 ** 15))
        out += number(10, program.choice([0, 1500, 3120000000, 61 * 10 ** 9]))
        out += message(11, number(1, self.text("space")) + number(2, self.text("bytes")))
        out += number(12, self.random.choice([0, 1, 524288]))
        for _ in range(program.choice([0, 0, 1, 2])):
            out += number(13, self.text(self.random.choice(["hello", "#hidden", "second"])))
        if program.random() < .2:
            out += number(14, self.text(program.choice(self.types)[0]))
        return out
