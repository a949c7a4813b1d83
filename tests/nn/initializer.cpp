#include <lockstep/nn/initializer.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <vector>

using namespace lockstep;

namespace {

std::vector<double> draw(const Initializer& initializer, const Shape& shape, std::uint64_t seed = 0,
                         std::string_view name = "weight") {
  std::vector<double> values(static_cast<std::size_t>(shape.numel()));
  initialize(std::span<double>(values), initializer, shape, name, seed);
  return values;
}

double mean_of(const std::vector<double>& values) {
  double sum = 0;
  for (const double value : values) sum += value;
  return sum / static_cast<double>(values.size());
}

double deviation_of(const std::vector<double>& values) {
  const double mean = mean_of(values);
  double sum = 0;
  for (const double value : values) sum += (value - mean) * (value - mean);
  return std::sqrt(sum / static_cast<double>(values.size()));
}

}  // namespace

TEST_CASE("initializers have the bounds and deviations of PyTorch's definitions") {
  const Shape shape{200, 300};  // fan_out 200, fan_in 300
  const auto largest = [&](const Initializer& initializer) {
    const auto values = draw(initializer, shape);
    return std::max(*std::max_element(values.begin(), values.end()), -*std::min_element(values.begin(), values.end()));
  };
  CHECK(largest(init::kaiming_uniform()) == doctest::Approx(std::sqrt(6.0 / 300)).epsilon(1e-3));
  CHECK(largest(init::xavier_uniform(2)) == doctest::Approx(2 * std::sqrt(6.0 / 500)).epsilon(1e-3));
  CHECK(largest(init::linear_default()) == doctest::Approx(1 / std::sqrt(300.0)).epsilon(1e-3));
  CHECK(deviation_of(draw(init::kaiming_normal(), shape)) == doctest::Approx(std::sqrt(2.0 / 300)).epsilon(0.02));
  CHECK(deviation_of(draw(init::xavier_normal(), shape)) == doctest::Approx(std::sqrt(2.0 / 500)).epsilon(0.02));
  CHECK(mean_of(draw(init::normal(3, 0.5), shape)) == doctest::Approx(3).epsilon(0.01));
  CHECK(deviation_of(draw(init::normal(3, 0.5), shape)) == doctest::Approx(0.5).epsilon(0.02));
  CHECK(mean_of(draw(init::uniform(2, 4), shape)) == doctest::Approx(3).epsilon(0.01));
  CHECK(largest(init::truncated_normal(0, 0.02)) <= 0.04);
  CHECK(draw(init::constant(7), Shape{2}) == std::vector<double>{7, 7});
}

TEST_CASE("convolution weights count their receptive field, and a bias takes the fan it is told") {
  CHECK(width_of(init::linear_default(), Shape{8, 4, 3, 3}) == doctest::Approx(1 / std::sqrt(36.0)));
  CHECK(width_of(init::linear_default(16), Shape{8}) == doctest::Approx(0.25));
  CHECK_THROWS_WITH_AS(width_of(init::xavier_uniform(), Shape{8}), doctest::Contains("[8]"), ShapeError);
}

TEST_CASE("values are a function of seed and name alone") {
  CHECK(draw(init::normal(), Shape{5}) == draw(init::normal(), Shape{5}));
  CHECK(draw(init::normal(), Shape{5}) != draw(init::normal(), Shape{5}, 1));
  CHECK(draw(init::normal(), Shape{5}) != draw(init::normal(), Shape{5}, 0, "bias"));
}
