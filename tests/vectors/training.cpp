// Whole training runs against PyTorch's: ops, tape, clipping, optimizer, parameter groups and schedule together.
#include "vectors.hpp"
#include <lockstep/autograd/core_ops.hpp>
#include <lockstep/autograd/tape.hpp>
#include <lockstep/kernels/cpu/kernels.hpp>
#include <lockstep/optim/adamw.hpp>
#include <lockstep/optim/clip.hpp>
#include <lockstep/optim/cosine_schedule.hpp>
#include <lockstep/optim/linear_schedule.hpp>
#include <lockstep/optim/parameter_group.hpp>
#include <lockstep/optim/sgd.hpp>

#include <doctest/doctest.h>

#include <type_traits>

namespace ls = lockstep;

namespace {

template <class Precision>
using TapeOf = ls::Tape<ls::Cpu, Precision, ls::CoreOps>;

// The parameters of a case in one flat buffer, with gradients and optimizer states beside it.
template <class Precision>
class Training {
 public:
  using T = typename Precision::Scalar;
  using Var = ls::Var<TapeOf<Precision>>;

  explicit Training(const vectors::Case& reference) : reference_(&reference) {
    for (const auto& [name, array] : reference.outputs) {
      if (name == "losses" || name == "norms") continue;
      names_.push_back(name);
      for (double value : reference.input(name).values) values_.push_back(static_cast<T>(value));
    }
    gradients_.resize(values_.size());
    std::size_t offset = 0;
    for (const std::string& name : names_) {
      const ls::Shape shape(std::span<const std::int64_t>(reference.input(name).shape));
      handles_[name] = table_.add(values_.data() + offset, gradients_.data() + offset, shape, true);
      offset += static_cast<std::size_t>(shape.numel());
    }
  }

  TapeOf<Precision>& tape() { return tape_; }
  Var operator[](const std::string& name) { return tape_.parameter(handles_.at(name)); }

  // One step's part of an input whose leading dimension counts steps.
  template <class U>
  std::vector<U> batch(const std::string& name, std::size_t step) const {
    const vectors::Array& array = reference_->input(name);
    const auto steps = static_cast<std::size_t>(array.shape[0]);
    const auto size = static_cast<std::ptrdiff_t>(array.values.size() / steps);
    const auto first = array.values.begin() + static_cast<std::ptrdiff_t>(step) * size;
    return std::vector<U>(first, first + size);
  }

  // Runs every step and compares what the reference says about it.
  template <class Optimizer, class Schedule, class LossOf>
  void check(const Optimizer& optimizer, const Schedule& schedule, LossOf loss_of, double tolerance) {
    std::vector<std::vector<T>> states(optimizer.state_names().size(), std::vector<T>(values_.size()));
    std::vector<double> losses, norms;
    const double max_norm = reference_->attributes.at("max_norm");
    for (std::size_t step = 0; step < reference_->output("losses").values.size(); ++step) {
      for (std::int32_t i = 0; i < table_.size(); ++i) table_[i].has_gradient = false;
      const Var loss = loss_of(step);
      losses.push_back(static_cast<double>(loss.item()));
      tape_.backward(loss);
      norms.push_back(ls::clip_grad_norm(device_, std::span<T>(gradients_), max_norm));
      const ls::StepInfo info{.step = static_cast<std::int64_t>(step) + 1,
                              .learning_rate_multiplier = schedule(static_cast<std::int64_t>(step))};
      std::size_t offset = 0;
      for (const std::string& name : names_) {
        const ls::Shape& shape = table_.at(handles_.at(name)).shape;
        const auto count = static_cast<std::size_t>(shape.numel());
        ls::OptimizerRange<T> range{.parameters = std::span<T>(values_).subspan(offset, count),
                                    .gradients = std::span<const T>(gradients_).subspan(offset, count),
                                    .group = ls::group_of(optimizer, name, shape)};
        for (std::size_t i = 0; i < states.size(); ++i) {
          range.states[i] = std::span<T>(states[i]).subspan(offset, count);
        }
        optimizer.update(device_, range, info);
        offset += count;
      }
    }
    CHECK(vectors::difference(losses, reference_->output("losses"), tolerance) == "");
    CHECK(vectors::difference(norms, reference_->output("norms"), tolerance) == "");
    std::size_t offset = 0;
    for (const std::string& name : names_) {
      const vectors::Array& expected = reference_->output(name);
      const auto got = std::span<const T>(values_).subspan(offset, expected.values.size());
      // Softmax does not see the keys' bias: its gradient is rounding alone, and Adam makes steps of it.
      const bool is_noise = std::is_same_v<T, float> && name.ends_with("attn.bias");
      if (!is_noise) CHECK_MESSAGE(vectors::difference(got, expected, tolerance) == "", name);
      offset += expected.values.size();
    }
  }

