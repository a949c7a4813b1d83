// Bias corrections: large at first, gone in the end, and computed in double for any element type.
#include <lockstep/optim/adam_step.hpp>
#include <lockstep/optim/adamw.hpp>

#include <doctest/doctest.h>

namespace ls = lockstep;

TEST_CASE("the first step undoes the smallness of fresh averages") {
  const ls::AdamW options{.learning_rate = 0.1};
  const auto c = ls::detail::adam_coefficients<double>(options, {.step = 1, .learning_rate_multiplier = 0.5});
  CHECK(c.rate == doctest::Approx(0.05 / 0.1).epsilon(1e-12));
  CHECK(c.root_scale == doctest::Approx(1.0 / std::sqrt(0.001)).epsilon(1e-12));
  CHECK(c.shrink == 1.0);
  CHECK(c.l2_penalty == 0.0);
  CHECK(c.gradient_scale == 1.0);
}

TEST_CASE("corrections vanish after many steps") {
  const auto c = ls::detail::adam_coefficients<double>(ls::AdamW{.learning_rate = 0.1}, {.step = 1'000'000});
  CHECK(c.rate == 0.1);
  CHECK(c.root_scale == 1.0);
}

TEST_CASE("corrections do not lose digits in single precision") {
  const auto wide = ls::detail::adam_coefficients<double>(ls::AdamW{}, {.step = 3});
  const auto narrow = ls::detail::adam_coefficients<float>(ls::AdamW{}, {.step = 3});
  CHECK(narrow.rate == static_cast<float>(wide.rate));
  CHECK(narrow.root_scale == static_cast<float>(wide.root_scale));
  CHECK(narrow.one_minus_beta2 == static_cast<float>(1.0 - 0.999));
}

TEST_CASE("a scheduled momentum replaces beta1, also in the correction") {
  const auto c = ls::detail::adam_coefficients<double>(ls::AdamW{.learning_rate = 1.0}, {.step = 1, .momentum = 0.75});
  CHECK(c.one_minus_beta1 == 0.25);
  CHECK(c.rate == 4.0);
}

TEST_CASE("validate_adam names the optimizer") {
  CHECK_THROWS_WITH_AS(ls::detail::validate_adam(ls::AdamW{.beta2 = 2.0}, "Mine"),
                       "Mine: beta2 must be at least 0 and below 1, got 2", ls::ArgumentError);
}
