// Sums, means and maxima over every set of dimensions against the obvious loop and finite differences.
#include "check_op.hpp"
#include "naive_broadcast.hpp"
#include <lockstep/autograd/ops/operators.hpp>
#include <lockstep/autograd/ops/reduce.hpp>

using namespace lockstep;
using check::Values;

namespace {

struct ReduceOps : OpList<ops::Sum, ops::Max, check::WeightedSum> {};
using Tape64 = Tape<Cpu, Fp64, ReduceOps>;

const Dimensions& dimensions_of(unsigned mask) {
  static const Dimensions sets[]{{}, {0}, {1}, {0, 1}, {2}, {0, 2}, {1, 2}, {0, 1, 2}};
  return sets[mask];
}

enum class Kind { sum, mean, max };

Values plain(const Shape& shape, unsigned mask, const Values& x, Kind kind) {
  const Shape kept = detail::reduced_shape(shape, mask, true);
  const auto count = static_cast<double>(detail::reduced_count(shape, mask));
  Values y(static_cast<std::size_t>(kept.numel()), kind == Kind::max ? -1e300 : 0.0);
  for (std::int64_t i = 0; i < shape.numel(); ++i) {
    double& out = y[check::broadcast_index(shape, kept, i)];
    const double value = x[static_cast<std::size_t>(i)];
    out = kind == Kind::max ? std::max(out, value) : out + value;
  }
  if (kind == Kind::mean) {
    for (double& value : y) value /= count;
  }
  return y;
}

template <class Op, class Apply>
void check_reduction(Kind kind, Apply apply) {
  for (const Shape& shape : {Shape{}, Shape{1}, Shape{77}, Shape{3, 5}, Shape{1, 5}, Shape{5, 1}, Shape{2, 3, 4},
                             Shape{3, 40, 2}, Shape{2, 1, 5}}) {
    for (unsigned mask = 0; mask < (1U << shape.rank()); ++mask) {
      for (bool keepdim : {false, true}) {
        CAPTURE(to_string(shape));
        CAPTURE(mask);
        const unsigned reduced = mask == 0 ? (1U << shape.rank()) - 1 : mask;
        check::check_op<Op>(
            {shape},
            [&](auto&, auto& v) {
              const auto y = apply(v[0], dimensions_of(mask), keepdim);
              CHECK(y.shape() == detail::reduced_shape(shape, reduced, keepdim));
              return y;
            },
            [&](const auto& v) { return plain(shape, reduced, v[0], kind); });
      }
    }
  }
}

// The gradient of the sum of f(x).
template <class Apply>
Values gradient_of(const Shape& shape, Values memory, Apply apply) {
  Cpu cpu;
  ParameterTable<double> table;
  Tape64 tape(table, cpu);
  const auto x = tape.variable({memory.data(), shape});
  tape.backward(sum(apply(x)));
  return Values(x.gradient().span().begin(), x.gradient().span().end());
}

}  // namespace

TEST_CASE("sum, mean and max over every set of dimensions") {
  check_reduction<ops::Sum>(Kind::sum, [](auto x, const auto& d, bool k) { return sum(x, d, k); });
  check_reduction<ops::Sum>(Kind::mean, [](auto x, const auto& d, bool k) { return mean(x, d, k); });
  check_reduction<ops::Max>(Kind::max, [](auto x, const auto& d, bool k) { return max(x, d, k); });
}

TEST_CASE("over no elements: 0, NaN, and an error that says so") {
  Cpu cpu;
  ParameterTable<double> table;
  Tape64 tape(table, cpu);
  const double dummy = 0;
  const auto x = tape.variable({&dummy, {2, 0, 3}});
  CHECK(sum(x).item() == 0);
  CHECK(std::isnan(mean(x).item()));
  const auto rows = sum(x, {1});
  CHECK(rows.shape() == Shape{2, 3});
  for (double value : rows.value().span()) CHECK(value == 0);
  CHECK(sum(x, {0}).shape() == Shape{0, 3});
  CHECK_THROWS_AS(static_cast<void>(max(x)), ShapeError);
  CHECK_THROWS_WITH_AS(static_cast<void>(max(x, {1})),
                       "max: there is no maximum over zero elements, the input's shape is [2, 0, 3]", ShapeError);
  CHECK(max(x, {0}).shape() == Shape{0, 3});
  CHECK_THROWS_AS(static_cast<void>(sum(x, {3})), ShapeError);
}

TEST_CASE("ties of max") {
  const Values ties{1, 3, 3, 3, 2, 2};
  const Shape shape{2, 3};
  constexpr double third = 1.0 / 3.0;
  CHECK(gradient_of(shape, ties, [](auto x) { return max(x); }) == Values{0, third, third, third, 0, 0});
  CHECK(gradient_of(shape, ties, [](auto x) { return max(x, {0, 1}); }) == Values{0, third, third, third, 0, 0});
  CHECK(gradient_of(shape, ties, [](auto x) { return max(x, 1); }) == Values{0, 1, 0, 1, 0, 0});
  CHECK(gradient_of(shape, {1, 2, 3, 1, 2, 3}, [](auto x) { return max(x, 0); }) == Values{1, 1, 1, 0, 0, 0});
}

TEST_CASE("NaN is a maximum") {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  Values memory(70, 1.0);
  memory[66] = nan;
  memory[69] = 5;
  Cpu cpu;
  ParameterTable<double> table;
  Tape64 tape(table, cpu);
  for (std::int64_t count : {67, 70}) {
    CHECK(std::isnan(max(tape.constant({memory.data(), {count}})).item()));
  }
  const auto columns = max(tape.constant({memory.data(), {35, 2}}), {0});
  CHECK(std::isnan(columns.value()[0]));
  CHECK(columns.value()[1] == 5);
  CHECK(gradient_of({3}, {1, nan, 2}, [](auto x) { return max(x); }) == Values{0, 1, 0});
}

TEST_CASE("single-precision sums of many terms are accurate") {
  Cpu cpu;
  ParameterTable<float> table;
  Tape<Cpu, Fp32, ReduceOps> tape(table, cpu);
  constexpr std::int64_t count = 3'000'001;
  const std::vector<float> memory(count, 0.1F);
  const double expected = static_cast<double>(count) * static_cast<double>(0.1F);
  CHECK(sum(tape.constant({memory.data(), {count}})).item() == doctest::Approx(expected).epsilon(1e-6));
  const auto columns = sum(tape.constant({memory.data(), {count / 3, 3}}), {0});
  for (float value : columns.value().span()) {
    CHECK(value == doctest::Approx(static_cast<double>(count / 3) * static_cast<double>(0.1F)).epsilon(1e-6));
  }
}
