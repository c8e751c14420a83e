"""An HTTP client for checks that needs nothing but Python: the calls of `requests` that checks use.

    response = self.http.get(url, params={"a": 1})
    response.raise_for_status()
    value = response.json()
"""
import base64
import datetime
import email.message
import http.client
import ipaddress
import json
import re
import socket
import ssl
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

import datadog_agent

from datadog_checks.base.config import is_affirmative
from datadog_checks.base.errors import ConfigurationError
from datadog_checks.base.utils.oauth import AuthTokenOAuthReader  # noqa: F401 (checks import it from here)
from datadog_checks.base.utils.remapped import remapped

BODY_BYTES_MAX = 64 * 1024 * 1024
TIMEOUT_S = 10.0


class RequestException(OSError):
    """A request failed."""

    response = None


class ConnectionError(RequestException):
    """The other side did not take the connection, or broke it."""


class SSLError(ConnectionError):
    """The other side is not who it should be, or speaks no TLS that both know."""


class Timeout(RequestException):
    """The other side took too long."""


class HTTPError(RequestException):
    """The other side answered with a status of 400 or more."""

    def __init__(self, message, response=None):
        super().__init__(message)
        self.response = response


def _error(cls, *args):
    """An error that `except requests.exceptions.Timeout` and so on take, too, where a check has imported requests."""
    theirs = getattr(sys.modules.get("requests"), "exceptions", None)
    name = "ReadTimeout" if cls is Timeout else cls.__name__
    if not hasattr(theirs, name):
        return cls(*args)
    both = _errors.setdefault(cls, type(cls.__name__, (cls, getattr(theirs, name)), {}))
    return both(*args)


_errors = {}


class Response:
    """An answer, read to its end."""

    elapsed = datetime.timedelta()  # until it was there

    def __init__(self, status, reason, headers, content, url):
        self.status_code = status
        self.reason = reason
        self.headers = headers  # keys in any case
        self.content = content
        self.url = url

    @property
    def ok(self):
        return self.status_code < 400

    @property
    def encoding(self):
        return self.headers.get_content_charset() or "utf-8"

    @property
    def text(self):
        return self.content.decode(self.encoding, "replace")

    def json(self, **kwargs):
        return json.loads(self.content, **kwargs)

    def iter_lines(self, chunk_size=None, decode_unicode=False, delimiter=None):
        lines = self.content.split(delimiter.encode() if delimiter else None) if delimiter else self.content.splitlines()
        return (line.decode(self.encoding, "replace") if decode_unicode else line for line in lines)

    def iter_content(self, chunk_size=None, decode_unicode=False):
        size = chunk_size or len(self.content) or 1
        content = self.text if decode_unicode else self.content
        return (content[begin:begin + size] for begin in range(0, len(content), size))

    def raise_for_status(self):
        if not self.ok:
            side = "Client" if self.status_code < 500 else "Server"
            raise _error(HTTPError, f"{self.status_code} {side} Error: {self.reason} for url: {self.url}", self)

    def close(self):
        """There is nothing left to close."""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None


class _SameHostAuthorization(urllib.request.HTTPRedirectHandler):
    """Credentials do not follow to another host."""

    def redirect_request(self, request, *rest):
        new = super().redirect_request(request, *rest)
        if new is not None and urllib.parse.urlsplit(new.full_url).netloc != urllib.parse.urlsplit(request.full_url).netloc:
            new.headers.pop("Authorization", None)
        return new


def _option(instance, init_config, name, default=None):
    value = instance.get(name)
    if value is None:
        value = init_config.get(name)
    return default if value is None else value


def _seconds(value, name):
    try:
        seconds = float(value)
    except (TypeError, ValueError):
        raise ConfigurationError(f"{name} must be a number of seconds, not {value!r}") from None
    if not seconds > 0:
        raise ConfigurationError(f"{name} must be more than 0 seconds, not {value!r}")
    return seconds


def _mapping(value, name):
    if not isinstance(value, dict):
        raise ConfigurationError(f"{name} must be a mapping of names and values, not {value!r}")
    return {str(key): str(inner) for key, inner in value.items()}


class _Session:
    """What checks close after use: there is nothing to close, as every request has a connection of its own."""

    trust_env = True

    def close(self):
        pass


