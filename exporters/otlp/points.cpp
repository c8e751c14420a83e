#include "exporters/otlp/points.h"

#include <chrono>

namespace heapwatch::exporters::otlp {

namespace {

constexpr std::int64_t forgotten_after_ns =
    std::chrono::nanoseconds(std::chrono::hours{25}).count();

}  // namespace

bool is_cumulative(prometheus::FamilyType type) {
  using Type = prometheus::FamilyType;
  return type == Type::counter || type == Type::lone_total || type == Type::summary ||
         type == Type::quartiles;
}

std::int64_t Starts::put(const metrics::Context& context, Type type, const base::Number& total) {
  const auto [place, is_new] = known_.try_emplace(context);
  Known& known = place->second;
  if (is_new || known.type != type) {
    known = {.start_ns = time_ns_, .type = type};
  } else if (is_cumulative(type) && total < known.last) {
    known.start_ns = known.last_ns;
  }
  known.last = total;
  known.last_ns = time_ns_;
  known.run = run_;
  return known.start_ns;
}

void Starts::end(const std::function<void(const metrics::Context&, Type)>& gone) {
  for (auto at = known_.begin(); at != known_.end();) {
    const Known& known = at->second;
    if (known.run + 1 == run_) {
      gone(at->first, known.type);
    }
    const bool is_old = known.run != run_ && time_ns_ - known.last_ns > forgotten_after_ns;
    at = is_old || (known.run != run_ && !is_cumulative(known.type)) ? known_.erase(at)
                                                                     : std::next(at);
  }
  constexpr std::size_t links = 4 * sizeof(void*);  // of a place, about
  remembers_.set(known_.size() * (sizeof(metrics::Context) + sizeof(Known) + links));
}

}  // namespace heapwatch::exporters::otlp
