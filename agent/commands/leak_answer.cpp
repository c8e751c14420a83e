#include "agent/commands/leak_answer.h"

#include <re2/re2.h>
#include <sys/stat.h>
#include <unistd.h>

#include <iostream>
#include <memory>

#include "base/file.h"
#include "leak/report.h"
#include "leak/sentence.h"

namespace heapwatch::agent::commands {

namespace {

namespace fs = std::filesystem;

constexpr const char* verdict_file = "verdict.json";
constexpr int status_leak = 3;
constexpr int status_cannot_tell = 4;
constexpr double progress_every_s = 2;

/// What is found in a program's memory is its own business: for the owner's eyes.
base::Result<void> write_private(const fs::path& path, std::string_view bytes) {
  const mode_t before = umask(077);
  auto written = base::write_file(path, bytes);
  umask(before);
  return written;
}

base::Result<void> save(const fs::path& folder,
                        const std::map<std::string, std::string_view>& files) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) {
    return base::fail(base::ErrorKind::io, folder.string() + ": " + error.message());
  }
  for (const auto& [name, bytes] : files) {
    if (bytes.empty()) {
      continue;
    }
    if (auto written = write_private(folder / name, bytes); !written) {
      return written;
    }
  }
  return {};
}

}  // namespace

leak::JudgeOptions judge_options(const LeakCommand& options) {
  leak::JudgeOptions judge;
  if (!options.ignore.empty()) {
    const auto pattern = std::make_shared<const re2::RE2>(options.ignore, re2::RE2::Quiet);
    judge.ignores = [pattern](std::string_view text) {
      return re2::RE2::PartialMatch(re2::StringPiece(text.data(), text.size()), *pattern);
    };
  }
  return judge;
}

bool is_sure(const LeakWatch& watch, const LeakCommand& options) {
  const std::vector<leak::Look>& looks = watch.watch().looks;
  constexpr std::size_t looks_between = 5;
  if (watch.is_over() || looks.back().at < leak::sure_after_s ||
      looks.size() % looks_between != 0) {
    return false;
  }
  return leak::judge(watch.watch(), judge_options(options)).is_sure;
}

LeakProgress::LeakProgress(const LeakCommand& options)
    : options_(options), is_terminal_(isatty(STDERR_FILENO) == 1 && !options.json) {}

void LeakProgress::show(const leak::Watch& watch, double at) {
  if (!is_terminal_ || at < next_) {
    return;
  }
  next_ = at + progress_every_s;
  const std::string known = leak::judge(watch, judge_options(options_)).verdict().sentence;
  constexpr std::size_t line_max = 110;
  std::cerr << "\r\033[K";  // by itself, or it would be made printable
  std::cerr << (leak::duration_text(at) + " of " + leak::duration_text(options_.length_s) +
                ", so far: " + known)
                   .substr(0, line_max)
            << std::flush;
  is_shown_ = true;
}

void LeakProgress::clear() const {
  if (is_shown_) {
    std::cerr << "\r\033[K";
    std::cerr << std::flush;
  }
}

std::map<std::string, std::string_view> profiles_of(const LeakWatch& watch) {
  return {{"heap-first.pb.gz", watch.first_profiles().heap},
          {"heap-last.pb.gz", watch.last_profiles().heap},
          {"goroutine-first.pb.gz", watch.first_profiles().goroutine},
          {"goroutine-last.pb.gz", watch.last_profiles().goroutine}};
}

void save_or_say(const fs::path& folder, const leak::Watch& watch, const leak::Judgement& judgement,
                 const std::map<std::string, std::string_view>& profiles) {
  const std::string looks = leak::to_json(watch);
  const std::string verdict = leak::to_json(judgement, watch);
  std::map<std::string, std::string_view> files = profiles;
  files[looks_file] = looks;
  files[verdict_file] = verdict;
  if (const auto saved = save(folder, files); !saved) {
    std::cerr << "heapwatch: " << saved.error().message << "\n";
  }
}

int tell(const std::vector<leak::Watch>& watches, const std::vector<leak::Judgement>& judgements,
         const LeakCommand& options) {
  bool leaks = false;
  bool is_open = false;
  if (options.json && watches.size() > 1) {
    std::cout << "[\n";
  }
  for (std::size_t i = 0; i < watches.size(); ++i) {
    const leak::Verdict verdict = judgements[i].verdict().verdict;
    leaks = leaks || verdict == leak::Verdict::leak;
    is_open = is_open || verdict == leak::Verdict::cannot_tell;
    if (options.json) {
      std::string text = leak::to_json(judgements[i], watches[i]);
      if (watches.size() > 1) {
        text.pop_back();
        text += i + 1 < watches.size() ? ",\n" : "\n]\n";
      }
      std::cout << text;
    } else {
      std::cout << (i > 0 ? "\n" : "") << leak::to_text(judgements[i], watches[i]);
    }
  }
  if (!std::cout.flush()) {
    return 1;
  }
  if (options.fail_on != "leak") {
    return 0;
  }
  if (leaks) {
    return status_leak;
  }
  return is_open ? status_cannot_tell : 0;
}

}  // namespace heapwatch::agent::commands
