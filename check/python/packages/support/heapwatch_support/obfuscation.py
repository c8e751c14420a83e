"""Takes the values out of SQL statements, query plans and MongoDB commands."""
import json
import re

_TOKEN = re.compile(
    r"""
    (?P<space>\s+)
  | (?P<comment>--[^\n]*|/\*.*?\*/)
  | (?P<dollar>\$(?P<tag>[A-Za-z_]\w*|)\$.*?\$(?P=tag)\$)
  | (?P<string>(?:\b[EeNnXxBb])?'(?:[^'\\]|\\.|'')*')
  | (?P<quoted>"(?:[^"\\]|\\.|"")*"|`(?:[^`]|``)*`|\[[A-Za-z_][^\]\n]*\])
  | (?P<number>(?<![\w.])[-+]?(?:0[xX][0-9a-fA-F]+|(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)(?!\w))
  | (?P<parameter>\$\d+|%s|\?)
  | (?P<name>[^\W\d][\w$]*|[@:]{1,2}[^\W\d]\w*|\#\w+)
  | (?P<sign><=>|[-+*/<>=~!@\#%^&|:]+|[(),;.\[\]{}])
  | (?P<open>'|"|`|/\*|\$(?:[A-Za-z_]\w*|)\$)
  | (?P<other>.)
    """,
    re.VERBOSE | re.DOTALL,
)
_COMMANDS = {"SELECT", "INSERT", "UPDATE", "DELETE", "CREATE", "ALTER", "DROP", "TRUNCATE", "MERGE", "REPLACE", "JOIN",
             "CALL", "EXECUTE", "GRANT", "REVOKE", "BEGIN", "COMMIT", "ROLLBACK"}
_BEFORE_TABLE = {"FROM", "JOIN", "INTO", "UPDATE", "TABLE"}
_BEFORE_VALUE = {"=", "(", ",", "<", ">", "<=", ">=", "<>", "!=", "+", "-", "*", "/", "%", "||"}


class _Statement:
    """One statement being read: what is left of it, and what was seen on the way."""

    def __init__(self, options):
        self.options = options
        self.words = []
        self.tables = []
        self.commands = []
        self.comments = []

    def add(self, kind, text):
        if kind == "comment":
            self.comments.append(text)
            return
        if kind in ("string", "dollar", "number"):
            text = self._value(kind, text)
        elif kind == "parameter" and not (self.options.get("keep_positional_parameter") and text.startswith("$")):
            text = "?"
        elif kind == "quoted" and text.startswith('"') and self.options.get("dbms") == "mysql":
            text = "?"
        elif kind == "name":
            text = self._name(text)
        if self._drops_alias(kind):
            self.words.pop()
            return
        self.words.append(text)
        self._fold_list()

    def _value(self, kind, text):
        if kind == "number" and text[0] in "+-" and self.words and self.words[-1] not in _BEFORE_VALUE:
            self.words.append(text[0])
        return "?"

    def _name(self, text):
        upper = text.upper()
        if upper in ("TRUE", "FALSE") and not self.options.get("keep_boolean"):
            return "?"
        if upper == "NULL" and not self.options.get("keep_null"):
            return "?"
        if upper in _COMMANDS and upper not in self.commands:
            self.commands.append(upper)
        if self.words and self.words[-1].upper() in _BEFORE_TABLE and upper not in _COMMANDS and text not in self.tables:
            self.tables.append(text)
        if self.options.get("replace_digits"):
            text = re.sub(r"\d+", "?", text)
        return text

    def _drops_alias(self, kind):
        return (kind in ("name", "quoted") and self.words and self.words[-1].upper() == "AS"
                and not self.options.get("keep_sql_alias"))

    def _fold_list(self):
        """`?, ?` is one value, however many there were; and so is `( ? ), ( ? )`."""
        if self.words[-3:] == ["?", ",", "?"]:
            del self.words[-2:]
        if self.words[-7:] == ["(", "?", ")", ",", "(", "?", ")"]:
            del self.words[-4:]

    def text(self):
        out = ""
        for before, word in zip([""] + self.words, self.words):
            glued = not out or word in (",", ".", ";") or before == "." or word.startswith("::") or before == "::"
            out += word if glued else " " + word
        return out.rstrip(" ;")

    def metadata(self):
        wanted = self.options
        return {
            "size": sum(map(len, self.tables)) + sum(map(len, self.commands)) + sum(map(len, self.comments)),
            "tables_csv": ",".join(self.tables) if wanted.get("table_names") else "",
            "commands": self.commands if wanted.get("collect_commands") else [],
            "comments": self.comments if wanted.get("collect_comments") else [],
            "procedures": [],
        }


