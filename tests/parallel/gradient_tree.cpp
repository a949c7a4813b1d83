#include <lockstep/core/philox.hpp>
#include <lockstep/kernels/cpu/kernels.hpp>
#include <lockstep/parallel/gradient_tree.hpp>

#include <doctest/doctest.h>

#include <vector>

using namespace lockstep;

namespace {

/// The sum of leaves [first, first + count) in the tree that splits at the largest power of two below count.
float tree_sum(const std::vector<float>& leaves, std::size_t first, std::size_t count) {
  if (count == 1) return leaves[first];
  const std::size_t left = std::bit_floor(count - 1);
  return tree_sum(leaves, first, left) + tree_sum(leaves, first + left, count - left);
}

}  // namespace

TEST_CASE("any number of micro-batches is added in one fixed tree, bit for bit") {
  Philox random(1);
  Cpu cpu;
  for (std::size_t count = 1; count <= 17; ++count) {
    CAPTURE(count);
    GradientTree<float, Cpu> tree;
    for (int repeat = 0; repeat < 2; ++repeat) {  // memory is used again
      tree.clear();
      std::vector<float> leaves(count);
      for (float& leaf : leaves) leaf = static_cast<float>(random.normal());
      std::vector<float> gradient(3);
      for (std::size_t i = 0; i + 1 < count; ++i) {
        gradient.assign(3, leaves[i]);
        tree.push(cpu, std::span<float>(gradient));
      }
      CHECK(tree.count() == count - 1);
      gradient.assign(3, leaves.back());
      tree.fold(cpu, 0, std::span<float>(gradient).first(2));  // in pieces, as buckets do
      tree.fold(cpu, 2, std::span<float>(gradient).subspan(2));
      for (const float sum : gradient) CHECK(sum == tree_sum(leaves, 0, count));
    }
  }
}
