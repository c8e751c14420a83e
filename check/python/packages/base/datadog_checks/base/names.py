"""Names of metrics and tags as Datadog has them."""
import re

_WORD_BORDERS = ((re.compile(r"(.)([A-Z][a-z]+)"), r"\1_\2"), (re.compile(r"([a-z0-9])([A-Z])"), r"\1_\2"))
_NOT_ALLOWED = re.compile(r"[^a-zA-Z0-9_.]+")
_NOT_ALLOWED_IN_TAGS = re.compile(r"[,+*\-/()\[\]{}\s]")
_SURROUNDED_DOT = re.compile(r"_*\._*")
_SEVERAL = re.compile(r"__+")
GENERIC_TAGS = {"cluster_name", "clustername", "cluster", "clusterid", "cluster_id", "env", "host_name", "hostname", "host",
                "service", "version"}


def underscored(name):
    """camelCase and CamelCase as camel_case."""
    for border, parts in _WORD_BORDERS:
        name = border.sub(parts, name)
    return _tidied(_NOT_ALLOWED.sub("_", name.lower()))


def _tidied(name):
    return _SURROUNDED_DOT.sub(".", _SEVERAL.sub("_", name)).strip("_")


def normalized(name, prefix=None, fix_case=False):
    """A metric's name of letters, digits, `_` and `.` alone."""
    name = underscored(name) if fix_case else _tidied(_NOT_ALLOWED.sub("_", name))
    if prefix is None:
        return name
    return (underscored(prefix) if fix_case else prefix) + "." + name


def normalized_tag(tag):
    """A tag without what Datadog does not take in tags."""
    return _SEVERAL.sub("_", _NOT_ALLOWED_IN_TAGS.sub("_", tag)).strip("_")
