// A slot holds one value of a computation and, during the backward sweep, the gradient of the loss with respect to it.
#pragma once

#include <lockstep/core/shape.hpp>

#include <cstdint>

namespace lockstep {

/// Memory of one value: an activation's slot lives until the next step, a parameter's as long as its model.
template <class T>
struct Slot {
  T* value = nullptr;
  T* gradient = nullptr;
  Shape shape;
  std::int32_t parameter = -1;  // index in the ParameterTable, or -1
  std::int32_t uses = 0;        // of a parameter: recorded uses whose backward has not run yet
  bool requires_grad = false;
  bool has_gradient = false;  // `gradient` holds a sum to add to; otherwise its content is stale
};

}  // namespace lockstep
