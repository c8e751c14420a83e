#include "net/tls.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <limits>

#include "base/file.h"

namespace heapwatch::net {

namespace {

using base::ErrorKind;
using base::fail;
using base::Result;

constexpr std::size_t pem_bytes_max = std::size_t{1} << 20U;
constexpr int certificates_max = 1000;

template <auto Free>
struct Freed {
  template <typename T>
  void operator()(T* object) const {
    Free(object);
  }
};
using Bio = std::unique_ptr<BIO, Freed<BIO_free_all>>;
using Certificate = std::unique_ptr<X509, Freed<X509_free>>;
using Key = std::unique_ptr<EVP_PKEY, Freed<EVP_PKEY_free>>;
using Names = std::unique_ptr<GENERAL_NAMES, Freed<GENERAL_NAMES_free>>;

/// What OpenSSL complained of last, and forgets it.
std::string complaint() {
  const unsigned long code = ERR_peek_last_error();
  ERR_clear_error();
  const char* const reason = ERR_reason_error_string(code);
  return reason == nullptr ? "unknown error" : reason;
}

// A BIO over a socket that raises no signal when the client has gone.

int socket_of(BIO* bio) {
  return *static_cast<const int*>(BIO_get_data(bio));
}

int write_to_socket(BIO* bio, const char* from, int size) {
  BIO_clear_retry_flags(bio);
  const ssize_t sent = ::send(socket_of(bio), from, static_cast<std::size_t>(size), MSG_NOSIGNAL);
  if (sent < 0 && (errno == EAGAIN || errno == EINTR)) {
    BIO_set_retry_write(bio);
  }
  return static_cast<int>(sent);
}

int read_from_socket(BIO* bio, char* to, int size) {
  BIO_clear_retry_flags(bio);
  const ssize_t got = ::recv(socket_of(bio), to, static_cast<std::size_t>(size), 0);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
    BIO_set_retry_read(bio);
  }
  return static_cast<int>(got);
}

long control_of_socket(BIO* /*bio*/, int command, long /*number*/, void* /*pointer*/) {
  return command == BIO_CTRL_FLUSH ? 1 : 0;
}

int forget_socket(BIO* bio) {
  delete static_cast<int*>(BIO_get_data(bio));
  BIO_set_data(bio, nullptr);
  return 1;
}

const BIO_METHOD* socket_method() {
  static BIO_METHOD* const method = [] {
    BIO_METHOD* const made =
        BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "server's socket");
    BIO_meth_set_write(made, write_to_socket);
    BIO_meth_set_read(made, read_from_socket);
    BIO_meth_set_ctrl(made, control_of_socket);
    BIO_meth_set_destroy(made, forget_socket);
    return made;
  }();
  return method;
}

/// The PEM itself, or that of the file; `what` is how messages call it.
Result<std::string> pem_of(const std::string& file, const std::string& text, const char* what) {
  if (!text.empty()) {
    return text;
  }
  if (file.empty()) {
    return fail(ErrorKind::invalid, std::string("no ") + what + " is named");
  }
  return base::read_file(file, pem_bytes_max);
}

Bio memory_of(const std::string& text) {
  return Bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

std::string place_of(const std::string& file, const char* what) {
  return file.empty() ? std::string(what) : file;
}

Result<void> use_certificate(SSL_CTX* context, const ServerTlsOptions& options) {
  const Result<std::string> pem =
      pem_of(options.certificate_file, options.certificate, "certificate (cert_file)");
  if (!pem) {
    return tl::unexpected(pem.error());
  }
  const std::string place = place_of(options.certificate_file, "cert");
  const Bio bio = memory_of(*pem);
  const Certificate own(PEM_read_bio_X509_AUX(bio.get(), nullptr, nullptr, nullptr));
  if (!own || SSL_CTX_use_certificate(context, own.get()) != 1) {
    return fail(ErrorKind::invalid, place + ": not a certificate in PEM: " + complaint());
  }
  SSL_CTX_clear_chain_certs(context);
  while (X509* const next = PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr)) {
    if (SSL_CTX_add0_chain_cert(context, next) != 1) {
      X509_free(next);
      return fail(ErrorKind::invalid, place + ": " + complaint());
    }
  }
  ERR_clear_error();  // that the file has an end
  return {};
}

/// Nobody is asked for the passphrase of a key.
int no_passphrase(char* /*to*/, int /*size*/, int /*is_write*/, void* /*data*/) {
  return -1;
}

Result<void> use_key(SSL_CTX* context, const ServerTlsOptions& options) {
  const Result<std::string> pem = pem_of(options.key_file, options.key, "key (key_file)");
  if (!pem) {
    return tl::unexpected(pem.error());
  }
  const std::string place = place_of(options.key_file, "key");
  const Bio bio = memory_of(*pem);
  const Key key(PEM_read_bio_PrivateKey(bio.get(), nullptr, no_passphrase, nullptr));
  if (!key) {
    return fail(ErrorKind::invalid, place + ": not a private key in PEM: " + complaint());
  }
  if (SSL_CTX_use_PrivateKey(context, key.get()) != 1 || SSL_CTX_check_private_key(context) != 1) {
    return fail(ErrorKind::invalid, place + ": not the key of the certificate in " +
                                        place_of(options.certificate_file, "cert") + ": " +
                                        complaint());
  }
  return {};
}

