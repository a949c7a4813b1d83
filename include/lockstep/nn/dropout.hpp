// The layer that drops elements while training.
#pragma once

#include <lockstep/autograd/ops/dropout.hpp>
#include <lockstep/nn/fields.hpp>

namespace lockstep {

/// In train mode sets each element to zero with a probability and divides the others by the rest; the identity in eval
/// mode. Which elements depends on the seed and the step, never on the rank.
struct Dropout {
  explicit Dropout(double drop_probability = 0.5) : probability(drop_probability) {
    if (!(probability >= 0 && probability <= 1)) {
      throw ArgumentError(concat("Dropout: the probability must be in [0, 1], got ", probability));
    }
  }

  double probability;

  template <Variable V>
  V operator()(const V& x) const {
    return dropout(x, probability);
  }

  LOCKSTEP_FIELDS()
};

}  // namespace lockstep
