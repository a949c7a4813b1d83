// Precision policies: which scalar type values, gradients and parameters have.
#pragma once

namespace lockstep {

/// Everything in 32-bit floating point.
struct Fp32 {
  using Scalar = float;
};

/// Everything in 64-bit floating point: for gradient checks and comparisons with references.
struct Fp64 {
  using Scalar = double;
};

}  // namespace lockstep
