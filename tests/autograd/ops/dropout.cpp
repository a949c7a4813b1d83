// Dropout: the right share, the right scale, the same mask in both directions, nothing in eval mode.
#include "check_op.hpp"
#include <lockstep/autograd/ops/dropout.hpp>

using namespace lockstep;
using check::Values;

namespace {

/// What the stream of the checks' first op drops.
Values plain_dropout(double probability, const Values& x) {
  Philox random(mix_bits(mix_bits(5, 6), 7), 0);
  Values y;
  for (double value : x)
    y.push_back(random.uniform() < static_cast<float>(probability) ? 0 : value / (1 - probability));
  return y;
}

}  // namespace

TEST_CASE("dropout: forward and backward use the mask of the stream") {
  for (const std::int64_t count : {0, 1, 3, 4, 7, 64, 129}) {
    CAPTURE(count);
    check::check_op<ops::Dropout>(
        {{count}}, [](auto&, auto& v) { return dropout(v[0], 0.3); },
        [](const auto& v) { return plain_dropout(0.3, v[0]); });
  }
}

TEST_CASE("dropout: the share that is dropped, and the mean that is kept") {
  check::Runner<Fp32, ops::Dropout> runner;
  const Values ones(40000, 1.0);
  const auto outcome = runner.run({{200, 200}}, {ones}, [](auto&, auto& v) { return dropout(v[0], 0.25); });
  double dropped = 0, sum = 0;
  for (double y : outcome.output) {
    dropped += y == 0 ? 1 : 0;
    sum += y;
  }
  CHECK(dropped / 40000 == doctest::Approx(0.25).epsilon(0.03));
  CHECK(sum / 40000 == doctest::Approx(1).epsilon(0.02));
}

TEST_CASE("dropout: probabilities 0 and 1, and what is no probability") {
  check::check_op<ops::Dropout>(
      {{9}}, [](auto&, auto& v) { return dropout(v[0], 0.0); }, [](const auto& v) { return v[0]; });
  check::check_op<ops::Dropout>(
      {{9}}, [](auto&, auto& v) { return dropout(v[0], 1.0); }, [](const auto&) { return Values(9, 0.0); });
  check::Runner<Fp64, ops::Dropout> runner;
  for (const double wrong : {-0.1, 1.1, std::nan("")}) {
    CHECK_THROWS_AS(runner.run({{3}}, {check::numbers(3, 1)}, [&](auto&, auto& v) { return dropout(v[0], wrong); }),
                    ArgumentError);
  }
}

TEST_CASE("dropout: in eval mode it is the variable itself, and each use in train mode has a mask of its own") {
  Cpu cpu;
  ParameterTable<float> table;
  struct DropoutOnly : OpList<ops::Dropout> {};
  Tape<Cpu, Fp32, DropoutOnly> tape(table, cpu);
  std::vector<float> ones(256, 1.0F);
  const auto x = tape.variable({ones.data(), {256}});
  const auto first = dropout(x, 0.5).value(), second = dropout(x, 0.5).value();
  CHECK_FALSE(std::equal(first.span().begin(), first.span().end(), second.span().begin()));
  tape.set_training(false);
  CHECK(dropout(x, 0.5).value().data == ones.data());
}
