#include <lockstep/comm/single.hpp>
#include <lockstep/comm/threads.hpp>
#include <lockstep/testing/communicator.hpp>

#include <doctest/doctest.h>

#include <string>

namespace ls = lockstep;

namespace {

// Single behind a fault: each must be found by the suite, under the name of its check.
enum class Fault { none, dirty_memory, wrong_sum, lost_nan, accepts_root, forgets_tail };

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
  CHECK(found(Fault::accepts_root).starts_with("communicator check 'arguments' failed"));
  CHECK(found(Fault::forgets_tail)
            .starts_with("communicator check 'all_reduce' failed on rank 0 of 1: rank 0 has other"));
}

TEST_CASE("the conformance suite finds a rank that sums in another order") {
  CHECK_THROWS_AS(ls::launch_threads(3,
                                     [](ls::Threads& communicator) {
                                       // Rank order ((0 1) 2) is canonical for three ranks; reversed numbering is not.
                                       struct Reversed : ls::Threads {
                                         explicit Reversed(Threads&& other) : Threads(std::move(other)) {}
                                         int rank() const { return size() - 1 - Threads::rank(); }
                                       };
                                       Reversed reversed(std::move(communicator));
                                       ls::testing::check_canonical_order(reversed);
                                     }),
                  ls::Error);
}
