// A program of the corpus in C++: cxx_program MODE SEED BYTES_PER_SECOND.
#include <poll.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <list>
#include <memory>
#include <random>
#include <string>
#include <unordered_map>
#include <vector>

namespace {

class Order {
 public:
  explicit Order(int number) : number_(number) {}
  virtual ~Order() = default;
  [[nodiscard]] virtual int number() const { return number_; }

 private:
  int number_;
  char lines_[700] = {1};
};

class Connection {
 public:
  virtual ~Connection() = default;
  std::vector<std::unique_ptr<Order>> orders;
};

bool ended() {
  pollfd input{.fd = 0, .events = POLLIN, .revents = 0};
  char byte = 0;
  return poll(&input, 1, 100) > 0 && read(0, &byte, 1) <= 0;
}

using Clock = std::chrono::steady_clock;

/// An object for each turn that is due; `make` says how many bytes it was.
template <typename Make>
void run(double rate, const Make& make) {
  const auto began = Clock::now();
  double done = 0;
  while (!ended()) {
    while (done < std::chrono::duration<double>(Clock::now() - began).count() * rate) {
      done += make();
    }
  }
}

/// Objects that nobody deletes.
void leak_objects(double rate, std::mt19937& random) {
  run(rate, [&random] {
    const Order* const order = new Order(static_cast<int>(random()));
    const std::string noise(random() % 3000, 'x');
    return static_cast<double>(sizeof(Order)) + (order->number() == 0 && noise.empty() ? 1 : 0);
  });
}

/// A map that is never cut.
void leak_map(double rate, std::mt19937& random) {
  static std::unordered_map<int, std::string> map;
  int key = 0;
  run(rate, [&] {
    map[key++] = std::string(800 + random() % 400, 'x');
    return 1080.0;
  });
}

/// Pairs that hold each other.
void leak_cycles(double rate, std::mt19937& random) {
  struct Person {
    std::shared_ptr<Person> friend_of;
    std::string name;
  };
  run(rate, [&random] {
    const auto one = std::make_shared<Person>();
    const auto other = std::make_shared<Person>();
    one->name = std::string(300 + random() % 300, 'x');
    other->name = one->name;
    one->friend_of = other;
    other->friend_of = one;
    return 1060.0;
  });
}

/// A log in memory that nobody cuts.
void leak_lines(double rate, std::mt19937& random) {
  static std::vector<std::string> lines;
  run(rate, [&random] {
    lines.emplace_back(60 + random() % 200, 'x');
    return 208.0;
  });
}

/// A pool that has grown to its bound at once, and lends from then on.
void pool(double rate, std::mt19937& random) {
  static std::vector<std::unique_ptr<Order>> free_orders;
  for (int i = 0; i < 20'000; ++i) {
    free_orders.push_back(std::make_unique<Order>(i));
  }
  run(rate, [&random] {
    std::swap(free_orders[random() % free_orders.size()],
              free_orders[random() % free_orders.size()]);
    const std::string noise(random() % 9000, 'x');
    return 700.0 + (noise.empty() ? 1 : 0);
  });
}

/// A queue between two parts, now long and now empty.
void queue(double rate, std::mt19937& random) {
  static std::list<std::string> waiting;
  run(rate, [&random] {
    waiting.emplace_back(500 + random() % 1500, 'x');
    if (waiting.size() > 500 && random() % 4000 == 0) {
      waiting.clear();
    } else if (random() % 100 < 90) {
      waiting.pop_front();
    }
    if (waiting.size() > 4000) {
      waiting.clear();
    }
    return 1250.0;
  });
}

/// The least recently used goes.
void lru(double rate, std::mt19937& random) {
  static std::list<std::string> list;
  run(rate, [&random] {
    list.emplace_front(500 + random() % 1500, 'x');
    if (list.size() > 3000) {
      list.pop_back();
    }
    return 1250.0;
  });
}

/// Connections that come and go.
void sessions(double rate, std::mt19937& random) {
  static std::vector<std::unique_ptr<Connection>> open(200);
  run(rate, [&random] {
    auto& place = open[random() % open.size()];
    place = std::make_unique<Connection>();
    const std::size_t count = 1 + random() % 40;
    for (std::size_t i = 0; i < count; ++i) {
      place->orders.push_back(std::make_unique<Order>(static_cast<int>(i)));
    }
    return static_cast<double>(count * sizeof(Order));
  });
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 4) {
    return 2;
  }
  const std::string mode = arguments[1];
  std::mt19937 random(static_cast<unsigned>(std::atoi(arguments[2])));
  const double rate = std::atof(arguments[3]);
  std::puts("ready");
  std::fflush(stdout);
  if (mode == "leak_objects") {
    leak_objects(rate, random);
  } else if (mode == "leak_map") {
    leak_map(rate, random);
  } else if (mode == "leak_cycles") {
    leak_cycles(rate, random);
  } else if (mode == "leak_lines") {
    leak_lines(rate, random);
  } else if (mode == "pool") {
    pool(rate, random);
  } else if (mode == "queue") {
    queue(rate, random);
  } else if (mode == "lru") {
    lru(rate, random);
  } else if (mode == "sessions") {
    sessions(rate, random);
  } else {
    return 2;
  }
  return 0;
}
