#include "agent/pprof/local_symbols.h"

#include <algorithm>
#include <functional>
#include <memory>
#include <optional>
#include <utility>

#include "symbols/symbolizer.h"

namespace heapwatch::agent {

namespace {

symbols::Module module_of(const pprof::MappedFile& file) {
  return {.path = file.path,
          .build_id = file.build_id,
          .start = file.start,
          .limit = file.limit,
          .offset = file.offset};
}

symbols::Demangle style_of(pprof::NameStyle style) {
  switch (style) {
    case pprof::NameStyle::none:
      return symbols::Demangle::none;
    case pprof::NameStyle::simple:
      return symbols::Demangle::simple;
    case pprof::NameStyle::templates:
      return symbols::Demangle::templates;
    case pprof::NameStyle::full:
      break;
  }
  return symbols::Demangle::full;
}

}  // namespace

DebugFiles debug_files(const std::optional<std::string>& path) {
  DebugFiles files;
  const std::string text = path.value_or("");
  std::vector<std::string> folders;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find(':', at), text.size());
    if (end != at) {
      folders.push_back(text.substr(at, end - at));
    }
    at = end + 1;
  }
  files.folders.insert(files.folders.begin(), folders.begin(), folders.end());
  return files;
}

void use_local_symbols(pprof::SymbolSeams& seams, const DebugFiles& files) {
  struct Readers {
    explicit Readers(const DebugFiles& files)
        : full({.debug_folders = files.folders,
                .find_debug_file = files.find,
                .demangle = symbols::Demangle::none}),
          fast({.debug_folders = files.folders,
                .find_debug_file = files.find,
                .lines = false,
                .demangle = symbols::Demangle::none}) {}
    symbols::Symbolizer full;
    symbols::Symbolizer fast;
  };
  const auto readers = std::make_shared<Readers>(files);
  seams.open = [readers](const pprof::MappedFile& file) {
    return readers->full.open(module_of(file));
  };
  seams.frames = [readers](const pprof::MappedFile& file, std::uint64_t address, bool is_fast) {
    auto found = (is_fast ? readers->fast : readers->full).frames(module_of(file), address);
    std::vector<pprof::NamedFrame> frames;
    if (found) {
      for (symbols::Frame& frame : *found) {
        frames.push_back(
            {std::move(frame.system_name), std::move(frame.file), frame.line, frame.start_line});
      }
    }
    return frames;
  };
  seams.demangle = [](const std::string& name, pprof::NameStyle style) {
    return symbols::demangled(name, style_of(style));
  };
}

pprof::CodeSeams local_code(const DebugFiles& files) {
  pprof::CodeSeams seams;
  const auto reader = std::make_shared<symbols::Symbolizer>(
      symbols::SymbolizerOptions{.debug_folders = files.folders, .find_debug_file = files.find});
  seams.functions = [reader](const pprof::MappedFile& file,
                             const std::function<bool(const std::string&)>& is_wanted)
      -> base::Result<std::vector<pprof::CodeOfFunction>> {
    auto found = reader->functions(module_of(file), is_wanted);
    if (!found) {
      return tl::unexpected(found.error());
    }
    std::vector<pprof::CodeOfFunction> functions;
    functions.reserve(found->size());
    for (symbols::FunctionCode& function : *found) {
      functions.push_back({std::move(function.names), function.start, function.limit});
    }
    return functions;
  };
  seams.address_in_file = [reader](const pprof::MappedFile& file, std::uint64_t address) {
    return reader->address_in_file(module_of(file), address).value_or(std::nullopt);
  };
  seams.instructions = [reader](
                           const pprof::MappedFile& file, std::uint64_t start, std::uint64_t limit,
                           bool intel_syntax) -> base::Result<std::vector<pprof::InstructionText>> {
    const symbols::Module module = module_of(file);
    auto found = reader->instructions(module, start, limit, intel_syntax);
    if (!found) {
      return tl::unexpected(found.error());
    }
    // Addresses are those of the file here.
    const symbols::Module whole{.path = module.path, .build_id = module.build_id};
    std::vector<pprof::InstructionText> instructions;
    instructions.reserve(found->size());
    for (symbols::Instruction& at : *found) {
      pprof::InstructionText text{
          .address = at.address, .bytes = at.bytes, .text = std::move(at.text)};
      if (auto frames = reader->frames(whole, at.address); frames && !frames->empty()) {
        text.file = std::move(frames->front().file);
        text.line = frames->front().line;
      }
      instructions.push_back(std::move(text));
    }
    return instructions;
  };
  return seams;
}

}  // namespace heapwatch::agent
