#include <lockstep/comm/schedule/link_model.hpp>

#include <doctest/doctest.h>

using lockstep::detail::LinkModel;

TEST_CASE("a step is one latency, an overhead for each further message, and its bytes") {
  const LinkModel link{.alpha_nanoseconds = 10,
                       .overhead_nanoseconds = 2,
                       .beta_picoseconds_per_byte = 300,
                       .gamma_picoseconds_per_byte = 50};
  CHECK(link.step(0, 0) == 0);
  CHECK(link.step(1, 0) == 10000);
  CHECK(link.step(4, 100) == 10000 + 3 * 2000 + 100 * 300);
  CHECK(link.combine(100) == 5000);
}
