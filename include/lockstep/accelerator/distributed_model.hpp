// A module bound to its values on this rank: what prepare() returns for a module.
#pragma once

#include <lockstep/accelerator/state_registry.hpp>
#include <lockstep/autograd/var.hpp>
#include <lockstep/core/shared.hpp>
#include <lockstep/nn/fields.hpp>
#include <lockstep/tensor/tensor.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace lockstep {

namespace detail {

template <class X>
inline constexpr bool is_tensor = false;
template <class T, class DeviceType>
inline constexpr bool is_tensor<Tensor<T, DeviceType>> = true;

/// A view of an argument that was forwarded as `X`; a temporary tensor would be gone when backward reads it, so it is
/// copied.
template <class X, class TapeType, class T>
TensorView<const T> lasting(TapeType& tape, TensorView<const T> view) {
  if constexpr (is_tensor<std::remove_const_t<X>>) {
    return tape.keep(view);
  } else {
    return view;
  }
}

/// What a module is called with: tensors become values of the tape, variables and everything else stay what they are.
template <class X, class TapeType>
decltype(auto) as_tape_argument(TapeType& tape, const std::remove_reference_t<X>& argument) {
  using Values = TensorView<const typename TapeType::Scalar>;
  using Indices = TensorView<const std::int32_t>;
  if constexpr (std::is_convertible_v<decltype(argument), Values>) {
    return tape.constant(lasting<X>(tape, Values(argument)));
  } else if constexpr (std::is_convertible_v<decltype(argument), Indices>) {
    return tape.indices(lasting<X>(tape, Indices(argument)));
  } else {
    return (argument);
  }
}

}  // namespace detail

/// A model whose parameters live in an accelerator's memory and are kept equal on all ranks. Call it like the module,
/// with tensors or variables. Move-only; its accelerator must outlive it.
template <Module ModuleType, class AcceleratorType>
class DistributedModel {
 public:
  using ModuleDescription = ModuleType;
  using Accelerator = AcceleratorType;
  using Scalar = typename AcceleratorType::Scalar;
  using Replica = typename AcceleratorType::Replica;

  DistributedModel(ModuleType module, std::string name, Shared<Replica> replica, AcceleratorType& accelerator)
      : module_(std::move(module)),
        name_(std::move(name)),
        replica_(std::move(replica)),
        accelerator_(&accelerator),
        registration_(accelerator.states().add({name_, array_entries(), {}, {}})) {}
  DistributedModel(const DistributedModel&) = delete;
  DistributedModel& operator=(const DistributedModel&) = delete;
  DistributedModel(DistributedModel&&) noexcept = default;
  DistributedModel& operator=(DistributedModel&&) noexcept = default;

  /// Runs the module on the accelerator's tape. Tensors and views must live until backward(); temporary tensors are
  /// copied.
  template <class... Arguments>
  auto operator()(Arguments&&... arguments) const {
    accelerator_->begin_forward();
    auto& tape = accelerator_->tape();
    tape.set_training(training_);
    return module_(detail::as_tape_argument<Arguments>(tape, arguments)...);
  }

  /// Train mode: dropout is on. The mode of a new model.
  void train() { training_ = true; }
  /// Eval mode: dropout is off.
  void eval() { training_ = false; }
  bool training() const { return training_; }

  /// The module with its handles; parameters' values are reached through `parameters`.
  const ModuleType& module() const { return module_; }
  /// The name that checkpoints know the model by.
  const std::string& name() const { return name_; }
  Replica& replica() const { return *replica_; }
  AcceleratorType& accelerator() const { return *accelerator_; }

  /// Calls `visit(name, value, gradient)` for each parameter; the gradient has no elements when there is none.
  template <class Visit>
  void for_each_parameter(Visit&& visit) const {
    auto& store = replica_->store();
    for (std::size_t i = 0; i < store.layout().ranges.size(); ++i) {
      const auto& range = store.layout().ranges[i];
      const bool has_gradient = range.trainable && store.slot(i).has_gradient;
      visit(range.name, store.value(i), has_gradient ? store.gradient(i) : TensorView<Scalar>{});
    }
  }

  /// The value of a parameter by name; throws ArgumentError that lists the names when there is none.
  TensorView<Scalar> parameter(std::string_view parameter_name) const {
    auto& store = replica_->store();
    std::string names;
    for (std::size_t i = 0; i < store.layout().ranges.size(); ++i) {
      if (store.layout().ranges[i].name == parameter_name) return store.value(i);
      names += concat(i == 0 ? "" : ", ", store.layout().ranges[i].name);
    }
    throw ArgumentError(concat("model '", name_, "' has no parameter '", parameter_name, "'; it has ", names));
  }

 private:
  std::vector<StateEntry> array_entries() const {
    std::vector<StateEntry> entries;
    for_each_parameter([&](const std::string& parameter_name, TensorView<Scalar> value, TensorView<Scalar>) {
      entries.push_back(state_entry(parameter_name, value));
    });
    return entries;
  }

  ModuleType module_;
  std::string name_;
  Shared<Replica> replica_;
  AcceleratorType* accelerator_;
  Shared<StateGroup> registration_;
  bool training_ = true;
};

/// A model seen through a tape that records nothing and in eval mode.
template <class Model>
class NoGradModel {
 public:
  explicit NoGradModel(const Model& model) : model_(&model) {}

  /// Runs the module. The results live until the next call of a no_grad model of the same accelerator, unless that call
  /// takes them as arguments.
  template <class... Arguments>
  auto operator()(Arguments&&... arguments) const {
    auto& tape = model_->accelerator().no_grad_tape();
    using TapeType = std::remove_reference_t<decltype(tape)>;
    constexpr bool continues = (std::is_same_v<std::remove_cvref_t<Arguments>, Var<TapeType>> || ...);
    if constexpr (!continues) tape.reset();
    tape.set_training(false);
    return model_->module()(detail::as_tape_argument<Arguments>(tape, arguments)...);
  }

 private:
  const Model* model_;
};

/// The same parameters for evaluation: nothing is recorded, dropout is off.
///     auto evaluation = ls::no_grad(model);
///     auto logits = evaluation(batch.inputs);
template <class ModuleType, class AcceleratorType>
NoGradModel<DistributedModel<ModuleType, AcceleratorType>> no_grad(
    const DistributedModel<ModuleType, AcceleratorType>& model) {
  return NoGradModel<DistributedModel<ModuleType, AcceleratorType>>(model);
}

}  // namespace lockstep
