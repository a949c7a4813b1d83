// Classifies digits and measures accuracy on all ranks: gather_for_metrics counts every held-out image exactly once.
//
//   02_mlp_digits                                        digits that it draws itself
//   lockstep launch -n 2 02_mlp_digits --data DIRECTORY  MNIST's files, unpacked
#include "digits.hpp"
#include <lockstep/lockstep.hpp>

#include <cstdio>
#include <exception>

namespace ls = lockstep;

struct Classifier {
  explicit Classifier(std::int64_t pixels) : hidden(pixels, 128), output(128, 10) {}

  ls::Linear hidden, output;
  ls::Dropout dropout{0.2};

  auto operator()(auto x) const { return output(dropout(ls::relu(hidden(x)))); }

  LOCKSTEP_FIELDS(hidden, output)
};

void train(digits::Data data) {
  constexpr int epochs = 5;
  ls::Accelerator<ls::CpuRing> accelerator;
  const std::int64_t steps = epochs * data.training.size() / (64 * accelerator.world_size());
  auto [model, optimizer, loader, held_out, schedule] = accelerator.prepare(
      Classifier(data.pixels), ls::AdamW{.learning_rate = 2e-3},
      ls::DataLoader{std::move(data.training), {.batch_size = 64, .shuffle = true}},
      ls::DataLoader{std::move(data.held_out), {.batch_size = 256}}, ls::cosine_with_warmup(steps / 10, steps));

  for (int epoch = 0; epoch < epochs; ++epoch) {
    auto progress = accelerator.progress(loader, {.description = ls::concat("epoch ", epoch + 1)});
    for (auto& batch : progress) {
      auto loss = ls::cross_entropy(model(batch.inputs), batch.targets);
      accelerator.backward(loss);
      progress.set_postfix("loss", loss.item());
      optimizer.step();
      schedule.step();
      optimizer.zero_grad();
    }

    const auto evaluation = ls::no_grad(model);
    std::int64_t correct = 0, count = 0;
    for (auto& batch : held_out) {
      const auto predictions = accelerator.gather_for_metrics(ls::argmax(evaluation(batch.inputs)), batch);
      const auto targets = accelerator.gather_for_metrics(batch.targets, batch);
      for (std::int64_t i = 0; i < targets.numel(); ++i) correct += predictions[i] == targets[i] ? 1 : 0;
      count += targets.numel();
    }
    accelerator.print("epoch ", epoch + 1, ": ", correct, " of ", count, " held-out digits right (",
                      100 * static_cast<double>(correct) / static_cast<double>(count), " %)");
  }
}

int main(int argc, char** argv) {
  try {
    train(digits::load({argv + 1, argv + argc}));
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "02_mlp_digits: %s\n", error.what());
    return 1;
  }
}
