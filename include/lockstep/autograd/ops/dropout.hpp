// Dropout. Srivastava et al. 2014.
#pragma once

#include <lockstep/autograd/op.hpp>
#include <lockstep/autograd/var.hpp>

namespace lockstep::ops {

/// y = x * mask / (1 - probability), where the mask is 0 with the probability and else 1. The mask is not stored: both
/// directions compute it from the same random stream.
struct Dropout {
  static constexpr const char* name = "dropout";
  static constexpr int arity = 1;

  double probability = 0;
  Philox random = Philox(0);

  Shape shape(const Shape& x) const { return x; }

  template <class Context, class T>
  void forward(Context& context, TensorView<T> y, TensorView<const T> x) {
    random = context.random();
    Context::Kernels::dropout(context.device, y.numel(), x.data, probability, random, Destination<T>{y.data});
  }

  template <class Context, class T>
  void backward(Context& context, const Result<T>& y, Operand<T> x) const {
    if (const auto dx = context.gradient(x)) {
      Context::Kernels::dropout(context.device, y.value.numel(), y.gradient.data, probability, random, dx);
    }
  }
};

}  // namespace lockstep::ops

namespace lockstep {

/// In train mode sets each element to 0 with `probability` and divides the others by 1 - probability; in eval mode x
/// itself. The choice depends on the seed, the step and the place in the forward pass, never on the rank.
template <Variable V>
V dropout(const V& x, double probability) {
  if (!(probability >= 0 && probability <= 1)) {
    throw ArgumentError(concat("dropout: the probability must be in [0, 1], got ", probability));
  }
  if (probability == 0 || !x.tape().training()) return x;
  return x.tape().record(ops::Dropout{probability}, x);
}

}  // namespace lockstep
