#include <lockstep/data/collate.hpp>

#include <doctest/doctest.h>

#include <array>
#include <cstdint>
#include <string>
#include <type_traits>
#include <vector>

namespace ls = lockstep;

namespace {

struct Points {
  struct Sample {
    std::array<float, 2> inputs;
    std::int32_t targets;
  };
  std::int64_t size() const { return 10; }
  Sample operator[](std::int64_t i) const {
    return {{static_cast<float>(i), static_cast<float>(i) / 2}, static_cast<std::int32_t>(i * i)};
  }
};

struct Sentences {  // sample i has i + 1 words
  struct Sample {
    std::vector<std::int32_t> inputs;
    std::int64_t targets;
  };
  std::int64_t size() const { return 10; }
  Sample operator[](std::int64_t i) const { return {std::vector<std::int32_t>(static_cast<std::size_t>(i) + 1), i}; }
};

struct Images {
  struct Sample {
    ls::TensorView<const float> inputs;
    ls::Tensor<double> targets;
  };
  ls::Tensor<float> pixels = ls::Tensor<float>::from({2, 2, 2}, {0, 1, 2, 3, 4, 5, 6, 7});
  std::int64_t size() const { return 2; }
  Sample operator[](std::int64_t i) const {
    return {pixels.view().rows(i, i + 1).reshaped({2, 2}), ls::Tensor<double>::full({1}, static_cast<double>(i))};
  }
};

struct ByReference {  // samples that exist already are not copied
  struct Sample {
    float inputs;
    float targets;
  };
  std::vector<Sample> samples{{1, 2}, {3, 4}};
  std::int64_t size() const { return static_cast<std::int64_t>(samples.size()); }
  const Sample& operator[](std::int64_t i) const { return samples[static_cast<std::size_t>(i)]; }
};

static_assert(std::is_same_v<ls::BatchOf<Points>, ls::Batch<float, std::int32_t>>);
static_assert(std::is_same_v<ls::BatchOf<Sentences>, ls::Batch<std::int32_t, std::int64_t>>);
static_assert(std::is_same_v<ls::BatchOf<Images>, ls::Batch<float, double>>);
static_assert(std::is_same_v<ls::BatchOf<ByReference>, ls::Batch<float, float>>);

template <class T>
std::vector<T> values(const ls::Tensor<T>& tensor) {
  return {tensor.span().begin(), tensor.span().end()};
}

}  // namespace

TEST_CASE("collate: stacks arrays and scalars") {
  ls::BatchOf<Points> batch;
  const std::int64_t indices[] = {3, 1, 8};
  read_batch(Points{}, indices, batch);
  CHECK(batch.inputs.shape() == ls::Shape{3, 2});
  CHECK(values(batch.inputs) == std::vector<float>{3, 1.5F, 1, 0.5F, 8, 4});
  CHECK(batch.targets.shape() == ls::Shape{3});
  CHECK(values(batch.targets) == std::vector<std::int32_t>{9, 1, 64});
}

TEST_CASE("collate: stacks tensors, also under a reference") {
  ls::BatchOf<Images> images;
  const std::int64_t indices[] = {1, 0};
  read_batch(Images{}, indices, images);
  CHECK(images.inputs.shape() == ls::Shape{2, 2, 2});
  CHECK(values(images.inputs) == std::vector<float>{4, 5, 6, 7, 0, 1, 2, 3});
  CHECK(images.targets.shape() == ls::Shape{2, 1});
  CHECK(values(images.targets) == std::vector<double>{1, 0});

  ls::BatchOf<ByReference> pairs;
  read_batch(ByReference{}, indices, pairs);
  CHECK(values(pairs.targets) == std::vector<float>{4, 2});
}

TEST_CASE("collate: reuses the memory of a batch, for smaller ones too") {
  ls::BatchOf<Points> batch;
  const std::int64_t indices[] = {0, 1, 2, 3};
  read_batch(Points{}, indices, batch);
  const float* memory = batch.inputs.data();
  read_batch(Points{}, std::span(indices).first(2), batch);
  CHECK(batch.inputs.shape() == ls::Shape{2, 2});
  read_batch(Points{}, indices, batch);
  CHECK(batch.inputs.shape() == ls::Shape{4, 2});
  CHECK(batch.inputs.data() == memory);
}

TEST_CASE("collate: ragged samples are named") {
  ls::BatchOf<Sentences> batch;
  const std::int64_t equal[] = {4, 4};
  read_batch(Sentences{}, equal, batch);
  CHECK(batch.inputs.shape() == ls::Shape{2, 5});
  const std::int64_t ragged[] = {4, 4, 7};
  std::string message;
  try {
    read_batch(Sentences{}, ragged, batch);
  } catch (const ls::ShapeError& error) {
    message = error.what();
  }
  INFO(message);
  CHECK(message.find("inputs of sample 7 has [8], of sample 4 [5]") != std::string::npos);
}
