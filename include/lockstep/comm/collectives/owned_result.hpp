// The result of an asynchronous collective that owns its buffers until it is waited for.
#pragma once

#include <lockstep/comm/collectives/buffer.hpp>
#include <lockstep/comm/communicator.hpp>
#include <lockstep/core/error.hpp>
#include <lockstep/tensor/tensor.hpp>

#include <span>
#include <type_traits>
#include <utility>
#include <vector>

namespace lockstep {

namespace detail {

/// Whether the elements stay where they are when their owner is moved.
template <class B>
inline constexpr bool stays_when_moved = false;
template <class T>
inline constexpr bool stays_when_moved<std::vector<T>> = true;
template <class T, class Device>
inline constexpr bool stays_when_moved<Tensor<T, Device>> = true;

/// Keeps a buffer or a value at an address of its own.
template <class B>
class Kept {
 public:
  explicit Kept(B&& buffer) { box_.push_back({std::move(buffer)}); }
  auto wire() { return wire_of(box_.front().content); }
  B take() { return std::move(box_.front().content); }

 private:
  struct Box {
    B content;
  };
  std::vector<Box> box_;
};

template <class B>
requires stays_when_moved<B>
class Kept<B> {
 public:
  explicit Kept(B&& buffer) : buffer_(std::move(buffer)) {}
  auto wire() { return wire_of(buffer_); }
  B take() { return std::move(buffer_); }

 private:
  B buffer_;
};

/// The elements of a buffer that its owner keeps.
template <class T>
class Lent {
 public:
  explicit Lent(std::span<T> elements) : elements_(elements) {}
  std::span<T> wire() const { return elements_; }

 private:
  std::span<T> elements_;
};

/// An input for as long as a collective is pending: values and temporaries are kept, all else is lent.
template <class In>
auto keep_input(In&& input) {
  using Plain = std::remove_cvref_t<In>;
  if constexpr (Value<In> || !Lendable<In>) {
    return Kept<Plain>(Plain(std::forward<In>(input)));
  } else {
    return Lent(input_of(input));
  }
}

struct NoInput {};

}  // namespace detail

/// A move-only result that owns what it is made of. The destructor waits, as that of every pending result.
template <PendingResult Pending, class Result, class Input = detail::NoInput>
class [[nodiscard]] OwnedResult {
 public:
  OwnedResult(Pending pending, detail::Kept<Result> result, Input input = {})
      : input_(std::move(input)), result_(std::move(result)), pending_(std::move(pending)) {}
  OwnedResult(OwnedResult&&) noexcept = default;
  OwnedResult& operator=(OwnedResult&& other) noexcept {
    if (this == &other) return *this;
    pending_ = std::move(other.pending_);  // first: it waits for what is still at work on the old buffers
    result_ = std::move(other.result_);
    input_ = std::move(other.input_);
    taken_ = other.taken_;
    return *this;
  }
  ~OwnedResult() = default;

  /// Returns the result when it is there; throws CommunicationError, and ArgumentError the second time.
  Result wait() {
    if (taken_) throw ArgumentError("OwnedResult: wait was called before and has returned the result");
    pending_.wait();
    taken_ = true;
    return result_.take();
  }

  /// Advances the work without blocking; true when `wait` will return at once.
  bool test() { return pending_.test(); }

 private:
  Input input_;
  detail::Kept<Result> result_;
  Pending pending_;  // last: it is destroyed, and has ended, before the buffers
  bool taken_ = false;
};

}  // namespace lockstep
