#include "pprof/driver/symbolize.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <filesystem>
#include <map>
#include <set>
#include <string_view>
#include <tuple>
#include <utility>

#include "base/printable.h"
#include "base/text.h"
#include "pprof/graph.h"

namespace heapwatch::pprof {
namespace {

constexpr std::size_t candidates_max = 1000;  // files of a folder that are tried
constexpr std::size_t asked_max = 100'000;    // addresses in one question

bool is_symbolizable(std::string_view file) {
  constexpr std::array<std::string_view, 5> others = {"[", "linux-vdso", "/dev/dri/", "//anon",
                                                      "/memfd:"};
  return !file.empty() && std::none_of(others.begin(), others.end(), [&](std::string_view start) {
    return file.starts_with(start);
  });
}

bool is_url(std::string_view file) {
  return file.starts_with("http://") || file.starts_with("https://") ||
         file.starts_with("https+insecure://") || file.starts_with("unix://");
}

class Symbolizing {
 public:
  Symbolizing(Profile& profile, const SymbolizeRequest& request, const SymbolSeams& seams,
              const Warn& warn)
      : profile_(profile), request_(request), seams_(seams), warn_(warn) {}

  void run() {
    const SymbolizeMode& mode = request_.mode;
    if (!mode.local && !mode.remote) {
      return;
    }
    find_wanted();
    if (mode.local && seams_.open) {
      name_by_files();
    }
    if (mode.remote && seams_.post && !request_.source_url.empty()) {
      name_by_program();
    }
    demangle_all();
  }

 private:
  /// The mappings for which names are looked for, and their locations.
  void find_wanted() {
    wanted_.resize(profile_.mappings.size());
    const bool is_forced = request_.mode.force;
    for (std::size_t i = 0; i < profile_.locations.size(); ++i) {
      const Location& location = profile_.locations[i];
      if (location.mapping == no_index || (location.line_count != 0 && !is_forced)) {
        continue;
      }
      const Mapping& mapping = profile_.mappings[location.mapping];
      if (is_forced ||
          !(mapping.has_functions || mapping.has_filenames || mapping.has_line_numbers)) {
        wanted_[location.mapping].push_back(static_cast<std::uint32_t>(i));
      }
    }
  }

  void name_by_files() {
    bool misses_files = false;
    for (std::size_t i = 0; i < wanted_.size(); ++i) {
      if (wanted_[i].empty()) {
        continue;
      }
      const std::string file(profile_.text(profile_.mappings[i].file));
      if (file.empty() && i == 0 && request_.source_url.empty()) {
        warn_("Main binary filename not available.");
      } else if (is_symbolizable(file) && !is_url(file) && !name_by_file(i)) {
        misses_files = true;
      }
    }
    if (misses_files) {
      warn_(
          "Some binary filenames not available. Symbolization may be incomplete.\n"
          "Try setting PPROF_BINARY_PATH to the search path for local binaries.");
    }
  }

  bool name_by_file(std::size_t at) {
    Mapping& mapping = profile_.mappings[at];
    MappedFile file{std::string(profile_.text(mapping.file)),
                    std::string(profile_.text(mapping.build_id)), mapping.start, mapping.limit,
                    mapping.offset};
    const auto found = find_binary(file);
    if (!found) {
      std::string name(base_name(profile_.text(mapping.file)));
      if (!file.build_id.empty()) {
        name += " (build ID " + file.build_id + ")";
      }
      warn_("Local symbolization failed for " + name + ": " + found.error().message);
      return false;
    }
    mapping.file = profile_.strings.add(file.path);
    for (const std::uint32_t location : wanted_[at]) {
      set_lines(profile_.locations[location], mapping,
                seams_.frames(file, profile_.locations[location].address, request_.mode.fast));
    }
    return true;
  }

  /// Sets the path to the file that can be read: of the folders for binaries, or as it is.
  base::Result<void> find_binary(MappedFile& file) {
    for (const std::string& candidate : candidates(file)) {
      MappedFile tried = file;
      tried.path = candidate;
      const auto opened = seams_.open(tried);
      if (opened) {
        file.path = candidate;
        return {};
      }
      if (opened.error().message.find("build ID mismatch") != std::string::npos) {
        warn_("Ignoring local file " + candidate + ": " + opened.error().message);
      }
    }
    return seams_.open(file);
  }

