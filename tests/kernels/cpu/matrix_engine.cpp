// An engine of one's own: three loops, checked like the library's engine, and what is none.
#include "engine_check.hpp"
#include <lockstep/kernels/cpu/matrix_engine.hpp>

using lockstep::MatrixProduct;

namespace {

struct LoopEngine {
  template <class T>
  static std::int64_t workspace_size(const MatrixProduct<T>&) {
    return 0;
  }

  template <class T>
  static void multiply(const MatrixProduct<T>& q, T*) {
    for (std::int64_t i = 0; i < q.m; ++i) {
      for (std::int64_t j = 0; j < q.n; ++j) {
        T sum = 0;
        for (std::int64_t p = 0; p < q.k; ++p) {
          sum += (q.transpose_a ? q.a[p * q.lda + i] : q.a[i * q.lda + p]) *
                 (q.transpose_b ? q.b[j * q.ldb + p] : q.b[p * q.ldb + j]);
        }
        T& c = q.c[i * q.ldc + j];
        c = (q.accumulate ? c : T(0)) + q.alpha * sum + (q.bias == nullptr ? T(0) : q.bias[j]);
      }
    }
  }
};

struct WithoutWorkspace {
  template <class T>
  static void multiply(const MatrixProduct<T>&, T*) {}
};

static_assert(lockstep::cpu::MatrixEngine<LoopEngine, float>);
static_assert(!lockstep::cpu::MatrixEngine<WithoutWorkspace, float>);
static_assert(!lockstep::cpu::MatrixEngine<int, float>);

}  // namespace

TEST_CASE("an engine of one's own passes the checks") { check::check_engine<LoopEngine, double>(100); }
