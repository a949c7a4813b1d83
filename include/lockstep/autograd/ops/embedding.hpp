// Rows of a table, chosen by indices.
#pragma once

#include <lockstep/autograd/op.hpp>
#include <lockstep/autograd/ops/index_check.hpp>
#include <lockstep/autograd/var.hpp>

namespace lockstep::ops {

/// y[...] = weight[indices[...]]. weight: [rows, columns]; y: [indices..., columns].
/// dweight[r] = the sum of dy over the places where the index is r, in their order.
struct Embedding {
  static constexpr const char* name = "embedding";
  static constexpr int arity = 1;

  TensorView<const std::int32_t> indices;

  Shape shape(const Shape& weight) const {
    if (weight.rank() != 2) {
      throw ShapeError(concat("embedding: the weight must be [rows, columns], its shape is ", weight));
    }
    Shape result = indices.shape;
    result.push_back(weight[1]);
    return result;
  }

  template <class Context, class T>
  void forward(Context& context, TensorView<T> y, TensorView<const T> weight) const {
    detail::check_indices(context, indices, weight.shape[0], detail::nothing_ignored, "embedding: the index",
                          "rows of the weight");
    Context::Kernels::embedding(context.device, indices.numel(), weight.shape[1], indices.data, weight.data, y.data);
  }

  template <class Context, class T>
  void backward(Context& context, const Result<T>& y, Operand<T> weight) const {
    if (const auto dweight = context.gradient(weight)) {
      const Shape& table = weight.value.shape;
      Context::Kernels::embedding_backward(context.device, table[0], indices.numel(), table[1], indices.data,
                                           y.gradient.data, dweight);
    }
  }
};

}  // namespace lockstep::ops

namespace lockstep {

/// weight[indices]: for each index its row of the weight [rows, columns]; the result is [indices..., columns].
/// The indices must stay where they are until the step ends. An index out of range is an ArgumentError.
template <class TapeType, OperandFor<Var<TapeType>> Weight>
Var<TapeType> embedding(const IndexVar<TapeType>& indices, const Weight& weight) {
  if constexpr (std::same_as<Weight, Var<TapeType>>) {
    return indices.tape().record(ops::Embedding{indices.value}, weight);
  } else {
    return indices.tape().record(ops::Embedding{indices.value}, indices.tape().parameter(weight));
  }
}

}  // namespace lockstep
