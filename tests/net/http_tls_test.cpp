#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>

#include "fetched.h"
#include "net/http.h"
#include "tests/testing/target_server.h"

namespace heapwatch::net {
namespace {

using base::Error;
using base::ErrorKind;
using heapwatch::tests::TargetServer;
using ::testing::HasSubstr;

/// An authority, and what it signs; made by openssl once for all tests.
class Certificates {
 public:
  Certificates() : folder_(::testing::TempDir() + "tls_" + std::to_string(getpid())) {
    std::filesystem::create_directories(folder_ + "/hashed");
    shell("set -e; exec 2>/dev/null; cd '" + folder_ +
          "'\n"
          "key='-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes'\n"
          "openssl req -x509 $key -keyout ca.key -out ca.pem -subj /CN=authority -days 2\n"
          "sign() { openssl req $key -keyout $1.key -out $1.csr -subj /CN=$1\n"
          "  echo \"subjectAltName=$2\" > $1.ext\n"
          "  openssl x509 -req -in $1.csr -CA ca.pem -CAkey ca.key -CAcreateserial -out $1.pem"
          " -extfile $1.ext -days $3; }\n"
          "sign good IP:127.0.0.1,DNS:good.test 2\n"
          "sign other DNS:other.test 2\n"
          "sign client DNS:client 2\n"
          "openssl ec -in client.key -aes128 -passout pass:word -out locked.key\n"
          "mkdir old; : > old/index.txt; echo 01 > old/serial\n"
          "printf '[ca]\\ndefault_ca=d\\n[d]\\ndatabase=old/index.txt\\nserial=old/serial\\n"
          "new_certs_dir=old\\ndefault_md=sha256\\npolicy=p\\n[p]\\ncommonName=supplied\\n' > "
          "old/cnf\n"
          "openssl req $key -keyout expired.key -out expired.csr -subj /CN=expired\n"
          "echo subjectAltName=IP:127.0.0.1 > expired.ext\n"
          "openssl ca -batch -config old/cnf -cert ca.pem -keyfile ca.key -in expired.csr"
          " -out expired.pem -extfile expired.ext -startdate 200101000000Z -enddate 200201000000Z\n"
          "cp ca.pem hashed/ && openssl rehash hashed\n");
  }
  Certificates(const Certificates&) = delete;
  Certificates& operator=(const Certificates&) = delete;
  ~Certificates() { std::filesystem::remove_all(folder_); }

  [[nodiscard]] std::string file(const std::string& name) const { return folder_ + "/" + name; }
  [[nodiscard]] std::vector<std::string> server(const std::string& name) const {
    return {"--tls", file(name + ".pem"), file(name + ".key")};
  }

 private:
  static void shell(const std::string& script) { heapwatch::tests::run({"sh", "-c", script}); }

  std::string folder_;
};

class HttpTls : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    certificates = new Certificates;
    good = new TargetServer(certificates->server("good"));
  }
  static void TearDownTestSuite() {
    delete good;
    delete certificates;
  }
  static HttpRequest request(const TargetServer& server, const std::string& path = "/echo") {
    HttpRequest made;
    made.url = server.url(path);
    made.tls.ca = certificates->file("ca.pem");
    return made;
  }

  static Certificates* certificates;
  static TargetServer* good;
};
Certificates* HttpTls::certificates = nullptr;
TargetServer* HttpTls::good = nullptr;

TEST_F(HttpTls, TrustsTheNamedAuthorityByFileAndByFolder) {
  HttpRequest asked = request(*good);
  EXPECT_THAT(body_of(asked), HasSubstr(R"("method": "GET")"));
  asked.tls.ca = certificates->file("hashed");
  EXPECT_THAT(body_of(asked), HasSubstr(R"("method": "GET")"));
}

TEST_F(HttpTls, RefusesAStrangerInOpensslsWordsWithTheWayOut) {
  HttpRequest asked = request(*good);
  asked.tls.ca.clear();
  const std::string way_out =
      "; name its authority with tls_ca_cert, or accept any certificate with tls_verify: false";
  EXPECT_EQ(
      error_of(asked),
      (Error{ErrorKind::refused, asked.url +
                                     ": TLS: SSL certificate problem: unable to get local issuer "
                                     "certificate" +
                                     way_out}));
  asked.tls.verify = false;
  EXPECT_THAT(body_of(asked), HasSubstr(R"("method": "GET")"));
}

TEST_F(HttpTls, RefusesAnExpiredCertificate) {
  const TargetServer expired(certificates->server("expired"));
  EXPECT_EQ(error_of(request(expired)),
            (Error{ErrorKind::refused, expired.url("/echo") +
                                           ": TLS: SSL certificate problem: certificate has "
                                           "expired; tls_verify: false accepts any certificate"}));
}

