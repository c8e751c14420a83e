"""What checks ask the agent for, where there is none; see aggregator.py."""
import socket
import sys


def get_version():
    return "0.0.0"


def get_hostname():
    return socket.gethostname()


def get_clustername():
    return ""


def get_host_tags():
    return "{}"


def get_config(_key):
    return None


def headers(*_, **keywords):
    found = {"User-Agent": "Datadog Agent/0.0.0", "Content-Type": "application/x-www-form-urlencoded",
             "Accept": "text/html, */*"}
    if keywords.get("http_host") is not None:
        found["Host"] = keywords["http_host"]
    return found


def log(message, _level):
    print(message, file=sys.stderr)


def tracemalloc_enabled(*_):
    return False


def read_persistent_cache(_key):
    return ""


def obfuscate_sql(query, *_, **__):
    raise RuntimeError("there is no agent in this process to obfuscate with")


obfuscate_sql_exec_plan = obfuscate_mongodb_string = obfuscate_sql


def _nothing(*_, **__):
    return None


send_log = set_check_metadata = set_external_tags = write_persistent_cache = get_process_start_time = _nothing
emit_agent_telemetry = report_issue = resolve_issue = _nothing
