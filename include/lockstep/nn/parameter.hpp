// A parameter as a module describes it: shape, first values, and whether it is trained. Its values live in the store of
// the model that the module is bound to.
#pragma once

#include <lockstep/autograd/parameter_table.hpp>
#include <lockstep/nn/initializer.hpp>

namespace lockstep {

/// The description of a parameter, and the handle through which a bound module reaches its values.
struct Parameter : ParameterHandle {
  Parameter() = default;
  explicit Parameter(const Shape& extents, const Initializer& first_values = init::zeros(), bool is_trainable = true)
      : shape(extents), initializer(first_values), trainable(is_trainable) {}

  Shape shape = {0};
  Initializer initializer;
  bool trainable = true;
};

}  // namespace lockstep
