// Rows by index: values, repeated indices in backward, and the error that names a wrong index.
#include "check_op.hpp"
#include <lockstep/autograd/ops/embedding.hpp>

using namespace lockstep;
using check::Values;

namespace {

void check_embedding(const Shape& table, const Shape& shape, std::vector<std::int32_t> indices) {
  CAPTURE(to_string(table));
  check::check_op<ops::Embedding>(
      {table},
      [&](auto& tape, auto& v) {
        return embedding(tape.indices({indices.data(), shape}), v[0]);
      },
      [&](const auto& v) {
        Values y;
        for (std::int32_t index : indices) {
          for (std::int64_t j = 0; j < table[1]; ++j) y.push_back(v[0][static_cast<std::size_t>(index * table[1] + j)]);
        }
        return y;
      });
}

}  // namespace

TEST_CASE("embedding: rows by index, gradients summed over repeated indices") {
  check_embedding({5, 3}, {2, 3}, {1, 0, 4, 1, 1, 2});
  check_embedding({1, 1}, {1}, {0});
  check_embedding({3, 33}, {4}, {2, 2, 2, 2});
  check_embedding({4, 2}, {}, {3});
  check_embedding({4, 2}, {0}, {});
}

TEST_CASE("embedding: a wrong index is named with its place and the limit") {
  check::Runner<Fp64, ops::Embedding> runner;
  const auto run = [&](std::vector<std::int32_t> indices) {
    static_cast<void>(runner.run({{4, 2}}, {check::numbers(8, 1)}, [&](auto& tape, auto& v) {
      return embedding(tape.indices({indices.data(), {static_cast<std::int64_t>(indices.size())}}), v[0]);
    }));
  };
  CHECK_NOTHROW(run({0, 3}));
  CHECK_THROWS_WITH_AS(run({0, 3, 4}),
                       "embedding: the index at position 2 of [3] is 4; it must be at least 0 and less than 4, the "
                       "number of rows of the "
                       "weight",
                       ArgumentError);
  CHECK_THROWS_AS(run({-1}), ArgumentError);
}

TEST_CASE("embedding: the weight is a table") {
  check::Runner<Fp64, ops::Embedding> runner;
  const std::int32_t index = 0;
  CHECK_THROWS_AS(runner.run({{4}}, {check::numbers(4, 1)},
                             [&](auto& tape, auto& v) {
                               return embedding(tape.indices({&index, {1}}), v[0]);
                             }),
                  ShapeError);
}
