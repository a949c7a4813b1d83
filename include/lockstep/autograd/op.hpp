// The contract of an operation, and what it is given to work with. Read this, then one file of `ops/`, to add an op.
#pragma once

#include <lockstep/autograd/slot.hpp>
#include <lockstep/core/philox.hpp>
#include <lockstep/kernels/destination.hpp>
#include <lockstep/kernels/kernels.hpp>
#include <lockstep/tensor/arena.hpp>
#include <lockstep/tensor/block_pool.hpp>
#include <lockstep/tensor/tensor_view.hpp>

#include <concepts>
#include <type_traits>

namespace lockstep {

/// An operation is a plain, trivially destructible struct. Its members are its attributes (a dimension, an epsilon)
/// and what its forward saves for its backward (pointers to memory from `Context::allocate`). It has
///
///   static constexpr const char* name;      as in messages
///   static constexpr int arity;             the number of inputs; `variadic` for a list
///   Shape shape(const Shape&... inputs);    the output's shape, or a ShapeError with all shapes involved
///   void forward(Context&, TensorView<T> y, TensorView<const T>... inputs);
///   void backward(Context&, const Result<T>& y, Operand<T>... inputs);
///
/// A variadic op takes one `std::span` of shapes, of views, of operands. An input may be absent (data is null).
/// An op with `static constexpr bool aliases_input = true` has no forward: its output is its first input's memory
/// under another shape.
template <class Op>
concept Operation = std::is_trivially_destructible_v<Op> && std::movable<Op> && requires {
  { Op::name } -> std::convertible_to<const char*>;
  { Op::arity } -> std::convertible_to<int>;
};

/// The arity of an op over a list of inputs.
inline constexpr int variadic = -1;

/// An input as `backward` sees it: its value, and a door to its gradient.
template <class T>
struct Operand {
  TensorView<const T> value;
  Slot<T>* slot = nullptr;

  bool requires_grad() const { return slot != nullptr && slot->requires_grad; }
};

/// The output as `backward` sees it: its value and the gradient of the loss with respect to it.
template <class T>
struct Result {
  TensorView<const T> value;
  TensorView<const T> gradient;
  Slot<T>* slot = nullptr;
};

/// What an op works with: the device and its kernels, memory, random numbers, and the gradients of its inputs.
template <class DeviceType, class T>
class Context {
 public:
  using Kernels = lockstep::Kernels<DeviceType>;

  Context(DeviceType& device_object, Arena<DeviceType>& saved, Arena<DeviceType>& temporary,
          BlockPool<DeviceType>& gradients)
      : device(device_object), saved_(&saved), temporary_(&temporary), gradients_(&gradients) {}

  DeviceType& device;

  /// Whether the model is in train mode: dropout is on.
  bool training = true;

  /// Memory that lives until the next step: for what forward saves for backward.
  template <class U>
  U* allocate(std::int64_t count) {
    return saved_->template allocate<U>(count);
  }

  /// Memory that lives until this forward or backward returns.
  template <class U>
  U* scratch(std::int64_t count) {
    return temporary_->template allocate<U>(count);
  }

  /// Where to write the gradient of an input; null when none is needed. Call it once for each input, and write all of
  /// it through the destination's rule.
  Destination<T> gradient(Operand<T>& input) {
    if (!input.requires_grad()) return {};
    Slot<T>& slot = *input.slot;
    const bool accumulate = slot.has_gradient;
    if (slot.gradient == nullptr) slot.gradient = allocate_gradient(slot);
    slot.has_gradient = true;
    return {slot.gradient, accumulate};
  }

  /// The gradient of `input` is the gradient of `output`, element by element: hands the memory on where possible.
  void pass_gradient(const Result<T>& output, Operand<T>& input) {
    if (!input.requires_grad()) return;
    Slot<T>& slot = *input.slot;
    if (slot.gradient == nullptr && slot.parameter < 0 && output.slot->gradient != nullptr &&
        output.slot->has_gradient) {
      slot.gradient = output.slot->gradient;
      slot.has_gradient = true;
      output.slot->gradient = nullptr;
      return;
    }
    if (slot.gradient == output.gradient.data) {  // the same input twice, as in x + x: its first use took the memory
      Kernels::scale(device, slot.shape.numel(), slot.gradient, T(2));
      return;
    }
    const Destination<T> out = gradient(input);
    Kernels::map(
        device, slot.shape.numel(), out, [](T g) { return g; }, output.gradient.data);
  }

  /// A stream of random numbers of this op's own: the same for the same seed, step, micro-batch and place in the
  /// forward pass, whatever the rank. Call it once, in forward, and keep the result for backward.
  Philox random() { return Philox(random_seed, random_stream++); }

  std::uint64_t random_seed = 0;
  std::uint64_t random_stream = 0;

 private:
  T* allocate_gradient(const Slot<T>& slot) {
    return reinterpret_cast<T*>(gradients_->allocate(static_cast<std::size_t>(slot.shape.numel()) * sizeof(T)));
  }

  Arena<DeviceType>* saved_;
  Arena<DeviceType>* temporary_;
  BlockPool<DeviceType>* gradients_;
};

}  // namespace lockstep
