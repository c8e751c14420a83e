// A process that runs one check for the agent, as the agent has it.
#pragma once

#include <sys/types.h>

#include <array>
#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/descriptor.h"
#include "base/error.h"
#include "check/isolation/message.h"

namespace heapwatch::check::isolation {

/// What it may send in answer to one message of the agent.
inline constexpr std::size_t answer_bytes_max = std::size_t{64} * 1024 * 1024;
/// Lines of its standard error that are passed on to the log for one message of the agent.
inline constexpr std::size_t log_lines_max = 200;
inline constexpr std::size_t log_line_bytes_max = 4096;

/// Threads: not safe. Ownership: the process ends with this object, and so does what it started, as
/// long as that is in its process group.
class Process {
 public:
  using Deadline = std::chrono::steady_clock::time_point;

  /// Starts `program` with `arguments`, with its end of a socket as descriptor 3. `name` begins the
  /// log lines that are its output. Errors: io.
  [[nodiscard]] static base::Result<std::unique_ptr<Process>> start(
      const std::string& program, const std::vector<std::string>& arguments, std::string name);
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;
  /// Closes the conversation, by which the process ends at leisure.
  ~Process();

  /// Begins what the answer to is counted. Errors: timeout, unreachable.
  [[nodiscard]] base::Result<void> send(const Message& message, Deadline deadline);
  /// Errors: timeout; unreachable, when it ended, with how; limit and invalid, when it sent too
  /// much or rubbish.
  [[nodiscard]] base::Result<Message> receive(Deadline deadline);
  /// At once, with its group.
  void kill_group();

 private:
  Process(pid_t pid, base::OwnDescriptor socket, base::OwnDescriptor output, std::string name);
  [[nodiscard]] base::Result<bool> take_bytes();
  void take_output();
  void pass_on(std::string_view line);
  [[nodiscard]] base::Error how_it_ended();

  pid_t pid_;
  base::OwnDescriptor socket_;
  base::OwnDescriptor output_;
  std::string name_;
  Decoder decoder_;
  std::size_t answered_bytes_ = 0;
  std::string line_;       // of its output, so far
  std::string last_line_;  // that was no line of a log
  std::size_t lines_ = 0;  // passed on or dropped since the last message of the agent
};

}  // namespace heapwatch::check::isolation
