#include "discovery/plan.h"

#include <unordered_set>
#include <utility>

#include "net/target.h"

namespace heapwatch::discovery {

namespace {

class Planner {
 public:
  explicit Planner(const Template& from) : from_(from) {}

  void add(const SourceOptions& source, const Group& group) {
    for (const std::string& address : group.addresses) {
      Labels labels = group.labels;
      labels.insert_or_assign(std::string(address_label), address);
      for (const auto& [name, value] : from_.defaults) {
        auto& label = labels[name];
        if (label.empty()) {
          label = value;
        }
      }
      add(source, std::move(labels), address);
    }
  }

  Plan take() { return std::move(plan_); }

 private:
  void add(const SourceOptions& source, Labels labels, const std::string& address) {
    auto made = relabel::apply(from_.rules, std::move(labels));
    if (!made) {
      refuse(address + ": " + made.error().message);
      return;
    }
    if (!*made) {
      ++plan_.dropped;
      return;
    }
    auto endpoint = endpoint_of(**made);
    if (!endpoint) {
      refuse(endpoint.error().message);
      return;
    }
    if (source.allowed && !source.allowed->allows(endpoint->host, endpoint->port)) {
      refuse(net::bracketed(endpoint->host) + ":" + std::to_string(endpoint->port) +
             " is not among the allowed_targets of " + source.name);
      return;
    }
    Wanted wanted{.endpoint = *std::move(endpoint), .is_remote = source.is_remote};
    if (seen_.insert(key_of(wanted)).second) {
      plan_.wanted.push_back(std::move(wanted));
    }
  }

  void refuse(std::string sentence) {
    ++plan_.refused;
    if (plan_.refusals.size() < refusals_told_max) {
      plan_.refusals.push_back(std::move(sentence));
    }
  }

  const Template& from_;
  Plan plan_;
  std::unordered_set<std::string> seen_;
};

}  // namespace

Plan plan(const Template& from, const std::vector<SourceList>& lists) {
  Planner planner(from);
  for (const SourceList& list : lists) {
    if (list.groups) {
      for (const Group& group : *list.groups) {
        planner.add(*list.options, group);
      }
    }
  }
  return planner.take();
}

std::string key_of(const Wanted& wanted) {
  std::string key = wanted.endpoint.url;
  for (const std::string& tag : wanted.endpoint.tags) {
    key += '\n';
    key += tag;
  }
  return key;
}

}  // namespace heapwatch::discovery
