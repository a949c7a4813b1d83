// What a matrix product is made of: one description for every device and every engine.
#pragma once

#include <cstdint>

namespace lockstep {

/// C = alpha * op(A) op(B) + bias, or C += alpha * op(A) op(B) + bias, for `batch` matrices at fixed distances.
/// op(A) is m x k, op(B) is k x n, C is m x n, all row-major; a leading dimension is the distance between rows as
/// stored. The bias is one value per column. C must not overlap the operands. Extents may be 0: an empty sum is 0.
template <class T>
struct MatrixProduct {
  std::int64_t m = 0, n = 0, k = 0;
  const T* a = nullptr;
  std::int64_t lda = 0;
  bool transpose_a = false;  // A is stored as k x m
  const T* b = nullptr;
  std::int64_t ldb = 0;
  bool transpose_b = false;  // B is stored as n x k
  T* c = nullptr;
  std::int64_t ldc = 0;
  bool accumulate = false;
  T alpha = 1;
  const T* bias = nullptr;
  std::int64_t batch = 1, stride_a = 0, stride_b = 0, stride_c = 0;
};

}  // namespace lockstep
