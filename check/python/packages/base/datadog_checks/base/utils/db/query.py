"""One query: its text, and what its columns are. compile() finds what is wrong with it before it is asked."""
import copy

from datadog_checks.base.utils.db.utils import create_extra_transformer


class Query:
    def __init__(self, query_data):
        self.query_data = copy.deepcopy(query_data or {})
        self.name = self.query = self.column_transformers = self.extra_transformers = self.base_tags = None
        self.collection_interval = self.metric_name_raw = None
        self._last = float("-inf")
        self._sources = {}  # by name: what has it

    def compile(self, column_transformers, extra_transformers):
        """Once; further calls change nothing."""
        if self.name is not None:
            return
        name = self._text("name", self.query_data, "query field `name`")
        query = self.query_data.get("query")
        if not callable(query):
            query = self._text("query", self.query_data, f"field `query` for {name}")
        columns = self._list("columns", name)
        if not columns:
            raise ValueError(f"field `columns` for {name} is required")
        prefix = self.query_data.get("metric_prefix")
        if prefix is not None and (not isinstance(prefix, str) or not prefix):
            raise ValueError(f"field `metric_prefix` for {name} must be a string")
        interval = self.query_data.get("collection_interval")
        if interval is not None and (isinstance(interval, bool) or not isinstance(interval, (int, float)) or interval < 0):
            raise ValueError(f"field `collection_interval` for {name} must be a positive number")
        self._prefix = f"{prefix}." if prefix else ""
        self.column_transformers = tuple(
            self._column(column, f"column #{index} of {name}", column_transformers) for index, column in enumerate(columns, 1))
        types = {kind: maker for kind, maker in column_transformers.items() if not kind.startswith("tag")}
        self.extra_transformers = tuple(
            self._extra(extra, f"extra #{index} of {name}", types, extra_transformers)
            for index, extra in enumerate(self._list("extras", name), 1))
        self.base_tags = list(self._list("tags", name))
        self.metric_name_raw = bool(prefix)  # the prefix stands for the check's namespace
        self.collection_interval, self.query, self.name = interval, query, name

    def should_execute(self, now):
        """Whether its own interval is over; then the next one begins."""
        if self.collection_interval and now - self._last < self.collection_interval:
            return False
        self._last = now
        return True

    @staticmethod
    def _text(key, data, what):
        value = data.get(key)
        if not value:
            raise ValueError(f"{what} is required")
        if not isinstance(value, str):
            raise ValueError(f"{what} must be a string")
        return value

    def _list(self, key, name):
        value = self.query_data.get(key)
        if value is not None and not isinstance(value, list):
            raise ValueError(f"field `{key}` for {name} must be a list")
        return value or []

    def _named(self, entry, place):
        if not isinstance(entry, dict):
            raise ValueError(f"{place} is not a mapping")
        name = self._text("name", entry, f"field `name` for {place}")
        if name in self._sources:
            raise ValueError(f"the name {name} of {place} was already defined in {self._sources[name]}")
        self._sources[name] = place
        return name

    def _made(self, maker, types, kind, name, place, modifiers):
        is_metric = not kind.startswith("tag") and kind != "expression"
        try:
            return maker(types, (self._prefix if is_metric else "") + name, **modifiers)
        except Exception as error:
            raise type(error)(f"error compiling type `{kind}` for {place}, {name}: {error}") from None

    def _column(self, column, place, types):
        """(name, (type, transformer)); no name where the column is left out, no transformer where it is a source alone."""
        if not column:
            return None, None
        name = self._named(column, place)
        kind = self._text("type", column, f"field `type` for {place}, {name},")
        if kind == "source":
            return name, (kind, None)
        if kind not in types:
            raise ValueError(f"unknown type `{kind}` for {place}, {name}")
        modifiers = {key: value for key, value in column.items() if key not in ("name", "type")}
        return name, (kind, self._made(types[kind], types, kind, name, place, modifiers))

    def _extra(self, extra, place, types, extra_types):
        name = self._named(extra, place)
        kind = extra.get("type") or ("expression" if "expression" in extra else None)
        kind = self._text("type", {"type": kind}, f"field `type` for {place}, {name},")
        modifiers = {key: value for key, value in extra.items() if key not in ("name", "type")}
        if kind in extra_types:
            modifiers["sources"] = dict(self._sources)
            if kind == "log":
                del modifiers["sources"]
            return name, self._made(extra_types[kind], types, kind, name, place, modifiers)
        if kind not in types:
            raise ValueError(f"unknown type `{kind}` for {place}, {name}")
        source = self._text("source", extra, f"field `source` for {place}, {name},")
        del modifiers["source"]
        return name, create_extra_transformer(self._made(types[kind], types, kind, name, place, modifiers), source)
