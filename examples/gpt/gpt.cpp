// Trains a GPT on bytes of text: a whole training program, with evaluation, checkpoints, resumption and a report.
//
//   gpt --help
//   lockstep launch -n 2 gpt --data some.txt --steps 2000
#include "corpus.hpp"
#include "entropy.hpp"
#include "loss_curve.hpp"
#include "metrics.hpp"
#include "model.hpp"
#include "on_all_ranks.hpp"
#include "options.hpp"
#include "output.hpp"
#include "rate_meter.hpp"
#include "sample.hpp"
#include <lockstep/lockstep.hpp>

#include <signal.h>

#include <cmath>
#include <cstdio>
#include <exception>

namespace ls = lockstep;

using Backend = ls::CpuRing;  // the one line to change

namespace {

volatile sig_atomic_t received_signal = 0;

/// The first SIGINT or SIGTERM ends training after the step at hand, with a checkpoint; the second ends the program.
void stop_on_signals() {
  struct sigaction action {};
  action.sa_handler = [](int number) { received_signal = number; };
  action.sa_flags = static_cast<int>(SA_RESETHAND);
  for (const int number : {SIGINT, SIGTERM}) ::sigaction(number, &action, nullptr);
}

/// Nats per byte on the held-out text; every rank takes its part of it. Collective.
template <class Accelerator, class Model, class Loader>
double evaluate(Accelerator& accelerator, const Model& model, Loader& held_out) {
  const auto evaluation = ls::no_grad(model);
  double sums[2] = {0, 0};  // losses, and their number
  for (auto& batch : held_out) {
    const auto losses =
        ls::cross_entropy(evaluation(batch.inputs), batch.targets, {.reduction = ls::LossReduction::none});
    for (const float loss : losses.value().rows(0, batch.valid).span()) sums[0] += static_cast<double>(loss);
    sums[1] += static_cast<double>(batch.valid * batch.inputs.extent(1));
  }
  accelerator.reduce(ls::TensorView<double>(sums, {2}));
  return sums[0] / sums[1];
}

/// Ends a run whose numbers are no numbers any more; all ranks see that at the same step. Rank 0 says so.
template <class Accelerator>
[[noreturn]] void stop_diverged(const Accelerator& accelerator, std::int64_t step, const gpt::Options& options) {
  if (!accelerator.is_main_process()) throw gpt::Stopped("the loss is not a number");
  throw ls::NumericalError(ls::concat("the loss or the gradients are no finite numbers at step ", step,
                                      "; lower --learning-rate (", options.learning_rate,
                                      "), or find the op it begins at with --detect-anomaly. The last checkpoint is ",
                                      options.checkpoint(), " if one was written"));
}

void print_report(const gpt::Options& options, const gpt::Metrics& metrics, const gpt::Entropies& entropies,
                  const std::string& sample) {
  std::printf("\nHeld-out text, bits per byte\n");
  std::printf("  unigram counts  %6.3f\n", entropies.unigram);
  std::printf("  bigram counts   %6.3f\n", entropies.bigram);
  std::printf("  this model      %6.3f\n", metrics.held_out().back().bits_per_byte);
  std::printf("\nWritten by the model, at temperature %g\n", options.temperature);
  std::printf("%s\n", gpt::indented(gpt::printable(sample)).c_str());
  std::printf("\nCheckpoint  %s\n", options.checkpoint().c_str());
  std::printf("Metrics     %s\n", metrics.path().c_str());
  std::printf("Loss curve  %s\n", options.loss_curve().c_str());
  std::fflush(stdout);
}

int train(const gpt::Options& options) {
  const auto seed = static_cast<std::uint64_t>(options.seed);
  ls::Accelerator<Backend> accelerator({.seed = seed, .detect_anomaly = options.detect_anomaly});

  const std::string corpus = gpt::on_all_ranks(accelerator, [&] { return gpt::read_corpus(options.data); });
  const gpt::Split text =
      gpt::on_all_ranks(accelerator, [&] { return gpt::split_corpus(corpus, options.held_out, options.context); });

  auto [model, optimizer, loader, held_out, schedule] = accelerator.prepare(
      gpt::Gpt({options.width, options.depth, options.heads, options.context, options.dropout}),
      ls::with_groups(
          ls::AdamW{.learning_rate = options.learning_rate, .beta2 = 0.99, .weight_decay = options.weight_decay},
          ls::ParameterGroup{ls::biases_and_norms, {.weight_decay = 0.0}}),
      ls::DataLoader{ls::TokenWindowDataset{text.training, {.context = options.context}},
                     {.batch_size = options.batch, .shuffle = true, .seed = seed}},
      ls::DataLoader{ls::TokenWindowDataset{text.held_out, {.context = options.context}},
                     {.batch_size = options.batch}},
      ls::cosine_with_warmup(options.warmup, options.steps));

  if (options.resume) {
    gpt::on_all_ranks(accelerator, [&] { return accelerator.load_state(options.checkpoint()), true; });
  }
  const std::int64_t first_step = optimizer.step_count();
  if (first_step > options.steps) {
    throw gpt::UsageError(ls::concat("--steps ", options.steps, " is less than the ", first_step, " steps that ",
                                     options.checkpoint(), " has taken"));
  }
  gpt::Metrics metrics = gpt::on_all_ranks(accelerator, [&] {
    return accelerator.is_main_process() ? gpt::open_output(options, first_step) : gpt::Metrics();
  });
  const gpt::Entropies entropies = gpt::cross_entropies(text.training, text.held_out);

  accelerator.print("GPT with ", ls::parameter_count(model.module()), " parameters on ", accelerator.world_size(),
                    accelerator.world_size() == 1 ? " rank" : " ranks", "; ", text.training.size(),
                    " bytes of text to learn, ", text.held_out.size(), " held out");

  stop_on_signals();
  bool interrupted = false;
  gpt::RateMeter meter;
  const std::int64_t step_tokens = loader.total_batch_size() * options.context;
  auto progress = accelerator.progress(
      loader,
      {.total_steps = options.steps, .first_step = first_step, .items_per_step = step_tokens, .unit = "tokens"});
  for (auto& batch : progress) {
    meter.start_step();
    auto loss = ls::cross_entropy(model(batch.inputs), batch.targets);
    accelerator.backward(loss);
    const double gradient_norm = accelerator.clip_grad_norm(model, options.max_gradient_norm);
    const double mean_loss = accelerator.reduce(static_cast<double>(loss.item()), ls::Reduction::mean);
    const double learning_rate = schedule.last_learning_rate();
    optimizer.step();
    schedule.step();
    optimizer.zero_grad();
    meter.end_step(step_tokens);

    const std::int64_t step = optimizer.step_count();
    if (!std::isfinite(mean_loss) || !std::isfinite(gradient_norm)) stop_diverged(accelerator, step, options);
    progress.set_postfix("loss", mean_loss);
    if (received_signal != 0) accelerator.set_trigger();
    interrupted = accelerator.check_trigger();
    const auto due = [&](std::int64_t interval) { return step % interval == 0 || step == options.steps; };
    if (due(options.log_interval)) metrics.add_step(step, mean_loss, learning_rate, gradient_norm, meter.take());
    if (due(options.evaluation_interval)) {
      const double held_out_loss = evaluate(accelerator, model, held_out);
      metrics.add_evaluation(step, held_out_loss);
      if (accelerator.is_main_process()) gpt::write_text(options.loss_curve(), gpt::loss_curve(metrics, entropies));
      progress.print("step ", step, ": held-out text ", gpt::decimals(gpt::bits(held_out_loss), 3), " bits per byte");
    }
    if (due(options.checkpoint_interval) || interrupted) accelerator.save_state(options.checkpoint());
    if (interrupted) break;
  }

  if (interrupted && optimizer.step_count() < options.steps) {
    accelerator.print("Interrupted after step ", optimizer.step_count(), " of ", options.steps,
                      "; the same command with --resume goes on from ", options.checkpoint());
    return 128 + (received_signal != 0 ? received_signal : SIGTERM);
  }
  if (first_step == options.steps) {  // a finished run was resumed
    metrics.add_evaluation(options.steps, evaluate(accelerator, model, held_out));
  }
  if (accelerator.is_main_process()) {
    const std::string sample = gpt::write_sample(ls::no_grad(model), options.prompt, options.sample_length,
                                                 options.context, options.temperature, seed);
    print_report(options, metrics, entropies, sample);
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  bool speaks = true;  // all ranks have the same command line
  try {
    speaks = ls::LaunchEnvironment::detect().rank == 0;
    const gpt::Options options = gpt::read_options(argc, argv);
    if (!options.help) return train(options);
    if (speaks) std::fputs(gpt::help().c_str(), stdout);
    return 0;
  } catch (const gpt::UsageError& error) {
    if (speaks) std::fprintf(stderr, "gpt: %s\nTry 'gpt --help'.\n", error.what());
    return 2;
  } catch (const gpt::Stopped&) {
    return 1;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "gpt: %s\n", error.what());
    return 1;
  }
}
