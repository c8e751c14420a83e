"""Pages in the text formats of Prometheus and OpenMetrics."""
import re

_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_LABEL = re.compile(r'\s*([a-zA-Z_][a-zA-Z0-9_]*)\s*=\s*"((?:[^"\\]|\\.)*)"\s*(,|(?=\}))')
_ESCAPED = re.compile(r"\\(.)")
# What follows the name of a family in the names of its samples.
_SUFFIXES = {
    "counter": ("_total", "_created", ""), "histogram": ("_bucket", "_sum", "_count", "_created"),
    "gaugehistogram": ("_bucket", "_gsum", "_gcount"), "summary": ("_sum", "_count", "_created", ""), "info": ("_info", ""),
}


class Sample:
    __slots__ = ("name", "labels", "value")

    def __init__(self, name, labels, value):
        self.name = name
        self.labels = labels
        self.value = value


class Metric:
    """A family: what a line of TYPE begins, or a sample that none was written for."""

    def __init__(self, name, kind, documentation=""):
        self.name = name
        self.type = kind
        self.documentation = documentation
        self.samples = []

    def sample_names(self):
        return {self.name + suffix for suffix in _SUFFIXES.get(self.type, ("",))}


def _unescaped(text):
    return _ESCAPED.sub(lambda match: "\n" if match[1] == "n" else match[1], text) if "\\" in text else text


def parse_sample(line):
    """Raises ValueError for what is no sample. What follows the value, a time and an exemplar, is not looked at."""
    name = _NAME.match(line)
    if not name:
        raise ValueError(f"not a sample of the text format: {line[:200]!r}")
    at = name.end()
    labels = {}
    if line[at:at + 1] == "{":
        at += 1
        while line[at:].lstrip()[:1] != "}":
            label = _LABEL.match(line, at)
            if not label:
                raise ValueError(f"not the labels of a sample: {line[:200]!r}")
            labels[label[1]] = _unescaped(label[2])
            at = label.end()
        at = line.index("}", at) + 1
    words = line[at:].split(None, 3)
    if not words or (len(words) > 2 and words[1] != "#" and words[2] != "#"):
        raise ValueError(f"not a sample of the text format: {line[:200]!r}")
    return Sample(name[0], labels, float(words[0]))


def family_name(name, kind):
    """Counters are named without the `_total` that the text format of Prometheus writes in their TYPE."""
    return name[:-len("_total")] if kind == "counter" and name.endswith("_total") else name


def parse(lines):
    """The families of a page, each when it is whole."""
    family = None
    names = ()
    documentation = {}
    for raw in lines:
        line = raw.strip()
        if line.startswith("#"):
            words = line.split(None, 3)
            if len(words) >= 3 and words[1] == "HELP":
                documentation[words[2]] = words[3] if len(words) > 3 else ""
            elif len(words) >= 4 and words[1] == "TYPE":
                if family is not None and family.samples:
                    yield family
                kind = "unknown" if words[3].strip() == "untyped" else words[3].strip()
                family = Metric(family_name(words[2], kind), kind, documentation.pop(words[2], ""))
                names = family.sample_names()
            continue
        if not line:
            continue
        sample = parse_sample(line)
        if family is None or sample.name not in names:
            if family is not None and family.samples:
                yield family
            family = Metric(sample.name, "unknown", documentation.pop(sample.name, ""))
            names = family.sample_names()
        family.samples.append(sample)
    if family is not None and family.samples:
        yield family