Result<void> use_authorities(SSL_CTX* context, const ServerTlsOptions& options) {
  const Result<std::string> pem =
      pem_of(options.client_authorities_file, options.client_authorities, "client_ca_file");
  if (!pem) {
    return tl::unexpected(pem.error());
  }
  const std::string place = place_of(options.client_authorities_file, "client_ca");
  const Bio bio = memory_of(*pem);
  int count = 0;
  while (const Certificate one{PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr)}) {
    if (++count > certificates_max ||
        X509_STORE_add_cert(SSL_CTX_get_cert_store(context), one.get()) != 1 ||
        SSL_CTX_add_client_CA(context, one.get()) != 1) {
      return fail(ErrorKind::invalid, place + ": " + complaint());
    }
  }
  ERR_clear_error();
  if (count == 0) {
    return fail(ErrorKind::invalid, place + ": no certificate in PEM");
  }
  return {};
}

std::string text_of(const ASN1_STRING* text) {
  return {reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)),
          static_cast<std::size_t>(ASN1_STRING_length(text))};
}

/// A name in a certificate, as it is written in configuration; empty for other kinds.
std::string text_of(const GENERAL_NAME& name) {
  switch (name.type) {
    case GEN_DNS:
      return text_of(name.d.dNSName);
    case GEN_EMAIL:
      return text_of(name.d.rfc822Name);
    case GEN_URI:
      return text_of(name.d.uniformResourceIdentifier);
    case GEN_IPADD: {
      const std::string bytes = text_of(name.d.iPAddress);
      std::array<char, INET6_ADDRSTRLEN> text{};
      const int family = bytes.size() == 4 ? AF_INET : AF_INET6;
      const bool is_address = bytes.size() == 4 || bytes.size() == 16;
      return is_address && inet_ntop(family, bytes.data(), text.data(), text.size()) != nullptr
                 ? text.data()
                 : "";
    }
    default:
      return {};
  }
}

bool has_name(X509* certificate, const std::vector<std::string>& wanted) {
  const Names names(static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
  if (!names) {
    return false;
  }
  for (int i = 0; i < sk_GENERAL_NAME_num(names.get()); ++i) {
    const std::string name = text_of(*sk_GENERAL_NAME_value(names.get(), i));
    if (!name.empty() && std::find(wanted.begin(), wanted.end(), name) != wanted.end()) {
      return true;
    }
  }
  return false;
}

int take_any(int /*is_good*/, X509_STORE_CTX* /*store*/) {
  return 1;
}

/// The client's own certificate must have one of the names, too.
int take_named(int is_good, X509_STORE_CTX* store) {
  if (is_good != 1 || X509_STORE_CTX_get_error_depth(store) != 0) {
    return is_good;
  }
  const auto* const ssl = static_cast<const SSL*>(
      X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx()));
  const auto* const context =
      static_cast<const TlsContext*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)));
  if (has_name(X509_STORE_CTX_get_current_cert(store), context->client_names())) {
    return 1;
  }
  X509_STORE_CTX_set_error(store, X509_V_ERR_HOSTNAME_MISMATCH);
  return 0;
}

Result<void> use_client_certificates(SSL_CTX* context, const ServerTlsOptions& options) {
  const bool verifies = options.client_certificate == ClientCertificate::verify_if_given ||
                        options.client_certificate == ClientCertificate::require;
  const bool requires_one = options.client_certificate == ClientCertificate::require_any ||
                            options.client_certificate == ClientCertificate::require;
  const bool has_authorities =
      !options.client_authorities_file.empty() || !options.client_authorities.empty();
  if (options.client_certificate == ClientCertificate::none) {
    return has_authorities
               ? fail(ErrorKind::invalid,
                      "client_ca_file is there, but client_auth_type asks no client for a "
                      "certificate; RequireAndVerifyClientCert does")
               : Result<void>{};
  }
  if (has_authorities) {
    if (auto used = use_authorities(context, options); !used) {
      return used;
    }
  } else if (verifies) {
    return fail(ErrorKind::invalid,
                "client_auth_type verifies certificates, but no client_ca_file "
                "says by whom they must be signed");
  }
  const int mode = SSL_VERIFY_PEER | (requires_one ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0);
  SSL_CTX_set_verify(context, mode,
                     !verifies                      ? take_any
                     : options.client_names.empty() ? nullptr
                                                    : take_named);
  return {};
}

