#include "mailboxes.hpp"
#include <lockstep/comm/single.hpp>
#include <lockstep/comm/threads.hpp>
#include <lockstep/testing/communicator.hpp>

#include <doctest/doctest.h>

#include <string>

namespace ls = lockstep;

namespace {

// Single behind a fault of each theme: the suite runs every check. The checks' own tests have more of them.
enum class Fault { none, dirty_memory, wrong_sum, lost_nan, unrounded, accepts_root, forgets_tail, accepts_color };

struct Faulty : ls::Single {
  explicit Faulty(Fault chosen) : fault(chosen) {}

  Memory allocate(std::size_t bytes) {
    Memory memory = Single::allocate(bytes);
    if (fault == Fault::dirty_memory && bytes > 0) memory.data()[bytes - 1] = std::byte{1};
    return memory;
  }
  template <ls::Element T>
  void all_reduce(std::span<T> buffer, ls::Reduction reduction = ls::Reduction::sum) {
    Single::all_reduce(buffer, reduction);
    if (fault == Fault::wrong_sum && buffer.size() > 4000) buffer[4000] = static_cast<T>(buffer[4000] + T{1});
    if (fault == Fault::lost_nan && reduction == ls::Reduction::max) {
      for (T& value : buffer) value = value != value ? T{0} : value;
    }
    if constexpr (std::is_same_v<T, ls::Float16>) {
      if (fault == Fault::unrounded && reduction == ls::Reduction::mean) {
        for (T& value : buffer) value.bits &= 0xfffe;
      }
    }
  }
  template <ls::Element T>
  void broadcast(std::span<T> buffer, int root) {
    if (fault != Fault::accepts_root) Single::broadcast(buffer, root);
  }
  template <ls::Element T>
  void all_gather(std::span<const std::type_identity_t<T>> input, std::span<T> output) {
    Single::all_gather(input, output);
    if (fault == Fault::forgets_tail && output.size() > 1000) output.back() = T{};
  }
  Faulty split(int color, int key) {
    static_cast<void>(Single::split(fault == Fault::accepts_color ? 0 : color, key));
    return Faulty(fault);
  }

  Fault fault;
};

static_assert(ls::Communicator<Faulty>);

std::string found(Fault fault) {
  Faulty communicator(fault);
  try {
    ls::testing::check_communicator(communicator);
  } catch (const ls::Error& error) {
    return error.what();
  }
  return "nothing";
}

}  // namespace

TEST_CASE("the conformance suite finds what is wrong and names the check") {
  CHECK(found(Fault::none) == "nothing");
  CHECK(found(Fault::dirty_memory).starts_with("communicator check 'allocate' failed on rank 0 of 1"));
  CHECK(found(Fault::wrong_sum).starts_with("communicator check 'all_reduce' failed"));
  CHECK(found(Fault::lost_nan).starts_with("communicator check 'special values' failed"));
  CHECK(found(Fault::unrounded).starts_with("communicator check 'half precision' failed"));
  CHECK(found(Fault::accepts_root).starts_with("communicator check 'arguments' failed"));
  CHECK(found(Fault::accepts_color).starts_with("communicator check 'arguments' failed"));
  CHECK(found(Fault::forgets_tail)
            .starts_with("communicator check 'all_reduce' failed on rank 0 of 1: rank 0 has other"));
}

TEST_CASE("a communicator of one's own passes the conformance suite") {
  for (const int size : {1, 2, 3}) {
    ls::launch_threads(size, [](ls::Threads& threads) {
      ls::testing::MailThreads<ls::testing::MailFault::none> communicator(std::move(threads));
      ls::testing::check_communicator(communicator);
      ls::testing::check_canonical_order(communicator);
    });
  }
}
