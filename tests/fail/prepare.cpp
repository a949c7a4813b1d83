// What a compiler says about a call of prepare() that cannot work.
#include <lockstep/lockstep.hpp>

#include <string>

namespace ls = lockstep;

struct Classifier {
  ls::Linear hidden{4, 8}, output{8, 2};
  auto operator()(auto x) const { return output(ls::relu(hidden(x))); }
  LOCKSTEP_FIELDS(hidden, output)
};

struct NoFields {
  ls::Linear layer{4, 8};
  auto operator()(auto x) const { return layer(x); }
};

int main() {
  ls::Accelerator<ls::SingleDevice<ls::Cpu>> accelerator;

#if defined(CASE_optimizer_without_model)
  // expect: EveryOptimizerHasItsModel
  auto [optimizer] = accelerator.prepare(ls::AdamW{});
#elif defined(CASE_schedule_without_optimizer)
  // expect: EveryScheduleHasItsOptimizer
  auto [model, schedule] = accelerator.prepare(Classifier{}, ls::linear_with_warmup(10, 100));
#elif defined(CASE_two_optimizers_for_one_model)
  // expect: EveryOptimizerHasItsModel
  auto [model, first, second] = accelerator.prepare(Classifier{}, ls::AdamW{}, ls::Sgd{});
#elif defined(CASE_an_object_of_no_use)
  // expect: Preparable
  auto [model, text] = accelerator.prepare(Classifier{}, std::string("no module"));
#elif defined(CASE_a_module_without_fields)
  // expect: Preparable
  auto [model] = accelerator.prepare(NoFields{});
#else
  auto [model, optimizer, schedule] = accelerator.prepare(Classifier{}, ls::AdamW{}, ls::linear_with_warmup(10, 100));
  optimizer.step();
#endif
}