def _read(query, options):
    statement = _Statement(options)
    for match in _TOKEN.finditer(query):
        kind = match.lastgroup if match.lastgroup != "tag" else "dollar"
        if kind == "open":
            raise ValueError(f"at position {match.end()}: unexpected EOF in string")
        if kind != "space":
            statement.add(kind, match.group())
    return statement


def sql(query, options=""):
    """The statement with ? for its values; as JSON with what is known of it when the options ask for that."""
    chosen = json.loads(options) if options else {}
    statement = _read(query, chosen)
    text = statement.text()
    if not text:
        raise ValueError("result is empty")
    if not chosen.get("return_json_metadata"):
        return text
    return json.dumps({"query": text, "metadata": statement.metadata()}, separators=(",", ":"))


_SQL_KEYS = {"Filter", "Index Cond", "Hash Cond", "Merge Cond", "Join Filter", "Recheck Cond", "Output", "Group Key",
             "Sort Key", "TID Cond", "Function Call", "attached_condition", "query", "command"}
_KEPT_KEYS = {"Node Type", "Parallel Aware", "Async Capable", "Parent Relationship", "Join Type", "Strategy", "Partial Mode",
              "Relation Name", "Schema", "Alias", "Index Name", "Scan Direction", "Command", "Operation", "Subplan Name",
              "CTE Name", "Inner Unique", "Sort Method", "Sort Space Type", "Custom Plan Provider", "table_name",
              "access_type", "possible_keys", "key", "used_key_parts", "key_length", "ref", "using_index", "select_id"}
_COST_KEYS = {"Startup Cost", "Total Cost", "Plan Rows", "Plan Width", "Actual Startup Time", "Actual Total Time",
              "Actual Rows", "Actual Loops", "query_cost", "cost_info", "rows_examined_per_scan",
              "rows_produced_per_join", "filtered"}


def _plan(value, key, normalize):
    if isinstance(value, dict):
        return {name: _plan(inner, name, normalize) for name, inner in value.items()
                if not (normalize and name in _COST_KEYS)}
    if isinstance(value, list):
        return [_plan(inner, key, normalize) for inner in value]
    if key in _SQL_KEYS and isinstance(value, str) and value:
        return _read(value, {"keep_sql_alias": True}).text()
    if key in _KEPT_KEYS or key in _COST_KEYS:
        return value
    return "?"


def sql_plan(plan, normalize=False):
    """The plan, which is JSON, with ? for all but its structure; normalised also without costs."""
    return json.dumps(_plan(json.loads(plan), None, normalize), separators=(",", ":"))


def _mongodb(value):
    if isinstance(value, dict):
        return {name: _mongodb(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_mongodb(inner) for inner in value]
    return "?"


_MONGODB_KEPT = {"find", "sort", "projection", "skip", "batchSize", "$db", "getMore", "collection", "delete", "findAndModify",
                 "insert", "ordered", "update", "aggregate", "comment"}


def mongodb(command):
    """The command, which is JSON, with ? for its values."""
    read = json.loads(command)
    if not isinstance(read, dict):
        raise ValueError("a command is a JSON object")
    return json.dumps({name: inner if name in _MONGODB_KEPT else _mongodb(inner) for name, inner in read.items()},
                      separators=(",", ":"))
