// The matrix product, also of many matrices at once.
#pragma once

#include <lockstep/autograd/op.hpp>
#include <lockstep/autograd/ops/matmul_plan.hpp>
#include <lockstep/autograd/var.hpp>
#include <lockstep/kernels/matrix_product.hpp>

namespace lockstep {

namespace ops {

/// y = op(a) op(b) over the last two dimensions, the others broadcast. da = dy op(b)^T and db = op(a)^T dy, summed over
/// the batch where the operand was broadcast.
struct Matmul {
  static constexpr const char* name = "matmul";
  static constexpr int arity = 2;

  MatmulOptions options;

  Shape shape(const Shape& a, const Shape& b) const { return detail::MatmulPlan(a, b, options).result; }

  template <class Context, class T>
  void forward(Context& context, TensorView<T> y, TensorView<const T> a, TensorView<const T> b) const {
    const detail::MatmulPlan plan(a.shape, b.shape, options);
    MatrixProduct<T> product{.m = plan.m,
                             .n = plan.n,
                             .k = plan.k,
                             .a = a.data,
                             .lda = options.transpose_a ? plan.m : plan.k,
                             .transpose_a = options.transpose_a,
                             .b = b.data,
                             .ldb = options.transpose_b ? plan.k : plan.n,
                             .transpose_b = options.transpose_b,
                             .c = y.data,
                             .ldc = plan.n};
    if (folds(plan, b.shape)) {
      product.m *= plan.batch.numel();
      multiply(context, product);
    } else if (!plan.broadcasts_a && !plan.broadcasts_b) {
      product.batch = plan.batch.numel();
      product.stride_a = plan.m * plan.k;
      product.stride_b = plan.k * plan.n;
      product.stride_c = plan.m * plan.n;
      multiply(context, product);
    } else {
      T* workspace = workspace_for(context, product);
      plan.for_each([&](std::int64_t offset_a, std::int64_t offset_b, std::int64_t index, bool, bool) {
        product.a = a.data + offset_a;
        product.b = b.data + offset_b;
        product.c = y.data + index * plan.m * plan.n;
        Context::Kernels::matrix_product(context.device, product, workspace);
      });
    }
  }

  template <class Context, class T>
  void backward(Context& context, const Result<T>& y, Operand<T> a, Operand<T> b) const {
    const detail::MatmulPlan plan(a.value.shape, b.value.shape, options);
    // Where op(x) is x^T, its gradient is written transposed: (dy op(b)^T)^T = op(b) dy^T.
    if (const auto da = context.gradient(a)) {
      if (options.transpose_a) {
        const MatrixProduct<T> product{.m = plan.k,
                                       .n = plan.m,
                                       .k = plan.n,
                                       .lda = options.transpose_b ? plan.k : plan.n,
                                       .transpose_a = options.transpose_b,
                                       .ldb = plan.n,
                                       .transpose_b = true};
        write_gradient(context, plan, product, b.value.data, true, y.gradient.data, a.value.numel(), da, true);
      } else {
        MatrixProduct<T> product{.m = plan.m,
                                 .n = plan.k,
                                 .k = plan.n,
                                 .lda = plan.n,
                                 .ldb = options.transpose_b ? plan.k : plan.n,
                                 .transpose_b = !options.transpose_b};
        if (folds(plan, b.value.shape)) {
          product.m *= plan.batch.numel();
          product.a = y.gradient.data;
          product.b = b.value.data;
          finish(context, product, da);
        } else {
          write_gradient(context, plan, product, b.value.data, false, y.gradient.data, a.value.numel(), da, true);
        }
      }
    }
    if (const auto db = context.gradient(b)) {
      const bool fold = folds(plan, b.value.shape);
      MatrixProduct<T> product{};
      if (options.transpose_b) {  // db^T = dy^T op(a)
        product = {.m = plan.n,
                   .n = plan.k,
                   .k = plan.m,
                   .lda = plan.n,
                   .transpose_a = true,
                   .ldb = options.transpose_a ? plan.m : plan.k,
                   .transpose_b = options.transpose_a};
      } else {
        product = {.m = plan.k,
                   .n = plan.n,
                   .k = plan.m,
                   .lda = options.transpose_a ? plan.m : plan.k,
                   .transpose_a = !options.transpose_a,
                   .ldb = plan.n};
      }
      if (fold) {
        product.k *= plan.batch.numel();
        product.a = options.transpose_b ? y.gradient.data : a.value.data;
        product.b = options.transpose_b ? a.value.data : y.gradient.data;
        finish(context, product, db);
      } else {
        write_gradient(context, plan, product, a.value.data, !options.transpose_b, y.gradient.data, b.value.numel(), db,
                       false);
      }
    }
  }

 private:
  /// Whether the batch is just more rows of a: b is one matrix for all.
  bool folds(const detail::MatmulPlan& plan, const Shape& b) const {
    return b.rank() <= 2 && !plan.broadcasts_a && !options.transpose_a;
  }

  /// One operand's gradient, matrix by matrix: a product of the other operand and dy, in the order that
  /// `other_is_left` says.
  template <class Context, class T>
  static void write_gradient(Context& context, const detail::MatmulPlan& plan, MatrixProduct<T> product, const T* other,
                             bool other_is_left, const T* dy, std::int64_t count, Destination<T> out, bool of_a) {
    if (plan.batch.numel() == 0) {
      if (count > 0 && !out.accumulate) Context::Kernels::fill(context.device, count, out, T(0));
      return;
    }
    product.ldc = product.n;
    T* workspace = workspace_for(context, product);
    plan.for_each([&](std::int64_t offset_a, std::int64_t offset_b, std::int64_t index, bool again_a, bool again_b) {
      const T* other_matrix = other + (of_a ? offset_b : offset_a);
      const T* dy_matrix = dy + index * plan.m * plan.n;
      product.a = other_is_left ? other_matrix : dy_matrix;
      product.b = other_is_left ? dy_matrix : other_matrix;
      product.c = out.data + (of_a ? offset_a : offset_b);
      product.accumulate = out.accumulate || (of_a ? again_a : again_b);
      Context::Kernels::matrix_product(context.device, product, workspace);
    });
  }

  template <class Context, class T>
  static void finish(Context& context, MatrixProduct<T> product, Destination<T> out) {
    product.c = out.data;
    product.ldc = product.n;
    product.accumulate = out.accumulate;
    multiply(context, product);
  }

  template <class Context, class T>
  static void multiply(Context& context, const MatrixProduct<T>& product) {
    Context::Kernels::matrix_product(context.device, product, workspace_for(context, product));
  }

  template <class Context, class T>
  static T* workspace_for(Context& context, const MatrixProduct<T>& product) {
    return context.template scratch<T>(Context::Kernels::matrix_product_workspace(context.device, product));
  }
};

}  // namespace ops

/// The matrix product of a [..., m, k] and b [..., k, n]: [..., m, n]. Leading dimensions are broadcast; a vector
/// stands for one row (a) or one column (b), whose dimension the result does not have. PyTorch's matmul.
template <Variable V, OperandFor<V> Other>
V matmul(const V& a, const Other& b, const MatmulOptions& options = {}) {
  return a.tape().record(ops::Matmul{options}, a, as_variable(a, b));
}

}  // namespace lockstep
