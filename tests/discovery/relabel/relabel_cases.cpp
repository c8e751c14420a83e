// For the test beside Prometheus: reads cases as YAML, each with `labels` and `rules`, and writes
// what the rules make of them as JSON, a line a case: the labels, `null` for a target that is
// dropped, a text for rules that are wrong.
#include <iostream>
#include <iterator>
#include <string>

#include "base/json.h"
#include "config/section.h"
#include "discovery/relabel/relabel.h"

namespace {

using namespace heapwatch;
using discovery::relabel::Labels;

std::string answer(config::Section& one) {
  std::string out;
  base::JsonWriter json(out);
  const auto rules = discovery::relabel::read_rules(one, "rules");
  if (!rules) {
    json.text(one.diagnostics().all().back().message);
    return out;
  }
  Labels labels;
  const auto given = one.text_map("labels");
  if (!given) {
    json.text("no labels");
    return out;
  }
  labels.insert(given->begin(), given->end());
  const auto made = discovery::relabel::apply(*rules, labels);
  if (!made) {
    json.text(made.error().message);
  } else if (!*made) {
    json.null();
  } else {
    json.begin_object();
    for (const auto& [name, value] : **made) {
      json.member(name, value);
    }
    json.end_object();
  }
  return out;
}

}  // namespace

int main() {
  const std::string text{std::istreambuf_iterator<char>(std::cin), {}};
  config::Diagnostics diagnostics;
  const config::Value value = config::parse_yaml(text, "cases", diagnostics);
  config::Section top(value, "cases", diagnostics);
  auto cases = top.sections("cases");
  if (!cases || diagnostics.has_errors()) {
    std::cerr << "the cases cannot be read\n";
    return 1;
  }
  for (config::Section& one : *cases) {
    config::Diagnostics own;
    config::Section alone(one.value(), "case", own);
    std::cout << answer(alone) << '\n';
  }
  return 0;
}
