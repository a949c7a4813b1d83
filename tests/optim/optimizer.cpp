// The contract: what satisfies it, what does not, and that a user's own optimizer needs no more than two functions.
#include "optimizer_fixture.hpp"
#include <lockstep/optim/optimizer.hpp>

namespace ls = lockstep;
using namespace optimizer_fixture;

namespace {

// The sign of the gradient: an optimizer as a user may write it, for memory that the host can touch.
struct SignDescent {
  double learning_rate = 0.1;

  std::span<const std::string_view> state_names() const { return {}; }

  template <class T>
  void update(ls::Cpu&, ls::OptimizerRange<T> range, const ls::StepInfo& step) const {
    const T rate = static_cast<T>(learning_rate * step.learning_rate_multiplier);
    for (std::size_t i = 0; i < range.parameters.size(); ++i) {
      const T g = range.gradients[i];
      range.parameters[i] -= g > 0 ? rate : g < 0 ? -rate : T(0);
    }
  }
};

struct NoStates {
  void update(ls::Cpu&, ls::OptimizerRange<float>, const ls::StepInfo&) const {}
};

struct MutableUpdate {
  std::span<const std::string_view> state_names() const { return {}; }
  void update(ls::Cpu&, ls::OptimizerRange<float>, const ls::StepInfo&) {}
};

static_assert(ls::Optimizer<SignDescent, ls::Cpu, float>);
static_assert(ls::Optimizer<SignDescent, ls::Cpu, double>);
static_assert(!ls::Optimizer<SignDescent, ls::detail::AnyDevice>);
static_assert(!ls::Optimizer<NoStates, ls::Cpu>);
static_assert(!ls::Optimizer<MutableUpdate, ls::Cpu>);
static_assert(!ls::Optimizer<int, ls::Cpu>);

}  // namespace

TEST_CASE("an optimizer without groups or checks has group 0 and passes") {
  CHECK(ls::group_of(SignDescent{}, "weight", ls::Shape{2}) == 0);
  CHECK_NOTHROW(ls::validate(SignDescent{.learning_rate = -1.0}));
}

TEST_CASE("a user's optimizer runs over a range") {
  ls::Cpu device;
  const SignDescent optimizer;
  Buffers<double> buffers(optimizer, {1.0, 1.0, 1.0});
  buffers.gradients = {5.0, -5.0, 0.0};
  optimizer.update(device, buffers.range(), {.learning_rate_multiplier = 5.0});
  CHECK(buffers.parameters == std::vector<double>{0.5, 1.5, 1.0});
  CHECK(buffers.range().size() == 3);
}
