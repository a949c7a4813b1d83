// The sweep: gradients that meet, use counts and what the observer hears, generations, anomalies, and memory that
// repeats.
#include "tape_fixture.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

using namespace check;

namespace {

template <class TapeType>
concept CanSweep = requires(TapeType tape, Var<TapeType> loss) {
  tape.backward(loss);
};

}  // namespace

TEST_CASE("gradients of a value used several times are added, and assigned over stale memory") {
  Fixture f;
  const auto p = f.add({2, 3});
  for (int step = 0; step < 3; ++step) {
    f.zero_grad();
    const auto x = f.tape.parameter(p);
    const auto y = x * x + x * 3 + x;  // 2x + 4
    f.tape.backward(sum(y));
    CHECK(f.gradient(p) == Values{8, 10});
  }
}

TEST_CASE("without zero_grad sweeps add up; the seed scales") {
  Fixture f;
  const auto p = f.add({2, 3});
  f.tape.backward(sum(f.tape.parameter(p) * 2));
  f.tape.backward(sum(f.tape.parameter(p) * 2), 0.5);
  CHECK(f.gradient(p) == Values{3, 3});
}

TEST_CASE("memory of gradients is handed on through sums of a value with itself and with others") {
  Fixture f;
  const Values a{1, 2, 3};
  const Values b{4, 5, 6};
  const auto gradient_of = [&](auto function) {
    Values result;
    for (int step = 0; step < 2; ++step) {  // the second time in memory that has been used
      const auto x = f.tape.variable({a.data(), {3}});
      const auto z = f.tape.variable({b.data(), {3}});
      f.tape.backward(sum(function(x * 1, z * 1)));
      result = values(x.gradient());
      const Values other = values(z.gradient());
      result.insert(result.end(), other.begin(), other.end());
    }
    return result;
  };
  CHECK(gradient_of([](auto x, auto z) { return (x + x) + z * 0; }) == Values{2, 2, 2, 0, 0, 0});
  CHECK(gradient_of([](auto x, auto z) { return x + x + x + z; }) == Values{3, 3, 3, 1, 1, 1});
  CHECK(gradient_of([](auto x, auto z) { return (x - x) + z; }) == Values{0, 0, 0, 1, 1, 1});
  CHECK(gradient_of([](auto x, auto z) { return x - z; }) == Values{1, 1, 1, -1, -1, -1});
  CHECK(gradient_of([](auto x, auto z) { return z - x; }) == Values{-1, -1, -1, 1, 1, 1});
  CHECK(gradient_of([](auto x, auto z) { return (x + z) + (x + z); }) == Values{2, 2, 2, 2, 2, 2});
  CHECK(gradient_of([](auto x, auto z) { return (x + z) * (x + z) + x; }) == Values{11, 15, 19, 10, 14, 18});
  CHECK(gradient_of([](auto x, auto z) {
          const auto s = x + z;
          const auto t = s + x;
          return t * s + t;  // (2x + z)(x + z) + 2x + z: 4x + 3z + 2, 3x + 2z + 1
        }) == Values{18, 25, 32, 12, 17, 22});
  CHECK(gradient_of([](auto x, auto z) {
          return reshape(x, {3, 1}) + reshape(x, {3, 1}) * reshape(z, {3, 1});
        }) == Values{5, 6, 7, 1, 2, 3});
  CHECK(gradient_of([](auto x, auto z) { return concat({x + z, x}, 0) + 1; }) == Values{2, 2, 2, 1, 1, 1});
}

TEST_CASE("the observer hears unused parameters first, then each one after its last use") {
  Fixture f;
  const auto a = f.add({1});
  const auto b = f.add({2});
  const auto c = f.add({3});
  const auto d = f.add({4});
  const auto frozen = f.add({5}, false);
  const auto x = f.tape.parameter(a);
  const auto h = tanh(x) * f.tape.parameter(b) * f.tape.parameter(frozen);
  const auto y = h * f.tape.parameter(d) + h * f.tape.parameter(a);  // a is tied: used at both ends
  Log log;
  f.tape.backward(sum(y), 1, log);
  CHECK(log.text == concat("unused ", c.index, ", ready ", d.index, ", ready ", b.index, ", ready ", a.index, ", "));
  const double t = std::tanh(1.0);
  CHECK(f.gradient(a)[0] == doctest::Approx(2 * 5 * ((1 - t * t) * (4 + 1) + t)));
  CHECK(f.gradient(c) == Values{-99});
}

TEST_CASE("a parameter whose result does not reach the loss is ready, without a gradient") {
  Fixture f;
  const auto a = f.add({1});
  const auto b = f.add({2});
  const auto loss = sum(f.tape.parameter(a) * 2);
  static_cast<void>(f.tape.parameter(b) * 3);
  Log log;
  f.tape.backward(loss, 1, log);
  CHECK(log.text == "ready 1, ready 0, ");
  CHECK(f.table[a.index].has_gradient);
  CHECK_FALSE(f.table[b.index].has_gradient);
}

