#include "pprof/picture/picture.h"

#include <gmock/gmock.h>
#include <signal.h>

#include <thread>

#include "pprof/picture/painter.h"

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

TEST(Picture, HoldsAnyBytesInNames) {
  const std::string strange =
      std::string("nul\0 \x01 \x1b[31m \xff \xed\xa0\x80 \xef\xbf\xbe &#1;", 27);
  const auto picture = draw("digraph { N1 [label=\"" + strange + " &lt; caf\xc3\xa9\"] }", "svg");
  ASSERT_TRUE(picture) << picture.error().message;
  const std::string gone = "\xef\xbf\xbd";
  EXPECT_THAT(*picture,
              HasSubstr("nul" + gone + " " + gone + " " + gone + "[31m " + gone + " " + gone +
                        gone + gone + " " + gone + gone + gone + " &amp;#1; &amp;lt; caf\xc3\xa9"));
}

/// A graph that takes Graphviz minutes: each of `size` nodes has an edge to every other.
std::string dense_graph(int size) {
  std::string dot = "digraph {\n";
  for (int from = 0; from < size; ++from) {
    for (int to = 0; to < size; ++to) {
      if (from == to) {
        continue;
      }
      dot += "N" + std::to_string(from) + " -> N" + std::to_string(to) + "\n";
    }
  }
  return dot + "}\n";
}

TEST(Picture, IsNotDrawnBeyondItsLimits) {
  const auto nodes = draw(graph, "svg", {.nodes_max = 1});
  ASSERT_FALSE(nodes);
  EXPECT_EQ(nodes.error().kind, base::ErrorKind::limit);
  EXPECT_EQ(nodes.error().message, "a graph of 2 boxes; at most 1 are drawn");
  const auto bytes = draw(graph, "svg", {.picture_bytes_max = 100});
  ASSERT_FALSE(bytes);
  EXPECT_EQ(bytes.error().message, "the picture is larger than 0 MB");
  const auto began = std::chrono::steady_clock::now();
  const auto late = draw(dense_graph(120), "svg", {.time_max = std::chrono::milliseconds(300)});
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().kind, base::ErrorKind::limit);
  EXPECT_EQ(late.error().message, "the graph was not drawn within 1 s");
  EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(20));
}

TEST(Picture, IsNotDrawnWithoutTheMemoryForIt) {
  // Programs that the address sanitizer watches may stand still without memory: the time bounds
  // them.
  const std::string large = "digraph { N1 [comment=\"" + std::string(700'000, 'x') + "\"] }";
  DrawOptions options{.memory_bytes_max = std::size_t{1} << 30U,
                      .time_max = std::chrono::seconds(30)};
  const auto drawn = draw(large, "svg", options);
  ASSERT_TRUE(drawn) << drawn.error().message;
  options.memory_bytes_max = std::size_t{1} << 18U;
  options.time_max = std::chrono::seconds(3);
  EXPECT_FALSE(draw(large, "svg", options));
}

TEST(Painter, DrawsForSeveralThreads) {
  auto painter = Painter::start({.nodes_max = 2, .is_zoomable = false});
  ASSERT_TRUE(painter) << painter.error().message;
  std::array<std::thread, 4> threads;
  std::array<std::string, 4> pictures;
  for (std::size_t i = 0; i < threads.size(); ++i) {
    threads[i] = std::thread([&, i] { pictures[i] = painter->draw(graph).value_or("none"); });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  for (const std::string& picture : pictures) {
    EXPECT_THAT(picture, HasSubstr("main.main (4kB)"));
    EXPECT_THAT(picture, Not(HasSubstr("<script")));
  }
  const auto large = painter->draw(dense_graph(3));
  ASSERT_FALSE(large);
  EXPECT_EQ(large.error().kind, base::ErrorKind::limit);
  EXPECT_EQ(large.error().message, "a graph of 3 boxes; at most 2 are drawn");
}

TEST(Painter, EndsWhatItDrawsWhenItIsStopped) {
  auto painter = Painter::start({});
  ASSERT_TRUE(painter) << painter.error().message;
  ASSERT_TRUE(painter->draw(graph));
  base::Result<std::string> picture;
  std::thread drawing([&] { picture = painter->draw(dense_graph(120)); });
  painter->stop();
  drawing.join();
  ASSERT_FALSE(picture);
  EXPECT_EQ(picture.error().message, "the process that draws graphs has ended");
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
