// The squared difference of a prediction and a target.
#pragma once

#include <lockstep/autograd/op.hpp>
#include <lockstep/autograd/ops/loss_reduction.hpp>
#include <lockstep/autograd/var.hpp>
#include <lockstep/kernels/broadcast_plan.hpp>
#include <lockstep/kernels/loss_functions.hpp>

namespace lockstep::ops {

/// y = the mean (or sum, or each) of (prediction - target)^2.
struct MseLoss {
  static constexpr const char* name = "mse_loss";
  static constexpr int arity = 2;

  LossReduction reduction = LossReduction::mean;

  Shape shape(const Shape& prediction, const Shape& target) const {
    if (!(prediction == target)) {
      throw ShapeError(concat("mse_loss: the prediction has shape ", prediction, ", the target ", target,
                              "; they must be equal (reshape or broadcast_to one of them)"));
    }
    return reduction == LossReduction::none ? prediction : Shape{};
  }

  template <class Context, class T>
  void forward(Context& context, TensorView<T> y, TensorView<const T> prediction, TensorView<const T> target) const {
    const Destination<T> out{y.data};
    if (reduction == LossReduction::none) {
      Context::Kernels::map(context.device, y.numel(), out, functions::SquaredDifference{}, prediction.data,
                            target.data);
    } else {
      Context::Kernels::sum_map(context.device, prediction.numel(), out, factor<T>(prediction.numel()),
                                functions::SquaredDifference{}, prediction.data, target.data);
    }
  }

  template <class Context, class T>
  void backward(Context& context, const Result<T>& y, Operand<T> prediction, Operand<T> target) const {
    differentiate(context, y, prediction, prediction.value, target.value);
    differentiate(context, y, target, target.value, prediction.value);
  }

 private:
  template <class T>
  T factor(std::int64_t count) const {
    return reduction == LossReduction::mean ? T(1) / static_cast<T>(count) : T(1);
  }

  template <class Context, class T>
  void differentiate(Context& context, const Result<T>& y, Operand<T>& operand, TensorView<const T> value,
                     TensorView<const T> other) const {
    const Destination<T> out = context.gradient(operand);
    if (!out) return;
    const BroadcastPlan plan(value.shape, value.shape, y.value.shape);
    const functions::SquaredDifferenceGradient function{static_cast<double>(factor<T>(value.numel()))};
    Context::Kernels::broadcast(context.device, plan, out, function, value.data, y.gradient.data, other.data);
  }
};

}  // namespace lockstep::ops

namespace lockstep {

/// The mean of (prediction - target)^2 over all elements; the shapes must be equal. NaN over no elements.
template <Variable V>
V mse_loss(const V& prediction, const V& target, LossReduction reduction = LossReduction::mean) {
  return prediction.tape().record(ops::MseLoss{reduction}, prediction, target);
}

/// The same with a target that no gradient flows into; its memory must live until the step ends.
template <Variable V>
V mse_loss(const V& prediction, TensorView<const typename V::Scalar> target,
           LossReduction reduction = LossReduction::mean) {
  return mse_loss(prediction, prediction.tape().constant(target), reduction);
}

}  // namespace lockstep
