#include <lockstep/accelerator/options.hpp>

#include <doctest/doctest.h>

using namespace lockstep;

TEST_CASE("options are checked against the number of ranks") {
  CHECK_NOTHROW(validate(AcceleratorOptions{}, 3));
  CHECK_NOTHROW(validate(AcceleratorOptions{.micro_batches = 4}, 2));
  CHECK_THROWS_AS(validate(AcceleratorOptions{.gradient_accumulation_steps = 0}, 1), ArgumentError);
  CHECK_THROWS_WITH_AS(validate(AcceleratorOptions{.micro_batches = 4}, 3), doctest::Contains("(3)"), ArgumentError);
  CHECK_THROWS_AS(validate(AcceleratorOptions{.micro_batches = -2}, 1), ArgumentError);
}
