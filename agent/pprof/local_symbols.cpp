#include "agent/pprof/local_symbols.h"

#include <memory>
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

void use_local_symbols(pprof::SymbolSeams& seams) {
  struct Readers {
    symbols::Symbolizer full{{.demangle = symbols::Demangle::none}};
    symbols::Symbolizer fast{{.lines = false, .demangle = symbols::Demangle::none}};
  };
  const auto readers = std::make_shared<Readers>();
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

}  // namespace heapwatch::agent