class Http:
    """Options: username, password, auth_type (basic, digest), auth_token, headers, extra_headers, timeout, connect_timeout,
    read_timeout, tls_verify, tls_ca_cert, tls_cert, tls_private_key, proxy, skip_proxy, allow_redirects; an instance's
    before its init_config's."""

    def __init__(self, instance, init_config=None, log=None, remapper=None):
        instance = remapped(instance, remapper)

        def option(name, default=None):
            return _option(instance, init_config or {}, name, default)

        self.log = log
        self._session = None
        timeout = _seconds(option("timeout", TIMEOUT_S), "timeout")
        self.timeout = max(_seconds(option(name, timeout), name) for name in ("connect_timeout", "read_timeout"))
        headers = _mapping(option("headers", {}), "headers") or dict(datadog_agent.headers())
        headers.update(_mapping(option("extra_headers", {}), "extra_headers"))
        self.headers = headers
        self._username, self._password = option("username"), option("password")
        self._auth_type = str(option("auth_type", "basic")).lower()
        if self._auth_type not in ("basic", "digest"):
            raise ConfigurationError(f"auth_type must be basic or digest, not {self._auth_type!r}")
        self._token = option("auth_token")
        self._verify = is_affirmative(option("tls_verify", True))
        self._ca, self._certificate, self._key = option("tls_ca_cert"), option("tls_cert"), option("tls_private_key")
        self._redirects = is_affirmative(option("allow_redirects", True))
        self._proxies = {} if is_affirmative(option("skip_proxy", False)) else self._read_proxies(option("proxy"))
        # What checks look at and change before a request.
        self.options = {"headers": self.headers, "timeout": (self.timeout, self.timeout), "verify": self._verify and (self._ca or True),
                        "auth": (self._username, self._password) if self._username is not None else None,
                        "cert": (self._certificate, self._key) if self._certificate and self._key else self._certificate,
                        "allow_redirects": self._redirects, "proxies": self._proxies}
        self.secrets = [str(secret) for secret in (self._password,) if secret]

    @staticmethod
    def _read_proxies(proxy):
        """None: those of the environment."""
        proxy = proxy or datadog_agent.get_config("proxy")
        if not proxy:
            return None
        no_proxy = proxy.get("no_proxy") or []
        excluded = re.split(r"[\s,;]+", no_proxy) if isinstance(no_proxy, str) else [str(one) for one in no_proxy]
        return {**{scheme: str(proxy[scheme]) for scheme in ("http", "https") if proxy.get(scheme)}, "no": excluded}

    @property
    def session(self):
        if self._session is None:
            self._session = _Session()
        return self._session

    # ---- Requests ------------------------------------------------------------------------------

    def get(self, url, **options):
        return self.request("GET", url, **options)

    def post(self, url, **options):
        return self.request("POST", url, **options)

    def head(self, url, **options):
        return self.request("HEAD", url, **options)

    def put(self, url, **options):
        return self.request("PUT", url, **options)

    def patch(self, url, **options):
        return self.request("PATCH", url, **options)

    def delete(self, url, **options):
        return self.request("DELETE", url, **options)

    def options_method(self, url, **options):
        return self.request("OPTIONS", url, **options)

    def request(self, method, url, params=None, data=None, json=None, headers=None, extra_headers=None, auth=None, timeout=None,
                verify=None, allow_redirects=None, persist=None, stream=None):
        """`persist` and `stream` are taken and change nothing: an answer is always read to its end."""
        request = self._build(method, url, params, data, json, headers, extra_headers, auth)
        opener = self._opener(request.full_url, verify,
                              self.options["allow_redirects"] if allow_redirects is None else allow_redirects)
        timeout = self.options["timeout"] if timeout is None else timeout
        seconds = _seconds(max(timeout) if isinstance(timeout, (tuple, list)) else timeout, "timeout")
        began = time.monotonic()
        try:
            response = self._exchange(opener, request, seconds)
            response.elapsed = datetime.timedelta(seconds=time.monotonic() - began)
            return response
        except (socket.timeout, TimeoutError) as error:
            raise _error(Timeout, f"{method} {_shown(url)}: no answer within {seconds:g} s") from error
        except urllib.error.URLError as error:
            if isinstance(error.reason, (socket.timeout, TimeoutError)):
                raise _error(Timeout, f"{method} {_shown(url)}: no answer within {seconds:g} s") from error
            kind = SSLError if isinstance(error.reason, ssl.SSLError) else ConnectionError
            raise _error(kind, f"{method} {_shown(url)}: {error.reason}") from error
        except (http.client.HTTPException, OSError) as error:
            if isinstance(error, RequestException):
                raise
            raise _error(ConnectionError, f"{method} {_shown(url)}: {error or type(error).__name__}") from error

    def _exchange(self, opener, request, seconds):
        try:
            with opener.open(request, timeout=seconds) as answer:
                return self._read(answer, request.full_url)
        except urllib.error.HTTPError as error:
            with error:
                return self._read(error, request.full_url)

    @staticmethod
    def _read(answer, url):
        content = answer.read(BODY_BYTES_MAX + 1)
        if len(content) > BODY_BYTES_MAX:
            raise _error(RequestException, f"{_shown(url)}: the body is larger than {BODY_BYTES_MAX} bytes")
        headers = answer.headers if answer.headers is not None else email.message.Message()
        return Response(answer.status, answer.reason, headers, content, answer.url)

    def _build(self, method, url, params, data, body, headers, extra_headers, auth):
        parts = urllib.parse.urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ConfigurationError(f"{_shown(url)!r} is no URL of http:// or https:// and a host")
        if parts.username is not None:  # urllib would take it for a part of the host
            auth = auth or (urllib.parse.unquote(parts.username), urllib.parse.unquote(parts.password or ""))
            parts = parts._replace(netloc=parts.netloc.rpartition("@")[2])
            url = urllib.parse.urlunsplit(parts)
        if params:
            query = params if isinstance(params, str) else urllib.parse.urlencode(params, doseq=True)
            url = urllib.parse.urlunsplit(parts._replace(query=f"{parts.query}&{query}" if parts.query else query))
        all_headers = {**(headers if headers is not None else self.options["headers"]), **(extra_headers or {})}
        if body is not None:
            data = json.dumps(body).encode()
            all_headers["Content-Type"] = "application/json"
        elif isinstance(data, dict):
            data = urllib.parse.urlencode(data, doseq=True).encode()
            all_headers.setdefault("Content-Type", "application/x-www-form-urlencoded")
        elif isinstance(data, str):
            data = data.encode()
        elif data is None:
            all_headers = {name: value for name, value in all_headers.items() if name.lower() != "content-type"}
        username, password = auth or self.options["auth"] or (None, None)
        if self._token:
            self._add_token(all_headers)
        elif username is not None and self._auth_type == "basic":
            credentials = f"{username}:{password or ''}".encode()
            all_headers["Authorization"] = "Basic " + base64.b64encode(credentials).decode()
        return urllib.request.Request(url, data=data, headers=all_headers, method=method)

    def _add_token(self, headers):
        """auth_token: a reader of a file, and a writer of a header."""
        reader, writer = self._token.get("reader") or {}, self._token.get("writer") or {}
        if reader.get("type") != "file" or not reader.get("path"):
            raise ConfigurationError("auth_token -> reader must be of type file, with a path")
        with open(reader["path"], encoding="utf-8") as file:
            text = file.read()
        if reader.get("pattern"):
            match = re.search(reader["pattern"], text)
            if not match:
                raise ConfigurationError(f"auth_token -> reader: the pattern does not match in {reader['path']}")
            text = match.group(1)
        placeholder = writer.get("placeholder", "<TOKEN>")
        headers[writer.get("name", "Authorization")] = str(writer.get("value", placeholder)).replace(placeholder, text.strip())

    # ---- Connections ---------------------------------------------------------------------------

    def _opener(self, url, verify, redirects):
        handlers = [urllib.request.ProxyHandler(self._proxies_for(url)),
                    _SameHostAuthorization() if redirects else _NoRedirect()]
        if url.startswith("https:"):
            handlers.append(urllib.request.HTTPSHandler(context=self._tls(verify)))
        if self._auth_type == "digest" and self._username is not None:
            passwords = urllib.request.HTTPPasswordMgrWithDefaultRealm()
            passwords.add_password(None, url, self._username, self._password or "")
            handlers.append(urllib.request.HTTPDigestAuthHandler(passwords))
        return urllib.request.build_opener(*handlers)

    def _proxies_for(self, url):
        if self._proxies is None:
            return urllib.request.getproxies() if not urllib.request.proxy_bypass(urllib.parse.urlsplit(url).hostname) else {}
        return _for_host(self._proxies, url)

    def _tls(self, verify):
        verify = self.options["verify"] if verify is None else verify
        authority = verify if isinstance(verify, str) else self._ca
        context = ssl.create_default_context(cafile=authority)
        if not verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        if self._certificate:
            context.load_cert_chain(self._certificate, self._key)
        return context


def _excludes(pattern, host):
    """Whether an entry of no_proxy names the host: itself, a domain above it, or a network it is in."""
    if pattern == "*" or host == pattern:
        return True
    try:
        return ipaddress.ip_address(host) in ipaddress.ip_network(pattern, strict=False)
    except ValueError:
        return host.endswith("." + pattern.lstrip("*").lstrip("."))


def _for_host(proxies, url):
    host = urllib.parse.urlsplit(url).hostname
    if any(_excludes(pattern, host) for pattern in proxies.get("no", ())):
        return {}
    return {scheme: proxy for scheme, proxy in proxies.items() if scheme != "no"}


def proxies_for(instance, url):
    """Those that the instance or the agent names, by scheme; None: none, and {}: not for this host."""
    if is_affirmative(instance.get("skip_proxy", instance.get("no_proxy", False))):
        return {"http": "", "https": ""}  # also none of the environment
    proxies = Http._read_proxies(instance.get("proxy"))
    return None if proxies is None else _for_host(proxies, url)


def _shown(url):
    """The URL without credentials and without its query, which can hold them."""
    parts = urllib.parse.urlsplit(str(url))
    return urllib.parse.urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


RequestsWrapper = Http
