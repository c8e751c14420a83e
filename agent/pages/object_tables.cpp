#include "agent/pages/object_tables.h"

#include <algorithm>
#include <cstdint>

namespace heapwatch::agent::pages {

namespace {

using check::python::ObjectCount;

struct Row {
  std::string type;
  std::int64_t count = 0;
  std::int64_t bytes = 0;
};

std::string number(std::int64_t value, bool is_signed) {
  return (is_signed && value >= 0 ? "+" : "") + std::to_string(value);
}

std::string line(const std::string& count, const std::string& bytes, const std::string& type) {
  const auto padded = [](const std::string& text, std::size_t width) {
    return std::string(text.size() < width ? width - text.size() : 0, ' ') + text;
  };
  return padded(count, 10) + padded(bytes, 13) + "  " + type + "\n";
}

std::string table(const std::vector<Row>& rows, std::size_t most, bool is_signed) {
  std::string text = line("Objects", "Bytes", "Type");
  Row others;
  Row all;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const Row& row = rows[i];
    all.count += row.count;
    all.bytes += row.bytes;
    if (i < most) {
      text += line(number(row.count, is_signed), number(row.bytes, is_signed), row.type);
    } else {
      others.count += row.count;
      others.bytes += row.bytes;
    }
  }
  if (rows.size() > most) {
    text += line(number(others.count, is_signed), number(others.bytes, is_signed),
                 "(" + std::to_string(rows.size() - most) + " other types)");
  }
  return text + line(number(all.count, is_signed), number(all.bytes, is_signed), "(all)");
}

}  // namespace

std::string render_objects(const std::vector<ObjectCount>& counts, std::size_t most) {
  std::vector<Row> rows;
  rows.reserve(counts.size());
  for (const ObjectCount& count : counts) {
    rows.push_back({.type = count.type,
                    .count = static_cast<std::int64_t>(count.count),
                    .bytes = static_cast<std::int64_t>(count.bytes)});
  }
  return table(rows, most, false);
}

std::string render_object_changes(const std::vector<ObjectCount>& before,
                                  const std::vector<ObjectCount>& now, std::size_t most) {
  std::map<std::string, Row> changes;
  for (const auto& [counts, sign] : {std::pair{&before, -1}, std::pair{&now, 1}}) {
    for (const ObjectCount& count : *counts) {
      Row& row = changes[count.type];
      row.type = count.type;
      row.count += sign * static_cast<std::int64_t>(count.count);
      row.bytes += sign * static_cast<std::int64_t>(count.bytes);
    }
  }
  std::vector<Row> rows;
  for (auto& [type, row] : changes) {
    if (row.count != 0 || row.bytes != 0) {
      rows.push_back(std::move(row));
    }
  }
  std::stable_sort(rows.begin(), rows.end(), [](const Row& a, const Row& b) {
    return std::abs(a.bytes) > std::abs(b.bytes);
  });
  return table(rows, most, true);
}

}  // namespace heapwatch::agent::pages
