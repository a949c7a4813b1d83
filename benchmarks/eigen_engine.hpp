// Matrix products by Eigen, as an engine: what the library's own is measured against.
#pragma once

#include <lockstep/kernels/cpu/matrix_product.hpp>

#include <Eigen/Core>

namespace benchmarks {

using lockstep::MatrixProduct;

/// Eigen's general matrix product, single-threaded when Eigen is built so.
struct EigenEngine {
  template <class T>
  static std::int64_t workspace_size(const MatrixProduct<T>&) {
    return 0;
  }

  template <class T>
  static void multiply(const MatrixProduct<T>& q, T*) {
    if (q.m == 0 || q.n == 0) return;
    using Matrix = Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
    using Operand = Eigen::Map<const Matrix, 0, Eigen::OuterStride<>>;
    const Operand a(q.a, q.transpose_a ? q.k : q.m, q.transpose_a ? q.m : q.k, Eigen::OuterStride<>(q.lda));
    const Operand b(q.b, q.transpose_b ? q.n : q.k, q.transpose_b ? q.k : q.n, Eigen::OuterStride<>(q.ldb));
    Eigen::Map<Matrix, 0, Eigen::OuterStride<>> c(q.c, q.m, q.n, Eigen::OuterStride<>(q.ldc));
    if (!q.accumulate) c.setZero();
    if (q.bias != nullptr) {
      c.rowwise() += Eigen::Map<const Eigen::Matrix<T, 1, Eigen::Dynamic, Eigen::RowMajor>>(q.bias, q.n);
    }
    if (q.k == 0) return;
    if (q.transpose_a && q.transpose_b) {
      c.noalias() += q.alpha * a.transpose() * b.transpose();
    } else if (q.transpose_a) {
      c.noalias() += q.alpha * a.transpose() * b;
    } else if (q.transpose_b) {
      c.noalias() += q.alpha * a * b.transpose();
    } else {
      c.noalias() += q.alpha * a * b;
    }
  }
};

static_assert(lockstep::cpu::MatrixEngine<EigenEngine, float> && lockstep::cpu::MatrixEngine<EigenEngine, double>);

}  // namespace benchmarks
