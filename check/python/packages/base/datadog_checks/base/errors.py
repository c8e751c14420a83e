"""What checks raise."""


class CheckException(Exception):
    """Something is wrong that ends the run."""


class ConfigurationError(CheckException):
    """The configuration is wrong."""


class ConfigValueError(ConfigurationError, ValueError):
    """A value of the configuration is wrong."""


class ConfigTypeError(ConfigurationError, TypeError):
    """A value of the configuration has the wrong type."""


class ConfigMissingError(ConfigurationError, KeyError):
    """An option that is needed is not there."""
