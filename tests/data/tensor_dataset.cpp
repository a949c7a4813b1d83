#include <lockstep/data/tensor_dataset.hpp>

#include <doctest/doctest.h>

#include <cstdint>
#include <string>
#include <vector>

namespace ls = lockstep;

TEST_CASE("tensor dataset: reads rows") {
  const ls::TensorDataset<float, std::int32_t> dataset(ls::Tensor<float>::from({3, 2}, {0, 1, 10, 11, 20, 21}),
                                                       ls::Tensor<std::int32_t>::from({3}, {5, 6, 7}));
  CHECK(dataset.size() == 3);
  ls::TensorDataset<float, std::int32_t>::Batch batch;
  const std::int64_t indices[] = {2, 0, 2, 1};
  dataset.read(indices, batch);
  CHECK(batch.inputs.shape() == ls::Shape{4, 2});
  CHECK(std::vector<float>(batch.inputs.span().begin(), batch.inputs.span().end()) ==
        std::vector<float>{20, 21, 0, 1, 20, 21, 10, 11});
  CHECK(batch.targets.shape() == ls::Shape{4});
  CHECK(batch.targets[3] == 6);
}

TEST_CASE("tensor dataset: rows that do not match are refused with both shapes") {
  std::string message;
  try {
    ls::TensorDataset(ls::Tensor<float>(ls::Shape{3, 2}), ls::Tensor<float>(ls::Shape{4}));
  } catch (const ls::ShapeError& error) {
    message = error.what();
  }
  CHECK(message.find("inputs [3, 2] and targets [4]") != std::string::npos);
  CHECK_THROWS_AS(ls::TensorDataset(ls::Tensor<float>(ls::Shape{}), ls::Tensor<float>(ls::Shape{})), ls::ShapeError);
}

TEST_CASE("tensor dataset: may be empty, the loader is the one to refuse it") {
  const ls::TensorDataset dataset(ls::Tensor<float>(ls::Shape{0, 2}), ls::Tensor<float>(ls::Shape{0}));
  CHECK(dataset.size() == 0);
  ls::TensorDataset<float, float>::Batch batch;
  dataset.read({}, batch);
  CHECK(batch.inputs.shape() == ls::Shape{0, 2});
}
