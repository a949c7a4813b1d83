// The checker itself: it passes right gradients, and finds wrong, missing and stale ones.
#include <lockstep/autograd/gradcheck.hpp>

#include <doctest/doctest.h>

#include <limits>
#include <string>

using namespace lockstep;

namespace {

// y = 3x with a backward of the caller's choice.
struct Triple {
  static constexpr const char* name = "triple";
  static constexpr int arity = 1;

  enum class Backward { right, wrong_factor, wrong_element, missing, not_a_number };
  Backward kind;

  Shape shape(const Shape& x) const { return x; }

  template <class Context, class T>
  void forward(Context&, TensorView<T> y, TensorView<const T> x) const {
    for (std::int64_t i = 0; i < x.numel(); ++i) y[i] = 3 * x[i];
  }

  template <class Context, class T>
  void backward(Context& context, const Result<T>& y, Operand<T> x) const {
    if (kind == Backward::missing) return;
    if (const auto dx = context.gradient(x)) {
      for (std::int64_t i = 0; i < x.value.numel(); ++i) {
        T factor = kind == Backward::wrong_factor || (kind == Backward::wrong_element && i == 4) ? T(3.01) : T(3);
        if (kind == Backward::not_a_number) factor = std::numeric_limits<T>::quiet_NaN();
        dx.data[i] = (dx.accumulate ? dx.data[i] : 0) + factor * y.gradient[i];
      }
    }
  }
};

struct TripleOps : OpList<Triple, ops::Binary<functions::Mul>, ops::Sum> {};

std::string verdict(Triple::Backward kind) {
  const auto x = Tensor<double>::from({2, 3}, {1, 2, 3, 4, 5, 6});
  const auto scale = Tensor<double>::from({3}, {1, 2, 3});
  try {
    gradcheck<TripleOps>([kind](const auto& a, const auto& b) { return a * b.tape().record(Triple{kind}, b); }, scale,
                         x);
  } catch (const NumericalError& error) {
    return error.what();
  }
  return "passed";
}

}  // namespace

TEST_CASE("right gradients pass, others are named") {
  using Kind = Triple::Backward;
  CHECK(verdict(Kind::right) == "passed");
  CHECK(verdict(Kind::wrong_factor).find("gradcheck: input 1 of shape [2, 3], element 0: expected") == 0);
  CHECK(verdict(Kind::wrong_element).find("input 1 of shape [2, 3], element 4") != std::string::npos);
  CHECK(verdict(Kind::missing).find("got 0") != std::string::npos);
  CHECK(verdict(Kind::not_a_number).find("nan") != std::string::npos);
}

TEST_CASE("any shape of value, any number of inputs, options") {
  const auto x = Tensor<double>::from({2}, {0.5, -0.25});
  CHECK_NOTHROW(gradcheck([](const auto& a) { return a * a; }, x));
  CHECK_NOTHROW(gradcheck([](const auto& a) { return sum(exp(a)); }, x.view()));
  CHECK_NOTHROW(gradcheck([](const auto& a, const auto& b, const auto& c) { return a * b / (c + 3); }, x, x, x));
  CHECK_THROWS_AS(gradcheck(
                      {.relative = 0, .absolute = 0}, [](const auto& a) { return exp(a); }, x),
                  NumericalError);
}
