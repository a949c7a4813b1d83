// An optimizer bound to a model's parameters: what prepare() returns for an optimizer.
#pragma once

#include <lockstep/accelerator/optimizer_clock.hpp>
#include <lockstep/accelerator/state_registry.hpp>
#include <lockstep/core/shared.hpp>
#include <lockstep/nn/parameter_layout.hpp>
#include <lockstep/optim/optimizer.hpp>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace lockstep {

/// Updates a model's parameters from its gradients. `step` and `zero_grad` do nothing while gradients are still being
/// accumulated, so the loop needs no branches. Move-only; its accelerator must outlive it.
template <class OptimizerType, class AcceleratorType>
class DistributedOptimizer {
 public:
  using Scalar = typename AcceleratorType::Scalar;
  using Device = typename AcceleratorType::Device;
  using Replica = typename AcceleratorType::Replica;

  DistributedOptimizer(OptimizerType optimizer, std::string name, Shared<OptimizerClock> clock,
                       Shared<Replica> replica, AcceleratorType& accelerator)
      : optimizer_(std::move(optimizer)),
        name_(std::move(name)),
        replica_(std::move(replica)),
        accelerator_(&accelerator),
        clock_(std::move(clock)) {
    validate(optimizer_);
    const auto& layout = replica_->store().layout();
    for (std::size_t i = 0; i < optimizer_.state_names().size(); ++i) {
      states_.push_back(
          accelerator.device().allocate(static_cast<std::size_t>(layout.trainable_size) * sizeof(Scalar)));
    }
    for (std::size_t i = 0; i < layout.trainable_count; ++i) add_range(layout, i);
    registration_ = accelerator.states().add({name_, array_entries(), number_entries(), {}});
  }

  /// Takes one optimizer step if the gradients are complete. Throws ArgumentError when no gradient was computed since
  /// zero_grad().
  void step() {
    if (!accelerator_->sync_gradients()) return;
    auto& store = replica_->store();
    bool any = false;
    for (std::size_t i = 0; i < store.layout().trainable_count; ++i) any |= store.slot(i).has_gradient;
    if (!any) {
      throw ArgumentError(
          concat("optimizer '", name_, "': step() without gradients; call accelerator.backward(loss) first"));
    }
    for (std::size_t i = 0; i < store.layout().trainable_count; ++i) store.complete_gradient(i);
    ++clock_->step;
    const StepInfo info{.step = clock_->step,
                        .learning_rate_multiplier = clock_->learning_rate_multiplier,
                        .momentum = clock_->momentum};
    for (const Range& range : ranges_) {
      const auto first = static_cast<std::size_t>(range.begin);
      const auto count = static_cast<std::size_t>(range.end - range.begin);
      OptimizerRange<Scalar> piece{.parameters = store.trainable_values().subspan(first, count),
                                   .gradients = store.gradients().subspan(first, count),
                                   .group = range.group};
      for (std::size_t s = 0; s < states_.size(); ++s) piece.states[s] = state_span(s).subspan(first, count);
      optimizer_.update(accelerator_->device(), piece, info);
    }
  }

  /// Empties the gradients, unless they are still being accumulated. Costs nothing: the next sweep overwrites them.
  void zero_grad() {
    if (accelerator_->sync_gradients()) replica_->zero_grad();
  }

  /// Optimizer steps taken.
  std::int64_t step_count() const { return clock_->step; }

  /// The learning rate of the next step, of parameters in no group.
  double learning_rate() const { return clock_->learning_rate * clock_->learning_rate_multiplier; }

  const OptimizerType& optimizer() const { return optimizer_; }
  const std::string& name() const { return name_; }
  AcceleratorType& accelerator() const { return *accelerator_; }

 private:
  struct Range {
    std::int64_t begin, end;
    int group;
  };

  std::vector<StateEntry> array_entries() const {
    std::vector<StateEntry> entries;
    const auto& layout = replica_->store().layout();
    const auto names = optimizer_.state_names();
    for (std::size_t i = 0; i < layout.trainable_count; ++i) {
      for (std::size_t s = 0; s < names.size(); ++s) {
        Scalar* data = state_span(s).data() + layout.ranges[i].offset;
        entries.push_back(state_entry(concat(layout.ranges[i].name, ".", names[s]),
                                      TensorView<Scalar>{data, layout.ranges[i].shape}));
      }
    }
    return entries;
  }
  std::vector<StateEntry> number_entries() const {
    return {state_entry(name_ + ".step", clock_->step),
            state_entry(name_ + ".learning_rate_multiplier", clock_->learning_rate_multiplier),
            state_entry(name_ + ".momentum", clock_->momentum)};
  }

  /// Neighbours of the same group become one range, so that the step is few long loops.
  void add_range(const ParameterLayout& layout, std::size_t i) {
    const ParameterRange& parameter = layout.ranges[i];
    const std::int64_t end = i + 1 < layout.trainable_count ? layout.ranges[i + 1].offset : layout.trainable_size;
    const int group = group_of(optimizer_, parameter.name, parameter.shape);
    if (!ranges_.empty() && ranges_.back().group == group) {
      ranges_.back().end = end;
    } else {
      ranges_.push_back({parameter.offset, end, group});
    }
  }

  std::span<Scalar> state_span(std::size_t s) const {
    return {reinterpret_cast<Scalar*>(states_[s].data()),
            static_cast<std::size_t>(replica_->store().layout().trainable_size)};
  }

  OptimizerType optimizer_;
  std::string name_;
  Shared<Replica> replica_;
  AcceleratorType* accelerator_;
  std::vector<typename Device::Memory> states_;  // one flat buffer for each state name
  Shared<OptimizerClock> clock_;        // shared with the schedule
  std::vector<Range> ranges_;
  Shared<StateGroup> registration_;
};

}  // namespace lockstep
