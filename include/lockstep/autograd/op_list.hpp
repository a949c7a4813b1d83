// The closed list of operations that a tape can record: its index is the number a record carries, and the backward
// sweep switches over it.
#pragma once

#include <cstddef>
#include <type_traits>

namespace lockstep {

/// A list of op types.
template <class... Ops>
struct OpList {
  using List = OpList;
  static constexpr std::size_t size = sizeof...(Ops);

  template <class Op>
  static constexpr bool contains = (std::is_same_v<Op, Ops> || ...);

  /// The place of `Op` in the list.
  template <class Op>
  static consteval std::size_t index_of() {
    std::size_t index = 0;
    static_cast<void>(((std::is_same_v<Op, Ops> ? true : (++index, false)) || ...));
    return index;
  }
};

namespace detail {

template <class List>
struct OpAt;

template <class... Ops>
struct OpAt<OpList<Ops...>> {
  template <std::size_t Index, class First, class... Rest>
  static auto pick() {
    if constexpr (Index == 0) {
      return std::type_identity<First>{};
    } else {
      return pick<Index - 1, Rest...>();
    }
  }
  template <std::size_t Index>
  using type = typename decltype(pick<Index, Ops...>())::type;
};

template <class List, class... More>
struct Extend;

template <class... Ops, class... More>
struct Extend<OpList<Ops...>, More...> {
  using type = OpList<Ops..., More...>;
};

}  // namespace detail

/// A list with more ops behind it. The type is named after what was added, so that symbols and messages stay short.
template <class Base, class... More>
struct ExtendedOps : detail::Extend<typename Base::List, More...>::type {
  template <class... EvenMore>
  using with = ExtendedOps<ExtendedOps, EvenMore...>;
};

}  // namespace lockstep