TEST_F(HttpTls, RefusesTheCertificateOfAnotherHost) {
  const TargetServer other(certificates->server("other"));
  HttpRequest asked = request(other);
  EXPECT_EQ(error_of(asked),
            (Error{ErrorKind::refused,
                   asked.url + ": TLS: SSL: no alternative certificate subject name matches "
                               "target host name '127.0.0.1'; the certificate is for another "
                               "name: tls_validate_hostname: false accepts any"}));
  asked.tls.verify_hostname = false;
  EXPECT_THAT(body_of(asked), HasSubstr(R"("method": "GET")"));
  asked.tls.ca.clear();
  EXPECT_EQ(error_of(asked).kind, ErrorKind::refused) << "the chain is still verified";
}

TEST_F(HttpTls, TakesTheServersNameFromTheHostHeader) {
  const TargetServer other(certificates->server("other"));
  HttpRequest asked = request(other);
  asked.tls.use_host_header = true;
  asked.headers = {{"Host", "other.test:1234"}};
  const std::string echoed = body_of(asked);
  EXPECT_THAT(echoed, HasSubstr(R"("server_name": "other.test")"));
  EXPECT_THAT(echoed, HasSubstr(R"(["Host", "other.test:1234"])"));
}

TEST_F(HttpTls, ShowsItsOwnCertificate) {
  std::vector<std::string> options = certificates->server("good");
  options.insert(options.end(), {"--client-ca", certificates->file("ca.pem")});
  const TargetServer strict(options);
  HttpRequest asked = request(strict);
  const Error error = error_of(asked);
  EXPECT_EQ(error.kind, ErrorKind::refused) << error.message;
  EXPECT_THAT(error.message,
              ::testing::EndsWith("; the server may want a client certificate (tls_cert, "
                                  "tls_private_key) or other tls_ciphers"));
  asked.tls.certificate = certificates->file("client.pem");
  asked.tls.private_key = certificates->file("client.key");
  EXPECT_THAT(body_of(asked), HasSubstr(R"("method": "GET")"));
  asked.tls.private_key = certificates->file("locked.key");
  asked.tls.private_key_password = "word";
  EXPECT_THAT(body_of(asked), HasSubstr(R"("method": "GET")"));
  asked.tls.private_key_password = "secret";
  EXPECT_EQ(error_of(asked).kind, ErrorKind::invalid);
  EXPECT_THAT(error_of(asked).message, ::testing::Not(HasSubstr("secret")));
  asked.tls.private_key = certificates->file("good.key");
  EXPECT_THAT(error_of(asked).message, HasSubstr(": tls_cert, tls_private_key: "));
}

TEST_F(HttpTls, NamesTheFileThatIsMissing) {
  HttpRequest asked = request(*good);
  asked.tls.certificate = "/nowhere.pem";
  EXPECT_EQ(error_of(asked),
            (Error{ErrorKind::invalid, asked.url + ": tls_cert: /nowhere.pem: No such "
                                                   "file or directory"}));
  asked.tls.ca = "/nowhere.ca";
  EXPECT_EQ(error_of(asked),
            (Error{ErrorKind::invalid, asked.url + ": tls_ca_cert: /nowhere.ca: No such "
                                                   "file or directory"}));
  asked.tls = {};
  asked.tls.ca = certificates->file("good.key");
  EXPECT_THAT(error_of(asked).message, HasSubstr(": tls_ca_cert: "));
}

TEST_F(HttpTls, TakesCiphersOfBothGenerations) {
  HttpRequest asked = request(*good);
  asked.tls.ciphers = "TLS_AES_128_GCM_SHA256:ECDHE-ECDSA-AES128-GCM-SHA256";
  EXPECT_THAT(body_of(asked), HasSubstr(R"("cipher": "TLS_AES_128_GCM_SHA256")"));
  asked.tls.ciphers = "ALL";
  EXPECT_THAT(body_of(asked), HasSubstr(R"("method": "GET")"));
  asked.tls.ciphers = "NO-SUCH-CIPHER";
  EXPECT_EQ(error_of(asked).kind, ErrorKind::invalid);
  EXPECT_THAT(error_of(asked).message, HasSubstr(": tls_ciphers: "));
}

TEST_F(HttpTls, GoesThroughATunnelOfTheProxy) {
  const TargetServer proxy;
  HttpRequest asked = request(*good);
  asked.url = good->url("/echo", "good.test");
  asked.proxy.https = "http://127.0.0.1:" + proxy.port();
  EXPECT_THAT(body_of(asked), HasSubstr(R"("server_name": "good.test")"));
  HttpRequest seen;
  seen.url = proxy.url("/seen");
  EXPECT_THAT(body_of(seen), HasSubstr("CONNECT good.test:" + good->port()));
  asked.url = "https://refused.test/";
  EXPECT_EQ(error_of(asked),
            (Error{ErrorKind::refused,
                   "https://refused.test/: the proxy answered 403 Forbidden to CONNECT"}));
}

TEST_F(HttpTls, GuessesThatThePortSpeaksPlainHttp) {
  const TargetServer plain;
  HttpRequest asked = request(plain);
  asked.url.replace(0, 4, "https");
  const Error error = error_of(asked);
  EXPECT_EQ(error.kind, ErrorKind::refused);
  EXPECT_THAT(error.message, ::testing::EndsWith("; the server may speak http, not https"));
}

}  // namespace
}  // namespace heapwatch::net
