#include "module_test.hpp"
#include <lockstep/nn/dropout.hpp>

using namespace lockstep;
using namespace lockstep::testing;

TEST_CASE("Dropout drops its share and keeps the expectation in train mode, and is the identity in eval mode") {
  BoundModule bound(Dropout(0.25));
  const auto y = values_of(bound(Tensor<double>::full({10000}, 3.0)));
  const auto dropped = std::count(y.begin(), y.end(), 0.0);
  CHECK(dropped > 2300);
  CHECK(dropped < 2700);
  CHECK(std::count(y.begin(), y.end(), 4.0) == 10000 - dropped);
  bound.tape.set_training(false);
  CHECK(values_of(bound(Tensor<double>::full({2}, 3.0))) == std::vector<double>{3, 3});
}

TEST_CASE("which elements are dropped depends on seed, step and micro-batch, and on nothing else") {
  const auto mask = [](std::uint64_t seed, std::uint64_t step, std::uint64_t micro_batch) {
    BoundModule bound(Dropout(0.5));
    bound.tape.set_random_position(seed, step, micro_batch);
    return values_of(bound(Tensor<double>::full({64}, 1.0)));
  };
  CHECK(mask(1, 2, 3) == mask(1, 2, 3));
  CHECK(mask(1, 2, 3) != mask(2, 2, 3));
  CHECK(mask(1, 2, 3) != mask(1, 3, 3));
  CHECK(mask(1, 2, 3) != mask(1, 2, 4));
}

TEST_CASE("Dropout refuses what is no probability") {
  CHECK_THROWS_AS(Dropout(-0.1), ArgumentError);
  CHECK_THROWS_AS(Dropout(1.1), ArgumentError);
}
