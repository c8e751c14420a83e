"""What a check that uses something old says about it, once."""

NOTICES = {
    "increment": "`AgentCheck.increment`/`AgentCheck.decrement` are deprecated, please use `AgentCheck.gauge` or "
                 "`AgentCheck.count` instead, with a different metric name",
    "device_name": "`device_name` is deprecated, please use a `device:` tag in the `tags` list instead",
    "in_developer_mode": "`in_developer_mode` is deprecated, please stop using it.",
    "no_proxy": "The `no_proxy` config option has been renamed to `skip_proxy` and will be removed in a future release.",
    "service_tag": "The `service` tag is deprecated and has been renamed to `%s`. Set `disable_legacy_service_tag` to `true` to "
                   "disable this warning.",
    "_config_renamed": "The `%s` config option has been renamed to `%s` and will be removed in a future release.",
}


def all_notices():
    """By key: whether it was said, and the text. Checks add their own."""
    return {key: (False, f"DEPRECATION NOTICE: {text}") for key, text in NOTICES.items()}
