#include "config/secrets.h"

#include <algorithm>
#include <atomic>
#include <vector>

#include "config/secret_answers.h"
#include "config/secret_backend.h"

namespace heapwatch::config {

namespace {

/// Every scalar below `value` that is an ENC[handle].
void collect(Value& value, std::vector<std::pair<Value*, std::string>>& found) {
  if (auto handle = secret_handle(value)) {
    found.emplace_back(&value, std::move(*handle));
  }
  for (Value& item : value.items) {
    collect(item, found);
  }
  for (Value::Member& member : value.members) {
    collect(member.value, found);
  }
}

std::atomic<bool (*)()> told_to_stop{nullptr};

}  // namespace

SecretResolver::SecretResolver(SecretsConfig config) : config_(std::move(config)) {}

void SecretResolver::resolve(Value& value, std::string_view file, Diagnostics& diagnostics) {
  std::vector<std::pair<Value*, std::string>> found;
  collect(value, found);
  if (found.empty()) {
    return;
  }
  const std::lock_guard lock(mutex_);
  std::set<std::string> unknown;
  for (const auto& [scalar, handle] : found) {
    if (!handle.empty() && !known_.contains(handle)) {
      unknown.insert(handle);
    }
  }
  base::Result<SecretAnswers> answers;
  if (!unknown.empty()) {
    std::string said;
    answers = ask(unknown, said);
    if (!said.empty()) {
      diagnostics.warning(file, 0, 0, config_.command.string() + " says " + said);
    }
  }
  if (answers) {
    for (auto& [handle, answer] : *answers) {
      if (answer.failure.empty()) {
        known_[handle] = std::move(answer.value);
      }
    }
  }
  for (const auto& [scalar, handle] : found) {
    const auto known = known_.find(handle);
    if (known != known_.end()) {
      scalar->text = known->second;
      scalar->secret_handle = handle;
      scalar->quoted = true;
      continue;
    }
    const std::string why = handle.empty() ? "it names no handle"
                            : answers      ? answers->at(handle).failure
                                           : answers.error().message;
    diagnostics.error(file, scalar->line, scalar->column,
                      std::string("no secret for ENC[").append(handle).append("]: ").append(why));
    scalar->kind = Value::Kind::null;  // the handle is no value for anybody
    scalar->text.clear();
  }
}

base::Result<SecretAnswers> SecretResolver::ask(const std::set<std::string>& handles,
                                                std::string& said) {
  if (config_.command.empty()) {
    return base::fail(base::ErrorKind::invalid, "secret_backend_command is not set");
  }
  if (gave_up_) {
    return tl::unexpected(*gave_up_);
  }
  const SecretBackendAnswer run =
      run_secret_backend(config_, secret_request(handles), told_to_stop.load());
  const SecretOutput output(run.written);
  said = output.without_answers(run.complaints, secret_complaint_bytes_max);
  if (!run.output) {
    if (run.output.error().kind == base::ErrorKind::timeout) {
      gave_up_ = base::Error{base::ErrorKind::timeout,
                             run.output.error().message + " for another file; not asked again"};
    }
    return tl::unexpected(run.output.error());
  }
  return output.answers(handles, config_);
}

void give_up_on_secrets_when(bool (*says_so)()) {
  told_to_stop.store(says_so);
}

std::optional<std::string> secret_handle(const Value& value) {
  if (value.kind != Value::Kind::scalar || !value.secret_handle.empty()) {
    return std::nullopt;
  }
  static constexpr std::string_view blank = " \t";
  static constexpr std::string_view opening = "ENC[";
  std::string_view text = value.text;
  text.remove_prefix(std::min(text.find_first_not_of(blank), text.size()));
  text = text.substr(0, text.find_last_not_of(blank) + 1);
  if (!text.starts_with(opening) || !text.ends_with(']')) {
    return std::nullopt;
  }
  text.remove_prefix(opening.size());
  text.remove_suffix(1);
  return std::string(text);
}

}  // namespace heapwatch::config
