// The contract of an op, and an op of a user's own on a tape of the library's ops and it.
#include "tape_fixture.hpp"

#include <doctest/doctest.h>

#include <memory>

using namespace check;

namespace {

// y = x^3, keeping x^2 from forward for backward.
struct Cube {
  static constexpr const char* name = "cube";
  static constexpr int arity = 1;

  double* squares = nullptr;

  Shape shape(const Shape& x) const { return x; }

  template <class Context>
  void forward(Context& context, TensorView<double> y, TensorView<const double> x) {
    squares = context.template allocate<double>(x.numel());
    double* temporary = context.template scratch<double>(x.numel());
    for (std::int64_t i = 0; i < x.numel(); ++i) {
      squares[i] = x[i] * x[i];
      temporary[i] = squares[i] * x[i];
    }
    for (std::int64_t i = 0; i < x.numel(); ++i) y[i] = temporary[i];
  }

  template <class Context>
  void backward(Context& context, const Result<double>& y, Operand<double> x) const {
    if (const auto dx = context.gradient(x)) {
      for (std::int64_t i = 0; i < x.value.numel(); ++i) {
        dx.data[i] = (dx.accumulate ? dx.data[i] : 0) + 3 * squares[i] * y.gradient[i];
      }
    }
  }
};

struct NotTrivial {
  [[maybe_unused]] static constexpr const char* name = "not trivial";
  [[maybe_unused]] static constexpr int arity = 1;
  std::unique_ptr<int> memory;
};

struct Nameless {
  [[maybe_unused]] static constexpr int arity = 1;
};

struct CubeOps : OpList<Cube, ops::Unary<functions::Tanh>, ops::Binary<functions::Mul>, ops::Sum> {};

}  // namespace

TEST_CASE("what is an operation") {
  static_assert(Operation<Cube>);
  static_assert(!Operation<NotTrivial>);
  static_assert(!Operation<Nameless>);
  CHECK(Operation<ops::Unary<functions::Tanh>>);
}

TEST_CASE("an op that saves memory for its backward") {
  Parameters parameters;
  const auto p = parameters.add({1, 2});
  Cpu cpu;
  Tape<Cpu, Fp64, CubeOps> tape(parameters.table, cpu);
  for (int step = 0; step < 3; ++step) {
    parameters.zero_grad();
    const auto x = tape.parameter(p);
    const auto y = tape.record(Cube{}, x);
    const auto z = tape.record(Cube{}, x) * y;  // x^6
    CHECK(values(z.value()) == Values{1, 64});
    tape.backward(sum(z));
    CHECK(parameters.gradient(p) == Values{6, 6.0 * 32});
  }
}

TEST_CASE("inputs without a gradient have no destination") {
  Cpu cpu;
  Arena<Cpu> saved(cpu);
  Arena<Cpu> temporary(cpu);
  BlockPool<Cpu> gradients(cpu);
  Context<Cpu, double> context(cpu, saved, temporary, gradients);
  Operand<double> absent;
  CHECK_FALSE(context.gradient(absent));
  Slot<double> slot;
  slot.shape = {3};
  Operand<double> constant{{}, &slot};
  CHECK_FALSE(context.gradient(constant));
  slot.requires_grad = true;
  const auto first = context.gradient(constant);
  CHECK(first);
  CHECK_FALSE(first.accumulate);
  const auto second = context.gradient(constant);
  CHECK(second.data == first.data);
  CHECK(second.accumulate);
}
