// Clipping against PyTorch, and norms whose bits do not depend on how the gradients are cut.
#include "../vectors/vectors.hpp"
#include "optimizer_fixture.hpp"
#include <lockstep/optim/clip.hpp>

#include <limits>

namespace ls = lockstep;
using optimizer_fixture::some_values;

TEST_CASE("clip_grad_norm follows PyTorch") {
  ls::Cpu device;
  for (const vectors::Case& reference : vectors::load("clipping", "clip_grad_norm")) {
    CAPTURE(reference.name);
    const double max_norm = reference.attributes.at("max_norm");
    std::vector<double> gradients = reference.input("gradients").values;
    const double norm = ls::clip_grad_norm(device, std::span<double>(gradients), max_norm);
    const double expected = reference.output("norm").values[0];
    CHECK(std::abs(norm - expected) <= 1e-12 * expected);
    CHECK(vectors::difference(gradients, reference.output("gradients"), 1e-12) == "");
    std::vector<float> single = reference.input("gradients").as<float>();
    ls::clip_grad_norm(device, std::span<float>(single), max_norm);
    CHECK(vectors::difference(single, reference.output("gradients"), 1e-6) == "");
  }
}

TEST_CASE("clip_grad_value follows PyTorch") {
  ls::Cpu device;
  for (const vectors::Case& reference : vectors::load("clipping", "clip_grad_value")) {
    CAPTURE(reference.name);
    std::vector<double> gradients = reference.input("gradients").values;
    ls::clip_grad_value(device, std::span<double>(gradients), reference.attributes.at("clip_value"));
    CHECK(vectors::difference(gradients, reference.output("gradients"), 0.0) == "");
  }
}

TEST_CASE("clip_grad_value leaves a NaN to be found") {
  ls::Cpu device;
  std::vector<float> gradients{std::numeric_limits<float>::quiet_NaN(), 5.0f};
  ls::clip_grad_value(device, std::span<float>(gradients), 1.0);
  CHECK(std::isnan(gradients[0]));
  CHECK(gradients[1] == 1.0f);
}

TEST_CASE("the norm of a range has the same bits however the range is cut") {
  ls::Cpu device;
  std::vector<float> values = some_values<float>(70 * 4096 + 1003, 5);  // more blocks than one call of the kernel takes
  const double norm = ls::gradient_norm(device, std::span<const float>(values));
  double plain = 0.0;
  for (float value : values) plain += static_cast<double>(value) * static_cast<double>(value);
  CHECK(norm == doctest::Approx(std::sqrt(plain)).epsilon(1e-12));
  std::uint64_t seed = 9;
  for (int round = 0; round < 20; ++round) {
    std::vector<std::span<float>> pieces;
    std::size_t first = 0;
    while (first < values.size()) {
      seed = seed * 6364136223846793005u + 1442695040888963407u;
      const std::size_t longest = std::size_t{1} << (seed % 17);
      const std::size_t count = std::min<std::size_t>((seed >> 33) % (longest + 1), values.size() - first);
      pieces.push_back(std::span<float>(values).subspan(first, count));
      first += count;
    }
    const double max_norm = std::numeric_limits<double>::infinity();  // measures, clips nothing
    CHECK(ls::clip_grad_norm(device, std::span<const std::span<float>>(pieces), max_norm) == norm);
  }
}

TEST_CASE("clipping pieces clips the whole") {
  ls::Cpu device;
  std::vector<double> whole = some_values<double>(10'001, 6);
  std::vector<double> cut = whole;
  const std::vector<std::span<double>> pieces{std::span(cut).first(17), std::span(cut).subspan(17, 0),
                                              std::span(cut).subspan(17)};
  const double norm = ls::clip_grad_norm(device, std::span<double>(whole), 0.25);
  CHECK(ls::clip_grad_norm(device, std::span<const std::span<double>>(pieces), 0.25) == norm);
  CHECK(whole == cut);
  CHECK(ls::gradient_norm(device, std::span<const double>(whole)) == doctest::Approx(0.25).epsilon(1e-5));
}

TEST_CASE("a tree sum adds aligned powers of two first, so parts can be added elsewhere") {
  const std::vector<double> numbers = some_values<double>(11, 7);
  ls::TreeSum whole;
  for (double number : numbers) whole.add(number);
  const auto pair = [&](std::size_t i) { return numbers[i] + numbers[i + 1]; };
  const double first_eight = (pair(0) + pair(2)) + (pair(4) + pair(6));
  CHECK(whole.result() == first_eight + (pair(8) + numbers[10]));
  CHECK(ls::TreeSum{}.result() == 0.0);
}

TEST_CASE("the norm of nothing is zero, and squares of single precision do not overflow") {
  ls::Cpu device;
  CHECK(ls::gradient_norm(device, std::span<const float>()) == 0.0);
  const std::vector<float> large(3, 3e38f);
  CHECK(ls::gradient_norm(device, std::span<const float>(large)) == doctest::Approx(std::sqrt(3.0) * 3e38));
}

TEST_CASE("gradients that are not finite: an error on request, and then untouched") {
  ls::Cpu device;
  for (const double bad : {std::numeric_limits<double>::infinity(), std::numeric_limits<double>::quiet_NaN()}) {
    std::vector<double> gradients{1.0, bad, 2.0};
    const ls::ClipOptions strict{.error_if_nonfinite = true};
    CHECK_THROWS_AS(ls::clip_grad_norm(device, std::span<double>(gradients), 1.0, strict), ls::NumericalError);
    CHECK(gradients[0] == 1.0);
    CHECK(gradients[2] == 2.0);
    const double norm = ls::clip_grad_norm(device, std::span<double>(gradients), 1.0);
    CHECK(!std::isfinite(norm));
    CHECK(std::isnan(gradients[1]));  // inf * 0 and NaN * NaN: visible to the loss-scaling check, as in PyTorch
  }
}

TEST_CASE("bounds must not be negative") {
  ls::Cpu device;
  std::vector<float> gradients{1.0f};
  CHECK_THROWS_WITH_AS(ls::clip_grad_norm(device, std::span<float>(gradients), -1.0),
                       "clip_grad_norm: max_norm must not be negative, got -1", ls::ArgumentError);
  CHECK_THROWS_AS(ls::clip_grad_value(device, std::span<float>(gradients), -0.5), ls::ArgumentError);
  CHECK(gradients[0] == 1.0f);
}
