// A long page while it arrives: what no path enters is left out.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "expvar/container_skip.h"
#include "expvar/plan.h"

namespace heapwatch::expvar {

/// Keeps a page as it is but for the insides of objects and arrays that no path takes or enters,
/// so that PageWalker finds in what is kept what it finds in the page. Where that cannot be known
/// it gives up. A plan that collects everything has no use for it.
///
/// Threads: not safe.
class PageCondenser {
 public:
  explicit PageCondenser(std::shared_ptr<const Plan> plan);

  /// A page begins; another one may have begun before it.
  void begin();
  /// Appends to `kept` what there is to keep of the next bytes.
  void take(std::string_view bytes, std::string& kept);
  [[nodiscard]] bool gave_up() const { return where_ == Where::nowhere; }

 private:
  enum class Where : std::uint8_t { between, string, dropped, copied, nowhere };
  /// An object or array that some path enters.
  struct Frame {
    bool is_array = false;
    std::size_t nodes_at = 0;  // in nodes_, up to its end while this frame is on top
    std::size_t index = 0;     // of an array's next element
  };

  std::size_t take_between(std::string_view bytes, std::string& kept);
  std::size_t take_string(std::string_view bytes, std::string& kept);
  std::size_t take_container(std::string_view bytes, std::string& kept);
  void mark(char c, std::string& kept);
  void open(bool is_array);
  void close();
  void step(std::string_view key);

  std::shared_ptr<const Plan> plan_;
  std::vector<Frame> frames_;
  std::vector<Plan::Node> nodes_;    // where the frames stand in the plan
  std::vector<Plan::Node> pending_;  // where the next value stands
  Where where_ = Where::between;
  std::optional<ContainerSkip> skip_;
  std::size_t string_at_ = 0;  // the last string, in what is kept
  std::size_t string_end_ = 0;
  bool has_escape_ = false;  // that string
  bool escaped_ = false;     // its next character
  bool is_known_ = true;     // where the next value stands
};

}  // namespace heapwatch::expvar
