#include <lockstep/comm/call/fingerprint.hpp>

#include <doctest/doctest.h>

namespace ls = lockstep;
using ls::detail::Collective;
using ls::detail::Fingerprint;

TEST_CASE("a fingerprint keeps every field") {
  for (const Collective collective : {Collective::all_reduce, Collective::broadcast, Collective::allocate}) {
    for (const ls::DType dtype : {ls::DType::uint8, ls::DType::float32, ls::DType::float64}) {
      for (const std::uint64_t count : {std::uint64_t{0}, std::uint64_t{1} << 33, Fingerprint::max_count}) {
        const Fingerprint call{collective, dtype, ls::Reduction::product, 249, count};
        const Fingerprint copy = Fingerprint::unpack(call.packed());
        CHECK(copy.collective == collective);
        CHECK(copy.dtype == dtype);
        CHECK(copy.reduction == ls::Reduction::product);
        CHECK(copy.root == 249);
        CHECK(copy.count == count);
      }
    }
  }
}

TEST_CASE("a fingerprint reads like the call") {
  CHECK(to_string(Fingerprint{Collective::all_reduce, ls::DType::float32, ls::Reduction::mean, 0, 524288}) ==
        "all_reduce<float32>(524288, mean)");
  CHECK(to_string(Fingerprint{Collective::broadcast, ls::DType::int64, ls::Reduction::sum, 3, 2}) ==
        "broadcast<int64>(2, root 3)");
  CHECK(to_string(Fingerprint{Collective::barrier, ls::DType::uint8, ls::Reduction::sum, 0, 0}) == "barrier()");
}
