// The conversation about one profile: commands and options, as pprof's shell takes them.
#pragma once

#include <functional>
#include <iosfwd>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pprof/driver/driver.h"

namespace heapwatch::pprof::shell {

/// Where text goes, and what the commands need from outside.
struct ShellSeams {
  std::ostream& out;
  std::ostream& err;
  const Seams& driver;
  bool has_colors = false;  // of `err`
};

/// Takes commands one by one. Reports go to `out`, everything else to `err`.
///
/// Ownership: refers to all it is made of.
/// Errors: told to the user; the conversation goes on.
class Shell {
 public:
  Shell(const CommandLine& line, const Session& session, const ShellSeams& seams);

  /// What profile this is, and how to go on.
  void greet();

  /// Carries out what the user typed. False when that was to leave.
  bool execute(std::string_view input);

  /// What the last word of `input` may become: names of commands and options at the start, then
  /// functions that hold it, as expressions.
  [[nodiscard]] std::vector<std::string> completions(std::string_view input) const;

 private:
  using Words = std::vector<std::string>;

  bool set_by_line(std::string_view input);
  bool set_bare(std::string_view name);
  bool set_sample_type(std::string_view name);
  void choose(const Option& option, std::string_view choice, std::string_view value);
  void set(const Option& option, const std::string& value);
  [[nodiscard]] base::Result<CommandLine> parse_command(Words words) const;
  base::Result<void> run(const CommandLine& command);
  void show_options();
  void show_help(const Words& words);
  void show_help_of(const std::string& name);
  void tell(std::string_view text);
  [[nodiscard]] std::vector<std::string> sample_types() const;

  const CommandLine& line_;
  const Session& session_;
  ShellSeams seams_;
  Seams driver_;  // as the command line's, but reports never fill a terminal with bytes
  ReportOptions options_;
};

/// The next line of input after a prompt; nothing at its end.
using ReadLine = std::function<std::optional<std::string>(const std::string& prompt)>;

/// Greets, and executes line after line until the user leaves.
void converse(Shell& shell, const ReadLine& read_line);

}  // namespace heapwatch::pprof::shell
