// C++ with templates, lambdas, local classes, exceptions and containers, much of it inlined.
#include <algorithm>
#include <cstdio>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

namespace shop {

template <typename Key, typename Value>
class Shelf {
 public:
  void put(const Key& key, Value value) { values_[key].push_back(std::move(value)); }
  template <typename Take>
  void each(Take take) const {
    for (const auto& row : values_) {
      std::for_each(row.second.begin(), row.second.end(),
                    [&](const Value& value) { take(row.first, value); });
    }
  }

 private:
  std::map<Key, std::vector<Value>> values_;
};

namespace {

int hidden(int value) {
  struct Local {
    static int twice(int number) { return number * 2 + std::rand(); }
  };
  return Local::twice(value);
}

}  // namespace

struct Base {
  virtual ~Base() = default;
  virtual int price() const = 0;
};

template <int factor>
struct Item : Base {
  explicit Item(std::string text) : name(std::move(text)) {}
  int price() const override {
    if (name.empty()) {
      throw std::runtime_error("no name");
    }
    return factor * static_cast<int>(name.size()) + hidden(factor);
  }
  std::string name;
};

int operator<<(const Base& item, int by) {
  return item.price() << by;
}

}  // namespace shop

int main(int argc, char** argv) {
  shop::Shelf<std::string, std::unique_ptr<shop::Base>> shelf;
  for (int i = 0; i < argc; ++i) {
    shelf.put(argv[i], std::make_unique<shop::Item<3>>(argv[i]));
    shelf.put("other", std::make_unique<shop::Item<5>>("five"));
  }
  long sum = 0;
  try {
    shelf.each([&](const std::string&, const auto& item) { sum += *item << 1; });
  } catch (const std::exception& error) {
    std::puts(error.what());
  }
  std::printf("%ld\n", sum);
  return 0;
}
