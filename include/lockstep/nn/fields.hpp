// LOCKSTEP_FIELDS names a module's parts, which is all that C++ cannot find out by itself. From it come the parameters'
// names ("blocks.0.attention.in_proj.weight"), binding, freezing and checkpoints.
#pragma once

#include <lockstep/nn/parameter.hpp>

#include <array>
#include <concepts>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#define LOCKSTEP_DETAIL_PARENS ()
#define LOCKSTEP_DETAIL_EXPAND(...) \
  LOCKSTEP_DETAIL_EXPAND3(LOCKSTEP_DETAIL_EXPAND3(LOCKSTEP_DETAIL_EXPAND3(LOCKSTEP_DETAIL_EXPAND3(__VA_ARGS__))))
#define LOCKSTEP_DETAIL_EXPAND3(...) \
  LOCKSTEP_DETAIL_EXPAND2(LOCKSTEP_DETAIL_EXPAND2(LOCKSTEP_DETAIL_EXPAND2(LOCKSTEP_DETAIL_EXPAND2(__VA_ARGS__))))
#define LOCKSTEP_DETAIL_EXPAND2(...) \
  LOCKSTEP_DETAIL_EXPAND1(LOCKSTEP_DETAIL_EXPAND1(LOCKSTEP_DETAIL_EXPAND1(LOCKSTEP_DETAIL_EXPAND1(__VA_ARGS__))))
#define LOCKSTEP_DETAIL_EXPAND1(...) __VA_ARGS__
#define LOCKSTEP_DETAIL_VISIT(field, ...) \
  visitor(#field, self.field);            \
  __VA_OPT__(LOCKSTEP_DETAIL_VISIT_AGAIN LOCKSTEP_DETAIL_PARENS(__VA_ARGS__))
#define LOCKSTEP_DETAIL_VISIT_AGAIN() LOCKSTEP_DETAIL_VISIT

/// Inside a module: names the members that are parameters, modules, or vectors and arrays of modules; up to 80.
#define LOCKSTEP_FIELDS(...)                                                                            \
  template <class Self, class Visitor>                                                                  \
  static constexpr void visit_fields([[maybe_unused]] Self& self, [[maybe_unused]] Visitor&& visitor) { \
    __VA_OPT__(LOCKSTEP_DETAIL_EXPAND(LOCKSTEP_DETAIL_VISIT(__VA_ARGS__)))                              \
  }

namespace lockstep {

namespace detail {

struct AnyField {
  void operator()(std::string_view, const auto&) const {}
};

template <class T>
inline constexpr bool is_list = false;
template <class T, class Allocator>
inline constexpr bool is_list<std::vector<T, Allocator>> = true;
template <class T, std::size_t Count>
inline constexpr bool is_list<std::array<T, Count>> = true;

}  // namespace detail

/// A module is a copyable description: a struct that names its parts with LOCKSTEP_FIELDS.
template <class M>
concept Module = std::copyable<M> && requires(M& module) {
  M::visit_fields(module, detail::AnyField{});
};

/// Calls `visit(name, parameter)` for every parameter of a module, depth first in the order of the fields; names are
/// joined by dots, elements of lists are numbered, as PyTorch's named_parameters() does.
template <class M, class Visit>
requires Module<std::remove_const_t<M>>
void for_each_parameter(M& module, Visit&& visit, const std::string& prefix = "") {
  std::remove_const_t<M>::visit_fields(module, [&](std::string_view field, auto& part) {
    using Part = std::remove_cvref_t<decltype(part)>;
    const std::string name = prefix + std::string(field);
    if constexpr (std::same_as<Part, Parameter>) {
      visit(name, part);
    } else if constexpr (detail::is_list<Part>) {
      std::size_t index = 0;
      for (auto& element : part) for_each_parameter(element, visit, concat(name, ".", index++, "."));
    } else {
      static_assert(Module<Part>, "LOCKSTEP_FIELDS names a member that is no Parameter, module, or list of modules");
      for_each_parameter(part, visit, name + ".");
    }
  });
}

/// The number of elements of all parameters of a module.
template <Module M>
std::int64_t parameter_count(const M& module) {
  std::int64_t count = 0;
  for_each_parameter(module, [&](const std::string&, const Parameter& parameter) { count += parameter.shape.numel(); });
  return count;
}

/// Excludes a module's parameters, or one parameter, from training; to be called before the module is prepared.
template <Module M>
void freeze(M& module) {
  for_each_parameter(module, [](const std::string&, Parameter& parameter) { parameter.trainable = false; });
}
inline void freeze(Parameter& parameter) { parameter.trainable = false; }

}  // namespace lockstep
