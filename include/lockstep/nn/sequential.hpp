// Modules one after another.
#pragma once

#include <lockstep/nn/fields.hpp>

#include <tuple>
#include <utility>

namespace lockstep {

/// Calls its modules in order, each with the result of the one before. Their parameters are named by position:
/// "0.weight".
template <class... Modules>
struct Sequential {
  explicit constexpr Sequential(Modules... parts) : modules(std::move(parts)...) {}

  std::tuple<Modules...> modules;

  auto operator()(const auto& x) const { return call<0>(x); }

  template <class Self, class Visitor>
  static constexpr void visit_fields(Self& self, Visitor&& visitor) {
    [&]<std::size_t... I>(std::index_sequence<I...>) { (visitor(std::to_string(I), std::get<I>(self.modules)), ...); }
    (std::index_sequence_for<Modules...>{});
  }

 private:
  template <std::size_t I>
  auto call(const auto& x) const {
    if constexpr (I == sizeof...(Modules)) {
      return x;
    } else {
      return call<I + 1>(std::get<I>(modules)(x));
    }
  }
};

}  // namespace lockstep
