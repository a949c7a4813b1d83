// The communicator of a world of one: every collective is a copy or nothing.
#pragma once

#include <lockstep/comm/call_checks.hpp>
#include <lockstep/comm/communicator.hpp>
#include <lockstep/core/dtype.hpp>
#include <lockstep/tensor/memory.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <type_traits>

namespace lockstep {

/// One rank. Checks its arguments as the others do, so that a program that runs here also runs there.
class Single {
 public:
  using Memory = AlignedMemory;

  /// A result that was there from the start.
  class [[nodiscard]] Pending {
   public:
    Pending() = default;
    Pending(Pending&&) noexcept = default;
    Pending& operator=(Pending&&) noexcept = default;
    ~Pending() {}  // not trivial: an unused variable of this type is a guard, not a mistake

    void wait() {}
    bool test() { return true; }
  };

  Single() = default;
  Single(Single&&) noexcept = default;
  Single& operator=(Single&&) noexcept = default;

  int rank() const { return 0; }
  int size() const { return 1; }

  Memory allocate(std::size_t bytes) { return Memory(bytes); }

  template <Element T>
  void all_reduce(std::span<T>, Reduction reduction = Reduction::sum) {
    detail::check_reduction<T>("all_reduce", reduction);
  }

  template <Element T>
  [[nodiscard]] Pending all_reduce_async(std::span<T> buffer, Reduction reduction = Reduction::sum) {
    all_reduce(buffer, reduction);
    return {};
  }

  template <Element T>
  void reduce_scatter(std::span<const std::type_identity_t<T>> input, std::span<T> output,
                      Reduction reduction = Reduction::sum) {
    detail::check_reduction<T>("reduce_scatter", reduction);
    detail::check_equal_pieces("reduce_scatter", "input", input.size(), "output", output.size(), 1);
    copy(input, output);
  }

  template <Element T>
  void all_gather(std::span<const std::type_identity_t<T>> input, std::span<T> output) {
    detail::check_equal_pieces("all_gather", "output", output.size(), "input", input.size(), 1);
    copy(input, output);
  }

  template <Element T>
  void all_gather_ragged(std::span<const std::type_identity_t<T>> input, std::span<T> output,
                         std::span<const std::int64_t> counts) {
    detail::check_counts(counts, input.size(), output.size(), 0, 1);
    copy(input, output);
  }

  template <Element T>
  void broadcast(std::span<T>, int root) {
    detail::check_root("broadcast", root, 1);
  }

  void barrier() {}
  void progress() {}

 private:
  template <class T>
  static void copy(std::span<const T> input, std::span<T> output) {
    if (!input.empty() && input.data() != output.data()) std::memcpy(output.data(), input.data(), input.size_bytes());
  }
};

static_assert(Communicator<Single>);

}  // namespace lockstep
