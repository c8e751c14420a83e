"""Certificates for tests of TLS, made by openssl."""
import pathlib
import ssl
import subprocess
import tempfile

KEY = "openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout %s.key -subj /CN=%s"


class Certificates:
    """Two authorities, `ca` and `stranger`, and what they signed: (file, authority, names), in a temporary folder."""

    def __init__(self, signed):
        self._folder = tempfile.TemporaryDirectory()
        self.root = pathlib.Path(self._folder.name)
        for authority in ("ca", "stranger"):
            self._openssl(KEY % (authority, authority) + f" -x509 -out {authority}.pem -days 2")
        for name, authority, names in signed:
            (self.root / f"{name}.ext").write_text(f"subjectAltName={names}\n")
            self._openssl(KEY % (name, name) + f" -out {name}.csr")
            self._openssl(f"openssl x509 -req -in {name}.csr -CA {authority}.pem -CAkey {authority}.key -CAcreateserial -days 2 "
                          f"-extfile {name}.ext -out {name}.pem")

    def _openssl(self, command):
        subprocess.run(command.split(), cwd=self.root, check=True, capture_output=True)

    def file(self, name):
        return str(self.root / name)

    def server(self, name, client_ca=None):
        """The context of a server that shows this certificate."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.file(f"{name}.pem"), self.file(f"{name}.key"))
        if client_ca:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(self.file(client_ca))
        return context

    def close(self):
        self._folder.cleanup()


def server_and_client():
    """A server of this machine, one of elsewhere, and a client."""
    return Certificates([("server", "ca", "IP:127.0.0.1"), ("elsewhere", "ca", "DNS:elsewhere.example"), ("client", "ca", "DNS:client")])
