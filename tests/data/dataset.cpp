#include <lockstep/data/dataset.hpp>

#include <doctest/doctest.h>

#include <array>
#include <complex>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace ls = lockstep;

namespace {

template <class Inputs, class Targets>
struct Samples {
  struct Sample {
    Inputs inputs;
    Targets targets;
  };
  std::int64_t size() const { return 1; }
  Sample operator[](std::int64_t) const { return {}; }
};

static_assert(ls::Dataset<Samples<float, float>>);
static_assert(ls::Dataset<Samples<std::array<double, 3>, std::int64_t>>);
static_assert(ls::Dataset<Samples<std::vector<std::uint8_t>, std::span<const std::int32_t>>>);
static_assert(ls::Dataset<Samples<ls::TensorView<const float>, ls::TensorView<std::int32_t>>>);
static_assert(ls::Dataset<Samples<ls::Tensor<float>, float>>);
static_assert(!ls::Dataset<Samples<std::string, float>>);  // char is not an element type
static_assert(!ls::Dataset<Samples<std::vector<bool>, float>>);
static_assert(!ls::Dataset<Samples<float, std::complex<float>>>);
static_assert(!ls::Dataset<Samples<std::array<std::array<float, 2>, 2>, float>>);

struct WithoutSize {
  Samples<float, float>::Sample operator[](std::int64_t) const { return {}; }
};
struct WithoutTargets {
  struct Sample {
    float inputs;
  };
  std::int64_t size() const { return 1; }
  Sample operator[](std::int64_t) const { return {}; }
};
struct NotConst {
  std::int64_t size() const { return 1; }
  Samples<float, float>::Sample operator[](std::int64_t) { return {}; }
};
static_assert(!ls::Dataset<WithoutSize>);
static_assert(!ls::Dataset<WithoutTargets>);
static_assert(!ls::Dataset<NotConst>);
static_assert(!ls::Dataset<std::vector<float>>);
static_assert(!ls::Dataset<int>);

struct WholeBatches {
  struct Batch : ls::BatchInfo {
    ls::Tensor<float> states;
  };
  std::int64_t size() const { return 1; }
  void read(std::span<const std::int64_t>, Batch&) const {}
};
struct ForeignBatch {
  struct Batch {
    ls::Tensor<float> states;
  };
  std::int64_t size() const { return 1; }
  void read(std::span<const std::int64_t>, Batch&) const {}
};
static_assert(ls::Dataset<WholeBatches>);
static_assert(!ls::SampleDataset<WholeBatches>);
static_assert(!ls::Dataset<ForeignBatch>);

}  // namespace

TEST_CASE("dataset: fields of samples are seen as tensors") {
  using ls::detail::view_of_field;
  CHECK(view_of_field(3.0F).shape == ls::Shape{});
  CHECK(view_of_field(std::array<double, 3>{}).shape == ls::Shape{3});
  CHECK(view_of_field(std::vector<std::uint8_t>(4)).shape == ls::Shape{4});
  const ls::Tensor<float> tensor(ls::Shape{2, 3});
  CHECK(view_of_field(tensor).shape == ls::Shape{2, 3});
  CHECK(view_of_field(tensor.view()).data == tensor.data());
}
