// Any text as what a program of secrets writes; none of its values may come out in words about it.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "config/secret_answers.h"

namespace {

using namespace heapwatch::config;

constexpr std::string_view program = "/backend";

/// Whether a sentence about the output shows a value that is none of the sentence's own words.
bool shows(const std::string& sentence, const std::string& value) {
  constexpr std::size_t bytes_min = 4;
  static constexpr std::string_view own_words =
      "/backend must write {\"HANDLE\": {\"value\": \"...\", \"error\": null}}, and wrote "
      "something "
      "else did not answer for it says gave no text, or an empty one more than can be searched for "
      "secrets ******** a list a map nothing";
  return value.size() >= bytes_min && own_words.find(value) == std::string_view::npos &&
         value.find('*') == std::string::npos && value.find('\\') == std::string::npos &&
         sentence.find(value) != std::string::npos;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  const SecretOutput output(text);
  SecretsConfig config;
  config.command = program;
  const auto answers = output.answers({"a", "h"}, config);
  if (!answers) {
    return 0;
  }
  constexpr std::size_t said_max = 1024;
  for (const auto& [handle, answer] : *answers) {
    if (answer.failure.empty() == answer.value.empty()) {
      std::abort();
    }
    const bool is_handle = answer.value == "a" || answer.value == "h";
    const std::string said =
        output.without_answers(("it is " + answer.value + '\n').substr(0, said_max), said_max);
    if (!is_handle && shows(said, answer.value)) {
      std::abort();
    }
    for (const auto& [other, about] : *answers) {
      if (shows(about.failure, answer.value)) {
        std::abort();
      }
    }
  }
  return 0;
}