Result<void> use_ciphers(SSL_CTX* context, const ServerTlsOptions& options) {
  std::string old;
  std::string modern;
  for (const std::string& name : options.cipher_suites) {
    // Those of TLS 1.3 are called the same by both.
    const bool is_modern = name.find("_WITH_") == std::string::npos;
    const char* const known = is_modern ? name.c_str() : OPENSSL_cipher_name(name.c_str());
    if (known == nullptr || std::string_view(known) == "(NONE)") {
      return fail(ErrorKind::invalid, "cipher_suites: unknown cipher suite \"" + name + "\"");
    }
    std::string& list = is_modern ? modern : old;
    list += (list.empty() ? "" : ":") + std::string(known);
  }
  if ((!old.empty() && SSL_CTX_set_cipher_list(context, old.c_str()) != 1) ||
      (!modern.empty() && SSL_CTX_set_ciphersuites(context, modern.c_str()) != 1)) {
    return fail(ErrorKind::invalid, "cipher_suites: " + complaint());
  }
  std::string groups;
  for (const std::string& curve : options.curves) {
    // "CurveP256" is "P-256" here.
    const std::string name = curve.starts_with("CurveP") ? "P-" + curve.substr(6) : curve;
    groups += (groups.empty() ? "" : ":") + name;
  }
  if (!groups.empty() && SSL_CTX_set1_groups_list(context, groups.c_str()) != 1) {
    return fail(ErrorKind::invalid, "curve_preferences: " + complaint());
  }
  return {};
}

int number_of(TlsVersion version) {
  constexpr std::array<int, 4> numbers{TLS1_VERSION, TLS1_1_VERSION, TLS1_2_VERSION,
                                       TLS1_3_VERSION};
  return numbers[static_cast<std::size_t>(version)];
}

}  // namespace

Result<std::shared_ptr<const TlsContext>> TlsContext::create(const ServerTlsOptions& options) {
  std::shared_ptr<TlsContext> made(new TlsContext);
  made->context_ = SSL_CTX_new(TLS_server_method());
  if (made->context_ == nullptr) {
    return fail(ErrorKind::io, "TLS: " + complaint());
  }
  SSL_CTX* const context = made->context_;
  SSL_CTX_set_app_data(context, made.get());
  SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                SSL_MODE_RELEASE_BUFFERS);
  // A session that goes on without a handshake would not show its certificate again.
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_options(context, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                   SSL_OP_IGNORE_UNEXPECTED_EOF);
  SSL_CTX_set_num_tickets(context, 0);
  if (options.prefers_own_ciphers) {
    SSL_CTX_set_options(context, SSL_OP_CIPHER_SERVER_PREFERENCE);
  }
  if (options.version_max < options.version_min) {
    return fail(ErrorKind::invalid, "max_version is older than min_version");
  }
  SSL_CTX_set_min_proto_version(context, number_of(options.version_min));
  SSL_CTX_set_max_proto_version(context, number_of(options.version_max));
  for (const auto step : {use_certificate, use_key, use_client_certificates, use_ciphers}) {
    if (auto done = step(context, options); !done) {
      return tl::unexpected(done.error());
    }
  }
  made->verifies_clients_ = options.client_certificate == ClientCertificate::require;
  made->client_names_ = options.client_names;
  return made;
}

TlsContext::~TlsContext() {
  SSL_CTX_free(context_);
}

std::unique_ptr<TlsSession> TlsSession::create(std::shared_ptr<const TlsContext> context,
                                               int socket) {
  BIO* const bio = BIO_new(socket_method());
  SSL* const session = SSL_new(context->context_);
  if (bio == nullptr || session == nullptr) {
    BIO_free(bio);
    SSL_free(session);
    ERR_clear_error();
    return nullptr;
  }
  BIO_set_data(bio, std::make_unique<int>(socket).release());
  BIO_set_init(bio, 1);
  SSL_set_bio(session, bio, bio);
  SSL_set_accept_state(session);
  return std::unique_ptr<TlsSession>(new TlsSession(std::move(context), session));
}

TlsSession::~TlsSession() {
  SSL_free(session_);
}

/// What OpenSSL's result means as that of a call of the system.
ssize_t TlsSession::outcome(int result) {
  waits_to_write_ = false;
  if (result > 0) {
    return result;
  }
  switch (SSL_get_error(session_, result)) {
    case SSL_ERROR_WANT_WRITE:
      waits_to_write_ = true;
      [[fallthrough]];
    case SSL_ERROR_WANT_READ:
      errno = EAGAIN;
      return -1;
    case SSL_ERROR_ZERO_RETURN:
      return 0;
    default:
      has_failed_ = true;
      ERR_clear_error();
      errno = EPROTO;
      return -1;
  }
}

ssize_t TlsSession::receive(char* to, std::size_t size) {
  constexpr std::size_t most = std::numeric_limits<int>::max();
  ERR_clear_error();
  return outcome(SSL_read(session_, to, static_cast<int>(std::min(size, most))));
}

ssize_t TlsSession::send(const char* from, std::size_t size) {
  constexpr std::size_t most = std::numeric_limits<int>::max();
  ERR_clear_error();
  return outcome(SSL_write(session_, from, static_cast<int>(std::min(size, most))));
}

bool TlsSession::is_open() const {
  return SSL_is_init_finished(session_) == 1;
}

void TlsSession::say_goodbye() {
  if (!has_failed_ && is_open()) {
    ERR_clear_error();
    (void)SSL_shutdown(session_);
    ERR_clear_error();
  }
}

}  // namespace heapwatch::net