  [[nodiscard]] std::vector<std::string> candidates(const MappedFile& file) const {
    std::vector<std::string> paths;
    const std::string& folders = request_.binary_folders;
    const std::string name(base_name(file.path));
    const std::string parent = file.path.substr(0, file.path.size() - name.size());
    const std::string& id = file.build_id;
    // A build id is digits: what others wrote does not lead out of the folder.
    const bool has_id = id.size() > 2 && std::all_of(id.begin(), id.end(), [](char c) {
                          return base::hex_value(c) >= 0;
                        });
    for (std::size_t at = 0; at < folders.size();) {
      const std::size_t end = std::min(folders.find(':', at), folders.size());
      const std::string folder = folders.substr(at, end - at);
      at = end + 1;
      if (folder.empty()) {
        continue;
      }
      if (has_id) {
        paths.push_back(folder + "/" + id + "/" + name);
        add_files(paths, folder + "/" + id);
        paths.push_back(folder + "/" + file.path + "/" + id);
        paths.push_back(folder + "/" + id.substr(0, 2) + "/" + id.substr(2) + ".debug");
      }
      for (const std::string& path : {"/" + name, "/" + file.path, "/" + file.path + ".debug",
                                      "/" + parent + "/.debug/" + name + ".debug",
                                      "/usr/lib/debug/" + parent + "/" + name + ".debug"}) {
        paths.push_back(folder + path);
      }
    }
    std::error_code error;
    std::erase_if(paths, [&](const std::string& path) {
      return !std::filesystem::is_regular_file(path, error);
    });
    return paths;
  }

  static void add_files(std::vector<std::string>& paths, const std::string& folder) {
    std::error_code error;
    for (auto at = std::filesystem::directory_iterator(folder, error);
         !error && at != std::filesystem::directory_iterator() && paths.size() < candidates_max;
         at.increment(error)) {
      paths.push_back(at->path().string());
    }
  }

  void set_lines(Location& location, Mapping& mapping, const std::vector<NamedFrame>& frames) {
    if (frames.empty()) {
      return;
    }
    location.first_line = static_cast<std::uint32_t>(profile_.lines.size());
    location.line_count = static_cast<std::uint32_t>(frames.size());
    location.is_folded = false;
    for (const NamedFrame& frame : frames) {
      profile_.lines.push_back({.function = function_of(frame), .line = frame.line});
      mapping.has_functions = mapping.has_functions || !frame.system_name.empty();
      mapping.has_filenames = mapping.has_filenames || !frame.file.empty();
      mapping.has_line_numbers = mapping.has_line_numbers || frame.line != 0;
    }
    mapping.has_inline_frames = true;
  }

  std::uint32_t function_of(const NamedFrame& frame) {
    const StringId name = profile_.strings.add(frame.system_name);
    const StringId file = profile_.strings.add(frame.file);
    const auto [known, is_new] = functions_.try_emplace(
        {name, file, frame.start_line}, static_cast<std::uint32_t>(profile_.functions.size()));
    if (is_new) {
      if (next_id_ == 0) {
        for (const Function& function : profile_.functions) {
          next_id_ = std::max(next_id_, function.id);
        }
      }
      profile_.functions.push_back({.id = ++next_id_,
                                    .name = name,
                                    .system_name = name,
                                    .file = file,
                                    .start_line = frame.start_line});
    }
    return known->second;
  }

  void name_by_program() {
    const std::string url = symbol_url(request_.source_url);
    for (std::size_t i = 0; i < wanted_.size() && !url.empty(); ++i) {
      Mapping& mapping = profile_.mappings[i];
      const std::string_view file = profile_.text(mapping.file);
      if ((mapping.has_functions && !request_.mode.force) ||
          (!file.empty() && !is_symbolizable(file))) {
        continue;
      }
      std::map<std::uint64_t, std::vector<std::uint32_t>> asked;
      for (const std::uint32_t at : wanted_[i]) {
        const Location& location = profile_.locations[at];
        if (location.address != 0 && location.line_count == 0 && asked.size() < asked_max) {
          asked[location.address].push_back(at);
        }
      }
      if (asked.empty()) {
        continue;
      }
      std::string body;
      for (const auto& [address, locations] : asked) {
        body += body.empty() ? "0x" : "+0x";
        append_hex(body, address);
      }
      const auto answer = seams_.post(url, body);
      if (!answer) {
        warn_("remote symbolization: " + url + ": " + answer.error().message);
        return;
      }
      take_answer(*answer, asked, mapping);
    }
  }

  static void append_hex(std::string& out, std::uint64_t number) {
    std::array<char, 16> digits{};
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number, 16).ptr;
    out.append(digits.data(), end);
  }

