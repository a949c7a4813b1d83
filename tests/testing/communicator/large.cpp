#include "../mailboxes.hpp"
#include <lockstep/comm/single.hpp>
#include <lockstep/testing/communicator/large.hpp>

#include <doctest/doctest.h>

#include <span>
#include <type_traits>

namespace ls = lockstep;

namespace {

// Counts in 31 bits.
struct Truncates : ls::Single {
  template <ls::Element T>
  void all_gather_ragged(std::span<const std::type_identity_t<T>>, std::span<T> output, std::span<const std::int64_t>) {
    if (output.size() >> 31 != 0) output.back() = T{1};
  }
  Truncates split(int, int) { return {}; }
};

}  // namespace

TEST_SUITE("long") {
  TEST_CASE("buffers of more than 2^31 bytes arrive whole") {
    ls::launch_threads(2, [](ls::Threads& threads) {
      ls::testing::MailThreads<ls::testing::MailFault::none> communicator(std::move(threads));
      ls::testing::check_large(communicator);
    });
  }
  TEST_CASE("a length that was cut to 31 bits is found") {
    Truncates communicator;
    CHECK_THROWS_AS(ls::testing::check_large(communicator), ls::Error);
  }
}
