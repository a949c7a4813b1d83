// The contract of what computes matrix products on the CPU. Engines are policies of the kernel families that need one:
// `MatrixProductKernels<Engine>`, `AttentionKernels<Engine>`.
#pragma once

#include <lockstep/kernels/matrix_product.hpp>

#include <concepts>
#include <cstdint>

namespace lockstep::cpu {

/// Computes one product (`batch` is not looked at). Extents are not checked. `workspace` holds
/// `workspace_size(product)` elements, which depends on extents and transposes only.
template <class E, class T>
concept MatrixEngine = requires(const MatrixProduct<T>& product, T* workspace) {
  { E::workspace_size(product) } -> std::same_as<std::int64_t>;
  E::multiply(product, workspace);
};

}  // namespace lockstep::cpu
