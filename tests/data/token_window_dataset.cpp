#include <lockstep/data/token_window_dataset.hpp>

#include <doctest/doctest.h>

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace ls = lockstep;

namespace {

template <class Corpus>
std::vector<std::vector<std::int32_t>> windows(const ls::TokenWindowDataset<Corpus>& dataset) {
  std::vector<std::vector<std::int32_t>> result;
  ls::Batch<std::int32_t, std::int32_t> batch;
  for (std::int64_t i = 0; i < dataset.size(); ++i) {
    dataset.read(std::span(&i, 1), batch);
    REQUIRE(batch.inputs.shape() == ls::Shape{1, dataset.context()});
    REQUIRE(batch.targets.shape() == batch.inputs.shape());
    result.emplace_back(batch.inputs.span().begin(), batch.inputs.span().end());
    result.back().push_back(batch.targets[dataset.context() - 1]);
    for (std::int64_t t = 0; t + 1 < dataset.context(); ++t) REQUIRE(batch.targets[t] == batch.inputs[t + 1]);
  }
  return result;
}

using Windows = std::vector<std::vector<std::int32_t>>;

}  // namespace

TEST_CASE("token windows: do not overlap by default, and an incomplete one is left out") {
  const std::vector<std::uint16_t> tokens{0, 1, 2, 3, 4, 5, 60000};
  CHECK(windows(ls::TokenWindowDataset(std::span(tokens), {.context = 3})) == Windows{{0, 1, 2, 3}, {3, 4, 5, 60000}});
  CHECK(windows(ls::TokenWindowDataset(std::span(tokens).first(6), {.context = 3})) == Windows{{0, 1, 2, 3}});
}

TEST_CASE("token windows: any stride") {
  const std::vector<std::int32_t> tokens{0, 1, 2, 3, 4};
  CHECK(windows(ls::TokenWindowDataset(tokens, {.context = 3, .stride = 1})) == Windows{{0, 1, 2, 3}, {1, 2, 3, 4}});
  CHECK(windows(ls::TokenWindowDataset(tokens, {.context = 1, .stride = 3})) == Windows{{0, 1}, {3, 4}});
  CHECK(windows(ls::TokenWindowDataset(tokens, {.context = 4, .stride = 100})) == Windows{{0, 1, 2, 3, 4}});
}

TEST_CASE("token windows: text is bytes from 0 to 255") {
  CHECK(windows(ls::TokenWindowDataset(std::string("a\xC3\xA9"), {.context = 2})) == Windows{{97, 0xC3, 0xA9}});
  CHECK(windows(ls::TokenWindowDataset(std::vector<std::uint8_t>{255, 0}, {.context = 1})) == Windows{{255, 0}});
}

TEST_CASE("token windows: a batch has one row per window") {
  const ls::TokenWindowDataset dataset(std::string("abcdefg"), {.context = 2});
  ls::Batch<std::int32_t, std::int32_t> batch;
  const std::int64_t indices[] = {2, 0};
  dataset.read(indices, batch);
  CHECK(batch.inputs.shape() == ls::Shape{2, 2});
  CHECK(batch.inputs[0] == 'e');
  CHECK(batch.inputs[2] == 'a');
  CHECK(batch.targets[1] == 'g');
}

TEST_CASE("token windows: a corpus without a window is refused") {
  const auto message = [](std::string corpus, ls::TokenWindowOptions options) -> std::string {
    try {
      ls::TokenWindowDataset(std::move(corpus), options);
    } catch (const ls::ArgumentError& error) {
      return error.what();
    }
    return "";
  };
  CHECK(message("abcd", {.context = 3}) == "");
  CHECK(message("abc", {.context = 3}).find("needs 3 tokens and one more, the corpus has 3") != std::string::npos);
  CHECK(message("", {.context = 1}) != "");
  CHECK(message("abcd", {.context = 0}) != "");
  CHECK(message("abcd", {.context = 2, .stride = -1}) != "");
}
