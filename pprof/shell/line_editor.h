// Lines typed at a terminal, with editing, history and completion (libedit).
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace heapwatch::pprof::shell {

/// What the last word before the cursor may become.
using Complete = std::function<std::vector<std::string>(std::string_view input)>;

/// Reads from the standard input, which has to be a terminal.
class LineEditor {
 public:
  /// Errors: io when the terminal does not serve.
  [[nodiscard]] static base::Result<std::unique_ptr<LineEditor>> create(Complete complete);
  LineEditor(const LineEditor&) = delete;
  LineEditor& operator=(const LineEditor&) = delete;
  ~LineEditor();

  /// Nothing at the end of the input.
  std::optional<std::string> read(const std::string& prompt);

 private:
  struct State;
  explicit LineEditor(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace heapwatch::pprof::shell
