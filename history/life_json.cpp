#include "history/life_json.h"

namespace heapwatch::history {

void write_life(base::JsonWriter& json, const Life& life) {
  json.member("kind", life.info.kind);
  json.member("service", life.info.service);
  json.member("name", life.info.name);
  json.member("pid", life.info.pid);
  json.member("started", life.info.started);
  json.member("first", life.first);
  json.member("last", life.last);
  json.member("ended", life.ended);
  json.member("how", life.how);
}

}  // namespace heapwatch::history
