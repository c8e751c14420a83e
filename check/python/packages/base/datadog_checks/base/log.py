"""The log of checks: through the agent's own."""
import logging

import datadog_agent

TRACE = 7
_LEVELS = {
    "trace": TRACE, "debug": logging.DEBUG, "info": logging.INFO, "warn": logging.WARNING, "warning": logging.WARNING,
    "error": logging.ERROR, "critical": logging.CRITICAL, "off": logging.CRITICAL + 1,
}


class AgentLogHandler(logging.Handler):
    """Hands records to the agent as `<check id or -> | (<file>:<line>) | <text>`."""

    def emit(self, record):
        try:
            text = self.format(record)
            check_id = getattr(record, "_check_id", None) or "-"
            datadog_agent.log(f"{check_id} | ({record.filename}:{record.lineno}) | {text}".replace("\0", ""), record.levelno)
        except Exception:
            self.handleError(record)


class CheckLogger(logging.LoggerAdapter):
    """A logger that knows which check it belongs to."""

    def __init__(self, logger, check):
        super().__init__(logger, {})
        self.check = check

    def process(self, message, keywords):
        keywords["extra"] = {**(keywords.get("extra") or {}), "_check_id": self.check.check_id}
        return message, keywords

    def trace(self, message, *args, **keywords):
        self.log(TRACE, message, *args, **keywords)

    def warn(self, message, *args, **keywords):
        self.warning(message, *args, **keywords)


def init_logging():
    """Once, when the first check is imported."""
    logging.addLevelName(TRACE, "TRACE")
    root = logging.getLogger()
    if not any(isinstance(handler, AgentLogHandler) for handler in root.handlers):
        handler = AgentLogHandler()
        handler.setFormatter(logging.Formatter("%(message)s"))
        root.addHandler(handler)
    root.setLevel(_LEVELS.get(str(datadog_agent.get_config("log_level")).lower(), logging.INFO))
    for chatty in ("urllib3", "requests"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
