// The smallest training program: a line through noisy points. The same source trains on one rank and on several.
//
//   01_linear_regression
//   lockstep launch -n 2 01_linear_regression
#include <lockstep/lockstep.hpp>

namespace ls = lockstep;

struct Line {
  ls::Linear map{1, 1};
  auto operator()(auto x) const { return map(x); }
  LOCKSTEP_FIELDS(map)
};

int main() {
  ls::Tensor<float> x({1024, 1}), y({1024, 1});
  ls::Philox random(7);
  for (int i = 0; i < 1024; ++i) {
    x.data()[i] = 2 * random.uniform() - 1;
    y.data()[i] = 3 * x.data()[i] - 2 + 0.1F * static_cast<float>(random.normal());
  }

  ls::Accelerator<ls::CpuRing> accelerator;
  auto [model, optimizer, loader] =
      accelerator.prepare(Line{}, ls::Sgd{.learning_rate = 0.1},
                          ls::DataLoader{ls::TensorDataset{std::move(x), std::move(y)}, {.batch_size = 32}});
  for (int epoch = 0; epoch < 10; ++epoch) {
    for (auto& batch : loader) {
      accelerator.backward(ls::mse_loss(model(batch.inputs), batch.targets));
      optimizer.step();
      optimizer.zero_grad();
    }
  }
  accelerator.print("slope ", model.parameter("map.weight")[0], ", intercept ", model.parameter("map.bias")[0],
                    "; the points were made with 3 and -2");
}
