// Which page of a Go program is asked for its heap, and by whom that is told.
#include "check/profile_pages.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace heapwatch::check {
namespace {

using testing::IsEmpty;

std::string heap_of(const std::string& vars) {
  net::HttpRequest request;
  request.url = vars;
  return profile_request(std::move(request))->url;
}

TEST(ProfilePages, TheHeapIsBesideTheVariablesOrAtTheRoot) {
  EXPECT_EQ(heap_of("http://h:1/debug/vars"), "http://h:1/debug/pprof/heap");
  EXPECT_EQ(heap_of("http://h:1/app/debug/vars?key=1#x"), "http://h:1/app/debug/pprof/heap");
  EXPECT_EQ(heap_of("https://h/metrics/all"), "https://h/debug/pprof/heap");
  EXPECT_EQ(heap_of("http://h:1/"), "http://h:1/debug/pprof/heap");
  EXPECT_EQ(heap_of("http://h:1"), "http://h:1/debug/pprof/heap");
}

TEST(ProfilePages, TheRequestIsThatOfTheVariablesButForItsBounds) {
  net::HttpRequest vars;
  vars.url = "http://h/debug/vars";
  vars.unix_socket = "/run/a.sock";
  vars.username = "u";
  vars.follow_redirects = false;
  net::HttpRequest expected = vars;
  expected.url = "http://h/debug/pprof/heap";
  expected.accept_encoding = false;
  expected.body_bytes_max = profile_page_bytes_max;
  expected.total_timeout = profile_page_time_max;
  EXPECT_EQ(*profile_request(vars), expected);
  vars.total_timeout = std::chrono::seconds(0);  // none
  EXPECT_EQ(*profile_request(vars), expected);
  vars.total_timeout = expected.total_timeout = std::chrono::seconds(2);
  EXPECT_EQ(*profile_request(vars), expected);
}

TEST(ProfilePages, APageIsThereFromTheFirstRunOfItsInstanceToItsEnd) {
  {
    ToldProfilePage told({.target = "a", .request = nullptr, .tags = {"x:1"}});
    EXPECT_THAT(profile_pages().all(), IsEmpty());
    told.tell();
    told.tell();
    ASSERT_EQ(profile_pages().all().size(), 1U);
    EXPECT_EQ(profile_pages().all().front().target, "a");
    EXPECT_EQ(profile_pages().all().front().tags, (metrics::Tags{"x:1"}));
  }
  EXPECT_THAT(profile_pages().all(), IsEmpty());
}

}  // namespace
}  // namespace heapwatch::check
