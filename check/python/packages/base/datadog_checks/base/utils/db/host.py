"""Which machine a database is on."""
import json
import socket

import datadog_agent


def resolve_db_host(db_host):
    """The agent's own name when the database is on its machine, else the name that is given."""
    own = datadog_agent.get_hostname()
    if not db_host or db_host in ("localhost", "127.0.0.1") or db_host.startswith("/"):
        return own
    try:
        address = socket.gethostbyname(db_host)
    except (OSError, UnicodeError):
        return own  # the folder of a socket, perhaps
    try:
        return own if socket.gethostbyname(own) == address else db_host
    except (OSError, UnicodeError):
        return db_host


def get_agent_host_tags():
    """The tags of this machine, of all sources, in one list."""
    text = datadog_agent.get_host_tags()
    if not text:
        return []
    try:
        sources = json.loads(text)
        return [tag for tags in sources.values() for tag in tags or ()]
    except (ValueError, AttributeError, TypeError) as error:
        raise ValueError(f"the host's tags are not a map of lists: {error}") from None
