#include "pprof/picture/picture.h"

#include <gmock/gmock.h>

namespace heapwatch::pprof::picture {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

const std::string graph =
    "digraph \"program\" {\nN1 [label=\"main\\nmain\" shape=box tooltip=\"main.main (4kB)\"]\n"
    "N2 [label=\"main\\nleaf\"]\nN1 -> N2 [label=\" 4kB\"]\n}\n";

TEST(Picture, IsDrawnInEachFormat) {
  const std::pair<const char*, const char*> starts[] = {{"svg", "<?xml"},
                                                        {"png", "\x89PNG\r\n"},
                                                        {"pdf", "%PDF-1."},
                                                        {"ps", "%!PS-Adobe"},
                                                        {"gif", "GIF8"}};
  for (const auto& [format, start] : starts) {
    const auto picture = draw(graph, format);
    ASSERT_TRUE(picture) << format << ": " << picture.error().message;
    EXPECT_THAT(*picture, StartsWith(start)) << format;
  }
}

TEST(Picture, SvgShowsTheNamesAndFollowsTheMouse) {
  const auto picture = draw(graph, "svg");
  ASSERT_TRUE(picture) << picture.error().message;
  EXPECT_THAT(*picture, HasSubstr("main.main (4kB)"));
  EXPECT_THAT(*picture, HasSubstr(">leaf</text>"));
  EXPECT_THAT(*picture, HasSubstr("addEventListener('wheel'"));
  EXPECT_THAT(*picture, EndsWith("</svg>\n"));
}

TEST(Picture, SaysWhatIsNoGraph) {
  const auto broken = draw("digraph {", "png");
  ASSERT_FALSE(broken);
  EXPECT_EQ(broken.error().kind, base::ErrorKind::invalid);
  EXPECT_THAT(broken.error().message, HasSubstr("syntax error in line 1"));
  const auto strange = draw(graph, "nothing");
  ASSERT_FALSE(strange);
  EXPECT_THAT(strange.error().message, StartsWith("Graphviz: "));
}

TEST(ZoomableSvg, FillsTheWindow) {
  const std::string svg = make_zoomable(
      "<?xml?>\n<svg width=\"8pt\" height=\"9pt\"\n viewBox=\"0.00 0.00 8.00 9.00\" "
      "xmlns=\"x\">\n<g>a</g>\n</svg>\n");
  EXPECT_THAT(svg, StartsWith("<?xml?>\n<svg\n xmlns=\"x\" width=\"100%\" height=\"100%\">\n"
                              "<g id=\"viewport\">\n<g>a</g>\n</g>\n<script"));
  EXPECT_THAT(svg, Not(HasSubstr("8pt")));
  EXPECT_EQ(make_zoomable("no picture"), "no picture");
}

}  // namespace
}  // namespace heapwatch::pprof::picture
