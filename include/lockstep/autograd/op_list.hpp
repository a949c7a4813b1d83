// The closed list of operations that a tape can record: its index is the number a record carries, and the backward
// sweep switches over it.
#pragma once

#include <cstddef>
#include <type_traits>
#include <utility>

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

template <std::size_t Index, class Op>
struct NumberedOp {};

template <class Numbers, class... Ops>
struct NumberedOps;

template <std::size_t... Indices, class... Ops>
struct NumberedOps<std::index_sequence<Indices...>, Ops...> : NumberedOp<Indices, Ops>... {};

/// The base class with the number `Index` tells its op: the compiler searches, no chain of templates is instantiated.
template <std::size_t Index, class Op>
std::type_identity<Op> op_numbered(const NumberedOp<Index, Op>*);

template <class List>
struct OpAt;

template <class... Ops>
struct OpAt<OpList<Ops...>> {
  using Numbered = NumberedOps<std::index_sequence_for<Ops...>, Ops...>;
  template <std::size_t Index>
  using type = typename decltype(op_numbered<Index>(static_cast<const Numbered*>(nullptr)))::type;
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
