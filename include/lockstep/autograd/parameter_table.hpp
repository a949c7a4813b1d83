// The parameters that tapes can see. Modules hold indices into this table, not pointers, so that a module is a plain
// description that can be copied; several tapes (recording and not) share one table.
#pragma once

#include <lockstep/autograd/slot.hpp>
#include <lockstep/core/error.hpp>
#include <lockstep/core/shared.hpp>

#include <vector>

namespace lockstep {

/// What a module keeps of a parameter once it is bound: its place in the table.
struct ParameterHandle {
  std::int32_t index = -1;

  bool bound() const { return index >= 0; }
};

/// Slots of parameters, by index. The values and gradients are views of flat buffers that somebody else owns.
template <class T>
class ParameterTable {
 public:
  /// Adds a parameter; `gradient` may be null when it is not trainable. The slot's address never changes.
  ParameterHandle add(T* value, T* gradient, const Shape& shape, bool trainable) {
    auto slot = Shared<Slot<T>>::make();
    slot->value = value;
    slot->gradient = gradient;
    slot->shape = shape;
    slot->requires_grad = trainable;
    slot->parameter = static_cast<std::int32_t>(slots_.size());
    slots_.push_back(std::move(slot));
    return {slots_.back()->parameter};
  }

  std::int32_t size() const { return static_cast<std::int32_t>(slots_.size()); }

  Slot<T>& operator[](std::int32_t index) { return *slots_[static_cast<std::size_t>(index)]; }
  const Slot<T>& operator[](std::int32_t index) const { return *slots_[static_cast<std::size_t>(index)]; }

  /// The slot of a handle; throws ArgumentError when the module that holds it was never bound.
  Slot<T>& at(ParameterHandle handle) {
    if (!handle.bound() || handle.index >= size()) {
      throw ArgumentError(
          "a module was called whose parameters have no values: call the object that prepare() or bind() returned, "
          "not the description it was made from");
    }
    Slot<T>& slot = (*this)[handle.index];
    if (slot.value == nullptr && slot.shape.numel() > 0) {
      throw ArgumentError("a module was called whose parameters are gone: the model it was prepared as has ended");
    }
    return slot;
  }

 private:
  std::vector<Shared<Slot<T>>> slots_;
};

}  // namespace lockstep
