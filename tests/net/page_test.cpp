#include "net/page.h"

#include <gtest/gtest.h>

#include "net/target.h"
#include "tests/testing/http_target.h"

namespace heapwatch::net {
namespace {

HttpRequest page_request(const std::string& url) {
  HttpRequest request;
  request.url = url;
  return request;
}

TEST(Page, IsTheBodyOfWhatIsAnsweredWith200) {
  heapwatch::tests::HttpTarget target;
  target.serve("/x", {.body = "hello"});
  const auto page = fetch_page(page_request(target.url("/x")));
  ASSERT_TRUE(page) << page.error().message;
  EXPECT_EQ(*page, "hello");
}

TEST(Page, IsRefusedWithAnyOtherStatusAndNamedWithoutTheValuesOfItsQuery) {
  heapwatch::tests::HttpTarget target;
  target.serve("/x", {.status = 203, .body = "hello"});
  const auto page = fetch_page(page_request(target.url("/x")));
  ASSERT_FALSE(page);
  EXPECT_EQ(page.error(), (base::Error{base::ErrorKind::refused,
                                       target.url("/x") + ": 203 Non-Authoritative Information"}));
  const auto gone = fetch_page(page_request(target.url("/gone?token=secret")));
  ASSERT_FALSE(gone);
  EXPECT_EQ(gone.error().message, shown_url(target.url("/gone?token=secret")) + ": 404 Not Found");
  EXPECT_EQ(gone.error().message.find("secret"), std::string::npos);
}

TEST(Page, IsRefusedByTheNameThatItsRequestHas) {
  heapwatch::tests::HttpTarget target;
  HttpRequest request = page_request(target.url("/gone"));
  request.shown_as = "ENC[page]";
  const auto page = fetch_page(request);
  ASSERT_FALSE(page);
  EXPECT_EQ(page.error().message, "ENC[page]: 404 Not Found");
}

TEST(Page, IsAtHttpWhenItsAddressNamesNoScheme) {
  EXPECT_EQ(with_scheme("localhost:5000/x"), "http://localhost:5000/x");
  EXPECT_EQ(with_scheme("https://localhost"), "https://localhost");
  EXPECT_EQ(with_scheme("unix:///run/a.sock"), "unix:///run/a.sock");
}

}  // namespace
}  // namespace heapwatch::net
