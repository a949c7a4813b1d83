// Parameter groups: exceptions to an optimizer's hyper-parameters for parameters chosen by name and shape.
//   ls::with_groups(ls::AdamW{.weight_decay = 0.1}, ls::ParameterGroup(ls::biases_and_norms, {.weight_decay = 0.0}))
#pragma once

#include <lockstep/optim/optimizer.hpp>

#include <optional>
#include <tuple>
#include <utility>

namespace lockstep {

/// What a group changes; what is not given stays as the optimizer has it.
struct GroupOptions {
  std::optional<double> learning_rate{};
  std::optional<double> weight_decay{};
};

/// The options of the parameters for which `matches(name, shape)` holds. `matches` is any copyable callable of
/// (std::string_view name, const Shape& shape) that returns bool; names are those of checkpoints: "hidden.bias".
template <class Predicate>
struct ParameterGroup {
  Predicate matches;
  GroupOptions options;

  ParameterGroup(Predicate predicate, GroupOptions group_options)
      : matches(std::move(predicate)), options(group_options) {}
};

/// Matches parameters with at most one dimension: biases and the weights of normalisation layers, which weight decay
/// usually leaves alone.
struct BiasesAndNorms {
  bool operator()(std::string_view, const Shape& shape) const { return shape.rank() <= 1; }
};
inline constexpr BiasesAndNorms biases_and_norms{};

/// Matches parameters whose name contains a text. The text is not copied: use a literal.
struct NameContains {
  std::string_view text;
  bool operator()(std::string_view name, const Shape&) const { return name.find(text) != std::string_view::npos; }
};
constexpr NameContains name_contains(std::string_view text) { return {text}; }

/// An optimizer with parameter groups: the base optimizer for group 0, the base with exceptions for group 1 onwards.
template <class Base, class... Groups>
struct GroupedOptimizer : Base {
  std::tuple<Groups...> groups;

  GroupedOptimizer(Base base, Groups... group) : Base(std::move(base)), groups(std::move(group)...) {}

  /// The first group that matches, counted from 1, else 0.
  int group_of(std::string_view name, const Shape& shape) const {
    int found = 0;
    int index = 0;
    for_each_group([&](const auto& group) {
      ++index;
      if (found == 0 && group.matches(name, shape)) found = index;
    });
    return found;
  }

  template <class DeviceType, class T>
  void update(DeviceType& device, OptimizerRange<T> range, const StepInfo& step) const {
    resolved(range.group).update(device, range, step);
  }

  /// The hyper-parameters that hold in a group.
  Base resolved(int group_index) const {
    Base result = *this;
    int index = 0;
    for_each_group([&](const auto& group) {
      if (++index == group_index) apply(group, result);
    });
    return result;
  }

  void validate() const {
    for (int i = 0; i <= static_cast<int>(sizeof...(Groups)); ++i) lockstep::validate(resolved(i));
  }

 private:
  template <class Function>
  void for_each_group(Function function) const {
    std::apply([&](const auto&... group) { (function(group), ...); }, groups);
  }

  template <class Group>
  static void apply(const Group& group, Base& result) {
    if (group.options.learning_rate) result.learning_rate = *group.options.learning_rate;
    if (group.options.weight_decay) result.weight_decay = *group.options.weight_decay;
  }
};

/// Gives an optimizer parameter groups; the first group that matches a parameter wins. The base must have the members
/// `learning_rate` and `weight_decay`.
template <class Base, class... Predicates>
GroupedOptimizer<Base, ParameterGroup<Predicates>...> with_groups(Base base, ParameterGroup<Predicates>... groups) {
  return {std::move(base), std::move(groups)...};
}

}  // namespace lockstep
