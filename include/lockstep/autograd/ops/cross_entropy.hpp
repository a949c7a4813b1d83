// The loss of classifiers and language models.
#pragma once

#include <lockstep/autograd/op.hpp>
#include <lockstep/autograd/ops/index_check.hpp>
#include <lockstep/autograd/ops/loss_reduction.hpp>
#include <lockstep/autograd/var.hpp>
#include <lockstep/kernels/cross_entropy.hpp>

namespace lockstep {

template <class T>
struct CrossEntropyOptions {
  /// One weight per class [classes], or empty for equal weights. It must stay where it is until the step ends.
  TensorView<const T> weight = {};
  /// Targets of this value contribute neither to the loss nor to the denominator of the mean.
  std::int64_t ignore_index = -100;
  /// The share of each target's mass that is spread evenly over all classes, in [0, 1].
  double label_smoothing = 0;
  LossReduction reduction = LossReduction::mean;
};

namespace ops {

/// Negative log likelihood of log_softmax(logits) with class weights, ignored targets and label smoothing. logits:
/// [..., classes]; the result is a scalar, or with LossReduction::none [...]. The formulas: see the kernel. The mean
/// divides by the sum of the targets' weights, so with all targets ignored it is NaN, as in PyTorch.
struct CrossEntropy {
  static constexpr const char* name = "cross_entropy";
  static constexpr int arity = 1;

  TensorView<const std::int32_t> targets;
  const void* weight = nullptr;
  std::int64_t ignore_index = -100;
  double label_smoothing = 0;
  LossReduction reduction = LossReduction::mean;
  void* saved = nullptr;  // each row's log-sum-exp, then the denominator of the mean

  Shape shape(const Shape& logits) const {
    if (logits.rank() == 0 || logits[-1] == 0 || logits.slice(0, logits.rank() - 1) != targets.shape) {
      throw ShapeError(concat("cross_entropy: logits ", logits, " and targets ", targets.shape,
                              " do not go together; needed are logits [..., classes] and targets [...]"));
    }
    return reduction == LossReduction::none ? targets.shape : Shape{};
  }

  template <class Context, class T>
  void forward(Context& context, TensorView<T> y, TensorView<const T> logits) {
    detail::check_indices(context, targets, logits.shape[-1], ignore_index, "cross_entropy: the target", "classes");
    const std::int64_t rows = targets.numel();
    T* log_sum_exps = context.template allocate<T>(rows + 1);
    saved = log_sum_exps;
    T* total = context.template scratch<T>(1);
    T* losses = reduction == LossReduction::none ? y.data : nullptr;
    Context::Kernels::cross_entropy(context.device, problem(logits), log_sum_exps, losses, total, log_sum_exps + rows);
    if (reduction == LossReduction::none) return;
    const bool mean = reduction == LossReduction::mean;
    Context::Kernels::map(
        context.device, 1, Destination<T>{y.data}, [mean](T sum, T weights) { return mean ? sum / weights : sum; },
        total, log_sum_exps + rows);
  }

  template <class Context, class T>
  void backward(Context& context, const Result<T>& y, Operand<T> logits) const {
    if (const auto dx = context.gradient(logits)) {
      const T* log_sum_exps = static_cast<const T*>(saved);
      const T* denominator = reduction == LossReduction::mean ? log_sum_exps + targets.numel() : nullptr;
      Context::Kernels::cross_entropy_backward(context.device, problem(logits.value), log_sum_exps, y.gradient.data,
                                               reduction == LossReduction::none, denominator, dx);
    }
  }

 private:
  template <class T>
  CrossEntropyProblem<T> problem(TensorView<const T> logits) const {
    return {targets.numel(),
            logits.shape[-1],
            logits.data,
            targets.data,
            static_cast<const T*>(weight),
            ignore_index,
            static_cast<T>(label_smoothing)};
  }
};

}  // namespace ops

/// The cross entropy of logits [..., classes] with respect to the classes `targets` [...]; see CrossEntropyOptions.
/// The targets must stay where they are until the step ends. A target out of range is an ArgumentError.
template <Variable V>
V cross_entropy(const V& logits, TensorView<const std::int32_t> targets,
                const CrossEntropyOptions<typename V::Scalar>& options = {}) {
  if (!(options.label_smoothing >= 0 && options.label_smoothing <= 1)) {
    throw ArgumentError(concat("cross_entropy: label_smoothing must be in [0, 1], got ", options.label_smoothing));
  }
  if (options.weight.data != nullptr && (logits.rank() == 0 || options.weight.shape != Shape{logits.shape()[-1]})) {
    throw ShapeError(concat("cross_entropy: the class weights ", options.weight.shape,
                            " must have one element for each class of the logits ", logits.shape()));
  }
  return logits.tape().record(
      ops::CrossEntropy{targets, options.weight.data, options.ignore_index, options.label_smoothing, options.reduction},
      logits);
}

}  // namespace lockstep
