#include "check/memory/service_tags.h"

#include <gmock/gmock.h>

namespace heapwatch::check::memory {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

const std::string id(64, 'a');

TEST(ServiceTags, AServiceIsAUnit) {
  EXPECT_THAT(service_tags("0::/system.slice/nginx.service\n"),
              ElementsAre("systemd_unit:nginx.service"));
  EXPECT_THAT(
      service_tags("0::/user.slice/user-1000.slice/user@1000.service/app.slice/a.service\n"),
      ElementsAre("systemd_unit:a.service"));
  EXPECT_THAT(service_tags("1:name=systemd:/system.slice/a.service\n4:memory:/system.slice\n"),
              ElementsAre("systemd_unit:a.service"));
}

TEST(ServiceTags, WhatComesAndGoesHasNone) {
  EXPECT_THAT(service_tags("0::/user.slice/user-1000.slice/session-3.scope\n"), IsEmpty());
  EXPECT_THAT(service_tags("0::/\n"), IsEmpty());
  EXPECT_THAT(service_tags(""), IsEmpty());
  EXPECT_THAT(service_tags("no colons\n::\n"), IsEmpty());
}

TEST(ServiceTags, ContainersOfEachRuntimeAreKnown) {
  const auto expected = ElementsAre("container_id:" + id);
  EXPECT_THAT(service_tags("0::/system.slice/docker-" + id + ".scope\n"), expected);
  EXPECT_THAT(service_tags("0::/docker/" + id + "\n"), expected);
  EXPECT_THAT(service_tags("0::/machine.slice/libpod-" + id + ".scope/container\n"), expected);
  EXPECT_THAT(service_tags("0::/docker/x" + id + "\n"), IsEmpty());
  EXPECT_THAT(service_tags("0::/docker/" + std::string(64, 'x') + "\n"), IsEmpty());
}

TEST(ServiceTags, APodIsKnownByItsUid) {
  const std::string uid = "0a1b2c3d-0000-1111-2222-333344445555";
  EXPECT_THAT(service_tags("5:memory:/kubepods/burstable/pod" + uid + "/" + id + "\n"),
              ElementsAre("container_id:" + id, "pod_uid:" + uid));
  EXPECT_THAT(
      service_tags("0::/kubepods.slice/kubepods-burstable.slice/"
                   "kubepods-burstable-pod0a1b2c3d_0000_1111_2222_333344445555.slice/crio-" +
                   id + ".scope\n"),
      ElementsAre("container_id:" + id, "pod_uid:" + uid));
  EXPECT_THAT(service_tags("0::/podman/poddle\n"), IsEmpty());
}

}  // namespace
}  // namespace heapwatch::check::memory
