// The collectives of every communicator that has an engine: arguments are checked and turned into calls.
#pragma once

#include <lockstep/comm/call/call_checks.hpp>
#include <lockstep/comm/call/collective_engine.hpp>
#include <lockstep/comm/call/pending_operation.hpp>
#include <lockstep/comm/reduction.hpp>
#include <lockstep/core/dtype.hpp>
#include <lockstep/core/shared.hpp>

#include <cstddef>
#include <cstdint>
#include <exception>
#include <span>
#include <type_traits>
#include <utility>

namespace lockstep::detail {

/// How communicators that are built from others reach the engines of these.
struct EngineAccess {
  template <class C>
  static auto& of(C& communicator) {
    return communicator.engine();
  }
};

/// Base of Threads, Ring, Tcp, Cluster and Mpi. `communicator.hpp` says what each member does.
template <class Engine>
class EngineCommunicator {
 public:
  using Pending = PendingOperation<Engine>;

  EngineCommunicator(EngineCommunicator&& other) noexcept
      : engine_(std::move(other.engine_)), exceptions_(other.exceptions_) {}
  EngineCommunicator& operator=(EngineCommunicator&& other) noexcept {
    if (this != &other) {
      leave();
      engine_ = std::move(other.engine_);
      exceptions_ = other.exceptions_;
    }
    return *this;
  }

  int rank() const { return engine_->rank(); }
  int size() const { return engine_->size(); }

  template <Element T>
  void all_reduce(std::span<T> buffer, Reduction reduction = Reduction::sum) {
    engine_->run(all_reduce_call(buffer, reduction));
  }
  template <Element T>
  [[nodiscard]] Pending all_reduce_async(std::span<T> buffer, Reduction reduction = Reduction::sum) {
    return begin(all_reduce_call(buffer, reduction));
  }

  template <Element T>
  void reduce(std::span<const std::type_identity_t<T>> input, std::span<T> output, int root,
              Reduction reduction = Reduction::sum) {
    engine_->run(reduce_call(input, output, root, reduction));
  }
  template <Element T>
  [[nodiscard]] Pending reduce_async(std::span<const std::type_identity_t<T>> input, std::span<T> output, int root,
                                     Reduction reduction = Reduction::sum) {
    return begin(reduce_call(input, output, root, reduction));
  }

  template <Element T>
  void reduce_scatter(std::span<const std::type_identity_t<T>> input, std::span<T> output,
                      Reduction reduction = Reduction::sum) {
    engine_->run(reduce_scatter_call(input, output, reduction));
  }
  template <Element T>
  [[nodiscard]] Pending reduce_scatter_async(std::span<const std::type_identity_t<T>> input, std::span<T> output,
                                             Reduction reduction = Reduction::sum) {
    return begin(reduce_scatter_call(input, output, reduction));
  }

  template <Element T>
  void all_gather(std::span<const std::type_identity_t<T>> input, std::span<T> output) {
    engine_->run(all_gather_call(input, output));
  }
  template <Element T>
  [[nodiscard]] Pending all_gather_async(std::span<const std::type_identity_t<T>> input, std::span<T> output) {
    return begin(all_gather_call(input, output));
  }

  template <Element T>
  void all_gather_ragged(std::span<const std::type_identity_t<T>> input, std::span<T> output,
                         std::span<const std::int64_t> counts) {
    engine_->run(all_gather_ragged_call(input, output, counts));
  }
  template <Element T>
  [[nodiscard]] Pending all_gather_ragged_async(std::span<const std::type_identity_t<T>> input, std::span<T> output,
                                                std::span<const std::int64_t> counts) {
    return begin(all_gather_ragged_call(input, output, counts));
  }

  template <Element T>
  void gather(std::span<const std::type_identity_t<T>> input, std::span<T> output, int root) {
    engine_->run(gather_call(input, output, root));
  }
  template <Element T>
  [[nodiscard]] Pending gather_async(std::span<const std::type_identity_t<T>> input, std::span<T> output, int root) {
    return begin(gather_call(input, output, root));
  }

