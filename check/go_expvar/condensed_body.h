// A page's condenser as a filter of the HTTP client.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "expvar/page_condenser.h"
#include "net/http.h"

namespace heapwatch::check::go_expvar {

class CondensedBody final : public net::BodyFilter {
 public:
  explicit CondensedBody(std::shared_ptr<const expvar::Plan> plan) : condenser_(std::move(plan)) {}

  void begin() override { condenser_.begin(); }
  void take(std::string_view bytes, std::string& kept) override { condenser_.take(bytes, kept); }
  [[nodiscard]] bool gave_up() const { return condenser_.gave_up(); }

 private:
  expvar::PageCondenser condenser_;
};

}  // namespace heapwatch::check::go_expvar