 private:
  const vectors::Case* reference_;
  std::vector<std::string> names_;
  std::vector<T> values_, gradients_;
  std::map<std::string, ls::ParameterHandle> handles_;
  ls::ParameterTable<T> table_;
  ls::Cpu device_;
  TapeOf<Precision> tape_{table_, device_};
};

template <class Precision>
void train_classifier(const vectors::Case& reference, double tolerance) {
  using T = typename Precision::Scalar;
  Training<Precision> model(reference);
  std::vector<T> inputs;
  std::vector<std::int32_t> targets;
  const auto loss_of = [&](std::size_t step) {
    inputs = model.template batch<T>("inputs", step);
    targets = model.template batch<std::int32_t>("targets", step);
    const auto x = model.tape().constant({inputs.data(), ls::Shape{8, 6}});
    const auto hidden = ls::relu(ls::linear(x, model["hidden.weight"], model["hidden.bias"]));
    const auto logits = ls::linear(hidden, model["output.weight"], model["output.bias"]);
    return ls::cross_entropy(logits, ls::TensorView<const std::int32_t>{targets.data(), ls::Shape{8}});
  };
  const ls::Sgd optimizer{.learning_rate = reference.attributes.at("learning_rate"),
                          .momentum = reference.attributes.at("momentum"),
                          .weight_decay = reference.attributes.at("weight_decay"),
                          .nesterov = true};
  model.check(optimizer,
              ls::cosine_with_warmup(reference.attributes.at("warmup_steps"), reference.attributes.at("total_steps")),
              loss_of, tolerance);
}

template <class Precision>
void train_gpt(const vectors::Case& reference, double tolerance) {
  Training<Precision> model(reference);
  const ls::Shape shape{reference.input("ids").shape[1], reference.input("ids").shape[2]};
  const std::int64_t heads = reference.attributes.at("heads");
  const int blocks = reference.attributes.at("blocks");
  std::vector<std::int32_t> ids, targets;
  const auto linear = [&](const auto& x, const std::string& name) {
    return ls::linear(x, model[name + ".weight"], model[name + ".bias"]);
  };
  const auto norm = [&](const auto& x, const std::string& name) {
    return ls::layer_norm(x, model[name + ".weight"], model[name + ".bias"]);
  };
  const auto loss_of = [&](std::size_t step) {
    ids = model.template batch<std::int32_t>("ids", step);
    targets = model.template batch<std::int32_t>("targets", step);
    auto x = ls::embedding(model.tape().indices({ids.data(), shape}), model["wte"]) + model["wpe"];
    for (int i = 0; i < blocks; ++i) {
      const std::string block = "h." + std::to_string(i);
      const auto qkv = linear(norm(x, block + ".ln_1"), block + ".attn");
      x = x + linear(ls::attention(qkv, heads, {.causal = true}), block + ".proj");
      x = x + linear(ls::gelu_tanh(linear(norm(x, block + ".ln_2"), block + ".fc")), block + ".out");
    }
    const auto logits = ls::linear(norm(x, "ln_f"), model["wte"]);
    return ls::cross_entropy(logits, ls::TensorView<const std::int32_t>{targets.data(), shape});
  };
  const auto optimizer = ls::with_groups(ls::AdamW{.learning_rate = reference.attributes.at("learning_rate"),
                                                   .weight_decay = reference.attributes.at("weight_decay")},
                                         ls::ParameterGroup(ls::biases_and_norms, {.weight_decay = 0.0}));
  model.check(optimizer,
              ls::linear_with_warmup(reference.attributes.at("warmup_steps"), reference.attributes.at("total_steps")),
              loss_of, tolerance);
}

}  // namespace

TEST_CASE("ten steps of a classifier are PyTorch's") {
  const vectors::Case reference = vectors::load("training", "classifier").at(0);
  train_classifier<ls::Fp64>(reference, 1e-9);
  train_classifier<ls::Fp32>(reference, 2e-4);
}

TEST_CASE("ten steps of a small GPT with tied embeddings are PyTorch's") {
  const vectors::Case reference = vectors::load("training", "gpt").at(0);
  train_gpt<ls::Fp64>(reference, 1e-9);
  train_gpt<ls::Fp32>(reference, 2e-3);
}
