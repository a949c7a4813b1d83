// Op lists: places, membership, extension.
#include <lockstep/autograd/op_list.hpp>

#include <doctest/doctest.h>

using namespace lockstep;

namespace {

struct A {};
struct B {};
struct C {};
struct Base : OpList<A, B> {
  template <class... More>
  using with = ExtendedOps<Base, More...>;
};

}  // namespace

TEST_CASE("places and membership") {
  static_assert(Base::size == 2);
  static_assert(Base::contains<A> && Base::contains<B> && !Base::contains<C>);
  static_assert(Base::index_of<A>() == 0 && Base::index_of<B>() == 1);
  static_assert(std::is_same_v<detail::OpAt<Base::List>::type<1>, B>);
  CHECK(OpList<>::size == 0);
}

TEST_CASE("a longer list begins with the shorter one") {
  using Longer = Base::with<C>;
  struct D {};
  using Longest = Longer::with<D>;
  static_assert(Longer::size == 3 && Longer::index_of<A>() == 0 && Longer::index_of<C>() == 2);
  static_assert(Longest::size == 4 && Longest::index_of<D>() == 3);
  CHECK(Longest::contains<C>);
}
