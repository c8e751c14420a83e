#include "discovery/selection.h"

#include <unordered_set>
#include <utility>

#include "net/target.h"

namespace heapwatch::discovery {

namespace {

class Selector {
 public:
  explicit Selector(const Template& from) : from_(from) {}

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

  Selection take() { return std::move(selection_); }

 private:
  void add(const SourceOptions& source, Labels labels, const std::string& address) {
    auto made = relabel::apply(from_.rules, std::move(labels));
    if (!made) {
      refuse(address + ": " + made.error().message);
      return;
    }
    if (!*made) {
      ++selection_.dropped;
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
    Chosen chosen{.endpoint = *std::move(endpoint), .is_remote = source.is_remote};
    if (seen_.insert(key_of(chosen)).second) {
      selection_.chosen.push_back(std::move(chosen));
    }
  }

  void refuse(std::string sentence) {
    ++selection_.refused;
    if (selection_.refusals.size() < refusals_told_max) {
      selection_.refusals.push_back(std::move(sentence));
    }
  }

  const Template& from_;
  Selection selection_;
  std::unordered_set<std::string> seen_;
};

}  // namespace

Selection select(const Template& from, const std::vector<SourceList>& lists) {
  Selector selector(from);
  for (const SourceList& list : lists) {
    if (list.groups) {
      for (const Group& group : *list.groups) {
        selector.add(*list.options, group);
      }
    }
  }
  return selector.take();
}

std::string key_of(const Chosen& chosen) {
  std::string key = chosen.endpoint.url;
  for (const std::string& tag : chosen.endpoint.tags) {
    key += '\n';
    key += tag;
  }
  return key;
}

}  // namespace heapwatch::discovery
