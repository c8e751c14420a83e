#include "exporters/remote_write/protocol.h"

#include "exporters/remote_write/answer.h"
#include "exporters/remote_write/transcode.h"

namespace heapwatch::exporters::remote_write {

namespace {

net::Headers headers(Version version) {
  const bool is_1 = version == Version::v1;
  return {{"Content-Type", is_1 ? "application/x-protobuf"
                                : "application/x-protobuf;proto=io.prometheus.write.v2.Request"},
          {"Content-Encoding", "snappy"},
          {"X-Prometheus-Remote-Write-Version", is_1 ? "0.1.0" : "2.0.0"}};
}

std::string_view version_name(Version version) {
  return version == Version::v1 ? "1.0" : "2.0";
}

base::Result<Batch> in_other_version(const Batch& batch, Version to) {
  return transcoded(batch, to);
}

}  // namespace

const push::Protocol protocol{.name = "remote write",
                              .headers = headers,
                              .judge = judge,
                              .compressed = compressed,
                              .transcoded = in_other_version,
                              .version_name = version_name};

}  // namespace heapwatch::exporters::remote_write
