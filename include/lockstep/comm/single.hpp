// The communicator of a world of one: every collective is a copy or nothing.
#pragma once

#include <lockstep/comm/call/call_checks.hpp>
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
  template <class T>
  using Input = std::span<const std::type_identity_t<T>>;

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
    return all_reduce(buffer, reduction), Pending();
  }

  template <Element T>
  void reduce(Input<T> input, std::span<T> output, int root, Reduction reduction = Reduction::sum) {
    detail::check_reduction<T>("reduce", reduction);
    detail::check_root("reduce", root, 1);
    detail::check_same_length("reduce", input.size(), output.size());
    copy(input, output);
  }
  template <Element T>
  [[nodiscard]] Pending reduce_async(Input<T> input, std::span<T> output, int root,
                                     Reduction reduction = Reduction::sum) {
    return reduce(input, output, root, reduction), Pending();
  }

  template <Element T>
  void reduce_scatter(Input<T> input, std::span<T> output, Reduction reduction = Reduction::sum) {
    detail::check_reduction<T>("reduce_scatter", reduction);
    detail::check_equal_pieces("reduce_scatter", "input", input.size(), "output", output.size(), 1);
    copy(input, output);
  }
  template <Element T>
  [[nodiscard]] Pending reduce_scatter_async(Input<T> input, std::span<T> output,
                                             Reduction reduction = Reduction::sum) {
    return reduce_scatter(input, output, reduction), Pending();
  }

  template <Element T>
  void all_gather(Input<T> input, std::span<T> output) {
    detail::check_equal_pieces("all_gather", "output", output.size(), "input", input.size(), 1);
    copy(input, output);
  }
  template <Element T>
  [[nodiscard]] Pending all_gather_async(Input<T> input, std::span<T> output) {
    return all_gather(input, output), Pending();
  }

  template <Element T>
  void all_gather_ragged(Input<T> input, std::span<T> output, std::span<const std::int64_t> counts) {
    detail::check_counts(counts, input.size(), output.size(), 0, 1);
    copy(input, output);
  }
  template <Element T>
  [[nodiscard]] Pending all_gather_ragged_async(Input<T> input, std::span<T> output,
                                                std::span<const std::int64_t> counts) {
    return all_gather_ragged(input, output, counts), Pending();
  }

  template <Element T>
  void gather(Input<T> input, std::span<T> output, int root) {
    detail::check_root("gather", root, 1);
    detail::check_equal_pieces("gather", "output", output.size(), "input", input.size(), 1);
    copy(input, output);
  }
  template <Element T>
  [[nodiscard]] Pending gather_async(Input<T> input, std::span<T> output, int root) {
    return gather(input, output, root), Pending();
  }

  template <Element T>
  void scatter(Input<T> input, std::span<T> output, int root) {
    detail::check_root("scatter", root, 1);
    detail::check_equal_pieces("scatter", "input", input.size(), "output", output.size(), 1);
    copy(input, output);
  }
  template <Element T>
  [[nodiscard]] Pending scatter_async(Input<T> input, std::span<T> output, int root) {
    return scatter(input, output, root), Pending();
  }

  template <Element T>
  void all_to_all(Input<T> input, std::span<T> output) {
    detail::check_same_length("all_to_all", input.size(), output.size());
    copy(input, output);
  }
  template <Element T>
  [[nodiscard]] Pending all_to_all_async(Input<T> input, std::span<T> output) {
    return all_to_all(input, output), Pending();
  }

  template <Element T>
  void broadcast(std::span<T>, int root) {
    detail::check_root("broadcast", root, 1);
  }
  template <Element T>
  [[nodiscard]] Pending broadcast_async(std::span<T> buffer, int root) {
    return broadcast(buffer, root), Pending();
  }

  /// There is nobody to send to or to receive from: each of these throws ArgumentError.
  template <class T>
  requires Element<std::remove_const_t<T>>
  void send(std::span<T>, int destination) { detail::check_peer("send", "destination", destination, 0, 1); }
  template <class T>
  requires Element<std::remove_const_t<T>>
  [[nodiscard]] Pending send_async(std::span<T> buffer, int destination) {
    return send(buffer, destination), Pending();
  }
  template <Element T>
  void receive(std::span<T>, int source) {
    detail::check_peer("receive", "source", source, 0, 1);
  }
  template <Element T>
  [[nodiscard]] Pending receive_async(std::span<T> buffer, int source) {
    return receive(buffer, source), Pending();
  }

  void barrier() {}
  [[nodiscard]] Pending barrier_async() { return {}; }
  void progress() {}

  Single split(int color, int) {
    detail::check_color(color);
    return {};
  }
  Single rebuild() { return {}; }

 private:
  template <class T>
  static void copy(std::span<const T> input, std::span<T> output) {
    if (!input.empty() && input.data() != output.data()) std::memcpy(output.data(), input.data(), input.size_bytes());
  }
};

static_assert(RebuildableCommunicator<Single>);

}  // namespace lockstep