  /// Lines of `0x401136 name`; others are left out.
  void take_answer(std::string_view answer,
                   const std::map<std::uint64_t, std::vector<std::uint32_t>>& asked,
                   Mapping& mapping) {
    while (!answer.empty()) {
      const std::size_t end = std::min(answer.find('\n'), answer.size());
      std::string_view line = base::trimmed(answer.substr(0, end));
      answer.remove_prefix(std::min(end + 1, answer.size()));
      std::uint64_t address = 0;
      if (!line.starts_with("0x")) {
        continue;
      }
      line.remove_prefix(2);
      const auto read = std::from_chars(line.data(), line.data() + line.size(), address, 16);
      const std::string_view name =
          base::trimmed(line.substr(static_cast<std::size_t>(read.ptr - line.data())));
      const auto found = asked.find(address);
      if (read.ec != std::errc() || name.empty() || found == asked.end()) {
        continue;
      }
      for (const std::uint32_t at : found->second) {
        set_lines(profile_.locations[at], mapping, {{std::string(name), {}}});
      }
    }
  }

  /// Names that are the linker's as people read them; where it is asked for, also those that were
  /// read in another style before.
  void demangle_all() {
    if (!seams_.demangle) {
      return;
    }
    for (Function& function : profile_.functions) {
      if (request_.mode.renames && function.system_name != 0) {
        function.name = function.system_name;
      }
      const std::string_view name = profile_.text(function.name);
      if (function.name == function.system_name &&
          (name.starts_with("_Z") || name.starts_with("_R"))) {
        const std::string text = seams_.demangle(std::string(name), request_.mode.style);
        function.name = profile_.strings.add(text);
      }
    }
  }

  Profile& profile_;
  const SymbolizeRequest& request_;
  const SymbolSeams& seams_;
  const Warn& warn_;
  std::vector<std::vector<std::uint32_t>> wanted_;  // locations, by mapping
  std::map<std::tuple<StringId, StringId, std::int64_t>, std::uint32_t> functions_;
  std::uint64_t next_id_ = 0;
};

}  // namespace

SymbolizeMode parse_symbolize_mode(const std::string& text, const Warn& warn) {
  SymbolizeMode mode;
  const std::string all = base::ascii_lower(text);
  for (std::size_t at = 0; at < all.size();) {
    const std::size_t end = std::min(all.find(':', at), all.size());
    const std::string word = all.substr(at, end - at);
    at = end + 1;
    if (word == "none" || word == "no") {
      mode.local = mode.remote = false;
      return mode;
    }
    if (word == "local" || word == "fastlocal") {
      mode.local = true;
      mode.remote = false;
      mode.fast = word == "fastlocal";
    } else if (word == "remote") {
      mode.local = false;
      mode.remote = true;
    } else if (word == "force") {
      mode.force = true;
    } else if (word == "demangle=full" || word == "demangle=none" || word == "demangle=templates") {
      mode.style = word == "demangle=full"   ? NameStyle::full
                   : word == "demangle=none" ? NameStyle::none
                                             : NameStyle::templates;
      mode.force = mode.renames = true;
    } else if (!word.empty() && word != "demangle=default" && word != "default") {
      warn("ignoring unrecognized symbolization option: " + base::printable(text));
      warn(
          "expecting -symbolize=[local|fastlocal|remote|none][:force]"
          "[:demangle=[none|full|templates|default]]");
    }
  }
  return mode;
}

std::string symbol_url(const std::string& url) {
  const std::size_t scheme = url.find("://");
  const std::size_t host = scheme == std::string::npos ? 0 : scheme + 3;
  const std::string whole = url.substr(0, url.find_first_of("?#"));
  const std::size_t slash = whole.rfind('/');
  if (slash == std::string::npos || slash < host) {
    return {};
  }
  constexpr std::array<std::string_view, 5> gperftools = {
      "/pprof/heap", "/pprof/growth", "/pprof/profile", "/pprof/pmuprofile", "/pprof/contention"};
  const bool is_symbol =
      whole.find("/debug/pprof/") != std::string::npos ||
      std::any_of(gperftools.begin(), gperftools.end(),
                  [&](std::string_view suffix) { return whole.ends_with(suffix); });
  return whole.substr(0, slash) + (is_symbol ? "/symbol" : "/symbolz");
}

void symbolize(Profile& profile, const SymbolizeRequest& request, const SymbolSeams& seams,
               const Warn& warn) {
  Symbolizing(profile, request, seams, warn).run();
}

}  // namespace heapwatch::pprof
