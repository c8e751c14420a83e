#include "exporters/prometheus/shared_page.h"

#include "base/log.h"
#include "exporters/prometheus/self_metrics.h"

namespace heapwatch::exporters::prometheus {

namespace {

// Names told of, so that the log and its memory stay bounded.
constexpr std::size_t told_max = 10'000;

}  // namespace

void Drops::count(std::string_view reason) noexcept {
  if (self_) {
    try {
      self_->count_dropped_series(reason);
    } catch (const std::bad_alloc&) {
      return;  // the reason is new, and there is no memory for it
    }
  }
}

bool Drops::is_new(std::string_view reason, const std::string& name) {
  return told_.size() < told_max && told_.insert(std::string(reason) + " " + name).second;
}

void Drops::say(const std::string& sentence) {
  base::log(base::LogLevel::warn, sentence);
}

void SharedPage::leave(SeriesPage::FamilyIndex family, Family::RowIndex row) noexcept {
  try {
    leaving_.push_back({family, row});
  } catch (const std::bad_alloc&) {
    remove({family, row});
  }
}

void SharedPage::remove(const Use& use) {
  Family& family = page.family(use.family);
  family.remove_user(use.row);
  if (family.is_empty()) {
    page.drop(use.family);
  }
}

bool SharedPage::tidy(std::size_t count) {
  for (; count > 0 && !leaving_.empty(); --count) {
    const Use use = leaving_.back();
    leaving_.pop_back();
    remove(use);
  }
  if (leaving_.empty()) {
    leaving_ = {};
  }
  return !leaving_.empty();
}

}  // namespace heapwatch::exporters::prometheus
