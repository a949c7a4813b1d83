// Shared ownership of one object. std::shared_ptr also erases how its object is destroyed, which costs a vtable for
// each type; here the type is known.
#pragma once

#include <atomic>
#include <cstddef>
#include <utility>

namespace lockstep {

/// Owns an object together with its copies; the last one destroys it. The count may be changed from several threads,
/// one `Shared` object by one thread at a time, as with std::shared_ptr.
template <class T>
class Shared {
 public:
  Shared() = default;
  Shared(std::nullptr_t) {}

  /// A new object, made from the arguments.
  template <class... Arguments>
  static Shared make(Arguments&&... arguments) {
    Shared result;
    result.block_ = new Block{{1}, T{std::forward<Arguments>(arguments)...}};
    return result;
  }

  Shared(const Shared& other) : block_(other.block_) {
    if (block_ != nullptr) block_->count.fetch_add(1, std::memory_order_relaxed);
  }
  Shared(Shared&& other) noexcept : block_(std::exchange(other.block_, nullptr)) {}
  Shared& operator=(Shared other) noexcept {
    std::swap(block_, other.block_);
    return *this;
  }
  ~Shared() {
    if (block_ != nullptr && block_->count.fetch_sub(1, std::memory_order_acq_rel) == 1) delete block_;
  }

  T* get() const { return block_ == nullptr ? nullptr : &block_->value; }
  T& operator*() const { return block_->value; }
  T* operator->() const { return &block_->value; }
  explicit operator bool() const { return block_ != nullptr; }

  /// How many own the object.
  long use_count() const { return block_ == nullptr ? 0 : block_->count.load(std::memory_order_acquire); }

  friend bool operator==(const Shared& a, const Shared& b) { return a.block_ == b.block_; }

 private:
  struct Block {
    std::atomic<long> count;
    T value;
  };

  Block* block_ = nullptr;
};

}  // namespace lockstep
