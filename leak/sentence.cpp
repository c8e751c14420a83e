#include "leak/sentence.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

namespace heapwatch::leak {

namespace {

template <typename... Values>
std::string print(const char* format, Values... values) {
  std::array<char, 160> text{};
  std::snprintf(text.data(), text.size(), format, values...);
  return text.data();
}

std::string call_text(const Frame& frame) {
  std::string file = frame.file.substr(frame.file.rfind('/') + 1);
  std::string text = frame.function;
  if (!file.empty()) {
    text += " (" + file + (frame.line > 0 ? ":" + std::to_string(frame.line) : "") + ")";
  }
  return text;
}

std::string place_text(const Finding& finding) {
  if (finding.stack.empty()) {
    return "";
  }
  const std::string text = call_text(finding.stack[finding.application]);
  return finding.caller ? text + " called by " + call_text(finding.stack[*finding.caller]) : text;
}

std::string rate_text(const Rate& rate) {
  return (rate.value >= 0 ? "+" : "") + bytes_text(rate.value * 60) + "/min (" +
         bytes_text(rate.low * 60) + " to " + bytes_text(rate.high * 60) + ")";
}

std::string per_run_text(const Rate& rate) {
  return "+" + bytes_text(rate.value) + " a run (" + bytes_text(rate.low) + " to " +
         bytes_text(rate.high) + ")";
}

void append(std::string& text, const std::string& part) {
  if (!part.empty()) {
    text += (text.empty() || text.back() == ' ' ? "" : ", ") + part;
  }
}

/// How long until the container's limit, at the rate.
std::string limit_text(const Finding& finding, const Watch& watch) {
  if (!finding.rate || finding.rate->value <= 0 || watch.looks.empty() ||
      !watch.looks.back().room) {
    return "";
  }
  constexpr double far = 30 * 86400.0;
  const double seconds = *watch.looks.back().room / finding.rate->value;
  return seconds > far ? "" : "limit reached in " + duration_text(seconds);
}

std::string evidence_text(const Finding& finding) {
  std::string text;
  append(text, finding.what);
  if (finding.per_run && finding.per_run->value > 0) {
    append(text, per_run_text(*finding.per_run));
    if (finding.rate) {
      append(text, "+" + bytes_text(finding.rate->value * 60) + "/min at its interval");
    }
  } else if (finding.rate && finding.rate->value > 0) {
    append(text, rate_text(*finding.rate));
  }
  if (finding.share) {
    append(text, "explains " + print("%.0f %%", *finding.share * 100) +
                     (finding.per_run ? " of what its runs keep" : " of RSS growth"));
  }
  return text;
}

std::string in_space(const Finding& finding) {
  return finding.space.empty() ? "" : " in " + space_text(finding.space);
}

}  // namespace

std::string bytes_text(double bytes) {
  constexpr std::array units{"KiB", "MiB", "GiB", "TiB"};
  const std::string sign = bytes < 0 ? "-" : "";
  double value = std::abs(bytes);
  if (value < 1024) {
    return sign + print("%.0f B", value);
  }
  value /= 1024;
  std::size_t unit = 0;
  while (value >= 999.5 && unit + 1 < units.size()) {
    value /= 1024;
    ++unit;
  }
  return sign + print(value < 9.95 ? "%.1f %s" : "%.0f %s", value, units[unit]);
}

std::string duration_text(double seconds) {
  const auto whole = static_cast<long long>(std::llround(seconds));
  if (whole < 120) {
    return print("%lld s", whole);
  }
  if (whole < 7200) {
    const std::string minutes = print("%lld min", whole / 60);
    return whole % 60 == 0 || whole >= 1200 ? minutes : minutes + print(" %lld s", whole % 60);
  }
  if (whole < 2 * 86400LL) {
    return print("%lld h %lld min", whole / 3600, whole % 3600 / 60);
  }
  return print("%lld days", whole / 86400);
}

std::string space_text(const std::string& space) {
  if (space == "go") {
    return "Go's heap";
  }
  if (space == "goroutine") {
    return "goroutines";
  }
  if (space == "native") {
    return "native memory";
  }
  if (space == "python") {
    return "Python";
  }
  if (space == "mmap") {
    return "mappings";
  }
  if (space == "stack") {
    return "thread stacks";
  }
  return space == "files" ? "files and descriptors" : space;
}

std::string sentence_of(const Finding& finding, const Watch& watch, Advice advice) {
  std::string text;
  const std::string evidence = evidence_text(finding);
  switch (finding.verdict) {
    case Verdict::leak:
      text = "leak" + in_space(finding) + ": ";
      append(text, place_text(finding));
      append(text, evidence);
      append(text, limit_text(finding, watch));
      break;
    case Verdict::cannot_tell:
      text = "cannot tell yet" + in_space(finding) + ": " + finding.reason;
      append(text, evidence);
      if (finding.ask_seconds > 0 && advice == Advice::given) {
        text += "; ask for " + duration_text(finding.ask_seconds);
      }
      break;
    case Verdict::load:
      text = "no leak: follows the load" + in_space(finding) + ": " + finding.reason;
      append(text, evidence);
      break;
    case Verdict::filling:
      text =
          "no leak so far: still filling" + in_space(finding) + ": growth slows down or has ended";
      append(text, evidence);
      if (advice == Advice::given) {
        text += "; ask again in " + duration_text(std::max(600.0, finding.ask_seconds));
      }
      break;
    case Verdict::retention:
      text = "no leak: retention: ";
      append(text, finding.what);
      if (finding.rate && finding.rate->value > 0) {
        append(text, rate_text(*finding.rate));
      }
      if (finding.share) {
        append(text, "explains " + print("%.0f %%", *finding.share * 100) + " of RSS growth");
      }
      break;
    case Verdict::steady:
      text = "no leak: steady";
      break;
  }
  return text;
}

}  // namespace heapwatch::leak
