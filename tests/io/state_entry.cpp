#include <lockstep/io/state_entry.hpp>
#include <lockstep/tensor/tensor.hpp>

#include <doctest/doctest.h>

#include <cstdint>

namespace ls = lockstep;

TEST_CASE("state entry: describes tensors and numbers") {
  ls::Tensor<float> weight(ls::Shape{2, 3});
  const ls::StateEntry tensor = ls::state_entry("weight", weight.view());
  CHECK(tensor.name == "weight");
  CHECK(tensor.dtype == ls::DType::float32);
  CHECK(tensor.shape == ls::Shape{2, 3});
  CHECK(tensor.data == weight.data());
  CHECK(tensor.bytes() == 24);

  std::int64_t step = 5;
  const ls::StateEntry number = ls::state_entry("step", step);
  CHECK(number.dtype == ls::DType::int64);
  CHECK(number.shape == ls::Shape{});
  CHECK(number.data == &step);
  CHECK(number.bytes() == 8);

  const double scale = 2;
  CHECK(ls::state_entry("scale", scale).data == &scale);
  CHECK(ls::state_entry("weight", std::as_const(weight).view()).data == weight.data());
  CHECK(ls::StateEntry{"nothing", ls::DType::bfloat16, {0, 7}, nullptr}.bytes() == 0);
}
