// Binary cross-entropy of logits: sigmoid and logarithm in one, so that neither overflows nor cancels.
#pragma once

#include <lockstep/autograd/op.hpp>
#include <lockstep/autograd/ops/loss_reduction.hpp>
#include <lockstep/autograd/var.hpp>
#include <lockstep/kernels/broadcast_plan.hpp>
#include <lockstep/kernels/loss_functions.hpp>

namespace lockstep::ops {

/// y = the mean (or sum, or each) of -(w t ln(sigmoid(x)) + (1 - t) ln(1 - sigmoid(x))); w = 1 when absent.
struct BceWithLogits {
  static constexpr const char* name = "bce_with_logits";
  static constexpr int arity = 3;

  LossReduction reduction = LossReduction::mean;

  Shape shape(const Shape& logits, const Shape& targets, const Shape& weight) const {
    if (!(logits == targets)) {
      throw ShapeError(
          concat("bce_with_logits: the logits have shape ", logits, ", the targets ", targets, "; they must be equal"));
    }
    const bool absent = weight == Shape{0};
    if (!absent && !(broadcast_shapes(logits, weight, "bce_with_logits: pos_weight") == logits)) {
      throw ShapeError(concat("bce_with_logits: pos_weight of shape ", weight, " does not broadcast to ", logits));
    }
    return reduction == LossReduction::none ? logits : Shape{};
  }

  template <class Context, class T>
  void forward(Context& context, TensorView<T> y, TensorView<const T> logits, TensorView<const T> targets,
               TensorView<const T> weight) const {
    const std::int64_t count = logits.numel();
    const bool each = reduction == LossReduction::none;
    T* losses = each ? y.data : context.template scratch<T>(count);
    evaluate(context, losses, functions::BinaryCrossEntropy{}, logits, targets, weight);
    if (each) return;
    Context::Kernels::sum(context.device, 1, count, 1, Destination<T>{y.data}, static_cast<const T*>(losses),
                          factor<T>(count));
  }

  template <class Context, class T>
  void backward(Context& context, const Result<T>& y, Operand<T> logits, Operand<T> targets, Operand<T> weight) const {
    const auto differentiate = [&](Operand<T>& operand, auto derivative) {
      const Destination<T> out = context.gradient(operand);
      if (!out) return;
      const Shape& shape = logits.value.shape;
      T* derivatives = context.template scratch<T>(shape.numel());
      evaluate(context, derivatives, derivative, logits.value, targets.value, weight.value);
      const functions::ScaledProduct product{static_cast<double>(factor<T>(shape.numel()))};
      Context::Kernels::broadcast(context.device, BroadcastPlan(shape, shape, y.value.shape), out, product,
                                  static_cast<const T*>(derivatives), y.gradient.data);
    };
    differentiate(logits, functions::BinaryCrossEntropyByLogit{});
    differentiate(targets, functions::BinaryCrossEntropyByTarget{});
  }

 private:
  template <class T>
  T factor(std::int64_t count) const {
    return reduction == LossReduction::mean ? T(1) / static_cast<T>(count) : T(1);
  }

  template <class Context, class T, class Function>
  static void evaluate(Context& context, T* out, Function function, TensorView<const T> logits,
                       TensorView<const T> targets, TensorView<const T> weight) {
    if (weight.data == nullptr) {
      Context::Kernels::map(context.device, logits.numel(), Destination<T>{out}, function, logits.data, targets.data);
    } else {
      const BroadcastPlan plan(logits.shape, logits.shape, weight.shape);
      Context::Kernels::broadcast(context.device, plan, Destination<T>{out}, function, logits.data, weight.data,
                                  targets.data);
    }
  }
};

}  // namespace lockstep::ops

namespace lockstep {

/// The mean over all elements of -(pos_weight t ln(sigmoid(x)) + (1 - t) ln(1 - sigmoid(x))) for logits x and targets t
/// of one shape, t in [0, 1]. `pos_weight` is a constant that broadcasts to them, absent for 1: PyTorch's
/// binary_cross_entropy_with_logits.
template <Variable V>
V bce_with_logits(const V& logits, const V& targets, const V& pos_weight = {},
                  LossReduction reduction = LossReduction::mean) {
  return logits.tape().record(ops::BceWithLogits{reduction}, logits, targets, pos_weight);
}

/// The same with targets and weights that are no variables; their memory must live until the step ends.
template <Variable V>
V bce_with_logits(const V& logits, TensorView<const typename V::Scalar> targets,
                  TensorView<const typename V::Scalar> pos_weight = {}, LossReduction reduction = LossReduction::mean) {
  auto& tape = logits.tape();
  return bce_with_logits(logits, tape.constant(targets), pos_weight.data == nullptr ? V{} : tape.constant(pos_weight),
                         reduction);
}

}  // namespace lockstep
