// Destinations of several gradients: one variable in two places shares memory that starts at zero.
#include "check_op.hpp"
#include <lockstep/autograd/ops/gradients_of.hpp>

using namespace lockstep;

namespace {

/// Adds 1 to the gradient of its first input and 2 to that of its second, the second first.
struct TwoPlaces {
  static constexpr const char* name = "two_places";
  static constexpr int arity = 2;

  Shape shape(const Shape& a, const Shape&) const { return a; }

  template <class Context, class T>
  void forward(Context& context, TensorView<T> y, TensorView<const T>, TensorView<const T>) const {
    Context::Kernels::fill(context.device, y.numel(), Destination<T>{y.data}, T(0));
  }

  template <class Context, class T>
  void backward(Context& context, const Result<T>& y, Operand<T> a, Operand<T> b) const {
    const auto gradients = detail::gradients_of(context, a, b);
    Context::Kernels::fill(context.device, y.value.numel(), gradients[1], T(2));
    Context::Kernels::fill(context.device, y.value.numel(), gradients[0], T(1));
  }
};

}  // namespace

TEST_CASE("gradients_of: different variables, and the same one twice") {
  check::Runner<Fp64, TwoPlaces> runner;
  for (int step = 0; step < 3; ++step) {
    const auto apart = runner.run({{3}, {3}}, {check::Values(3), check::Values(3)},
                                  [](auto& tape, auto& v) { return tape.record(TwoPlaces{}, v[0], v[1]); });
    CHECK(apart.gradients[0] == check::Values(3, 2.0));  // each op runs twice
    CHECK(apart.gradients[1] == check::Values(3, 4.0));
    const auto shared =
        runner.run({{3}}, {check::Values(3)}, [](auto& tape, auto& v) { return tape.record(TwoPlaces{}, v[0], v[0]); });
    CHECK(shared.gradients[0] == check::Values(3, 6.0));
  }
}