TEST_CASE("a function called twice counts each use") {
  Fixture f;
  const auto w = f.add({0.5});
  const auto layer = [&](const FixtureVar& x) { return tanh(x * w); };
  const Values input{2};
  const auto loss = sum(layer(layer(f.tape.constant({input.data(), {1}}))));
  CHECK(f.table[w.index].uses == 2);
  Log log;
  f.tape.backward(loss, 1, log);
  CHECK(log.text == "ready 0, ");
  const double inner = std::tanh(1.0);
  const double outer = std::tanh(0.5 * inner);
  CHECK(f.gradient(w)[0] == doctest::Approx((1 - outer * outer) * (inner + 0.5 * (1 - inner * inner) * 2)));
  CHECK(f.table[w.index].uses == 0);
}

TEST_CASE("what does not depend on anything trainable is not recorded") {
  Fixture f;
  const auto frozen = f.add({5}, false);
  const Values input{2};
  const auto x = f.tape.constant({input.data(), {1}});
  const auto y = sum(x * frozen);
  CHECK_FALSE(y.requires_grad());
  CHECK(f.table[frozen.index].uses == 0);
  CHECK_THROWS_AS(f.tape.backward(y), ArgumentError);
}

TEST_CASE("losses that cannot be differentiated are refused, and the tape stays usable") {
  Fixture f;
  const auto p = f.add({1, 2});
  const auto x = f.tape.parameter(p);
  CHECK_THROWS_WITH_AS(f.tape.backward(x * 2),
                       "backward: the loss must be a scalar, its shape is [2]; take mean() or sum()", ShapeError);
  const auto loss = sum(x * 2);
  f.tape.backward(loss);
  CHECK(f.gradient(p) == Values{2, 2});
  CHECK_THROWS_AS(f.tape.backward(loss), ArgumentError);  // swept already
  CHECK_THROWS_AS(f.tape.backward(FixtureVar{}), ArgumentError);
}

TEST_CASE("variables end with their step") {
  Fixture f;
  const auto p = f.add({1, 2});
  const auto x = f.tape.parameter(p) * 2;
  const auto loss = sum(x);
  f.tape.backward(loss);
  CHECK(loss.item() == 6);  // until the next operation
  const auto next = f.tape.parameter(p);
  CHECK_THROWS_AS(static_cast<void>(x.value()), ArgumentError);
  CHECK_THROWS_AS(static_cast<void>(next * x), ArgumentError);
  CHECK_THROWS_AS(static_cast<void>(loss.item()), ArgumentError);
  f.tape.reset();
  CHECK_THROWS_AS(static_cast<void>(next.value()), ArgumentError);
}

TEST_CASE("reset forgets a step, its uses and its records") {
  Fixture f;
  const auto p = f.add({1, 2});
  static_cast<void>(sum(f.tape.parameter(p) * 2));
  CHECK(f.table[p.index].uses == 1);
  f.tape.reset();
  CHECK(f.table[p.index].uses == 0);
  Log log;
  f.tape.backward(sum(f.tape.parameter(p) * 3), 1, log);
  CHECK(f.gradient(p) == Values{3, 3});
  CHECK(log.text == "ready 0, ");
}

TEST_CASE("when the observer throws, the step is over and the next one is whole") {
  struct Throwing {
    int calls = 0;
    void unused(std::int32_t) {}
    void ready(std::int32_t) {
      if (++calls == 2) throw Error("observer");
    }
  };
  Fixture f;
  const auto a = f.add({1});
  const auto b = f.add({2});
  const auto c = f.add({3});
  const auto loss = [&] {
    const auto x = f.tape.parameter(a);
    return sum(x * x * f.tape.parameter(b) * f.tape.parameter(c));
  };
  for (int step = 0; step < 3; ++step) {
    f.zero_grad();
    CHECK_THROWS_WITH_AS(f.tape.backward(loss(), 1, Throwing{}), "observer", Error);
    for (const auto p : {a, b, c}) CHECK(f.table[p.index].uses == 0);
    f.zero_grad();
    Log log;
    f.tape.backward(loss(), 1, log);
    CHECK(log.text == "ready 2, ready 1, ready 0, ");
    CHECK(f.gradient(a) == Values{12});
  }
}

TEST_CASE("values of another tape are refused") {
  Fixture f, other;
  const auto a = f.tape.parameter(f.add({1}));
  const auto b = other.tape.parameter(other.add({1}));
  CHECK_THROWS_WITH_AS(a * b, doctest::Contains("two tapes"), ArgumentError);
  CHECK_THROWS_WITH_AS(concat({a, b}, 0), doctest::Contains("two tapes"), ArgumentError);
  CHECK_THROWS_WITH_AS(f.tape.backward(sum(b * 2)), doctest::Contains("another tape"), ArgumentError);
}

TEST_CASE("a tape without gradients records nothing and shares the parameters") {
  Fixture f;
  const auto p = f.add({1, 2});
  FixtureTape::NoGrad plain(f.table, f.cpu);
  const auto y = sum(plain.parameter(p) * 2);
  CHECK(y.item() == 6);
  CHECK_FALSE(y.requires_grad());
  CHECK(f.table[p.index].uses == 0);
  static_assert(CanSweep<FixtureTape> && !CanSweep<FixtureTape::NoGrad>);
  plain.reset();
  CHECK_THROWS_AS(static_cast<void>(y.item()), ArgumentError);
}