  template <Element T>
  void scatter(std::span<const std::type_identity_t<T>> input, std::span<T> output, int root) {
    engine_->run(scatter_call(input, output, root));
  }
  template <Element T>
  [[nodiscard]] Pending scatter_async(std::span<const std::type_identity_t<T>> input, std::span<T> output, int root) {
    return begin(scatter_call(input, output, root));
  }

  template <Element T>
  void all_to_all(std::span<const std::type_identity_t<T>> input, std::span<T> output) {
    engine_->run(all_to_all_call(input, output));
  }
  template <Element T>
  [[nodiscard]] Pending all_to_all_async(std::span<const std::type_identity_t<T>> input, std::span<T> output) {
    return begin(all_to_all_call(input, output));
  }

  template <Element T>
  void broadcast(std::span<T> buffer, int root) {
    engine_->run(broadcast_call(buffer, root));
  }
  template <Element T>
  [[nodiscard]] Pending broadcast_async(std::span<T> buffer, int root) {
    return begin(broadcast_call(buffer, root));
  }

  template <class T>
  requires Element<std::remove_const_t<T>>
  void send(std::span<T> buffer, int destination) { engine_->run(send_call(buffer, destination)); }
  template <class T>
  requires Element<std::remove_const_t<T>>
  [[nodiscard]] Pending send_async(std::span<T> buffer, int destination) {
    return begin(send_call(buffer, destination));
  }

  template <Element T>
  void receive(std::span<T> buffer, int source) {
    engine_->run(receive_call(buffer, source));
  }
  template <Element T>
  [[nodiscard]] Pending receive_async(std::span<T> buffer, int source) {
    return begin(receive_call(buffer, source));
  }

  void barrier() { engine_->run(Call{.fingerprint = {.collective = Collective::barrier}}); }
  [[nodiscard]] Pending barrier_async() { return begin(Call{.fingerprint = {.collective = Collective::barrier}}); }

  void progress() { engine_->progress(); }

 protected:
  friend EngineAccess;

  explicit EngineCommunicator(Shared<Engine> engine)
      : engine_(std::move(engine)), exceptions_(std::uncaught_exceptions()) {}
  ~EngineCommunicator() { leave(); }

  Engine& engine() { return *engine_; }
  const Engine& engine() const { return *engine_; }

 private:
  Pending begin(const Call& call) {
    const std::uint64_t ticket = engine_->start(call);
    return Pending(engine_, ticket);
  }

  template <class T>
  static Call make_call(Collective collective, std::size_t count, const T* input, T* output) {
    check_count(to_string(collective), count);
    Call call;
    call.fingerprint = {.collective = collective, .dtype = dtype_of<T>, .count = count};
    call.input = reinterpret_cast<const std::byte*>(input);
    call.output = reinterpret_cast<std::byte*>(output);
    call.piece = count * sizeof(T);
    call.element = sizeof(T);
    return call;
  }

  template <class T>
  static void set_reduction(Call& call, Reduction reduction) {
    call.fingerprint.reduction = reduction;
    call.reduce = &reduce_slice<T>;
    call.scale = &scale_sums<T>;
  }

  void set_root(Call& call, int root) const {
    check_root(to_string(call.fingerprint.collective), root, size());
    call.fingerprint.root = static_cast<std::uint16_t>(root);
  }

  template <class T>
  Call all_reduce_call(std::span<T> buffer, Reduction reduction) const {
    check_reduction<T>("all_reduce", reduction);
    Call call = make_call<T>(Collective::all_reduce, buffer.size(), buffer.data(), buffer.data());
    set_reduction<T>(call, reduction);
    return call;
  }

