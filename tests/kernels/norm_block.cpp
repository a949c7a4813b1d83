// What the block is for: partial sums do not change when a range is cut at a multiple of it.
#include <lockstep/kernels/cpu/norm.hpp>
#include <lockstep/kernels/norm_block.hpp>

#include <doctest/doctest.h>

#include <bit>
#include <vector>

namespace ls = lockstep;

static_assert(std::has_single_bit(static_cast<std::uint64_t>(ls::norm_block)));

TEST_CASE("cutting at a multiple of norm_block leaves every partial sum as it is") {
  ls::Cpu device;
  constexpr std::int64_t count = 3 * ls::norm_block + 5;
  std::vector<float> values(count);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = 1.0f / static_cast<float>(i + 3);
  std::vector<double> whole(4), cut(4);
  ls::cpu::NormKernels::square_sums(device, count, values.data(), whole.data());
  ls::cpu::NormKernels::square_sums(device, ls::norm_block, values.data(), cut.data());
  ls::cpu::NormKernels::square_sums(device, count - ls::norm_block, values.data() + ls::norm_block, cut.data() + 1);
  CHECK(whole == cut);
  CHECK(whole[0] > whole[1]);
}
