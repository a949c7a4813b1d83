// The one variable type: a value on a tape. Copying it copies a pointer.
#pragma once

#include <lockstep/autograd/parameter_table.hpp>
#include <lockstep/autograd/slot.hpp>
#include <lockstep/tensor/tensor_view.hpp>

#include <concepts>
#include <cstdint>
#include <type_traits>

namespace lockstep {

/// A value on a tape; the same type for inputs, parameters and results, so ordinary loops and branches work on it.
/// It is valid until the tape's next step begins, which is the first operation after `backward`.
template <class TapeType>
class Var {
 public:
  using Tape = TapeType;
  using Scalar = typename TapeType::Scalar;

  Var() = default;
  Var(Slot<Scalar>* slot, TapeType* tape, std::uint32_t generation)
      : slot_(slot), tape_(tape), generation_(generation) {}

  /// The extents of the value.
  const Shape& shape() const { return slot().shape; }
  std::int64_t extent(int dimension) const { return shape()[dimension]; }
  std::int64_t numel() const { return shape().numel(); }
  int rank() const { return shape().rank(); }

  /// The elements, on the tape's device.
  TensorView<const Scalar> value() const { return {slot().value, slot().shape}; }

  /// The only element; throws ShapeError when there is not exactly one. Waits for the device.
  Scalar item() const { return tape().read_item(value()); }

  bool requires_grad() const { return slot().requires_grad; }

  /// The gradient of the last backward, of a parameter or of a variable made by `Tape::variable`; zero elements when
  /// there is none.
  TensorView<const Scalar> gradient() const {
    const Slot<Scalar>& s = slot();
    if (s.gradient == nullptr || !s.has_gradient) return {};
    return {s.gradient, s.shape};
  }

  /// Whether there is a value at all: optional inputs, such as a bias, may be absent.
  bool has_value() const { return slot_ != nullptr; }

  /// The tape that the value is on; throws ArgumentError when there is no value.
  TapeType& tape() const {
    if (tape_ == nullptr) throw ArgumentError("a variable without a value was used");
    return *tape_;
  }

  /// The memory behind the value; throws ArgumentError when the step that made it is over.
  Slot<Scalar>& slot() const {
    if (slot_ == nullptr) throw ArgumentError("a variable without a value was used");
    if (generation_ != tape_->generation()) {
      throw ArgumentError(
          "a variable of an earlier step was used: values live until the first operation after backward() (or the next "
          "call of a no_grad model); copy what you need before");
    }
    return *slot_;
  }

  /// For the tape only: the slot, or null when absent.
  Slot<Scalar>* slot_or_null() const { return slot_ == nullptr ? nullptr : &slot(); }

 private:
  Slot<Scalar>* slot_ = nullptr;
  TapeType* tape_ = nullptr;
  std::uint32_t generation_ = 0;
};

/// Whole numbers that go with a tape, such as token ids: they have no gradient.
template <class TapeType>
struct IndexVar {
  TensorView<const std::int32_t> value;
  TapeType* tape_pointer;

  const Shape& shape() const { return value.shape; }
  std::int64_t extent(int dimension) const { return value.shape[dimension]; }
  TapeType& tape() const { return *tape_pointer; }
  operator TensorView<const std::int32_t>() const { return value; }
};

namespace detail {

template <class V>
inline constexpr bool is_var = false;
template <class TapeType>
inline constexpr bool is_var<Var<TapeType>> = true;

}  // namespace detail

/// A `Var` of some tape.
template <class V>
concept Variable = detail::is_var<std::remove_cvref_t<V>>;

/// Something that stands for a variable of the same tape as `V`: a variable, or the handle of a parameter.
template <class X, class V>
concept OperandFor =
    std::same_as<std::remove_cvref_t<X>, V> || std::derived_from<std::remove_cvref_t<X>, ParameterHandle>;

/// The variable that `operand` stands for, on the tape of `neighbour`.
template <Variable V, OperandFor<V> X>
V as_variable(const V& neighbour, const X& operand) {
  if constexpr (std::same_as<X, V>) {
    return operand;
  } else {
    return neighbour.tape().parameter(operand);
  }
}

}  // namespace lockstep