  template <class T>
  Call reduce_call(std::span<const T> input, std::span<T> output, int root, Reduction reduction) const {
    check_reduction<T>("reduce", reduction);
    Call call = make_call<T>(Collective::reduce, input.size(), input.data(), nullptr);
    set_root(call, root);
    set_reduction<T>(call, reduction);
    if (rank() == root) {
      check_same_length("reduce", input.size(), output.size());
      call.output = reinterpret_cast<std::byte*>(output.data());
    }
    return call;
  }

  template <class T>
  Call reduce_scatter_call(std::span<const T> input, std::span<T> output, Reduction reduction) const {
    check_reduction<T>("reduce_scatter", reduction);
    check_equal_pieces("reduce_scatter", "input", input.size(), "output", output.size(), size());
    Call call = make_call<T>(Collective::reduce_scatter, output.size(), input.data(), output.data());
    set_reduction<T>(call, reduction);
    return call;
  }

  template <class T>
  Call all_gather_call(std::span<const T> input, std::span<T> output) const {
    check_equal_pieces("all_gather", "output", output.size(), "input", input.size(), size());
    return make_call<T>(Collective::all_gather, input.size(), input.data(), output.data());
  }

  template <class T>
  Call all_gather_ragged_call(std::span<const T> input, std::span<T> output,
                              std::span<const std::int64_t> counts) const {
    check_counts(counts, input.size(), output.size(), rank(), size());
    Call call = make_call<T>(Collective::all_gather_ragged, output.size(), input.data(), output.data());
    call.piece = input.size_bytes();
    call.counts = counts;
    return call;
  }

  template <class T>
  Call gather_call(std::span<const T> input, std::span<T> output, int root) const {
    Call call = make_call<T>(Collective::gather, input.size(), input.data(), nullptr);
    set_root(call, root);
    if (rank() == root) {
      check_equal_pieces("gather", "output", output.size(), "input", input.size(), size());
      call.output = reinterpret_cast<std::byte*>(output.data());
    }
    return call;
  }

  template <class T>
  Call scatter_call(std::span<const T> input, std::span<T> output, int root) const {
    Call call = make_call<T>(Collective::scatter, output.size(), nullptr, output.data());
    set_root(call, root);
    if (rank() == root) {
      check_equal_pieces("scatter", "input", input.size(), "output", output.size(), size());
      call.input = reinterpret_cast<const std::byte*>(input.data());
    }
    return call;
  }

  template <class T>
  Call all_to_all_call(std::span<const T> input, std::span<T> output) const {
    check_same_length("all_to_all", input.size(), output.size());
    check_divisible("all_to_all", input.size(), size());
    return make_call<T>(Collective::all_to_all, input.size() / static_cast<std::size_t>(size()), input.data(),
                        output.data());
  }

  template <class T>
  Call broadcast_call(std::span<T> buffer, int root) const {
    Call call = make_call<T>(Collective::broadcast, buffer.size(), buffer.data(), buffer.data());
    set_root(call, root);
    return call;
  }

  template <class T>
  Call send_call(std::span<T> buffer, int destination) const {
    check_peer("send", "destination", destination, rank(), size());
    using Plain = std::remove_const_t<T>;
    Call call = make_call<Plain>(Collective::send, buffer.size(), buffer.data(), nullptr);
    call.fingerprint.root = static_cast<std::uint16_t>(destination);
    return call;
  }

  template <class T>
  Call receive_call(std::span<T> buffer, int source) const {
    check_peer("receive", "source", source, rank(), size());
    Call call = make_call<T>(Collective::receive, buffer.size(), nullptr, buffer.data());
    call.fingerprint.root = static_cast<std::uint16_t>(source);
    return call;
  }

  void leave() noexcept {
    if (engine_ == nullptr) return;
    try {
      engine_->leave(std::uncaught_exceptions() > exceptions_);
    } catch (...) {  // no memory for the text: peers notice that the rank is gone all the same
    }
    engine_ = nullptr;
  }

  Shared<Engine> engine_;
  int exceptions_ = 0;
};

}  // namespace lockstep::detail
