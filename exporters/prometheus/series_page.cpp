#include "exporters/prometheus/series_page.h"

#include <algorithm>

namespace heapwatch::exporters::prometheus {

namespace {

// As Go's client writes them.
const std::vector<std::string> quartile_labels{"quantile=\"0\"", "quantile=\"0.25\"",
                                               "quantile=\"0.5\"", "quantile=\"0.75\"",
                                               "quantile=\"1\""};

}  // namespace

LabelTexts::Text& LabelTexts::take(std::string text) {
  Text& held = *texts_.try_emplace(std::move(text)).first;
  ++held.second;
  return held;
}

void LabelTexts::give_back(Text& text) {
  if (--text.second == 0) {
    texts_.erase(texts_.find(text.first));
  }
}

Family::Family(FamilyText text, FamilyType type, std::string base, LabelTexts& label_texts)
    : text_(std::move(text)), type_(type), base_(std::move(base)), label_texts_(label_texts) {}

void Family::append(std::string& out, Format format) const {
  const std::size_t before = out.size();
  out += text_.head(format);
  const std::size_t after_head = out.size();
  const Shown least = format == Format::text ? Shown::text_only : Shown::yes;
  for (const Slot& slot : slots_) {
    if (slot.shown >= least) {
      out += text_.sample(format, slot.part);
      out += slot.labels->first;
      append_value_line(out, slot.value);
    }
  }
  if (out.size() == after_head) {
    out.resize(before);
  }
}

void Family::add_slot(Row& row, Part part, std::string labels) {
  slots_.push_back({.labels = &label_texts_.take(std::move(labels)), .row = &row, .part = part});
}

void Family::remove_unused_rows() {
  std::size_t kept = 0;
  const Row* last = nullptr;
  for (const Slot slot : slots_) {
    if (slot.row->users == 0) {
      label_texts_.give_back(*slot.labels);
      continue;
    }
    if (slot.row != last) {
      slot.row->slot = kept;
      last = slot.row;
    }
    slots_[kept++] = slot;
  }
  slots_.resize(kept);
  std::erase_if(rows_, [&](const auto& row) {
    const bool unused = row.second.users == 0;
    if (unused) {
      label_texts_.give_back(*row.first);
    }
    return unused;
  });
  has_unused_rows_ = false;
}

SeriesPage::SeriesPage(std::vector<int> percentiles, bool suffixes)
    : percentiles_(std::move(percentiles)),
      suffixes_(suffixes),
      label_texts_(std::make_unique<LabelTexts>()) {
  for (const int percent : percentiles_) {
    quantile_labels_.push_back("quantile=\"" + boundary_text(percent / 100.0) + "\"");
  }
}

SeriesPage::~SeriesPage() = default;

const Family* SeriesPage::taken_by(const std::string& name) const {
  const auto found = taken_.find(name);
  return found == taken_.end() ? nullptr : found->second;
}

Placed SeriesPage::find_or_add(const Wanted& wanted) {
  const auto [family, in_the_way] = find_or_add_family(wanted);
  if (family == nullptr) {
    return {.row = nullptr, .in_the_way = in_the_way};
  }
  LabelTexts::Text& labels = label_texts_->take(enclose(wanted.labels));
  const auto [found, added] = family->rows_.try_emplace(&labels);
  Row& row = found->second;
  if (!added) {
    label_texts_->give_back(labels);
  } else {
    row.family = family;
    row.slot = family->slots_.size();
    const bool quartiles = wanted.type == FamilyType::quartiles;
    if (wanted.type == FamilyType::summary || quartiles) {
      for (const std::string& quantile : quartiles ? quartile_labels : quantile_labels_) {
        family->add_slot(row, Part::plain, enclose(wanted.labels, quantile));
      }
      family->add_slot(row, Part::sum, enclose(wanted.labels));
      family->add_slot(row, Part::count, enclose(wanted.labels));
    } else {
      family->add_slot(row, Part::plain, enclose(wanted.labels));
    }
  }
  ++row.users;
  return {.row = &row, .in_the_way = nullptr};
}

std::pair<Family*, const Family*> SeriesPage::find_or_add_family(const Wanted& wanted) {
  const std::string name(wanted.name);
  const std::string base = wanted.type == FamilyType::counter ? without_total(name) : name;
  if (const auto found = taken_.find(base); found != taken_.end()) {
    Family* const family = found->second;
    const bool same = family->type() == wanted.type && family->base() == base;
    return {same ? family : nullptr, family};
  }
  const auto names = claimed_names(base, wanted.type);
  for (const std::string& claimed : names) {
    if (const Family* const other = taken_by(claimed)) {
      return {nullptr, other};
    }
  }
  families_.push_back(
      std::make_unique<Family>(FamilyText({.base = base, .plain_name = name, .suffixes = suffixes_},
                                          wanted.type, wanted.help),
                               wanted.type, base, *label_texts_));
  Family* const family = families_.back().get();
  for (const std::string& claimed : names) {
    taken_.emplace(claimed, family);
  }
  return {family, nullptr};
}

bool SeriesPage::show(Row& row, const void* owner, std::span<const base::Number> values) {
  Family& family = *row.family;
  row.owner = owner;
  bool in_both = true;
  for (std::size_t i = 0; i < values.size(); ++i) {
    Family::Slot& slot = family.slots_[row.slot + i];
    slot.value = values[i];
    const bool text_only = family.type() != FamilyType::gauge && values[i].is_negative();
    slot.shown = text_only ? Family::Shown::text_only : Family::Shown::yes;
    in_both = in_both && !text_only;
  }
  return in_both;
}

void SeriesPage::hide(Row& row) {
  row.owner = nullptr;
  auto& slots = row.family->slots_;
  for (std::size_t i = row.slot; i < slots.size() && slots[i].row == &row; ++i) {
    slots[i].shown = Family::Shown::no;
  }
}

void SeriesPage::release(Row& row) {
  if (--row.users == 0) {
    row.family->has_unused_rows_ = true;
  }
}

void SeriesPage::sweep() {
  bool emptied = false;
  for (const auto& family : families_) {
    if (family->has_unused_rows_) {
      family->remove_unused_rows();
      emptied = emptied || family->rows_.empty();
    }
  }
  if (emptied) {
    std::erase_if(taken_, [](const auto& taken) { return taken.second->rows_.empty(); });
    std::erase_if(families_, [](const auto& family) { return family->rows_.empty(); });
    ++freed_;
  }
}

void SeriesPage::append(std::string& out, Format format) const {
  for (const auto& family : families_) {
    family->append(out, format);
  }
}

}  // namespace heapwatch::exporters::prometheus
