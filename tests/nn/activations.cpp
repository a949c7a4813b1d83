#include "module_test.hpp"
#include <lockstep/nn/activations.hpp>

using namespace lockstep;
using namespace lockstep::testing;

namespace {

template <Module M>
double at(M module, double x) {
  BoundModule bound(module);
  return bound(Tensor<double>::full({1}, x)).item();
}

}  // namespace

TEST_CASE("activation modules are the functions of their names") {
  for (const double x : {-1.5, 0.0, 0.7}) {
    CAPTURE(x);
    CHECK(at(Relu(), x) == (x > 0 ? x : 0));
    CHECK(at(Gelu(), x) == doctest::Approx(0.5 * x * (1 + std::erf(x / std::sqrt(2.0)))));
    CHECK(at(GeluTanh(), x) ==
          doctest::Approx(0.5 * x * (1 + std::tanh(0.7978845608028654 * (x + 0.044715 * x * x * x)))));
    CHECK(at(Silu(), x) == doctest::Approx(x / (1 + std::exp(-x))));
    CHECK(at(Sigmoid(), x) == doctest::Approx(1 / (1 + std::exp(-x))));
    CHECK(at(Tanh(), x) == doctest::Approx(std::tanh(x)));
  }
}
