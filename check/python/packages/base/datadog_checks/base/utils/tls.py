"""TLS for checks that open sockets themselves."""
import ssl

from datadog_checks.base.config import is_affirmative


def create_ssl_context(options, overrides=None):
    """A context with tls_verify, tls_validate_hostname, tls_ca_cert, tls_cert, tls_private_key and
    tls_private_key_password."""
    options = {**options, **(overrides or {})}
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    verify = is_affirmative(options.get("tls_verify", True))
    context.check_hostname = verify and is_affirmative(options.get("tls_validate_hostname", True))
    context.verify_mode = ssl.CERT_REQUIRED if verify else ssl.CERT_NONE
    authority = options.get("tls_ca_cert")
    if authority:
        context.load_verify_locations(cafile=authority)
    elif verify:
        context.load_default_certs()
    if options.get("tls_cert"):
        context.load_cert_chain(options["tls_cert"], options.get("tls_private_key"), options.get("tls_private_key_password"))
    return context
