"""What kind of system this is."""
import os
import sys


class Platform:
    """Questions that checks ask before they look for something."""

    @staticmethod
    def is_linux(name=None):
        return (name or sys.platform).startswith("linux")

    @staticmethod
    def is_darwin(name=None):
        return "darwin" in (name or sys.platform)

    is_mac = is_darwin

    @staticmethod
    def is_freebsd(name=None):
        return (name or sys.platform).startswith("freebsd")

    @staticmethod
    def is_bsd(name=None):
        return Platform.is_darwin(name) or (name or sys.platform).startswith(("freebsd", "openbsd", "netbsd"))

    @staticmethod
    def is_solaris(name=None):
        return (name or sys.platform) == "sunos5"

    @staticmethod
    def is_unix(name=None):
        return Platform.is_linux(name) or Platform.is_bsd(name) or Platform.is_solaris(name)

    @staticmethod
    def is_win32(name=None):
        return (name or sys.platform) in ("win32", "cygwin")

    is_windows = is_win32

    @staticmethod
    def is_containerized():
        return any(name in os.environ for name in ("DOCKER_DD_AGENT", "KUBERNETES_SERVICE_HOST")) or os.path.exists("/.dockerenv")

    @staticmethod
    def is_k8s():
        return "KUBERNETES_PORT" in os.environ

    @staticmethod
    def python_version():
        return sys.version_info[0]
