// dns_sd: targets out of records of DNS, as Prometheus' dns_sd_configs has them.
//
// A record says for how long it holds. It is asked for again when that is over, so that a change is
// seen as soon as who answers wants it to be, and on the refresh_interval at the latest.
#include <algorithm>
#include <array>
#include <atomic>
#include <utility>

#include "discovery/source.h"
#include "net/dns.h"
#include "net/target.h"

namespace heapwatch::discovery {

namespace {

using net::DnsType;

constexpr std::size_t dns_names_max = 100;
constexpr std::size_t dns_name_bytes_max = 255;
constexpr std::chrono::milliseconds dns_refresh{30'000};
/// However short a record holds.
constexpr std::chrono::seconds pause_min{5};
constexpr std::string_view dns_name_label = "__meta_dns_name";

constexpr std::array<std::pair<std::string_view, DnsType>, 5> dns_types{{{"SRV", DnsType::srv},
                                                                         {"A", DnsType::a},
                                                                         {"AAAA", DnsType::aaaa},
                                                                         {"MX", DnsType::mx},
                                                                         {"NS", DnsType::ns}}};

struct Question {
  std::vector<std::string> names;
  DnsType type = DnsType::srv;
  std::uint16_t port = 0;  // of what is not SRV
  std::optional<net::DnsServer> server;
};

class DnsSource final : public Source {
 public:
  DnsSource(SourceOptions options, Question question)
      : Source(std::move(options)), question_(std::move(question)) {}

  base::Result<Answer> ask(const Groups& known) override {
    Answer answer;
    expires_.reset();
    const auto now = std::chrono::steady_clock::now();
    for (const std::string& name : question_.names) {
      if (is_interrupted_) {
        return base::fail(base::ErrorKind::io, name + ": was told to end before it was asked for");
      }
      auto records = net::ask_dns(name, question_.type, question_.server);
      if (!records) {
        answer.troubles.push_back(records.error().message);
        keep(name, known, answer.groups);
        continue;
      }
      add(name, *records, answer.groups);
      if (records->time_to_live) {
        const auto until = now + std::max(*records->time_to_live, pause_min);
        expires_ = std::min(expires_.value_or(until), until);
      }
    }
    if (auto checked = check_count(count_targets(answer.groups), options().limits); !checked) {
      return tl::unexpected(checked.error());
    }
    return answer;
  }

  bool has_changed() override { return expires_ && std::chrono::steady_clock::now() >= *expires_; }

  void interrupt() noexcept override { is_interrupted_ = true; }

 private:
  /// In an order of their own: servers turn theirs with each answer.
  void add(const std::string& name, net::DnsAnswer& answer, Groups& groups) const {
    std::sort(answer.records.begin(), answer.records.end(), [](const auto& a, const auto& b) {
      return std::tie(a.target, a.port) < std::tie(b.target, b.port);
    });
    for (const net::DnsRecord& record : answer.records) {
      const std::uint16_t port = question_.type == DnsType::srv ? record.port : question_.port;
      Group group{.addresses = {net::bracketed(record.target) + ":" + std::to_string(port)},
                  .labels = {{std::string(dns_name_label), name}}};
      if (question_.type == DnsType::srv) {
        group.labels["__meta_dns_srv_record_target"] = record.target + ".";
        group.labels["__meta_dns_srv_record_port"] = std::to_string(record.port);
      } else if (question_.type == DnsType::mx) {
        group.labels["__meta_dns_mx_record_target"] = record.target + ".";
      } else if (question_.type == DnsType::ns) {
        group.labels["__meta_dns_ns_record_target"] = record.target + ".";
      }
      groups.push_back(std::move(group));
    }
  }

  static void keep(const std::string& name, const Groups& known, Groups& groups) {
    std::copy_if(known.begin(), known.end(), std::back_inserter(groups), [&](const Group& group) {
      const auto found = group.labels.find(dns_name_label);
      return found != group.labels.end() && found->second == name;
    });
  }

  Question question_;
  std::optional<std::chrono::steady_clock::time_point> expires_;
  std::atomic<bool> is_interrupted_ = false;
};

Question read_question(config::Section& section) {
  Question question;
  question.names = section.texts("names").value_or(std::vector<std::string>{});
  const auto is_wrong = [](const std::string& name) {
    return name.empty() || name.size() > dns_name_bytes_max || name.find('\0') != std::string::npos;
  };
  if (question.names.empty() || question.names.size() > dns_names_max ||
      std::any_of(question.names.begin(), question.names.end(), is_wrong)) {
    section.error("names", section.name_of("names") + " must be a list of 1 to " +
                               std::to_string(dns_names_max) + " names of DNS");
  }
  question.type = section.one_of<DnsType>("type", dns_types).value_or(DnsType::srv);
  const auto port = section.integer("port", 1, 65535);
  question.port = static_cast<std::uint16_t>(port.value_or(0));
  if (question.type != DnsType::srv && section.raw("port") == nullptr) {
    section.error(
        "", section.name_of("port") + " is missing: of all types but SRV the records have none");
  }
  if (const auto server = section.text("server")) {
    question.server = net::parse_dns_server(*server);
    if (!question.server) {
      section.error("server", section.name_of("server") + ": \"" + *server +
                                  "\" must be an address of IPv4, with :PORT if need be");
    }
  }
  return question;
}

}  // namespace

std::unique_ptr<Source> read_dns_source(config::Section& section,
                                        const config::AgentConfig& agent) {
  (void)agent;
  const std::size_t errors_before = section.diagnostics().error_count();
  Question question = read_question(section);
  SourceOptions options = read_common(section, {.refresh_interval = dns_refresh});
  options.is_remote = true;
  options.name = "dns_sd";
  for (const std::string& name : question.names) {
    options.name += (options.name == "dns_sd" ? " " : ",") + name;
  }
  return section.diagnostics().error_count() == errors_before
             ? std::make_unique<DnsSource>(std::move(options), std::move(question))
             : nullptr;
}

}  // namespace heapwatch::discovery
