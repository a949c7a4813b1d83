// The first wrong index is named.
#include <lockstep/autograd/ops/index_check.hpp>
#include <lockstep/kernels/cpu/kernels.hpp>

#include <doctest/doctest.h>

using namespace lockstep;

namespace {

struct FakeContext {
  using Kernels = lockstep::Kernels<Cpu>;
  Cpu device;
};

}  // namespace

TEST_CASE("check_indices") {
  FakeContext context;
  const std::int32_t indices[] = {0, 2, -5, 7};
  const TensorView<const std::int32_t> view(indices, {2, 2});
  CHECK_NOTHROW(detail::check_indices(context, view, 8, -5, "it", "things"));
  CHECK_THROWS_WITH_AS(detail::check_indices(context, view, 8, detail::nothing_ignored, "it", "things"),
                       "it at position 2 of [2, 2] is -5; it must be at least 0 and less than 8, the number of things",
                       ArgumentError);
}
