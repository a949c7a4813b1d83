// The collectives of Threads and Ring: arguments are checked and turned into calls of the engine.
#pragma once

#include <lockstep/comm/call_checks.hpp>
#include <lockstep/comm/engine.hpp>
#include <lockstep/comm/pending_operation.hpp>
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

template <HostTransport Transport>
class HostCommunicator {
 public:
  using Pending = PendingOperation<Engine<Transport>>;

  HostCommunicator(HostCommunicator&& other) noexcept
      : engine_(std::move(other.engine_)), exceptions_(other.exceptions_) {}
  HostCommunicator& operator=(HostCommunicator&& other) noexcept {
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
    engine_->run(reduce_call(buffer, reduction));
  }

  template <Element T>
  [[nodiscard]] Pending all_reduce_async(std::span<T> buffer, Reduction reduction = Reduction::sum) {
    return Pending(engine_, engine_->start(reduce_call(buffer, reduction)));
  }

  template <Element T>
  void reduce_scatter(std::span<const std::type_identity_t<T>> input, std::span<T> output,
                      Reduction reduction = Reduction::sum) {
    check_reduction<T>("reduce_scatter", reduction);
    check_equal_pieces("reduce_scatter", "input", input.size(), "output", output.size(), size());
    Call call = make_call<T>(Collective::reduce_scatter, output.size(), input.data(), output.data());
    call.fingerprint.reduction = reduction;
    call.reduce = &reduce_slice<T>;
    engine_->run(call);
  }

  template <Element T>
  void all_gather(std::span<const std::type_identity_t<T>> input, std::span<T> output) {
    check_equal_pieces("all_gather", "output", output.size(), "input", input.size(), size());
    engine_->run(make_call<T>(Collective::all_gather, input.size(), input.data(), output.data()));
  }

  template <Element T>
  void all_gather_ragged(std::span<const std::type_identity_t<T>> input, std::span<T> output,
                         std::span<const std::int64_t> counts) {
    check_counts(counts, input.size(), output.size(), rank(), size());
    Call call = make_call<T>(Collective::all_gather_ragged, output.size(), input.data(), output.data());
    call.piece = input.size_bytes();
    call.counts = counts;
    engine_->run(call);
  }

  template <Element T>
  void broadcast(std::span<T> buffer, int root) {
    check_root("broadcast", root, size());
    Call call = make_call<T>(Collective::broadcast, buffer.size(), buffer.data(), buffer.data());
    call.fingerprint.root = static_cast<std::uint8_t>(root);
    engine_->run(call);
  }

  void barrier() { engine_->run(Call{.fingerprint = {.collective = Collective::barrier}}); }

  void progress() { engine_->progress(); }

 protected:
  explicit HostCommunicator(Shared<Engine<Transport>> engine)
      : engine_(std::move(engine)), exceptions_(std::uncaught_exceptions()) {}
  ~HostCommunicator() { leave(); }

  Engine<Transport>& engine() { return *engine_; }

 private:
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
  static Call reduce_call(std::span<T> buffer, Reduction reduction) {
    check_reduction<T>("all_reduce", reduction);
    Call call = make_call<T>(Collective::all_reduce, buffer.size(), buffer.data(), buffer.data());
    call.fingerprint.reduction = reduction;
    call.reduce = &reduce_slice<T>;
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

  Shared<Engine<Transport>> engine_;
  int exceptions_ = 0;
};

}  // namespace lockstep::detail