TEST_CASE("variables of the caller get their gradient, others have none") {
  Fixture f;
  const Values a{1, 2};
  const auto x = f.tape.variable({a.data(), {2}});
  const auto unused = f.tape.variable({a.data(), {2}});
  const auto c = f.tape.constant({a.data(), {2}});
  f.tape.backward(sum(x * c));
  CHECK(values(x.gradient()) == Values{1, 2});
  CHECK(unused.gradient().numel() == 0);
  CHECK(c.gradient().numel() == 0);
}

TEST_CASE("anomaly detection names the op and which inputs were finite") {
  Fixture f;
  f.tape.set_detect_anomaly(true);
  const Values a{1, 0};
  const auto x = f.tape.constant({a.data(), {2}});
  try {
    static_cast<void>(log(x));
    FAIL("no error");
  } catch (const NumericalError& error) {
    const std::string text = error.what();
    CHECK(text.find("'log'") != std::string::npos);
    CHECK(text.find("[2] (finite)") != std::string::npos);
  }
  const Values bad{std::numeric_limits<double>::quiet_NaN()};
  try {
    static_cast<void>(f.tape.constant({bad.data(), {1}}) + x);
    FAIL("no error");
  } catch (const NumericalError& error) {
    CHECK(std::string(error.what()).find("[1] (already not finite) [2] (finite)") != std::string::npos);
  }
  f.tape.set_detect_anomaly(false);
  CHECK(std::isinf(log(x).value()[1]));
}

namespace {

// Fills its result with random numbers.
struct Draw {
  static constexpr const char* name = "draw";
  static constexpr int arity = 1;

  Shape shape(const Shape& x) const { return x; }

  template <class Context>
  void forward(Context& context, TensorView<double> y, TensorView<const double>) const {
    Philox random = context.random();
    for (double& value : y.span()) value = random.uniform_double();
  }

  template <class Context>
  void backward(Context&, const Result<double>&, Operand<double>) const {}
};

}  // namespace

TEST_CASE("random numbers depend on the position only") {
  Cpu cpu;
  ParameterTable<double> table;
  Tape<Cpu, Fp64, OpList<Draw>> tape(table, cpu);
  const Values a(2);
  const auto draw = [&](std::uint64_t seed, std::uint64_t step, std::uint64_t micro_batch) {
    tape.set_random_position(seed, step, micro_batch);
    Values result;
    for (int i = 0; i < 2; ++i) {
      const Values two = values(tape.record(Draw{}, tape.constant({a.data(), {2}})).value());
      result.insert(result.end(), two.begin(), two.end());
    }
    tape.reset();
    return result;
  };
  const Values first = draw(1, 2, 3);
  CHECK(first == draw(1, 2, 3));
  CHECK(first != draw(2, 2, 3));
  CHECK(first != draw(1, 3, 3));
  CHECK(first != draw(1, 2, 4));
  CHECK(first[0] != first[2]);
}

TEST_CASE("scalars, items and whole numbers") {
  Fixture f;
  CHECK(f.tape.scalar(2.5).item() == 2.5);
  const Values two{1, 2};
  CHECK_THROWS_AS(static_cast<void>(f.tape.constant({two.data(), {2}}).item()), ShapeError);
  const std::vector<std::int32_t> ids{3, 1};
  const auto indices = f.tape.indices({ids.data(), {2}});
  CHECK(indices.shape() == Shape{2});
  CHECK(indices.extent(0) == 2);
  CHECK(&indices.tape() == &f.tape);
}

namespace {

// A device that counts what is asked of the host's allocator.
struct CountingCpu : Cpu {
  static inline int allocations = 0;

  Memory allocate(std::size_t bytes) {
    ++allocations;
    return Cpu::allocate(bytes);
  }
};

}  // namespace

template <>
struct lockstep::Kernels<CountingCpu> : lockstep::Kernels<lockstep::Cpu> {};

TEST_CASE("addresses repeat and device memory is asked for in the first steps only") {
  Parameters parameters;
  const auto p = parameters.add({1, 2, 3});
  CountingCpu device;
  Tape<CountingCpu, Fp64, FixtureOps> tape(parameters.table, device);
  const Values input(3 * 5000, 0.5);
  std::vector<const double*> addresses;
  std::size_t bytes = 0;
  int after_warm_up = 0;
  for (int step = 0; step < 8; ++step) {
    if (step == 3) after_warm_up = CountingCpu::allocations;
    auto h = tape.constant({input.data(), {5000, 3}}) * p;
    std::vector<const double*> seen;
    for (int layer = 0; layer < 10; ++layer) {
      h = tanh(h * p + h);
      seen.push_back(h.value().data);
    }
    if (step == 3) bytes = tape.activation_bytes();
    CHECK((step < 3 || tape.activation_bytes() == bytes));
    tape.backward(sum(h));
    CHECK((step < 3 || seen == addresses));
    addresses = seen;
  }
  CHECK(CountingCpu::allocations == after_warm_up);
}
