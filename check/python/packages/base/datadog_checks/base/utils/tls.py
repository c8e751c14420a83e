"""TLS for checks that open sockets themselves."""
import os
import ssl

from datadog_checks.base.config import is_affirmative
from datadog_checks.base.utils.remapped import remapped

_FIRST = "_tls_context_"  # what goes before an option that self.http has by the same name


def tls_options(instance, remapper=None, overrides=None):
    """The tls_ options of an instance, whatever it calls them."""
    options = remapped({**instance, **(overrides or {})}, remapper)
    return {**options, **{name[len(_FIRST):]: value for name, value in options.items() if str(name).startswith(_FIRST)}}


def create_ssl_context(options, overrides=None):
    """A context with tls_verify, tls_validate_hostname, tls_ca_cert (a file or a folder), tls_cert, tls_private_key,
    tls_private_key_password and tls_ciphers."""
    options = {**options, **(overrides or {})}
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    verify = is_affirmative(options.get("tls_verify", True))
    context.check_hostname = verify and is_affirmative(options.get("tls_validate_hostname", True))
    context.verify_mode = ssl.CERT_REQUIRED if verify else ssl.CERT_NONE
    authority, certificate, key = (os.path.expanduser(options[name]) if isinstance(options.get(name), str) else None
                                   for name in ("tls_ca_cert", "tls_cert", "tls_private_key"))
    if authority:
        context.load_verify_locations(**{"capath" if os.path.isdir(authority) else "cafile": authority})
    elif verify:
        context.load_default_certs()
    if certificate:
        context.load_cert_chain(certificate, key, options.get("tls_private_key_password"))
    if ciphers := options.get("tls_ciphers"):
        context.set_ciphers(ciphers if isinstance(ciphers, str) else ":".join(ciphers))
    return context
