"""The log of checks: through the agent's own."""
import logging
import sys

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


_PASSED_ON = {"disabled", "propagate", "level"}  # attributes that are set on the logger itself


class CheckLogger(logging.LoggerAdapter):
    """A logger that knows which check it belongs to: an adapter that is also all that its logger is."""

    def __init__(self, logger, check):
        super().__init__(logger, {})
        self.check = check

    def __getattr__(self, name):
        """addHandler, addFilter, handlers, getChild and so on are the logger's."""
        if name in ("logger", "check") or name.startswith("__"):  # while a copy of it is being made
            raise AttributeError(name)
        return getattr(self.logger, name)

    def __setattr__(self, name, value):
        if name in _PASSED_ON:
            setattr(self.logger, name, value)
        else:
            super().__setattr__(name, value)

    def process(self, message, keywords):
        keywords["extra"] = {**(keywords.get("extra") or {}), "_check_id": self.check.check_id}
        return message, keywords

    def trace(self, message, *args, **keywords):
        self.log(TRACE, message, *args, **keywords)

    def warn(self, message, *args, **keywords):
        self.warning(message, *args, **keywords)


def get_check_logger(default_logger=None):
    """The log of the check whose method called this, however far up; else the given one, or that of all checks."""
    frame = sys._getframe(1)
    while frame is not None:
        log = getattr(frame.f_locals.get("self"), "__dict__", {}).get("log")
        if isinstance(log, CheckLogger):
            return log
        frame = frame.f_back
    return default_logger if default_logger is not None else logging.getLogger("datadog_checks")


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
