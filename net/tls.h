// TLS of a server's connections (OpenSSL).
#pragma once

#include <sys/types.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"

struct ssl_ctx_st;
struct ssl_st;

namespace heapwatch::net {

/// Whether clients show a certificate, and whether it is looked at; names as Go has them.
enum class ClientCertificate : std::uint8_t {
  none,
  request,          // that it may show one, whosever
  require_any,      // that it shows one, whosever
  verify_if_given,  // one that is shown is of the authorities
  require,          // it shows one, of the authorities
};
inline constexpr std::array<std::pair<std::string_view, ClientCertificate>, 6>
    words_of_client_certificate{{{"NoClientCert", ClientCertificate::none},
                                 {"RequestClientCert", ClientCertificate::request},
                                 {"RequireAnyClientCert", ClientCertificate::require_any},
                                 {"RequireClientCert", ClientCertificate::require_any},
                                 {"VerifyClientCertIfGiven", ClientCertificate::verify_if_given},
                                 {"RequireAndVerifyClientCert", ClientCertificate::require}}};

enum class TlsVersion : std::uint8_t { v1_0, v1_1, v1_2, v1_3 };
inline constexpr std::array<std::pair<std::string_view, TlsVersion>, 4> words_of_tls_version{
    {{"TLS10", TlsVersion::v1_0},
     {"TLS11", TlsVersion::v1_1},
     {"TLS12", TlsVersion::v1_2},
     {"TLS13", TlsVersion::v1_3}}};

/// A certificate and a key, each a file or PEM itself.
struct ServerTlsOptions {
  std::string certificate_file{};
  std::string certificate{};
  std::string key_file{};
  std::string key{};
  std::string client_authorities_file{};
  std::string client_authorities{};
  ClientCertificate client_certificate = ClientCertificate::none;
  std::vector<std::string> client_names{};  // of which one must be in a certificate; empty: any
  TlsVersion version_min = TlsVersion::v1_2;
  TlsVersion version_max = TlsVersion::v1_3;
  std::vector<std::string> cipher_suites{};  // as IANA calls them; empty: OpenSSL's choice
  std::vector<std::string> curves{};         // as Go calls them; likewise
  bool prefers_own_ciphers = true;
};

/// Threads: may be used by several at once.
class TlsContext {
 public:
  /// Reads the files. Errors: not_found and invalid, with the file's name.
  [[nodiscard]] static base::Result<std::shared_ptr<const TlsContext>> create(
      const ServerTlsOptions& options);
  TlsContext(const TlsContext&) = delete;
  TlsContext& operator=(const TlsContext&) = delete;
  ~TlsContext();

  /// Whether nobody comes in without a certificate of the authorities.
  [[nodiscard]] bool verifies_clients() const { return verifies_clients_; }
  /// A certificate of a client has one of the names that it must have, if any.
  [[nodiscard]] const std::vector<std::string>& client_names() const { return client_names_; }

 private:
  friend class TlsSession;
  TlsContext() = default;

  ssl_ctx_st* context_ = nullptr;
  bool verifies_clients_ = false;
  std::vector<std::string> client_names_;
};

/// The TLS of one connection over a socket that does not wait.
///
/// Threads: one at a time. Ownership: the context is held; the socket is the caller's.
class TlsSession {
 public:
  /// Null when there is no memory.
  [[nodiscard]] static std::unique_ptr<TlsSession> create(std::shared_ptr<const TlsContext> context,
                                                          int socket);
  TlsSession(const TlsSession&) = delete;
  TlsSession& operator=(const TlsSession&) = delete;
  ~TlsSession();

  /// Like recv() and send(), errno too: EAGAIN when the socket has to be waited for. The first call
  /// of receive() shakes hands.
  [[nodiscard]] ssize_t receive(char* to, std::size_t size);
  [[nodiscard]] ssize_t send(const char* from, std::size_t size);
  /// Whether the hands are shaken.
  [[nodiscard]] bool is_open() const;
  /// What receive() waits for when it has said EAGAIN: room to write, which is rare.
  [[nodiscard]] bool waits_to_write() const { return waits_to_write_; }
  /// Tells the client that no more comes.
  void say_goodbye();

 private:
  TlsSession(std::shared_ptr<const TlsContext> context, ssl_st* session)
      : context_(std::move(context)), session_(session) {}
  [[nodiscard]] ssize_t outcome(int result);

  std::shared_ptr<const TlsContext> context_;
  ssl_st* session_;
  bool waits_to_write_ = false;
  bool has_failed_ = false;
};

}  // namespace heapwatch::net
